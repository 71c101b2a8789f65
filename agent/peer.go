package agent

import (
	"errors"
	"net"
	"syscall"
)

// A peer is the process at the other end of a connection as the kernel knows
// it. For a client it is the process that listens.
type peer struct {
	pid  int    // 0: unknown
	user string // uid or SID, for the log
	self bool   // the process is this one's user
	root bool
}

// peerOf asks the kernel who is at the other end of nc.
func peerOf(nc net.Conn) (peer, error) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return peer{}, errors.New("not a socket of the system")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return peer{}, err
	}
	var who peer
	var asked error
	if err := raw.Control(func(fd uintptr) { who, asked = socketPeer(fd) }); err != nil {
		return peer{}, err
	}
	return who, asked
}
