package agent

import "golang.org/x/sys/unix"

// solLocal is SOL_LOCAL of sys/un.h, which x/sys doesn't name.
const solLocal = 0

// socketPeer reads LOCAL_PEERCRED and LOCAL_PEERPID (unix(4)).
func socketPeer(fd uintptr) (peer, error) {
	cred, err := unix.GetsockoptXucred(int(fd), solLocal, unix.LOCAL_PEERCRED)
	if err != nil {
		return peer{}, err
	}
	pid, err := unix.GetsockoptInt(int(fd), solLocal, unix.LOCAL_PEERPID)
	if err != nil {
		pid = 0
	}
	return unixPeer(int(cred.Uid), pid), nil
}
