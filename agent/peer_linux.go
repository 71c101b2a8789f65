package agent

import "golang.org/x/sys/unix"

// socketPeer reads SO_PEERCRED (unix(7)): who connected, or who called listen.
func socketPeer(fd uintptr) (peer, error) {
	cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return peer{}, err
	}
	return unixPeer(int(cred.Uid), int(cred.Pid)), nil
}
