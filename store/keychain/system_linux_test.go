package keychain

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/zalando/go-keyring"

	"github.com/cogtok/cogtok/store"
	"github.com/cogtok/cogtok/store/keychain/keychaintest"
	"github.com/cogtok/cogtok/store/storetest"
)

// grace is what a busy machine may add to a limit.
const grace = 200 * time.Millisecond

// atOnce is far from the limit, for a machine however busy.
const atOnce = time.Second

func TestGnomeKeyring(t *testing.T) {
	if !keychaintest.Session(t) {
		return
	}
	t.Run("conformance", func(t *testing.T) {
		open := func(*testing.T) store.Store { return New() }
		storetest.Run(t, open, storetest.Persistent(func(*testing.T, store.Store) store.Store { return New() }))
	})
	// What cogtok stores can be seen with the desktop's tools, and the other way round.
	t.Run("secret-tool", func(t *testing.T) {
		if err := New().Put(t.Context(), "prod/password", []byte("pässword 1")); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("secret-tool", "lookup", "service", "cogtok", "username", "prod/password").Output()
		if err != nil || string(out) != "pässword 1" {
			t.Errorf("secret-tool lookup: %q, %v", out, err)
		}
		set := exec.Command("secret-tool", "store", "--label=x", "service", "cogtok", "username", "prod/password")
		set.Stdin = bytes.NewReader([]byte("changed"))
		if out, err := set.CombinedOutput(); err != nil {
			t.Fatalf("secret-tool store: %v %s", err, out)
		}
		if got, err := New().Get(t.Context(), "prod/password"); err != nil || string(got) != "changed" {
			t.Errorf("Get: %q, %v", got, err)
		}
	})
}

// each calls every method of s on a name, and gives the errors to check with the time taken.
func each(t *testing.T, s *Store, name string, check func(method string, err error, took time.Duration)) {
	t.Helper()
	for method, call := range map[string]func() error{
		"Get":    func() error { _, err := s.Get(t.Context(), name); return err },
		"Put":    func() error { return s.Put(t.Context(), name, []byte("new")) },
		"Delete": func() error { return s.Delete(t.Context(), name) },
	} {
		start := time.Now()
		err := call()
		check(method+" "+name, err, time.Since(start))
	}
}

func TestLocked(t *testing.T) {
	if !keychaintest.Session(t) {
		return
	}
	s := New()
	if err := s.Put(t.Context(), "there", []byte("v")); err != nil {
		t.Fatal(err)
	}
	prompter := fakePrompter(t)
	keychaintest.Lock(t)
	for _, name := range []string{"there", "absent"} {
		each(t, s, name, func(what string, err error, took time.Duration) {
			if !errors.Is(err, errLocked) || took > Limit+grace {
				t.Errorf("%s: %v after %v, want %q", what, err, took, errLocked)
			}
		})
	}
	if n := prompter.calls(); n != 0 {
		t.Errorf("%d windows were opened, want none", n)
	}
	keychaintest.Unlock(t)
	if got, err := s.Get(t.Context(), "there"); err != nil || string(got) != "v" {
		t.Errorf("unlocked again: %q, %v", got, err)
	}
}

// TestPromptThatNobodyAnswers is what happens when the keychain opens a window
// though it seemed unlocked: the limit holds, and the windows don't pile up.
func TestPromptThatNobodyAnswers(t *testing.T) {
	if !keychaintest.Session(t) {
		return
	}
	prompter := fakePrompter(t)
	s := newStore(noCheck{}, Limit)
	keychaintest.Lock(t)
	if took := wantNoAnswer(t, s); took < Limit {
		t.Errorf("gave up after %v, want %v: did the prompt hang at all?", took, Limit)
	}
	for range 5 {
		if took := wantNoAnswer(t, s); took > atOnce {
			t.Errorf("while the prompt is open: %v, want an error at once", took)
		}
	}
	if n := prompter.calls(); n != 1 {
		t.Errorf("%d windows, want 1", n)
	}
}

// noCheck is the system's keychain without the look at whether it is locked.
type noCheck struct{ system }

