package agent

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// checkPrivate and checkAncestors: modes mean nothing on Windows. The default
// place lies in %LOCALAPPDATA%, whose access list keeps other users out and is
// inherited; both ends compare the other's SID besides.
func checkPrivate(string, os.FileInfo) error { return nil }

func checkAncestors(string) error { return nil }

func privateSocket(string, string, syscall.RawConn) error { return nil }

func makePrivate(*os.Root, string, os.FileInfo) error { return nil }

// tryLock takes a lock that lasts as long as the file is open.
func tryLock(file *os.File) error {
	var at windows.Overlapped
	err := windows.LockFileEx(windows.Handle(file.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrAlreadyRunning
	}
	return err
}

// There is no handing over on Windows: a process can't become another program.

func notListening(*os.File, string) string { return "can't be taken over" }

func (l *listener) listenAgain() error { return nil }

func duplicate(*os.File) (*os.File, error) { return nil, errors.ErrUnsupported }
