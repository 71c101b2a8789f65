package startlock

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// A Lock is held by a process until it releases it or ends.
type Lock struct{ file *os.File }

// Take takes the lock of the agent at socket, at once or not at all. Any error
// but ErrHeld means that there can be no lock, and that whoever starts an agent
// is going to say why.
func Take(socket string) (*Lock, error) {
	file, err := os.OpenFile(path(socket), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	var at windows.Overlapped
	err = windows.LockFileEx(windows.Handle(file.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	if err == nil {
		return &Lock{file}, nil
	}
	file.Close()
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		err = ErrHeld
	}
	return nil, err
}

// Release gives the lock back.
func (l *Lock) Release() { l.file.Close() }
