package file

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/cogtok/cogtok/store"
)

// diskErrors says what an error of the file system means for people.
var diskErrors = []struct {
	err          error
	reason, hint string
}{
	{syscall.ENOSPC, "the disk is full", "free some space and try again"},
	{syscall.EDQUOT, "the disk quota is used up", "free some space and try again"},
	{syscall.EFBIG, "the file would be larger than this process may write", "raise the limit (ulimit -f) and try again"},
	{syscall.EROFS, "the file system is read-only", "make it writable, or set XDG_STATE_HOME to a directory that is"},
	{syscall.EIO, "the disk fails (input/output error)", "check the disk"},
	{fs.ErrPermission, "permission denied", "check who owns the directory and its mode"},
	{syscall.ENOTDIR, "a part of the path is not a directory", "check the path"},
	{syscall.ENAMETOOLONG, "the path is too long", "set XDG_STATE_HOME to a shorter one"},
	{syscall.EMFILE, "too many open files", "try again later"},
	{syscall.ENFILE, "too many open files", "try again later"},
}

// unavailable wraps an error of the file system. What was being done is
// "read" or "write".
func unavailable(doing, path string, err error) error {
	var already *store.UnavailableError
	if errors.As(err, &already) {
		return err
	}
	for _, d := range diskErrors {
		if errors.Is(err, d.err) {
			return &store.UnavailableError{
				Reason: fmt.Sprintf("can't %s %s: %s", doing, filepath.Base(path), d.reason),
				Hint:   d.hint + ": " + filepath.Dir(path),
				Err:    err,
			}
		}
	}
	return &store.UnavailableError{Reason: fmt.Sprintf("can't %s %s", doing, filepath.Base(path)), Hint: "see the agent's log: cogtok agent log", Err: err}
}

// refuse says that path is not a file to be trusted.
func refuse(path, reason, hint string, args ...any) error {
	return &store.UnavailableError{
		Reason: fmt.Sprintf("%s is not used: %s", path, reason),
		Hint:   fmt.Sprintf(hint, args...),
	}
}
