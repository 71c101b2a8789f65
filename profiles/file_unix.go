//go:build !windows

package profiles

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"
)

// openFile opens a file for reading. It follows no symlink, and doesn't wait
// for a writer if the file is a named pipe.
func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}

// checkOwner refuses what belongs to neither the user nor root: its owner may
// change it at will.
func checkOwner(info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || (stat.Uid != 0 && int(stat.Uid) != os.Geteuid()) {
		return &unsafeError{"it belongs to another user", "use a config of your own, or run cogtok as the user that it belongs to"}
	}
	return nil
}

// checkMode refuses a file that others may write.
func checkMode(path string, info fs.FileInfo) error {
	if info.Mode().Perm()&0o022 != 0 {
		return &unsafeError{"other users may write to it", "run: chmod go-w " + shellQuote(path)}
	}
	return nil
}

// checkDirectory refuses a directory in which others may put another file in
// the config's place. In a sticky one, such as /tmp, they may not.
func checkDirectory(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if checkOwner(info) != nil {
		return &unsafeError{"its directory belongs to another user", "keep the config in a directory of your own"}
	}
	if info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return &unsafeError{"other users may write to its directory", "run: chmod go-w " + shellQuote(dir)}
	}
	return nil
}

func shellQuote(s string) string {
	if namePattern.MatchString(strings.ReplaceAll(s, "/", "")) && len(s) < 4096 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// lockDirectory keeps other editors of dir out until unlock. The lock is on
// the directory itself, so that no lock file lies about, and it ends with the
// process.
func lockDirectory(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for start := time.Now(); ; time.Sleep(lockPause) {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return func() { f.Close() }, nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			f.Close()
			return nil, &fs.PathError{Op: "lock", Path: dir, Err: err}
		case time.Since(start) > lockWait:
			f.Close()
			return nil, errLocked
		}
	}
}

// syncDirectory makes a rename in dir durable. Where that fails, as on file
// systems that know no such thing, the old file or the new one is there after a
// crash, whole.
func syncDirectory(dir string) {
	if f, err := os.Open(dir); err == nil {
		_ = f.Sync()
		f.Close()
	}
}
