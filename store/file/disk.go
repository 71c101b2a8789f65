package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/cogtok/cogtok/store"
)

// lockWait is how long a writer waits for another one.
const lockWait = 3 * time.Second

// A stamp tells one version of a file from the next. Every write makes a new
// inode, so os.SameFile alone tells almost all.
type stamp struct {
	info fs.FileInfo // nil: there is no file
}

func (s stamp) equal(o stamp) bool {
	if s.info == nil || o.info == nil {
		return s.info == o.info
	}
	return os.SameFile(s.info, o.info) && s.info.ModTime().Equal(o.info.ModTime()) && s.info.Size() == o.info.Size()
}

// stampOf looks at the file without opening it.
func stampOf(path string) (stamp, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return stamp{}, nil
	}
	if err != nil {
		return stamp{}, unavailable("read", path, err)
	}
	return stamp{info}, nil
}

// readFile returns what is in the file, and nothing at all if there is none.
// It refuses what is not a regular file that is ours alone.
func readFile(path string) ([]byte, stamp, error) {
	if err := mustBeRegular(path); err != nil {
		return nil, stamp{}, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, stamp{}, nil
	}
	if err != nil {
		return nil, stamp{}, unavailable("read", path, err)
	}
	defer f.Close()
	info, err := f.Stat() // of what was opened, whatever the path means by now
	if err != nil {
		return nil, stamp{}, unavailable("read", path, err)
	}
	if err := mustBeOurs(path, info); err != nil {
		return nil, stamp{}, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, stamp{}, unavailable("read", path, err)
	}
	if len(data) > maxSize {
		return nil, stamp{}, refuse(path, "it is too large", "move it away: mv %s %s.old", path, path)
	}
	return data, stamp{info}, nil
}

// mustBeRegular refuses links, directories, pipes and devices. What is not
// there is fine.
func mustBeRegular(path string) error {
	s, err := stampOf(path)
	if err != nil || s.info == nil {
		return err
	}
	switch mode := s.info.Mode(); {
	case mode&fs.ModeSymlink != 0:
		return refuse(path, "it is a symbolic link", "replace it by the file itself")
	case !mode.IsRegular():
		return refuse(path, "it is not a regular file", "move it away: mv %s %s.old", path, path)
	}
	return nil
}

// setAside renames a file that is of no use, and returns its new name.
func setAside(path string, now time.Time) (string, error) {
	aside := path + ".bad-" + now.UTC().Format("20060102T150405.000000Z")
	if err := os.Rename(path, aside); err != nil {
		return "", unavailable("write", path, err)
	}
	return aside, nil
}

// lockFile makes the directory if need be and takes the lock that writers of
// path share, in this process and others. It waits at most lockWait.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, unavailable("write", path, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, lockWait, errLockWait)
	defer cancel()
	l := flock.New(path + ".lock")
	locked, err := l.TryLockContext(ctx, 10*time.Millisecond)
	if locked {
		return func() { l.Close() }, nil
	}
	if context.Cause(ctx) == errLockWait {
		return nil, busy(path)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, unavailable("write", path, err)
}

var errLockWait = errors.New("waited too long for the lock")

func busy(path string) error {
	return &store.UnavailableError{
		Reason: fmt.Sprintf("can't write %s: another process holds its lock for more than %v", filepath.Base(path), lockWait),
		Hint:   fmt.Sprintf("see who holds it: fuser %s.lock", path),
		Err:    errLockWait,
	}
}
