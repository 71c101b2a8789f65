package main

import "syscall"

// refuseInspection keeps other programs of the same user from reading the
// token out of this one's memory, and keeps it out of core dumps: PR_SET_DUMPABLE,
// prctl(2). It ends with an exec, so `cogtokd cli` is not affected.
func refuseInspection() {
	syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0)
}

func newSocket() (int, error) {
	return syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
}

// listenerUID says who called listen(2) on the other side: SO_PEERCRED, unix(7).
func listenerUID(fd int) (int, error) {
	peer, err := syscall.GetsockoptUcred(fd, syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(peer.Uid), nil
}
