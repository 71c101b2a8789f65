//go:build linux || darwin

package main

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// pair returns the two ends of a connection.
func pair(t *testing.T) (client, agent int) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Close(fds[0])
		syscall.Close(fds[1])
	})
	return fds[0], fds[1]
}

func TestReceiveEnds(t *testing.T) {
	const limit = 200 * time.Millisecond
	for name, agent := range map[string]func(fd int){
		"a silent agent":  func(int) {},
		"half a line":     func(fd int) { syscall.Write(fd, []byte("{")) },
		"a byte at times": func(fd int) { trickle(fd, 20*time.Millisecond) },
	} {
		t.Run(name, func(t *testing.T) {
			client, other := pair(t)
			ended := make(chan bool)
			go func() { agent(other); close(ended) }()
			// It must not write on when the number of its socket is another test's.
			defer func() { syscall.Shutdown(client, syscall.SHUT_RDWR); <-ended }()
			start := time.Now()
			if line, err := receive(client, start.Add(limit)); err != errNoAnswer {
				t.Errorf("received %q", line)
			}
			if took := time.Since(start); took < limit/2 || took > limit+2*time.Second {
				t.Errorf("took %v, the limit is %v", took, limit)
			}
		})
	}
}

func trickle(fd int, pause time.Duration) {
	for range 100 {
		if _, err := syscall.Write(fd, []byte("x")); err != nil {
			return
		}
		time.Sleep(pause)
	}
}

func TestReceive(t *testing.T) {
	client, agent := pair(t)
	long := strings.Repeat("x", 40<<10)
	go func() {
		syscall.Write(agent, []byte(long))
		syscall.Write(agent, []byte("\n"))
	}()
	line, err := receive(client, time.Now().Add(10*time.Second))
	if err != nil || string(line) != long+"\n" {
		t.Errorf("received %d bytes, %v, want %d", len(line), err, len(long)+1)
	}
}

// An agent that accepts nothing, with a queue that is full, is given up after a second.
func TestConnectEnds(t *testing.T) {
	socket := install(t).socket
	listener, err := newSocket()
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(listener)
	if err := syscall.Bind(listener, &syscall.SockaddrUnix{Name: socket}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(listener, 1); err != nil {
		t.Fatal(err)
	}
	for range 10 { // more than the queue holds
		fd, err := newSocket()
		if err != nil {
			t.Fatal(err)
		}
		defer syscall.Close(fd)
		setLimit(fd, syscall.SO_SNDTIMEO, 10*time.Millisecond)
		connect(fd, socket)
	}
	start := time.Now()
	if line, ok := exchange(socket, []byte("{}\n")); ok {
		t.Errorf("received %q", line)
	}
	if took := time.Since(start); took > sendLimit+2*time.Second {
		t.Errorf("took %v", took)
	}
}
