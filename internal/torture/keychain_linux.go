package torture

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/userpool"
)

// KeychainFigures are what Keychain saw.
type KeychainFigures struct {
	Cached     int           `json:"cached"` // calls for a token in memory while the keychain was stopped
	CachedP99  time.Duration `json:"cached_p99"`
	CachedMax  time.Duration `json:"cached_max"`
	Uncached   time.Duration `json:"uncached"`    // until the error of a call that needs the keychain, at most
	NewAgent   time.Duration `json:"new_agent"`   // the same, of an agent that was started meanwhile
	NextErrors time.Duration `json:"next_errors"` // of the calls after that, at most
	Recovery   time.Duration `json:"recovery"`    // from when it goes on until a call works
	Threads    int           `json:"threads"`     // more than before, while stuck
	AfterDeath bool          `json:"after_death"` // a token from memory when the keychain has died
	Complaints complaints    `json:"complaints"`
}

// ErrNoKeychain means that gnome-keyring or D-Bus is not installed.
var ErrNoKeychain = errors.New("dbus-daemon, dbus-send or gnome-keyring-daemon is not installed")

// Keychain stops a real gnome-keyring, lets it go on, and kills it, and asks
// the real agent for tokens meanwhile.
func Keychain(ctx context.Context, programs string, asks int) (f KeychainFigures, err error) {
	m, err := newMachine(ctx, programs, "keychain", userpool.Client{Rotation: true, RetryGrace: time.Minute})
	if err != nil {
		return f, err
	}
	defer m.close()
	daemon, stop, err := m.keyring()
	if err != nil {
		return f, err
	}
	defer stop()
	if err := errors.Join(m.start()); err != nil {
		return f, err
	}
	if err := m.login(); err != nil {
		return f, err
	}
	defer daemon.Process.Signal(syscall.SIGCONT)
	f.stopped(m, daemon, asks)
	// An agent that was started while the keychain is stopped knows nothing.
	m.kill()
	if err := m.start(); err != nil {
		return f, err
	}
	began := time.Now()
	if _, err := m.token(agent.TokenRequest{}); agent.KindOf(err) != agent.KindStore {
		f.Complaints.add("a new agent without the keychain: %v", err)
	}
	f.NewAgent = time.Since(began)
	if st, err := m.status(); err != nil || st.Profiles[0].Problem == "" {
		f.Complaints.add("status: %+v, %v", st, err)
	}
	_ = daemon.Process.Signal(syscall.SIGCONT)
	f.Recovery = m.untilItWorks(agent.KindStore)
	_ = daemon.Process.Kill()
	_, err = m.token(agent.TokenRequest{})
	f.AfterDeath = err == nil
	return f, nil
}

// stopped stops the keychain and looks at an agent with tokens in memory.
func (f *KeychainFigures) stopped(m *machine, daemon *exec.Cmd, asks int) {
	threads := threadsOf(m.agent.cmd.Process.Pid)
	_ = daemon.Process.Signal(syscall.SIGSTOP)
	for range 3 {
		began := time.Now()
		err := m.store("prod", agent.SecretPassword, rightPassword)
		if took := time.Since(began); f.Uncached == 0 {
			f.Uncached = took
		} else {
			f.NextErrors = max(f.NextErrors, took)
		}
		if agent.KindOf(err) != agent.KindStore {
			f.Complaints.add("storing without the keychain: %v", err)
		}
	}
	c, err := agent.Dial(m.ctx, m.socket)
	if err != nil {
		f.Complaints.add("%v", err)
		return
	}
	defer c.Close()
	var took spread
	for range asks {
		began := time.Now()
		if _, err := c.Token(m.ctx, agent.Caller{}, agent.TokenRequest{Profile: "prod"}); err != nil {
			f.Complaints.add("from memory: %v", err)
		}
		took = append(took, time.Since(began))
	}
	f.Cached, f.CachedP99, f.CachedMax = asks, took.at(99), took.at(100)
	// The key of the sealed file is in memory: renewing needs no keychain.
	if _, err := m.token(agent.TokenRequest{Force: true}); err != nil {
		f.Complaints.add("renewing without the keychain: %v", err)
	}
	f.Threads = threadsOf(m.agent.cmd.Process.Pid) - threads
}

// untilItWorks waits until a token is had, as long as only errors of a kind come.
func (m *machine) untilItWorks(kind agent.Kind) time.Duration {
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		_, err := m.token(agent.TokenRequest{})
		if took := time.Since(began); err == nil || agent.KindOf(err) != kind || took > time.Minute {
			return took
		}
	}
}

// keyring starts a bus and an unlocked gnome-keyring on it.
func (m *machine) keyring() (daemon *exec.Cmd, stop func(), err error) {
	for _, tool := range []string{"dbus-daemon", "dbus-send", "gnome-keyring-daemon"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, nil, ErrNoKeychain
		}
	}
	bus := exec.CommandContext(m.ctx, "dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address", "--address=unix:path="+m.path("run/bus"))
	bus.Env = m.env
	out, err := bus.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := bus.Start(); err != nil {
		return nil, nil, err
	}
	var running []*exec.Cmd
	stop = func() {
		for _, cmd := range append(running, bus) {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return nil, nil, err
	}
	m.env = append(m.env, "DBUS_SESSION_BUS_ADDRESS="+strings.TrimSpace(line))
	daemon = exec.CommandContext(m.ctx, "gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets")
	daemon.Env, daemon.Stdin = m.env, strings.NewReader("keyring password")
	if err := daemon.Start(); err != nil {
		stop()
		return nil, nil, err
	}
	running = append(running, daemon)
	// Asked too early, the bus would start a second daemon, which is locked.
	err = errors.Join(
		m.busSays("boolean true", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"),
		m.busSays("boolean false", "--dest=org.freedesktop.secrets", "/org/freedesktop/secrets/collection/login",
			"org.freedesktop.DBus.Properties.Get", "string:org.freedesktop.Secret.Collection", "string:Locked"))
	if err != nil {
		stop()
	}
	return daemon, stop, err
}

// busSays waits until a call on the bus gives an answer.
func (m *machine) busSays(want string, args ...string) error {
	var out []byte
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		cmd := exec.CommandContext(m.ctx, "dbus-send", append([]string{"--session", "--print-reply"}, args...)...)
		cmd.Env = m.env
		if out, _ = cmd.CombinedOutput(); strings.Contains(string(out), want) {
			return nil
		}
	}
	return fmt.Errorf("dbus-send %v: %s", args, out)
}
