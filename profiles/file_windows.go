package profiles

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

func openFile(path string) (*os.File, error) { return os.Open(path) }

// On Windows a user's configuration directory is closed to others by its access
// control list, which files in it inherit; modes and owners say nothing.

func checkOwner(fs.FileInfo) error { return nil }

func checkMode(string, fs.FileInfo) error { return nil }

func checkDirectory(string) error { return nil }

// errSharingViolation is ERROR_SHARING_VIOLATION: another process has the file
// open and shares it with nobody.
const errSharingViolation = syscall.Errno(32)

// fileFlagDeleteOnClose is FILE_FLAG_DELETE_ON_CLOSE of CreateFile.
const fileFlagDeleteOnClose = 0x04000000

// lockDirectory keeps other editors of dir out until unlock: by a file that is
// open without sharing, and goes when the process does.
func lockDirectory(dir string) (unlock func(), err error) {
	name, err := syscall.UTF16PtrFromString(filepath.Join(dir, ".config.yaml.lock"))
	if err != nil {
		return nil, err
	}
	for start := time.Now(); ; time.Sleep(lockPause) {
		h, err := syscall.CreateFile(name, syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS,
			syscall.FILE_ATTRIBUTE_NORMAL|fileFlagDeleteOnClose, 0)
		switch {
		case err == nil:
			return func() { _ = syscall.CloseHandle(h) }, nil
		case !errors.Is(err, errSharingViolation) && !errors.Is(err, syscall.ERROR_ACCESS_DENIED):
			return nil, &fs.PathError{Op: "lock", Path: dir, Err: err}
		case time.Since(start) > lockWait:
			return nil, errLocked
		}
	}
}

// syncDirectory does nothing: Windows has no way to sync a directory.
func syncDirectory(string) {}
