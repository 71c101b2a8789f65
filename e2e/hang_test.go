//go:build !windows

package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// An agent that was stopped, as by a debugger, costs seconds and not a minute,
// and there is a way out.
func TestStoppedAgent(t *testing.T) {
	u, w := newUser(t, "file")
	withPassphrase(u, w)
	u.Must(password, "login", "prod", "--password-stdin")
	pid := agentPID(t, u)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGCONT)
	begin := time.Now()
	if r := u.Run("", "token", "prod"); r.Code != 4 || r.Stdout != "" || !strings.Contains(r.Stderr, "cogtok agent restart") {
		t.Error(r)
	}
	if took := time.Since(begin); took > 7*time.Second {
		t.Errorf("the error took %s", took)
	}
	begin = time.Now()
	if r := u.Run("", "agent", "restart"); r.Code != 0 {
		t.Fatal(r)
	}
	if took := time.Since(begin); took > 9*time.Second {
		t.Errorf("the restart took %s", took)
	}
	if token := u.Must("", "token", "prod"); !strings.HasPrefix(token, "eyJ") {
		t.Errorf("token %q", token)
	}
}

// A renewal that takes longer than the thin client waits is not cut short.
func TestSlowRenewal(t *testing.T) {
	t.Parallel()
	u, w := newUser(t, "memory")
	u.Must(password, "login", "prod", "--password-stdin")
	token := u.Must("", "token", "prod")
	w.server.Delay("GetTokensFromRefreshToken", 4*time.Second)
	if renewed := u.Must("", "token", "prod", "--force"); renewed == token {
		t.Error("not renewed")
	}
	if n := w.server.Count("GetTokensFromRefreshToken"); n != 1 {
		t.Errorf("renewed %d times", n)
	}
}

// What goes wrong is tried once and told as it was.
func TestFailuresAreTriedOnce(t *testing.T) {
	t.Parallel()
	u, w := newUser(t, "memory")
	u.Must("Wrong-Passw0rd-82!", "secret", "set", "prod", "password")
	if r := u.Run("", "token", "prod"); r.Code != 7 || !strings.Contains(r.Stderr, "wrong") {
		t.Errorf("a wrong stored password: %s", r)
	}
	if n := w.pool.PasswordAttempts("rob").Total; n != 1 {
		t.Errorf("it was tried %d times", n)
	}
	if r := u.Run("", "token", "prod"); r.Code != 3 {
		t.Errorf("from then on a person is needed: %s", r)
	}
}

// A sign-in that needs a person too sends the stored password once, and tells
// what is needed where nobody can be asked.
func TestStoredPasswordAndCode(t *testing.T) {
	t.Parallel()
	u, w := newUser(t, "memory")
	u.Must(password, "secret", "set", "totp", "password")
	term := u.Terminal("token", "totp")
	code, err := totp.GenerateCode(totpSeed, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	term.Answer("Code from your authenticator app", code)
	if r := term.Wait(); r.Code != 0 || !strings.HasPrefix(r.Stdout, "eyJ") {
		t.Error(r)
	}
	if n := w.pool.PasswordAttempts("totp").Total; n != 1 {
		t.Errorf("the password was sent %d times", n)
	}
}
