package e2e

import (
	"bufio"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/cogtoktest"
)

// keyring starts a message bus and a gnome-keyring for the user, unlocked.
// The result is the keyring daemon.
func keyring(t *testing.T, u *cogtoktest.User) *exec.Cmd {
	t.Helper()
	bus := exec.Command(cogtoktest.Tool(t, "dbus-daemon", "dbus-daemon"), "--session", "--nofork", "--nopidfile",
		"--print-address", "--address=unix:path="+u.Path("run/bus"))
	daemon := exec.Command(cogtoktest.Tool(t, "gnome-keyring-daemon", "gnome-keyring"), "--foreground", "--unlock", "--components=secrets")
	bus.Env = u.Env
	address, err := bus.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, bus)
	line, err := bufio.NewReader(address).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	u.Env = append(u.Env, "DBUS_SESSION_BUS_ADDRESS="+strings.TrimSpace(line))
	daemon.Env = u.Env
	daemon.Stdin = strings.NewReader("keyring password")
	start(t, daemon)
	// Asked too early, the bus would start a second daemon, which is locked.
	dbusSays(t, u, "boolean true", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus",
		"org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets")
	dbusSays(t, u, "boolean false", "--dest=org.freedesktop.secrets", "/org/freedesktop/secrets/collection/login",
		"org.freedesktop.DBus.Properties.Get", "string:org.freedesktop.Secret.Collection", "string:Locked")
	return daemon
}

// dbusSays waits until a call on the user's bus gives an answer.
func dbusSays(t *testing.T, u *cogtoktest.User, want string, call ...string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		r := u.RunProgram("", "dbus-send", append([]string{"--session", "--print-reply"}, call...)...)
		if strings.Contains(r.Stdout, want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v: %s", call, r)
		}
	}
}

// start starts a program that ends with the test.
func start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// With the keychain a restart asks nothing, and what is kept is where the
// README says.
func TestKeychain(t *testing.T) {
	u, w := newUser(t, "keychain")
	keyring(t, u)
	u.Must(clientSecret, "secret", "set", "secret", "client-secret")
	u.Must(password, "login", "secret", "--password-stdin")
	token := u.Must("", "token", "secret")
	u.Must("", "agent", "restart")
	w.server.ResetCalls()
	if again := u.Must("", "token", "secret"); again == token {
		t.Error("the token outlived the agent")
	}
	if n := w.server.Count("InitiateAuth"); n != 0 {
		t.Errorf("signed in %d times after the restart", n)
	}
	cogtoktest.Tool(t, "secret-tool", "libsecret-tools")
	if r := u.RunProgram("", "secret-tool", "lookup", "service", "cogtok", "username", "secret/client-secret"); strings.TrimSpace(r.Stdout) != clientSecret {
		t.Errorf("the keychain's item: %s", r)
	}
	// gnome-keyring's own file is encrypted; ours is sealed.
	if found := u.FindMarkers(append(refreshTokens(w), clientSecret, password)...); len(found) > 0 {
		t.Errorf("in clear on disk: %q", found)
	}
	u.Must("", "logout", "secret", "--forget")
	if r := u.RunProgram("", "secret-tool", "lookup", "service", "cogtok", "username", "secret/client-secret"); r.Stdout != "" {
		t.Errorf("logout --forget left %s", r)
	}
}

// Without a keychain nothing weaker is used by itself.
func TestNoKeychain(t *testing.T) {
	u, w := newUser(t, "keychain")
	r := u.Run(password, "login", "prod", "--password-stdin")
	if r.Code != 8 || !strings.Contains(r.Stderr, "store: file") || !strings.Contains(r.Stderr, "store: memory") {
		t.Error(r)
	}
	if n := strings.Count(r.Stderr, "store: file"); n != 1 {
		t.Errorf("the way out is told %d times: %s", n, r)
	}
	if n := w.server.Count(""); n != 0 {
		t.Errorf("%d calls to Cognito for a session that can't be kept", n)
	}
}

// A keyring daemon that hangs or dies costs no token that is in memory.
func TestKeychainStopsAndDies(t *testing.T) {
	u, _ := newUser(t, "keychain")
	daemon := keyring(t, u)
	u.Must(password, "login", "prod", "--password-stdin")
	token := u.Must("", "token", "prod")

	if err := daemon.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if u.Must("", "token", "prod") != token {
		t.Error("another token")
	}
	if d := time.Since(begin); d > time.Second {
		t.Errorf("a token from memory took %s", d)
	}
	renewed := u.Must("", "token", "prod", "--force")
	if renewed == token {
		t.Error("not renewed while the keychain hangs")
	}
	begin = time.Now()
	if r := u.Run(password, "secret", "set", "prod", "password"); r.Code != 8 {
		t.Errorf("with a keychain that hangs: %s", r)
	}
	if d := time.Since(begin); d > 6*time.Second {
		t.Errorf("the error took %s", d)
	}
	_ = daemon.Process.Signal(syscall.SIGCONT)
	_ = daemon.Process.Kill()
	if u.Must("", "token", "prod") != renewed {
		t.Error("another token after the keychain has gone")
	}
}
