//go:build unix

package main

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// confine keeps what the agent holds to itself: no core dumps, no files that
// others can read, and no traces of memory because of a variable in the
// environment. (Go's runtime has seen to it that descriptors 0 to 2 are open.)
func confine() {
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	syscall.Umask(0o077)
	_ = os.Unsetenv("GOTRACEBACK")
	_ = os.Unsetenv("GODEBUG")
}

// keepFromChildren keeps a descriptor from the programs that the agent runs.
func keepFromChildren(fd int) { syscall.CloseOnExec(fd) }

// root is a directory that is always there and is never unmounted.
func root() string { return "/" }
