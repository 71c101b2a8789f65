package main

import "golang.org/x/sys/unix"

// hide keeps other processes of the user from reading this one's memory,
// environment and descriptors, and from attaching to it; see
// PR_SET_DUMPABLE(2const) and ptrace(2).
func hide() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }
