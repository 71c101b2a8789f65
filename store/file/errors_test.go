package file

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/cogtok/cogtok/store"
)

// TestDiskErrors is about those that no test can bring about for real.
func TestDiskErrors(t *testing.T) {
	for errno, reason := range map[syscall.Errno]string{
		syscall.EIO:     "the disk fails",
		syscall.EDQUOT:  "quota",
		syscall.ENOTDIR: "not a directory",
		syscall.EMFILE:  "too many open files",
		syscall.ENODEV:  "can't write x.age", // one that isn't in the table
	} {
		err := unavailable("write", "/state/x.age", errors.Join(&fs.PathError{Op: "sync", Path: "/state/x.age.new", Err: errno}))
		var u *store.UnavailableError
		if !errors.As(err, &u) || !strings.Contains(u.Reason, reason) || u.Hint == "" || !errors.Is(err, errno) {
			t.Errorf("%v became %+v, want %q", errno, u, reason)
		}
	}
}
