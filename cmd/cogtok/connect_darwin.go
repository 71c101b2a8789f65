package main

import (
	"syscall"
	"unsafe"
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

// xucred is struct xucred of <sys/ucred.h>.
type xucred struct {
	version uint32 // 0
	uid     uint32
	ngroups int16
	groups  [16]uint32
}

// listenerUID says who listens on the other side: LOCAL_PEERCRED, unix(4). The
// call is made by hand, since golang.org/x/sys/unix would link fmt and reflect.
func listenerUID(fd int) (int, error) {
	const solLocal, localPeerCred = 0, 1 // <sys/un.h>
	var peer xucred
	size := uint32(unsafe.Sizeof(peer))
	_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, uintptr(fd), solLocal, localPeerCred,
		uintptr(unsafe.Pointer(&peer)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, errno
	}
	if peer.version != 0 || uintptr(size) != unsafe.Sizeof(peer) {
		return 0, syscall.EINVAL
	}
	return int(peer.uid), nil
}
