//go:build !windows

package agent

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// checkPrivate refuses a directory that is another user's or open to others.
func checkPrivate(path string, info os.FileInfo) error {
	if owner := info.Sys().(*syscall.Stat_t).Uid; int(owner) != os.Geteuid() {
		return unsafePath(path, "the directory belongs to uid "+strconv.Itoa(int(owner)))
	}
	if info.Mode().Perm()&0o077 != 0 {
		e := unsafePath(path, "others may enter the directory, its mode is "+octal(info.Mode()))
		return e.WithHint("run: chmod 700 %s", path)
	}
	return nil
}

// maxLinks is how many symbolic links a path may lead through, as on Linux.
const maxLinks = 40

// checkAncestors refuses a path of which another user could exchange a part: a
// directory above that is another user's (but root's) or that others may write
// to (unless sticky, as /tmp is), or a link of theirs. A group of one's own may
// write: some systems' umask is 002. It follows the path as the kernel does, so
// that the directories behind links count too. What isn't there yet is made by
// this user.
func checkAncestors(path string) error {
	dir, rest := "/", split(filepath.Dir(path))
	err := checkAncestor(dir)
	for links := 0; err == nil && len(rest) > 0; {
		next := filepath.Join(dir, rest[0]) // ".." leads to the parent: dir has no links in it
		rest = rest[1:]
		if err = checkAncestor(next); err != nil {
			break
		}
		target, notLink := os.Readlink(next)
		if notLink != nil {
			dir = next
			continue
		}
		if links++; links > maxLinks {
			err = syscall.ELOOP
		}
		if filepath.IsAbs(target) {
			dir = "/"
		}
		rest = append(split(target), rest...)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return unsafePath(path, reason(err))
}

// split returns the parts of a path, without the empty ones.
func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == filepath.Separator })
}

// checkAncestor checks a directory, or a link to one, by itself.
func checkAncestor(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	foreign := owner != 0 && owner != os.Geteuid()
	switch isLink := info.Mode()&fs.ModeSymlink != 0; {
	case foreign && isLink:
		return errors.New(path + " is a link of uid " + strconv.Itoa(owner))
	case foreign:
		return errors.New(path + " belongs to uid " + strconv.Itoa(owner))
	case !isLink && writableByOthers(info):
		return errors.New("others may write to " + path + ", its mode is " + octal(info.Mode()))
	}
	return nil
}

func writableByOthers(info os.FileInfo) bool {
	if info.Mode()&fs.ModeSticky != 0 {
		return false
	}
	ownGroup := int(info.Sys().(*syscall.Stat_t).Gid) == os.Getegid()
	return info.Mode().Perm()&0o002 != 0 || info.Mode().Perm()&0o020 != 0 && !ownGroup
}

func octal(mode fs.FileMode) string { return "0" + strconv.FormatUint(uint64(mode.Perm()), 8) }

// privateSocket gives the socket its mode before it gets a name. Linux makes
// the file with the mode of the descriptor; so the umask, which belongs to the
// whole process, is left alone. Where this isn't so, makePrivate does it.
func privateSocket(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) { _ = unix.Fchmod(int(fd), 0o600) })
}

// makePrivate makes sure of the socket's mode. Until then its directory, which
// only the user may enter, keeps others out.
func makePrivate(dir *os.Root, name string, info os.FileInfo) error {
	if info.Mode().Perm()&0o177 == 0 {
		return nil
	}
	return dir.Chmod(name, 0o600)
}

// tryLock takes a lock that lasts as long as the file is open.
func tryLock(file *os.File) error {
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return ErrAlreadyRunning
		}
		return err
	}
}

// notListening says why a file isn't a stream socket that listens at path; ""
// if it is.
func notListening(file *os.File, path string) (why string) {
	raw, err := file.SyscallConn()
	if err != nil {
		return reason(err)
	}
	err = raw.Control(func(fd uintptr) { why = notListeningFD(int(fd), path) })
	if err != nil {
		return reason(err)
	}
	return why
}

func notListeningFD(fd int, path string) string {
	address, err := unix.Getsockname(fd)
	if err != nil {
		return "is no socket: " + reason(err)
	}
	local, ok := address.(*unix.SockaddrUnix)
	if !ok {
		return "is no Unix socket"
	}
	if kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_STREAM {
		return "is no stream socket"
	}
	if filepath.Clean(local.Name) != filepath.Clean(path) {
		return "is at " + strconv.Quote(local.Name)
	}
	if !listens(fd) {
		return "does not listen"
	}
	return ""
}

// listenAgain makes this process the one that the kernel names to clients: so
// far it is whoever has made the socket.
func (l *listener) listenAgain() error {
	raw, err := l.SyscallConn()
	if err == nil {
		var failed error
		err = raw.Control(func(fd uintptr) { failed = unix.Listen(int(fd), unix.SOMAXCONN) })
		err = errors.Join(err, failed)
	}
	if err != nil {
		return unsafePath(l.name, reason(err))
	}
	return nil
}

// duplicate returns a copy of a file that programs that are run don't get.
func duplicate(file *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), file.Name()), nil
}
