package agent

import (
	"net"
	"os"
	"path/filepath"
	"strings"
)

// A Seat is what makes a process the agent of a socket: the listening socket,
// and the lock beside it, which decides of many who it is.
type Seat struct {
	listener *listener
	lock     *os.File
	dir      *os.Root
}

// TakeSeat is Listen for who may hand the seat over later.
func TakeSeat(path string) (*Seat, error) {
	return take(path, func(s *Seat) (err error) {
		s.listener, err = bind(s.dir, path)
		return err
	})
}

// TakeSeatAt is TakeSeat for a socket that somebody else has made at path, such
// as systemd, and that isn't removed at the end. It closes the file. When
// another agent holds the lock, that one can't be reached any more: it listened
// before the socket was made anew. So this is an error that tells who it is.
func TakeSeatAt(path string, socket *os.File) (*Seat, error) {
	defer socket.Close()
	s, err := take(path, func(s *Seat) (err error) {
		s.listener, err = adopt(s.dir, path, socket)
		return err
	})
	if err == ErrAlreadyRunning {
		return nil, Errorf(KindSocketPath, "an agent that listened at %s before holds its lock still%s", path, holder(path)).
			WithHint("end it, so that this one can take its place")
	}
	if err != nil {
		return nil, err
	}
	if err := s.listener.listenAgain(); err != nil {
		s.Leave()
		return nil, err
	}
	return s, nil
}

// take takes the lock and then has listen make or adopt the socket.
func take(path string, listen func(*Seat) error) (*Seat, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	dir, err := openDirectory(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	s := &Seat{dir: dir}
	if s.lock, err = takeLock(dir, filepath.Base(path)+".lock"); err == nil {
		err = listen(s)
	}
	if err != nil {
		s.Leave()
		return nil, err
	}
	return s, nil
}

// holder tells the process that holds the lock, as far as it can be told.
func holder(path string) string {
	text, err := os.ReadFile(path + ".lock")
	if pid := strings.TrimSpace(string(text)); err == nil && pid != "" && len(pid) < 10 {
		return " (pid " + pid + ")"
	}
	return ""
}

// Listener is the listening socket. Closing it removes it, if it is the
// agent's own.
func (s *Seat) Listener() net.Listener { return s.listener }

// Leave closes the socket and then gives the lock back; call it last of all.
func (s *Seat) Leave() {
	if s.listener != nil {
		s.listener.Close()
	}
	if s.lock != nil {
		// The file stays: a lock on a file that may be removed decides nothing.
		s.lock.Close()
	}
	s.dir.Close()
}

// Files returns copies of the socket and of the lock's file, for a successor,
// and whether the socket is the agent's own, to be removed at the end.
func (s *Seat) Files() (socket, lock *os.File, own bool, err error) {
	if socket, err = s.listener.File(); err != nil {
		return nil, nil, false, err
	}
	if lock, err = duplicate(s.lock); err != nil {
		socket.Close()
		return nil, nil, false, err
	}
	return socket, lock, s.listener.isOwn(), nil
}

// InheritSeat makes a seat of what Files returned. It closes the socket's file;
// the lock's is the seat's own if there is no error.
func InheritSeat(path string, socket, lock *os.File, own bool) (*Seat, error) {
	defer socket.Close()
	dir, err := openDirectory(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	s := &Seat{dir: dir}
	if err = isLock(dir, lock, path+".lock"); err == nil {
		s.listener, err = adopt(dir, path, socket)
	}
	if err == nil && own {
		s.listener.made, err = dir.Lstat(s.listener.name)
	}
	if err != nil {
		s.Leave()
		return nil, err
	}
	s.lock = lock
	return s, nil
}

// isLock makes sure that file is the lock file at path, and locked.
func isLock(dir *os.Root, file *os.File, path string) error {
	there, err := dir.Lstat(filepath.Base(path))
	if err != nil {
		return unsafePath(path, reason(err))
	}
	info, err := file.Stat()
	if err != nil || !os.SameFile(there, info) {
		return unsafePath(path, "the lock that was handed over is another one")
	}
	return lockFor(file, path)
}

// adopt makes a listener of a socket that listens at path already.
func adopt(dir *os.Root, path string, socket *os.File) (*listener, error) {
	if why := notListening(socket, path); why != "" {
		return nil, unsafePath(path, "the socket that was handed over "+why)
	}
	made, err := net.FileListener(socket)
	if err != nil {
		return nil, unsafePath(path, reason(err))
	}
	u, ok := made.(*net.UnixListener)
	if !ok {
		made.Close()
		return nil, unsafePath(path, "the socket that was handed over is none of this kind")
	}
	u.SetUnlinkOnClose(false)
	return &listener{UnixListener: u, dir: dir, name: filepath.Base(path)}, nil
}

// isOwn reports whether the socket that has the name is the one that this
// agent, or a predecessor of it, has made.
func (l *listener) isOwn() bool {
	now, err := l.dir.Lstat(l.name)
	return err == nil && l.made != nil && os.SameFile(now, l.made)
}
