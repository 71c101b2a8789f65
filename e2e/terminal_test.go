//go:build !windows

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

const newPassword = "Marker-NewPassw0rd-85!"

func TestLoginAtATerminal(t *testing.T) {
	t.Parallel()
	u, _ := newUser(t, "memory")
	term := u.Terminal("login", "prod")
	term.Answer("Password for rob", password)
	r := term.Wait()
	if r.Code != 0 || r.Stdout != "" {
		t.Fatal(r)
	}
	if strings.Contains(r.Stderr, password) {
		t.Error("the terminal shows the password")
	}
	if token := u.Must("", "token", "prod"); !strings.HasPrefix(token, "eyJ") {
		t.Errorf("token %q", token)
	}
}

// In a shell's $(…) the token command itself may ask: stdout is a pipe, but
// the terminal is there.
func TestTokenAsks(t *testing.T) {
	t.Parallel()
	u, _ := newUser(t, "memory")
	term := u.Terminal("token", "prod")
	term.Answer("Password for rob", password)
	if r := term.Wait(); r.Code != 0 || !strings.HasPrefix(r.Stdout, "eyJ") || strings.Count(r.Stdout, "\n") != 1 {
		t.Error(r)
	}
}

func TestNoInputNeverAsks(t *testing.T) {
	t.Parallel()
	u, _ := newUser(t, "memory")
	for _, args := range [][]string{{"token", "prod", "--no-input"}, {"login", "prod", "--no-input"}, {"secret", "set", "prod", "password", "--no-input"}} {
		if r := u.Terminal(args...).Wait(); r.Code != 3 || r.Stdout != "" {
			t.Errorf("%v: %s", args, r)
		}
	}
}

func TestWrongPasswordAtATerminal(t *testing.T) {
	t.Parallel()
	u, w := newUser(t, "memory")
	term := u.Terminal("login", "prod")
	term.Answer("Password for rob", "Wrong-Passw0rd-82!")
	if r := term.Wait(); r.Code != 7 || !strings.Contains(r.Stderr, "password") {
		t.Error(r)
	}
	if n := w.pool.PasswordAttempts("rob").Total; n != 1 {
		t.Errorf("the password was tried %d times", n)
	}
}

func TestKeepThePassword(t *testing.T) {
	t.Parallel()
	u, w := newUser(t, "file")
	withPassphrase(u, w)
	term := u.Terminal("login", "prod")
	term.Answer("Password for rob", password)
	term.Answer("[y/N]", "y")
	if r := term.Wait(); r.Code != 0 {
		t.Fatal(r)
	}
	if list := u.Must("", "secret", "list"); !strings.Contains(list, "password") {
		t.Errorf("secret list: %s", list)
	}
	w.pool.SignOutEverywhere("rob")
	// The session is over; the kept password begins another.
	if token := u.Must("", "token", "prod", "--force"); !strings.HasPrefix(token, "eyJ") {
		t.Errorf("token %q", token)
	}
}

func TestTOTP(t *testing.T) {
	t.Parallel()
	u, _ := newUser(t, "memory")
	term := u.Terminal("login", "totp")
	term.Answer("Password for totp", password)
	code, err := totp.GenerateCode(totpSeed, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	wrong := "000000"
	if code == wrong {
		wrong = "111111"
	}
	term.Answer("ode", wrong)
	term.Answer("ode", code)
	if r := term.Wait(); r.Code != 0 {
		t.Fatal(r)
	}
	u.Must("", "token", "totp")
}

func TestSMS(t *testing.T) {
	t.Parallel()
	u, w := newUser(t, "memory")
	term := u.Terminal("login", "sms")
	term.Answer("Password for sms", password)
	term.Expect("0123 (empty: send a new one): ") // the end of the number
	term.Type(w.pool.LastCode("sms") + "\n")
	if r := term.Wait(); r.Code != 0 {
		t.Fatal(r)
	}
	u.Must("", "token", "sms")
}

func TestNewPassword(t *testing.T) {
	t.Parallel()
	u, _ := newUser(t, "memory")
	term := u.Terminal("login", "fresh")
	term.Answer("Password for fresh", password)
	term.Answer("ew password", newPassword)
	term.Answer("gain", newPassword)
	if r := term.Wait(); r.Code != 0 || strings.Contains(r.Stderr, newPassword) {
		t.Fatal(r)
	}
	u.Must("", "logout", "fresh")
	u.Must(newPassword, "login", "fresh", "--password-stdin")
}

// Ctrl-C at a prompt ends the program at once, restores the terminal, and
// leaves nothing half done.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	u, w := newUser(t, "memory")
	for _, profile := range []string{"prod", "totp"} {
		term := u.Terminal("login", profile)
		term.Expect("Password for")
		if profile == "totp" {
			term.Type(password + "\n")
			term.Expect("ode")
		}
		term.Type("\x03")
		if r := term.Wait(); r.Code == 0 || r.Stdout != "" {
			t.Errorf("%s: %s", profile, r)
		}
		if r := u.Run("", "token", profile); r.Code != 3 {
			t.Errorf("%s, afterwards: %s", profile, r)
		}
	}
	if n := w.pool.PasswordAttempts("rob").Total; n != 0 {
		t.Errorf("a password that nobody typed was tried %d times", n)
	}
}

// A terminal that is closed at a prompt cancels the sign-in; the next one works.
func TestHangup(t *testing.T) {
	t.Parallel()
	u, _ := newUser(t, "memory")
	term := u.Terminal("login", "prod")
	term.Expect("Password for rob")
	term.Hangup()
	if r := term.Wait(); r.Code == 0 {
		t.Error(r)
	}
	again := u.Terminal("login", "prod")
	again.Answer("Password for rob", password)
	if r := again.Wait(); r.Code != 0 {
		t.Error(r)
	}
}

// The file store asks for its passphrase once a run of the agent.
func TestPassphrase(t *testing.T) {
	t.Parallel()
	u, _ := newUser(t, "file")
	if r := u.Run(password, "login", "prod", "--password-stdin", "--no-input"); r.Code != 5 {
		t.Errorf("without its passphrase: %s", r)
	}
	term := u.Terminal("login", "prod")
	term.Answer("assphrase", "Marker-Passphrase-83")
	term.Answer("assphrase", "Marker-Passphrase-83") // a new one is typed twice
	term.Answer("Password for rob", password)
	term.Answer("[y/N]", "")
	if r := term.Wait(); r.Code != 0 {
		t.Fatal(r)
	}
	u.Must("", "token", "prod")
	u.Must("", "agent", "restart")
	if r := u.Run("", "token", "prod"); r.Code != 5 || !strings.Contains(r.Stderr, "cogtok: ") {
		t.Errorf("after a restart, nobody there: %s", r)
	}
	term = u.Terminal("token", "prod")
	term.Answer("assphrase", "wrong")
	term.Answer("assphrase", "Marker-Passphrase-83")
	if r := term.Wait(); r.Code != 0 || !strings.HasPrefix(r.Stdout, "eyJ") {
		t.Error(r)
	}
	u.Must("", "token", "prod")
}
