#include "textflag.h"

// Go code can't take the address of a C function; so there is a jump to each,
// and a variable with the address of the jump.

TEXT launchActivateSocket<>(SB),NOSPLIT,$0-0
	JMP	libc_launch_activate_socket(SB)
GLOBL	·launchActivateSocketAddr(SB), RODATA, $8
DATA	·launchActivateSocketAddr(SB)/8, $launchActivateSocket<>(SB)

TEXT free<>(SB),NOSPLIT,$0-0
	JMP	libc_free(SB)
GLOBL	·freeAddr(SB), RODATA, $8
DATA	·freeAddr(SB)/8, $free<>(SB)