func (noCheck) ready() error { return nil }

// A prompter stands for the desktop's: it takes every request for a window and
// never answers.
type prompter struct {
	mu    sync.Mutex
	count int
}

func (p *prompter) BeginPrompting(dbus.ObjectPath) *dbus.Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	return nil
}

func (p *prompter) calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

func fakePrompter(t *testing.T) *prompter {
	bus := keychaintest.Connect(t)
	p := new(prompter)
	if err := bus.Export(p, "/org/gnome/keyring/Prompter", "org.gnome.keyring.internal.Prompter"); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.RequestName("org.gnome.keyring.SystemPrompter", dbus.NameFlagReplaceExisting); err != nil {
		t.Fatal(err)
	}
	return p
}

func wantNoAnswer(t *testing.T, s *Store) time.Duration {
	t.Helper()
	start := time.Now()
	_, err := s.Get(t.Context(), "x")
	took := time.Since(start)
	if took > Limit+grace {
		t.Errorf("Get took %v, want at most %v", took, Limit)
	}
	wantReason(t, err, "does not answer")
	return took
}

func TestStopped(t *testing.T) {
	if !keychaintest.Session(t) {
		return
	}
	s := New()
	if err := s.Put(t.Context(), "x", []byte("v")); err != nil {
		t.Fatal(err)
	}
	daemon := keychaintest.Process(t)
	before := runtime.NumGoroutine()
	signal(t, daemon, syscall.SIGSTOP)
	t.Cleanup(func() { signal(t, daemon, syscall.SIGCONT) }) // stopped, it would outlive its session
	wantNoAnswer(t, s)
	for range 20 {
		if took := wantNoAnswer(t, s); took > atOnce {
			t.Errorf("the next call took %v, want an error at once", took)
		}
	}
	// One of ours, and the one that the D-Bus library has for each call.
	if more := runtime.NumGoroutine() - before; more > 2 {
		t.Errorf("%d goroutines hang", more)
	}
	signal(t, daemon, syscall.SIGCONT)
	start := time.Now()
	for {
		got, err := s.Get(t.Context(), "x")
		if err == nil && string(got) == "v" {
			break
		}
		if time.Since(start) > 2*time.Second {
			t.Fatalf("2 s after it goes on: %q, %v", got, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	for runtime.NumGoroutine() > before { // the D-Bus library's end a moment later
		if time.Since(start) > 2*time.Second {
			t.Fatalf("%d goroutines are left over", runtime.NumGoroutine()-before)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestKilled(t *testing.T) {
	if !keychaintest.Session(t) {
		return
	}
	s := New()
	if err := s.Put(t.Context(), "x", []byte("v")); err != nil {
		t.Fatal(err)
	}
	daemon := keychaintest.Process(t)
	var wg sync.WaitGroup
	killed := make(chan struct{})
	for range 8 {
		wg.Go(func() { useUntilItFails(t, s, killed) })
	}
	signal(t, daemon, syscall.SIGKILL)
	close(killed)
	wg.Wait()
	// The bus starts another one, which nobody has unlocked.
	each(t, s, "x", func(what string, err error, took time.Duration) {
		var unavailable *store.UnavailableError
		if !errors.As(err, &unavailable) || took > Limit+grace {
			t.Errorf("%s after the kill: %v after %v, want an *UnavailableError", what, err, took)
		}
		t.Logf("%s after the kill: %v (%v)", what, err, took)
	})
}

// useUntilItFails reads until the keychain is gone. Each call gets the value
// or an error for people, in time.
func useUntilItFails(t *testing.T, s *Store, killed <-chan struct{}) {
	for {
		start := time.Now()
		got, err := s.Get(t.Context(), "x")
		if took := time.Since(start); took > Limit+grace {
			t.Errorf("Get took %v", took)
		}
		if err != nil {
			wantReason(t, err, "the keychain")
			return
		}
		if string(got) != "v" {
			t.Errorf("Get: %q", got)
		}
		select {
		case <-killed:
			if time.Since(start) > 5*time.Second {
				t.Error("the keychain goes on after the kill")
				return
			}
		default:
		}
	}
}

func signal(t *testing.T, p *os.Process, s os.Signal) {
	t.Helper()
	if err := p.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// TestBusDies: the agent outlives the session that it was started in.
func TestBusDies(t *testing.T) {
	address, stop := startBus(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	s := New()
	_, err := s.Get(t.Context(), "x")
	wantReason(t, err, "no program in this D-Bus session offers")
	stop()
	for range 2 {
		start := time.Now()
		_, err = s.Get(t.Context(), "x")
		wantReason(t, err, "D-Bus session")
		if took := time.Since(start); took > Limit+grace {
			t.Errorf("Get took %v", took)
		}
	}
}

// startBus starts a bus that has no keychain.
func startBus(t *testing.T) (address string, stop func()) {
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("dbus-daemon is missing: install dbus")
		}
		t.Skip("dbus-daemon is missing: install dbus")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "bus.conf")
	address = "unix:path=" + filepath.Join(dir, "socket")
	text := fmt.Sprintf(`<busconfig><type>session</type><listen>%s</listen><policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`, address)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dbus-daemon", "--config-file="+config, "--print-address=1", "--nofork")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() { cmd.Process.Kill(); cmd.Wait() })
	t.Cleanup(stop)
	if _, err := out.Read(make([]byte, 1)); err != nil { // the address: it listens
		t.Fatal(err)
	}
	return address, stop
}

// TestNoBus: go-keyring would start dbus-launch, and that two daemons which
// nobody ever stops.
func TestNoBus(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "started")
	bin := t.TempDir()
	script := "#!/bin/sh\necho \"$0 $*\" >>" + marker + "\n"
	for _, name := range []string{"dbus-launch", "dbus-daemon", "gnome-keyring-daemon"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	plainFile := t.TempDir()
	if err := os.WriteFile(filepath.Join(plainFile, "bus"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, env := range map[string]struct{ address, runtimeDir, reason string }{
		"nothing":             {"", "", "no D-Bus session"},
		"autolaunch":          {"autolaunch:", "", "no D-Bus session"},
		"autolaunch in scope": {"autolaunch:scope=*user", "", "no D-Bus session"},
		"empty directory":     {"", t.TempDir(), "no D-Bus session"},
		"relative directory":  {"", ".", "no D-Bus session"},
		"bus is a plain file": {"", plainFile, "no D-Bus session"},
		"dead address":        {"unix:path=" + filepath.Join(bin, "nobody"), "", "can't be reached"},
		"nonsense":            {"nonsense", "", "can't be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", env.address)
			t.Setenv("XDG_RUNTIME_DIR", env.runtimeDir)
			each(t, New(), "x", func(what string, err error, took time.Duration) {
				wantReason(t, err, env.reason)
				if took > atOnce {
					t.Errorf("%s took %v", what, took)
				}
			})
			if text, err := os.ReadFile(marker); err == nil {
				t.Errorf("started: %s", text)
			}
		})
	}
	if _, err := os.Stat(fmt.Sprintf("/run/user/%d/bus", os.Getuid())); err == nil {
		return // go-keyring would find the user's own bus
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	if _, err := keyring.Get("x", "x"); err == nil {
		t.Fatal("go-keyring works without a bus")
	}
	if _, err := os.Stat(marker); err != nil {
		t.Error("go-keyring itself starts nothing: this test proves nothing any more")
	}
}

// TestBusInRuntimeDirectory: the bus is found where systemd puts it, which the
// D-Bus library looks for in /run/user alone.
func TestBusInRuntimeDirectory(t *testing.T) {
	address, _ := startBus(t)
	path := address[len("unix:path="):]
	dir := t.TempDir()
	if err := os.Symlink(path, filepath.Join(dir, "bus")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	t.Setenv("XDG_RUNTIME_DIR", dir)
	_, err := New().Get(t.Context(), "x")
	wantReason(t, err, "no program in this D-Bus session offers")
}
