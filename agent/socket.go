package agent

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/cogtok/cogtok/internal/socketpath"
)

// ErrAlreadyRunning is what Listen returns when another agent has the socket.
var ErrAlreadyRunning = errors.New("another agent runs on this socket already")

const (
	connectTimeout = time.Second
	restartHint    = "run: cogtok agent restart"
)

// Listen makes the agent's socket at path, in a directory that only the user
// may enter, and returns a listener that removes it when closed. The lock
// beside it decides who is the agent: the loser gets ErrAlreadyRunning.
// release closes the listener and then gives the lock back; call it last of
// all. Other errors are of KindSocketPath.
func Listen(path string) (l net.Listener, release func(), err error) {
	s, err := TakeSeat(path)
	if err != nil {
		return nil, nil, err
	}
	return s.Listener(), s.Leave, nil
}

// checkPath refuses paths that the system cuts off or that depend on where a
// program was started.
func checkPath(path string) error {
	switch {
	case path == "":
		return Errorf(KindSocketPath, "there is no path for the agent's socket, since HOME is not set").WithHint("give one with --socket")
	case !filepath.IsAbs(path):
		return Errorf(KindSocketPath, "the socket's path is not absolute: %s", path).WithHint("give an absolute path with --socket")
	case len(path) > socketpath.Max:
		return Errorf(KindSocketPath, "the socket's path is %d bytes long, but systems take %d at most: %s", len(path), socketpath.Max, path).
			WithHint("give a shorter one with --socket or COGTOK_SOCKET")
	}
	return nil
}

// openDirectory makes the directory if need be and opens it. One that others
// may enter or that is somebody else's is refused, not repaired: what lies in
// it may have been put there.
func openDirectory(path string) (*os.Root, error) {
	if err := checkAncestors(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, unsafePath(path, "the directory could not be made, "+reason(err))
	}
	before, err := os.Lstat(path)
	if err != nil {
		return nil, unsafePath(path, reason(err))
	}
	if !before.IsDir() {
		return nil, unsafePath(path, "it is not a directory")
	}
	dir, err := os.OpenRoot(path)
	if err != nil {
		return nil, unsafePath(path, reason(err))
	}
	opened, err := dir.Stat(".")
	switch {
	case err != nil:
		err = unsafePath(path, reason(err))
	case !os.SameFile(before, opened):
		err = unsafePath(path, "it changed while it was opened")
	default:
		err = checkPrivate(path, opened)
	}
	if err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

func unsafePath(path, why string) *Error {
	return Errorf(KindSocketPath, "the agent's socket can't be at %s: %s", path, why).WithHint("give another place with --socket")
}

// takeLock opens the lock file and locks it for this process's life.
func takeLock(dir *os.Root, name string) (*os.File, error) {
	path := filepath.Join(dir.Name(), name)
	if info, err := dir.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return nil, unsafePath(path, "the lock is not a regular file")
	}
	file, err := dir.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, unsafePath(path, reason(err))
	}
	if err := lockFor(file, path); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// lockFor locks the lock file and notes in it who holds it, for people.
func lockFor(file *os.File, path string) error {
	err := tryLock(file)
	if errors.Is(err, ErrAlreadyRunning) {
		return err
	}
	if err != nil {
		return unsafePath(path, reason(err))
	}
	if file.Truncate(0) == nil {
		_, _ = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return nil
}

// bind makes the socket and listens. The caller holds the lock, so that a
// socket that is there already is a dead agent's.
func bind(dir *os.Root, path string) (*listener, error) {
	name := filepath.Base(path)
	info, err := dir.Lstat(name)
	if err == nil {
		if info.Mode().Type() != fs.ModeSocket {
			return nil, unsafePath(path, "something other than a socket is there")
		}
		err = dir.Remove(name)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, unsafePath(path, reason(err))
	}
	config := net.ListenConfig{Control: privateSocket}
	made, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, unsafePath(path, reason(err))
	}
	socket := made.(*net.UnixListener)
	socket.SetUnlinkOnClose(false) // it would remove whatever is there then
	l := &listener{UnixListener: socket, dir: dir, name: name}
	// Looked up in the directory that was checked, and not by path.
	if l.made, err = dir.Lstat(name); err == nil {
		err = makePrivate(dir, name, l.made)
	}
	if err != nil {
		l.Close()
		return nil, unsafePath(path, reason(err))
	}
	return l, nil
}

// A listener removes its socket when it is closed, if it is still its own.
type listener struct {
	*net.UnixListener
	dir  *os.Root
	name string
	made os.FileInfo
	once sync.Once
}

// Close stops listening. The comparison comes first: while the socket is open
// the system can't give its inode to another one.
func (l *listener) Close() error {
	err := net.ErrClosed
	l.once.Do(func() {
		if l.isOwn() {
			_ = l.dir.Remove(l.name)
		}
		err = l.UnixListener.Close()
	})
	return err
}

// connect connects to the agent at path within a second and makes sure that it
// is the user's own before a byte is sent.
func connect(ctx context.Context, path string) (net.Conn, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	nc, err := dialUntil(ctx, path)
	if err != nil {
		return nil, connectError(path, err)
	}
	who, err := peerOf(nc)
	if err != nil || !who.self {
		nc.Close()
		return nil, Errorf(KindUntrusted, "what listens on %s is not this user's agent", path).
			WithHint("see who made it: ls -l %s", path)
	}
	return nc, nil
}

// dialUntil tries again while the agent's backlog is full, which Linux reports
// at once instead of waiting.
func dialUntil(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	for {
		nc, err := d.DialContext(ctx, "unix", path)
		if !errors.Is(err, syscall.EAGAIN) {
			return nc, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Millisecond + rand.N(19*time.Millisecond)):
		}
	}
}

func connectError(path string, err error) *Error {
	switch {
	case errors.Is(err, context.Canceled):
		return AsError(context.Canceled)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return Errorf(KindHung, "the agent on %s does not accept connections", path).WithHint(restartHint)
	case errors.Is(err, fs.ErrPermission):
		return Errorf(KindUntrusted, "this user may not connect to the agent on %s", path).WithHint("see who made it: ls -l %s", path)
	}
	return Errorf(KindUnreachable, "no agent answers on %s: %s", path, reason(err)).WithHint("run: cogtok agent start")
}

// reason returns what the system says about a failure, without the chain of
// operations and paths before it.
func reason(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
