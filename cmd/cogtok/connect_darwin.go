package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// refuseInspection has nothing to do: macOS writes no core dumps unless asked
// to, and lets no other program read this one's memory without an entitlement.
func refuseInspection() {}

func newSocket() (int, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	return fd, err
}

// listenerUID says who listens on the other side: LOCAL_PEERCRED, unix(4).
func listenerUID(fd int) (int, error) {
	peer, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(peer.Uid), nil
}
