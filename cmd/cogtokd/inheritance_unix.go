//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cogtok/cogtok/agent"
)

// leave becomes the program at path, with the estate. It returns when it can't;
// then nothing has changed.
func leave(path string, e *estate, closed time.Time, parked []agent.Parked, legacy []byte) error {
	var passed files
	defer passed.close()
	i, err := passed.collect(e.seat, parked)
	if err != nil {
		return err
	}
	i.Legacy, i.Started, i.Takeovers, i.Closed = legacy, e.started, e.takeovers+1, closed
	text, err := json.Marshal(i)
	if err != nil {
		return err
	}
	defer clear(text)
	will, err := sealed(text)
	if err != nil {
		return fmt.Errorf("writing down what is handed over: %w", err)
	}
	fd, err := passed.add(will, nil)
	if err != nil {
		return err
	}
	// Without a flag that has the new program ask launchd: launchd hands over a socket
	// once, and here it is.
	args := []string{os.Args[0], "--socket", e.flags.socket, "--config", e.flags.config, "--take-over", strconv.Itoa(fd)}
	return passed.exec(path, args)
}

// files are what the new program gets.
type files struct {
	open []*os.File
	fds  []int
}

// collect collects the seat's files and the connections.
func (f *files) collect(seat *agent.Seat, parked []agent.Parked) (*inheritance, error) {
	i := &inheritance{Version: handoverVersion, From: programVersion()}
	socket, lock, own, err := seat.Files()
	if err != nil {
		return nil, err
	}
	i.Own = own
	i.Socket, err = f.add(socket, err)
	i.Lock, err = f.add(lock, err)
	for _, p := range parked {
		if err != nil {
			return nil, err
		}
		var c inheritedFD
		var conn *os.File
		conn, c.ParkedState, err = p.File()
		c.FD, err = f.add(conn, err)
		i.Conns = append(i.Conns, c)
	}
	return i, err
}

// add takes a file and returns its number, unless there is an error already.
func (f *files) add(file *os.File, err error) (int, error) {
	if file != nil {
		f.open = append(f.open, file)
	}
	if err != nil {
		return 0, err
	}
	// Not file.Fd(): that would make the socket block, for this process too.
	raw, err := file.SyscallConn()
	if err != nil {
		return 0, err
	}
	number := -1
	if err := raw.Control(func(fd uintptr) { number = int(fd) }); err != nil {
		return 0, err
	}
	f.fds = append(f.fds, number)
	return number, nil
}

func (f *files) close() {
	for _, file := range f.open {
		file.Close()
	}
}

// exec becomes the program. Until then no other program that is run may get the
// files: that is what ForkLock is for.
func (f *files) exec(path string, args []string) error {
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	for _, fd := range f.fds {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return err
		}
	}
	err := syscall.Exec(path, args, os.Environ())
	for _, fd := range f.fds {
		syscall.CloseOnExec(fd)
	}
	return fmt.Errorf("%s can't be run: %w", path, err)
}

// inherit takes what a predecessor has left.
func inherit(f flags) (*agent.Seat, *inheritance, error) {
	i, err := readInheritance(f.takeOver)
	if err != nil {
		return nil, nil, err
	}
	lock := inheritedFile(i.Lock, "lock")
	seat, err := agent.InheritSeat(f.socket, inheritedFile(i.Socket, "socket"), lock, i.Own)
	if err != nil {
		lock.Close()
		return nil, nil, err
	}
	for _, c := range i.Conns {
		if p, err := agent.Unpark(inheritedFile(c.FD, "connection"), c.ParkedState); err == nil {
			i.parked = append(i.parked, p)
		}
	}
	return seat, i, nil
}

func inheritedFile(fd int, name string) *os.File {
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), name)
}

func readInheritance(fd int) (*inheritance, error) {
	file := inheritedFile(fd, "inheritance")
	if file == nil {
		return nil, errors.New("there is no such descriptor")
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	text := make([]byte, info.Size())
	defer clear(text)
	if _, err := io.ReadFull(io.NewSectionReader(file, 0, info.Size()), text); err != nil {
		return nil, err
	}
	var i inheritance
	if json.Unmarshal(text, &i) != nil { // whose error might quote it
		return nil, errors.New("it can't be read")
	}
	if i.Version != handoverVersion || i.Socket < 3 || i.Lock < 3 {
		return nil, errors.New("it is of another version")
	}
	return &i, nil
}

// closeInherited closes what a predecessor may have left, so that its lock is
// free again.
func closeInherited() {
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		return
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 && isInherited(fd) {
			syscall.Close(fd)
		}
	}
}

// isInherited reports whether a descriptor came from before the exec: all that
// this process opens itself is closed by an exec.
func isInherited(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0
}
