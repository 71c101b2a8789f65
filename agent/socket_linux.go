package agent

import "golang.org/x/sys/unix"

// listens reports whether a socket listens: SO_ACCEPTCONN, socket(7).
func listens(fd int) bool {
	yes, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	return err == nil && yes == 1
}
