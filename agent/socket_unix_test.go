//go:build !windows

package agent

import (
	"bufio"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestModes: directory, socket and lock are the user's alone whatever the
// umask, and the umask is as it was.
func TestModes(t *testing.T) {
	old := unix.Umask(0)
	defer unix.Umask(old)
	top := shortDir(t)
	path := filepath.Join(top, "new", "run", "agent.sock")
	_, release, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if now := unix.Umask(0); now != 0 {
		t.Errorf("the umask became %o", now)
	}
	for name, want := range map[string]os.FileMode{
		"new": os.ModeDir | 0o700, "new/run": os.ModeDir | 0o700,
		"new/run/agent.sock": os.ModeSocket | 0o600, "new/run/agent.sock.lock": 0o600,
	} {
		info, err := os.Lstat(filepath.Join(top, name))
		if err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
}

// TestUnsafeLayouts: what others could have put there is refused and left as
// it was.
func TestUnsafeLayouts(t *testing.T) {
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		make func(dir string)
		want string
	}{
		"group may enter":       {func(d string) { must(os.Mkdir(d, 0o700), os.Chmod(d, 0o710)) }, "others may enter the directory, its mode is 0710"},
		"group may write":       {func(d string) { must(os.Mkdir(d, 0o700), os.Chmod(d, 0o770)) }, "others may enter the directory, its mode is 0770"},
		"all may read":          {func(d string) { must(os.Mkdir(d, 0o700), os.Chmod(d, 0o704)) }, "others may enter the directory, its mode is 0704"},
		"all may enter":         {func(d string) { must(os.Mkdir(d, 0o700), os.Chmod(d, 0o755)) }, "others may enter the directory, its mode is 0755"},
		"sticky like /tmp":      {func(d string) { must(os.Mkdir(d, 0o700), os.Chmod(d, 0o777|os.ModeSticky)) }, "others may enter the directory, its mode is 0777"},
		"link to a directory":   {func(d string) { must(os.Mkdir(d+"2", 0o700), os.Symlink(d+"2", d)) }, "it is not a directory"},
		"dangling link":         {func(d string) { must(os.Symlink(d+"2", d)) }, "file exists"},
		"link in a circle":      {func(d string) { must(os.Symlink(d, d)) }, "file exists"},
		"file":                  {func(d string) { must(os.WriteFile(d, nil, 0o600)) }, "not a directory"},
		"fifo":                  {func(d string) { must(unix.Mkfifo(d, 0o600)) }, "not a directory"},
		"socket is a link":      {func(d string) { must(os.Mkdir(d, 0o700), os.Symlink("x", d+"/agent.sock")) }, "something other than a socket is there"},
		"socket is a file":      {func(d string) { must(os.Mkdir(d, 0o700), os.WriteFile(d+"/agent.sock", []byte("mine"), 0o600)) }, "something other than a socket is there"},
		"socket is a directory": {func(d string) { must(os.MkdirAll(d+"/agent.sock", 0o700)) }, "something other than a socket is there"},
		"socket is a fifo":      {func(d string) { must(os.Mkdir(d, 0o700), unix.Mkfifo(d+"/agent.sock", 0o600)) }, "something other than a socket is there"},
		"lock is a link":        {func(d string) { must(os.Mkdir(d, 0o700), os.Symlink("/etc/passwd", d+"/agent.sock.lock")) }, "the lock is not a regular file"},
		"lock is a directory":   {func(d string) { must(os.MkdirAll(d+"/agent.sock.lock", 0o700)) }, "the lock is not a regular file"},
		"all write above":       {func(d string) { must(os.Mkdir(d, 0o700), os.Chmod(filepath.Dir(d), 0o777)) }, "others may write to "},
	} {
		t.Run(name, func(t *testing.T) {
			top := filepath.Join(shortDir(t), "top")
			must(os.Mkdir(top, 0o700))
			dir := filepath.Join(top, "run")
			tt.make(dir)
			before, _ := os.Lstat(dir)
			_, _, err := Listen(filepath.Join(dir, "agent.sock"))
			if e := AsError(err); e == nil || e.Kind != KindSocketPath || e.Hint == "" || !strings.Contains(e.Message, tt.want) {
				t.Errorf("%+v, want …%s…", e, tt.want)
			}
			if after, _ := os.Lstat(dir); after.Mode() != before.Mode() {
				t.Errorf("the mode was %v and became %v", before.Mode(), after.Mode())
			}
			for _, made := range []string{"/run2/agent.sock", "/run2/agent.sock.lock"} {
				if _, err := os.Lstat(top + made); err == nil {
					t.Errorf("%s was made", made)
				}
			}
		})
	}
}

// TestForeignOwners: directories and links of other users, with a child as the
// agent's user.
func TestForeignOwners(t *testing.T) {
	needRoot(t)
	for name, tt := range map[string]struct {
		make func(top string) error
		want string
	}{
		"own": {func(top string) error {
			return errors.Join(os.Mkdir(top+"/run", 0o700), os.Chown(top+"/run", userU, userU))
		}, "listened"},
		"of another user": {func(top string) error {
			return errors.Join(os.Mkdir(top+"/run", 0o700), os.Chown(top+"/run", userV, userV))
		}, "permission denied"},
		"open and of another user": {func(top string) error {
			return errors.Join(os.Mkdir(top+"/run", 0o700), os.Chmod(top+"/run", 0o777), os.Chown(top+"/run", userV, userV))
		}, "the directory belongs to uid 61002"},
		"of root": {func(top string) error { return errors.Join(os.Mkdir(top+"/run", 0o700), os.Chmod(top+"/run", 0o755)) }, "the directory belongs to uid 0"},
		"another group writes above": {func(top string) error {
			return errors.Join(os.Mkdir(top+"/run", 0o700), os.Chown(top+"/run", userU, userU), os.Chown(top, userU, userV), os.Chmod(top, 0o770))
		}, "others may write to "},
		// Whoever owns a directory can move what is in it.
		"of another user above": {func(top string) error {
			return errors.Join(os.Mkdir(top+"/run", 0o700), os.Chown(top+"/run", userU, userU), os.Chown(top, userV, userV))
		}, "top belongs to uid 61002"},
		"sticky and of another user above": {func(top string) error {
			return errors.Join(os.Mkdir(top+"/run", 0o700), os.Chown(top+"/run", userU, userU), os.Chown(top, userV, userV), os.Chmod(top, 0o777|os.ModeSticky))
		}, "top belongs to uid 61002"},
		"sticky, of root": {func(top string) error {
			return errors.Join(os.Mkdir(top+"/run", 0o700), os.Chown(top+"/run", userU, userU), os.Chmod(top, 0o777|os.ModeSticky))
		}, "listened"},
		"own group writes above": {func(top string) error {
			return errors.Join(os.Mkdir(top+"/run", 0o700), os.Chown(top+"/run", userU, userU), os.Chown(top, userU, userU), os.Chmod(top, 0o775))
		}, "listened"},
	} {
		t.Run(name, func(t *testing.T) {
			base := shortDir(t)
			top := filepath.Join(base, "top")
			if err := errors.Join(os.Chmod(base, 0o755), os.Mkdir(top, 0o755), tt.make(top)); err != nil {
				t.Fatal(err)
			}
			if got := startChild(t, userU, "listen", top+"/run/agent.sock").result(); !strings.Contains(got, tt.want) {
				t.Errorf("%s, want …%s…", got, tt.want)
			}
		})
	}
	// A link of root's or of one's own may lead through another user's directory.
	for name, links := range map[string][2]string{"behind a link": {"v/u", ""}, "behind two links": {"v/hop", "../u"}} {
		t.Run(name, func(t *testing.T) {
			base := shortDir(t)
			err := errors.Join(os.Chmod(base, 0o755), os.MkdirAll(base+"/v/u/run", 0o755), os.MkdirAll(base+"/u/run", 0o755), os.Symlink(links[0], base+"/l"))
			if links[1] != "" {
				err = errors.Join(err, os.Symlink(links[1], base+"/v/hop"), os.Lchown(base+"/v/hop", userU, userU))
			}
			for _, dir := range []string{"/v/u", "/v/u/run", "/u", "/u/run"} {
				err = errors.Join(err, os.Chown(base+dir, userU, userU), os.Chmod(base+dir, 0o700))
			}
			if err := errors.Join(err, os.Chown(base+"/v", userV, userV)); err != nil {
				t.Fatal(err)
			}
			if got := startChild(t, userU, "listen", base+"/l/run/agent.sock").result(); !strings.Contains(got, base+"/v belongs to uid 61002") {
				t.Error(got)
			}
		})
	}
	t.Run("link of another user", func(t *testing.T) {
		base := shortDir(t)
		err := errors.Join(os.Chmod(base, 0o755), os.MkdirAll(base+"/u/run", 0o755), os.Chmod(base+"/u/run", 0o700), os.Chown(base+"/u/run", userU, userU),
			os.Symlink("u", base+"/v"), os.Lchown(base+"/v", userV, userV))
		if err != nil {
			t.Fatal(err)
		}
		if got := startChild(t, userU, "listen", base+"/v/run/agent.sock").result(); !strings.Contains(got, "is a link of uid 61002") {
			t.Error(got)
		}
	})
}

// TestStrangers: with all modes forced open another user gets no byte, and
// with the modes as they are not even a connection.
func TestStrangers(t *testing.T) {
	needRoot(t)
	path := serve(t, &Server{Agent: &scripted{}, AllowRoot: func() bool { return true }})
	if got := startChild(t, userV, "connect", path).result(); got != "connected 0 bytes 0" {
		t.Errorf("with default modes: %s", got)
	}
	if err := errors.Join(os.Chmod(filepath.Dir(path), 0o777), os.Chmod(path, 0o666)); err != nil {
		t.Fatal(err)
	}
	if got := startChild(t, userV, "connect", path).result(); got != "connected 1000 bytes 0" {
		t.Errorf("with modes forced open: %s", got)
	}
}

// TestRoot: an agent of a user doesn't answer root unless the config says so,
// and root's client doesn't trust it in any case.
func TestRoot(t *testing.T) {
	needRoot(t)
	base := shortDir(t)
	dir := filepath.Join(base, "run")
	if err := errors.Join(os.Chmod(base, 0o755), os.Mkdir(dir, 0o700), os.Chown(dir, userU, userU)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "agent.sock")
	for allow, want := range map[string]string{"no": "", "yes": `"result"`} {
		agent := startChild(t, userU, "serve", path, "ROOT="+allow)
		agent.ready()
		nc, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = nc.Write([]byte(`{"jsonrpc":"2.0","id":1,"method":"version"}` + "\n"))
		said, _ := bufio.NewReader(nc).ReadString('\n')
		nc.Close()
		if want == "" && said != "" || !strings.Contains(said, want) {
			t.Errorf("allow_root %s: root got %q", allow, said)
		}
		if _, err := Dial(t.Context(), path); KindOf(err) != KindUntrusted {
			t.Errorf("root's client: %v", err)
		}
		if got := agent.result(); got != "served" {
			t.Error(got)
		}
	}
}

// TestFalseAgent: another user listens where the agent should; a client sends
// nothing and says whom not to trust.
func TestFalseAgent(t *testing.T) {
	needRoot(t)
	dir := filepath.Join(shortDir(t), "run")
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "agent.sock")
	attacker := startChild(t, userV, "accept", path)
	attacker.ready()
	if got := startChild(t, userU, "dial", path).result(); !strings.HasPrefix(got, string(KindUntrusted)) {
		t.Errorf("the client: %s", got)
	}
	if got := attacker.result(); got != "received 0" {
		t.Errorf("the attacker %s bytes", got)
	}
}

// TestFullBacklog: connections wait while the agent is stopped, and are told
// that it hangs when that lasts.
func TestFullBacklog(t *testing.T) {
	path := filepath.Join(shortDir(t), "agent.sock")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 1)); err != nil {
		t.Fatal(err)
	}
	for {
		nc, err := net.Dial("unix", path)
		if errors.Is(err, syscall.EAGAIN) {
			break
		}
		if err != nil {
			t.Skipf("this system has no EAGAIN for a full backlog: %v", err)
		}
		defer nc.Close()
	}
	got := took(func() {
		if _, err := Dial(t.Context(), path); KindOf(err) != KindHung {
			t.Errorf("%v", err)
		}
	})
	if got < connectTimeout || got > 5*connectTimeout {
		t.Errorf("gave up after %v", got)
	}
	accepted := make(chan error, 1)
	go func() {
		time.Sleep(50 * time.Millisecond)
		got, _, err := unix.Accept(fd)
		unix.Close(got)
		accepted <- err
	}()
	nc, err := connect(t.Context(), path)
	if err != nil {
		t.Errorf("when there is room again: %v", err)
	} else {
		nc.Close()
	}
	if err := <-accepted; err != nil {
		t.Error(err)
	}
}
