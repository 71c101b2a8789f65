//go:build linux || darwin

package main

import (
	"errors"
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
//
// An agent that hangs up without an answer was killed. Another one is started
// then, or is there already; asking for a token twice does no harm.
func exchange(socket string, request []byte) (line []byte, ok bool) {
	const tries = 3
	for range tries {
		fd, err := dial(socket)
		if err != nil {
			return nil, false
		}
		line, err = ask(fd, request)
		syscall.Close(fd)
		if err != errHungUp {
			return line, err == nil
		}
	}
	return nil, false
}

// ask sends a line on a connection, if it is this user's agent that listens at
// its other end, and returns the line that comes back.
func ask(fd int, request []byte) ([]byte, error) {
	uid, err := listenerUID(fd)
	if err == nil && uid != os.Geteuid() {
		err = errStranger
	}
	if err == nil {
		err = send(fd, request)
	}
	if err != nil {
		return nil, err
	}
	return receive(fd, time.Now().Add(replyLimit))
}

var (
	errStranger = errors.New("another user listens")
	errHungUp   = errors.New("the agent hung up without an answer")
	errNoAnswer = errors.New("there was no answer in time, or a part of one")
)

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

func send(fd int, line []byte) error {
	for len(line) > 0 {
		n, err := syscall.Write(fd, line)
		switch err {
		case nil:
			line = line[n:]
		case syscall.EINTR:
		case syscall.EPIPE, syscall.ECONNRESET:
			return errHungUp
		default:
			return err
		}
	}
	return nil
}

// receive reads up to the end of a line. What follows it, if anything, is kept
// for readReply to stumble over: one answer was asked for.
func receive(fd int, deadline time.Time) ([]byte, error) {
	line := make([]byte, 0, 16<<10)
	for len(line) < maxReply {
		left := time.Until(deadline)
		if left < time.Millisecond || // which might round to 0: no limit
			setLimit(fd, syscall.SO_RCVTIMEO, left) != nil {
			return nil, errNoAnswer
		}
		if len(line) == cap(line) {
			line = append(line, 0)[:len(line)]
		}
		n, err := syscall.Read(fd, line[len(line):cap(line)])
		switch {
		case err == syscall.EINTR:
			continue
		case len(line) == 0 && (err == nil && n == 0 || err == syscall.ECONNRESET):
			return nil, errHungUp
		case err != nil || n == 0:
			return nil, errNoAnswer
		}
		line = line[:len(line)+n]
		if hasNewline(line[len(line)-n:]) {
			return line, nil
		}
	}
	return nil, errNoAnswer
}

func hasNewline(text []byte) bool {
	for _, c := range text {
		if c == '\n' {
			return true
		}
	}
	return false
}
