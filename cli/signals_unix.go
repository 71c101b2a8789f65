//go:build !windows

package cli

import (
	"os"
	"syscall"
)

// endingSignals end the program. SIGQUIT is among them since Go's own answer
// to it, a dump of stacks, would leave a terminal without echo.
func endingSignals() []os.Signal {
	return []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}
}
