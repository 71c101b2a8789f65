//go:build linux || darwin

package main

import (
	"os"
	"syscall"
	"time"

	"github.com/cogtok/cogtok/internal/startlock"
)

// Limits of a call. The agent answers a warm one at once. A renewal at Cognito
// may take it longer: it goes on, and the full client joins those who wait for
// it, and knows how to tell an agent that is busy from one that hangs.
const (
	sendLimit  = time.Second     // connecting and sending, each
	startLimit = 3 * time.Second // for another client to start an agent
	replyLimit = 2 * time.Second
	maxReply   = 256 << 10 // bytes, the protocol's limit
)

// exchange sends a line to the agent at the socket and returns the line that
// comes back. Nothing is sent unless it is this user who listens there.
//
// The system calls are made directly: package net would be a tenth of the
// run. A blocking connect also waits where net.Dial fails at once, when many
// clients queue up at the socket.
func exchange(socket string, request []byte) ([]byte, bool) {
	fd, err := dial(socket)
	if err != nil {
		return nil, false
	}
	defer syscall.Close(fd)
	if uid, err := listenerUID(fd); err != nil || uid != os.Geteuid() {
		return nil, false
	}
	if !send(fd, request) {
		return nil, false
	}
	return receive(fd, time.Now().Add(replyLimit))
}

// dial connects to the agent. Of many clients that find none one takes the lock
// and fails, to start it as the full client, which still has the lock then. The
// others wait for the socket here: to become the full client for that would cost
// each ten times as much.
func dial(socket string) (fd int, err error) {
	for limit := time.Now().Add(startLimit); ; {
		fd, err = dialOnce(socket)
		if err != syscall.ENOENT && err != syscall.ECONNREFUSED {
			return fd, err
		}
		lock, taken := startlock.Take(socket)
		if taken == nil {
			// Once more: who had the lock before may have started one.
			if fd, err = dialOnce(socket); err == nil {
				lock.Release()
			}
			return fd, err
		}
		left := time.Until(limit)
		if taken != startlock.ErrHeld || left <= 0 {
			return fd, err
		}
		startlock.Wait(socket, left)
		time.Sleep(time.Millisecond) // where a lock is free and can't be had, this doesn't spin
	}
}

func dialOnce(socket string) (fd int, err error) {
	fd, err = newSocket()
	if err != nil {
		return fd, err
	}
	if err = setLimit(fd, syscall.SO_SNDTIMEO, sendLimit); err == nil {
		err = connect(fd, socket)
	}
	if err != nil {
		syscall.Close(fd)
	}
	return fd, err
}

func setLimit(fd, option int, d time.Duration) error {
	limit := syscall.NsecToTimeval(int64(d))
	return syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, option, &limit)
}

func connect(fd int, socket string) error {
	address := &syscall.SockaddrUnix{Name: socket}
	err := syscall.Connect(fd, address)
	for err == syscall.EINTR {
		err = syscall.Connect(fd, address)
	}
	return err
}

func send(fd int, line []byte) bool {
	for len(line) > 0 {
		n, err := syscall.Write(fd, line)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return false
		}
		line = line[n:]
	}
	return true
}

// receive reads up to the end of a line. What follows it, if anything, is kept
// for readReply to stumble over: one answer was asked for.
func receive(fd int, deadline time.Time) ([]byte, bool) {
	line := make([]byte, 0, 16<<10)
	for len(line) < maxReply {
		left := time.Until(deadline)
		if left < time.Millisecond || // which might round to 0: no limit
			setLimit(fd, syscall.SO_RCVTIMEO, left) != nil {
			return nil, false
		}
		if len(line) == cap(line) {
			line = append(line, 0)[:len(line)]
		}
		n, err := syscall.Read(fd, line[len(line):cap(line)])
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return nil, false
		}
		line = line[:len(line)+n]
		if hasNewline(line[len(line)-n:]) {
			return line, true
		}
	}
	return nil, false
}

func hasNewline(text []byte) bool {
	for _, c := range text {
		if c == '\n' {
			return true
		}
	}
	return false
}
