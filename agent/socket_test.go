package agent

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cogtok/cogtok/internal/socketpath"
)

func TestPaths(t *testing.T) {
	dir := shortDir(t)
	long := filepath.Join(dir, strings.Repeat("x", socketpath.Max-len(dir)))
	for path, want := range map[string]string{
		"":                         "HOME is not set",
		"agent.sock":               "not absolute",
		"./run/agent.sock":         "not absolute",
		long:                       "104 bytes long, but systems take 103 at most",
		dir + "\x00" + "/a.sock":   "invalid argument",
		"/dev/null/agent.sock":     "not a directory",
		"/proc/nowhere/agent.sock": "no such file or directory",
	} {
		_, _, err := Listen(path)
		if e := AsError(err); e == nil || e.Kind != KindSocketPath || e.Code != CodeUsage || e.Hint == "" || !strings.Contains(e.Message, want) {
			t.Errorf("Listen(%q): %+v, want …%s…", path, e, want)
		}
		if want == "invalid argument" || strings.HasPrefix(path, "/dev") || strings.HasPrefix(path, "/proc") {
			continue
		}
		if _, err := Dial(t.Context(), path); KindOf(err) != KindSocketPath {
			t.Errorf("Dial(%q): %v", path, err)
		}
	}
	l, release, err := Listen(long[:socketpath.Max])
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	release()
}

// TestListenRaces: of two hundred at once exactly one becomes the agent, with a
// dead agent's socket in the way or not.
func TestListenRaces(t *testing.T) {
	for _, stale := range []bool{false, true} {
		path := filepath.Join(shortDir(t), "run", "agent.sock")
		if stale {
			leaveStale(t, path)
		}
		var wg sync.WaitGroup
		var won atomic.Int32
		releases := make(chan func(), 200)
		for range 200 {
			wg.Go(func() {
				_, release, err := Listen(path)
				switch {
				case err == nil:
					won.Add(1)
					releases <- release
				case !errors.Is(err, ErrAlreadyRunning):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d listen, stale socket: %t", won.Load(), stale)
		}
		close(releases)
		for release := range releases {
			nc, err := connect(t.Context(), path)
			if err != nil {
				t.Error(err)
			} else {
				nc.Close()
			}
			release()
		}
	}
}

// leaveStale leaves what an agent that was killed leaves: a socket that nobody
// listens on.
func leaveStale(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if _, err := Dial(t.Context(), path); KindOf(err) != KindUnreachable {
		t.Fatalf("a stale socket: %v", err)
	}
}

// TestKilled: the lock of a killed agent is free at once and its socket in
// nobody's way. The lock of a living one, in another process, is not.
func TestKilled(t *testing.T) {
	path := filepath.Join(shortDir(t), "agent.sock")
	c := startChild(t, 0, "listen", path)
	c.ready()
	if _, _, err := Listen(path); !errors.Is(err, ErrAlreadyRunning) {
		t.Errorf("beside a living agent: %v", err)
	}
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
	if _, err := os.Lstat(path); err != nil {
		t.Fatal(err)
	}
	_, release, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	release()
	if _, err := os.Lstat(path + ".lock"); err != nil {
		t.Errorf("the lock file has to stay: %v", err)
	}
}

// TestOnlyItsOwn: an agent that ends removes no other one's socket.
func TestOnlyItsOwn(t *testing.T) {
	for _, replace := range []func(path string) error{
		func(path string) error { return os.Rename(path, path+".away") },
		os.Remove,
	} {
		path := filepath.Join(shortDir(t), "agent.sock")
		_, release, err := Listen(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := replace(path); err != nil {
			t.Fatal(err)
		}
		other, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		release()
		nc, err := net.Dial("unix", path)
		if err != nil {
			t.Errorf("the other agent's socket is gone: %v", err)
		} else {
			nc.Close()
		}
		other.Close()
	}
}

// TestDialErrors: what people are told when there is no agent, and when it is
// stuck with a full backlog.
func TestDialErrors(t *testing.T) {
	dir := shortDir(t)
	_, err := Dial(t.Context(), filepath.Join(dir, "agent.sock"))
	if e := AsError(err); e.Kind != KindUnreachable || e.Code != CodeUnreachable || e.Hint != "run: cogtok agent start" || !strings.Contains(e.Message, "no such file") {
		t.Errorf("%+v", e)
	}
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(t.Context(), plain); KindOf(err) != KindUnreachable {
		t.Errorf("a plain file: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, plain); KindOf(err) != KindCanceled {
		t.Errorf("canceled: %v", err)
	}
}
