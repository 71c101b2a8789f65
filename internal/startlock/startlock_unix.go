//go:build !windows

package startlock

import (
	"io"
	"syscall"
	"time"
)

// A Lock is held by a process until it releases it or ends. The program that a
// process becomes by exec(3) still holds it, and may take it again.
type Lock struct{ fd int }

// Take takes the lock of the agent at socket, at once or not at all. It makes
// the socket's own directory if that is missing. Any error but ErrHeld means
// that there can be no lock, and that whoever starts an agent is going to say why.
func Take(socket string) (*Lock, error) {
	fd, err := open(path(socket))
	if err == syscall.ENOENT {
		_ = syscall.Mkdir(directory(socket), 0o700)
		fd, err = open(path(socket))
	}
	if err != nil {
		return nil, err
	}
	err = control(fd, syscall.F_SETLK, syscall.F_WRLCK)
	if err == nil {
		return &Lock{fd}, nil
	}
	syscall.Close(fd)
	if err == syscall.EAGAIN || err == syscall.EACCES {
		err = ErrHeld
	}
	return nil, err
}

// Wait waits until nobody holds the lock of the agent at socket, for limit at
// most. It doesn't take it, so all who wait go on at the same time.
func Wait(socket string, limit time.Duration) {
	fd, err := open(path(socket))
	if err != nil {
		return
	}
	free := make(chan error, 1)
	go func() { // which ends with the process at the latest
		free <- control(fd, syscall.F_SETLKW, syscall.F_RDLCK)
		syscall.Close(fd)
	}()
	select {
	case <-free:
	case <-time.After(limit):
	}
}

// control locks the whole file. It is a record lock, since that one survives
// exec(3) and isn't passed on to the agent, which is a child: fcntl(2).
func control(fd, command int, kind int16) error {
	whole := syscall.Flock_t{Type: kind, Whence: io.SeekStart}
	for {
		if err := syscall.FcntlFlock(uintptr(fd), command, &whole); err != syscall.EINTR {
			return err
		}
	}
}

// Release gives the lock back, wherever in the process it was taken.
func (l *Lock) Release() { syscall.Close(l.fd) }

// open opens the lock's file. It doesn't wait for the other end of a pipe that
// somebody may have put there, and it isn't closed by exec(3).
func open(path string) (fd int, err error) {
	for {
		fd, err = syscall.Open(path, syscall.O_RDWR|syscall.O_CREAT|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
		if err != syscall.EINTR {
			return fd, err
		}
	}
}

// directory returns what stands before the last slash.
func directory(path string) string {
	for i := len(path) - 1; i > 0; i-- {
		if path[i] == '/' {
			return path[:i]
		}
	}
	return "/"
}
