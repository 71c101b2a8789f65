package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/cogtoktest"
)

// While the agent is locked it hands out nothing, whoever restarts or kills it;
// unlocking reads the keychain again.
func TestLockWithKeychain(t *testing.T) {
	u, w := newUser(t, "keychain")
	daemon := keyring(t, u)
	u.Must(password, "login", "prod", "--password-stdin")
	u.Must("", "token", "prod")
	w.server.ResetCalls()
	u.Must("", "lock")
	wantLocked(t, u)
	u.Must("", "agent", "restart")
	wantLocked(t, u)
	kill(t, u)
	wantLocked(t, u)
	if r := u.Run("", "status"); r.Code != 0 || !strings.Contains(r.Stdout, "locked") || !strings.Contains(r.Stderr, "run: cogtok unlock") {
		t.Error(r)
	}
	if n := w.server.Count(""); n != 0 {
		t.Errorf("%d calls to Cognito while it was locked", n)
	}
	if err := daemon.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if r := u.Run("", "unlock"); r.Code != 8 {
		t.Errorf("with a keychain that hangs: %s", r)
	}
	wantLocked(t, u)
	if err := daemon.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	// The agent asks a keychain that has hung once in ten seconds.
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		r := u.Run("", "unlock")
		if r.Code == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the keychain is back, but: %s", r)
		}
	}
	u.Must("", "token", "prod")
	if n := w.server.Count("InitiateAuth"); n != 0 {
		t.Errorf("signed in %d times", n)
	}
}

func wantLocked(t *testing.T, u *cogtoktest.User) {
	t.Helper()
	r := u.Run("", "token", "prod")
	if want := "cogtok: the agent is locked\ncogtok: hint: run: cogtok unlock\n"; r.Code != 5 || r.Stdout != "" || r.Stderr != want {
		t.Error(r)
	}
}

// With `store: file` nothing but the passphrase opens a locked agent again.
func TestLockWithFile(t *testing.T) {
	u, w := newUser(t, "file")
	const passphrase = "Marker-passphrase-17"
	u.Must(passphrase, "unlock", "--passphrase-stdin") // chooses it
	u.Must(password, "login", "prod", "--password-stdin")
	u.Must("", "token", "prod", "--force")
	secrets := refreshTokens(w)
	if len(secrets) == 0 {
		t.Fatal("the pool has given no refresh token")
	}
	u.Must("", "lock")
	wantLocked(t, u)
	for _, wrong := range []string{"Marker-wrong", " " + passphrase} {
		if r := u.Run(wrong, "unlock", "--passphrase-stdin"); r.Code != 5 || strings.Contains(r.Stderr, "arker") {
			t.Error(r)
		}
	}
	if r := u.Run("", "unlock", "--no-input"); r.Code != 5 {
		t.Error(r)
	}
	wantLocked(t, u)
	u.Must(passphrase, "unlock", "--passphrase-stdin")
	u.Must("", "token", "prod")
	if found := u.FindMarkers(append(secrets, passphrase)...); len(found) > 0 {
		t.Errorf("in clear on disk: %q", found)
	}
}
