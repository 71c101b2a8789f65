//go:build !windows

package cli

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal opens the controlling terminal. It fails when the process has
// none, or runs in the background there: the kernel would stop it, and whoever
// waits for it, at the first question.
func openTerminal() (*terminal, error) {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if !inForeground(int(f.Fd())) {
		f.Close()
		return nil, errors.New("this runs in the background")
	}
	return newTerminal(f, f), nil
}

// inForeground reports whether this process may use the terminal. A shell that
// has just started a pipeline may need a moment to hand the terminal over.
func inForeground(fd int) bool {
	const tries, pause = 10, 10 * time.Millisecond
	for range tries {
		group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		if err != nil || group == unix.Getpgrp() {
			return err == nil
		}
		time.Sleep(pause)
	}
	return false
}

// isThere reports whether a terminal wasn't closed from the other side.
func isThere(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), getTermios)
	return err == nil
}

// hideTyping turns echo off and returns what turns it on again.
func hideTyping(f *os.File) (restore func(), err error) {
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, err
	}
	hidden := *before
	hidden.Lflag &^= unix.ECHO
	hidden.Lflag |= unix.ICANON | unix.ISIG
	hidden.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, setTermios, &hidden); err != nil {
		return nil, err
	}
	return func() { unix.IoctlSetTermios(fd, setTermios, before) }, nil
}
