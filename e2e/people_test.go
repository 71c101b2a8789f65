//go:build !windows

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cogtok/cogtok/internal/cogtoktest"
	"github.com/cogtok/cogtok/internal/userpool"
)

const askedForCode = "(empty: send a new one): "

// messages counts the codes that were sent to a user.
func messages(w *world, username string) (n int) {
	for _, m := range w.pool.Messages() {
		if m.Username == username {
			n++
		}
	}
	return n
}

// mustCost checks how often a user's password was tried, and how many codes were sent.
func mustCost(t *testing.T, w *world, username string, tries, codes int) {
	t.Helper()
	if n, sent := w.pool.PasswordAttempts(username).Total, messages(w, username); n != tries || sent != codes {
		t.Errorf("the password was tried %d times and %d codes were sent, want %d and %d", n, sent, tries, codes)
	}
}

// mustHaveToken checks that a program printed a token.
func mustHaveToken(t *testing.T, r cogtoktest.Result) {
	t.Helper()
	if r.Code != 0 || !strings.HasPrefix(r.Stdout, "eyJ") {
		t.Error(r)
	}
}

// typeCode answers the question for the code that was sent last.
func typeCode(term *cogtoktest.Terminal, w *world, username string) {
	term.Expect(askedForCode)
	term.Type(w.pool.LastCode(username) + "\n")
}

// waiting starts `cogtok token` on a terminal of its own while another one is
// being asked, and returns it when it waits with that.
func waiting(u *cogtoktest.User, profile string) *cogtoktest.Terminal {
	term := u.Terminal("token", profile, "-v")
	term.Expect("asking the agent")
	for range 3 { // which takes longer than the call that has just begun
		u.Must("", "agent", "status")
	}
	return term
}

// Two terminals want the same sign-in: one of them is asked, and both have it.
func TestOneAnswerForTwoTerminals(t *testing.T) {
	t.Parallel()
	u, w := newUser(t, "memory")
	first := u.Terminal("token", "sms")
	first.Expect("Password for sms")
	second := waiting(u, "sms")
	first.Type(password + "\n")
	typeCode(first, w, "sms")
	mustHaveToken(t, first.Wait())
	r := second.Wait()
	mustHaveToken(t, r)
	if strings.Contains(r.Stderr, "Password for") || strings.Contains(r.Stderr, askedForCode) {
		t.Errorf("the second terminal was asked as well: %s", r)
	}
	mustCost(t, w, "sms", 1, 1)
}

// A question whose terminal is closed goes to the other terminal that waits. It
// is still the same sign-in: no password and no code goes out again.
func TestQuestionGoesToTheNext(t *testing.T) {
	t.Parallel()
	u, w := newUser(t, "memory")
	first := u.Terminal("login", "sms")
	first.Expect("Password for sms")
	second := waiting(u, "sms")
	first.Hangup()
	second.Answer("Password for sms", password)
	second.Expect(askedForCode)
	third := waiting(u, "sms")
	second.Type("\x03")
	if r := second.Wait(); r.Code != 130 || r.Stdout != "" || !second.Restored() {
		t.Errorf("interrupted: %s", r)
	}
	typeCode(third, w, "sms")
	mustHaveToken(t, third.Wait())
	first.Wait()
	mustCost(t, w, "sms", 1, 1)
}

// A challenge can be answered within a shell's $(…).
func TestChallengeInAShell(t *testing.T) {
	t.Parallel()
	u, w := newUser(t, "memory")
	term := u.TerminalProgram("sh", "-c", `token=$(cogtok token sms) && printf '<%s>' "$token"`)
	term.Answer("Password for sms", password)
	typeCode(term, w, "sms")
	if r := term.Wait(); r.Code != 0 || !strings.HasPrefix(r.Stdout, "<eyJ") || strings.ContainsAny(r.Stdout, "\r\n") {
		t.Error(r)
	}
	term = u.TerminalProgram("sh", "-c", `token=$(cogtok token totp) || echo "status $?, <$token>"`)
	term.Answer("Password for totp", password)
	term.Expect("Code from your authenticator app: ")
	term.Type("\x03")
	// The shell may end by the same signal.
	if r := term.Wait(); r.Stdout != "" && r.Stdout != "status 130, <>\n" || !term.Restored() {
		t.Error(r)
	}
}

// An editor, which has no terminal, is told at once that a person is needed. No
// code goes to anybody's phone for it.
func TestEditorSendsNoCode(t *testing.T) {
	t.Parallel()
	u, w := newUser(t, "memory")
	w.pool.AddUser(userpool.User{Username: "byphone", Password: password, Phone: "+15555550124"})
	needed := func(when string) {
		t.Helper()
		before := messages(w, "sms")
		for range 3 {
			if r := u.Run("", "token", "sms"); r.Code != 3 || r.Stdout != "" || !strings.Contains(r.Stderr, "cogtok: hint: run: cogtok login sms") {
				t.Errorf("%s: %s", when, r)
			}
		}
		if n := messages(w, "sms"); n != before {
			t.Errorf("%s: %d codes were sent", when, n-before)
		}
	}
	needed("before any sign-in")
	term := u.Terminal("login", "sms")
	term.Answer("Password for sms", password)
	typeCode(term, w, "sms")
	if r := term.Wait(); r.Code != 0 {
		t.Fatal(r)
	}
	w.pool.SignOutEverywhere("sms")
	u.Run("", "token", "sms", "--force")
	needed("after a session that took a code")
	u.Must(password, "secret", "set", "sms", "password")
	needed("with a stored password")
	mustCost(t, w, "sms", 1, 1)
}

// The same for codes that are the first factor, which need no password.
func TestEditorSendsNoFirstCode(t *testing.T) {
	t.Parallel()
	c := challenge{pool: everybody, user: reachable}
	w, endpoint := c.newWorld(t)
	w.pool.AddUser(c.newUser("rob"))
	u := cogtoktest.NewUser(t)
	u.WriteConfig("version: 1\nstore: memory\nprofiles:\n  code:\n    user_pool_id: " + w.pool.ID() + "\n    client_id: " + c.client.ID +
		"\n    username: rob\n    endpoint: " + endpoint + "\n    auth: choice\n    preferred_challenge: EMAIL_OTP\n" +
		"  any:\n    extends: code\n    auth: choice\n    preferred_challenge: SMS_OTP\n")
	for _, args := range [][]string{{"token", "code"}, {"token", "any"}, {"login", "code", "--no-input"}} {
		if r := u.Run("", args...); r.Code != 3 || r.Stdout != "" || !whatAndHintPlain(r.Stderr) {
			t.Errorf("%v: %s", args, r)
		}
	}
	mustCost(t, w, "rob", 0, 0)
}

func whatAndHintPlain(stderr string) bool {
	return strings.HasPrefix(stderr, "cogtok: ") && strings.Contains(stderr, "\ncogtok: hint: ")
}

// An agent that is killed while it asks takes the question with it: login says
// so, and nothing of the sign-in is left. A token is asked for anew.
func TestAgentKilledAtAQuestion(t *testing.T) {
	t.Parallel()
	for _, store := range []string{"memory", "file"} {
		t.Run(store, func(t *testing.T) {
			u, w := newUser(t, store)
			if store == "file" {
				withPassphrase(u, w)
			}
			term := u.Terminal("login", "sms")
			term.Answer("Password for sms", password)
			term.Expect(askedForCode)
			kill(t, u)
			r := term.Wait()
			if r.Code != 4 || r.Stdout != "" || !whatAndHint.MatchString(r.Stderr) || jargon.MatchString(r.Stderr) || !term.Restored() {
				t.Errorf("login: %s", r)
			}
			if r := u.Run("", "token", "sms"); r.Code != 3 {
				t.Errorf("token: %s", r)
			}
			mustCost(t, w, "sms", 1, 1)

			term = u.Terminal("token", "sms")
			term.Expect("Password for sms")
			kill(t, u)
			term.Answer("Password for sms", password)
			typeCode(term, w, "sms")
			mustHaveToken(t, term.Wait())
			if !term.Restored() {
				t.Error("the terminal is not as it was")
			}
			mustCost(t, w, "sms", 2, 2)
		})
	}
}

func kill(t *testing.T, u *cogtoktest.User) {
	t.Helper()
	pid := agentPID(t, u)
	if pid == 0 {
		t.Fatal("no agent runs")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// A machine that the person wants remembered stands for the second factor, at
// the next sign-in and where nobody can be asked.
func TestRememberedDevice(t *testing.T) {
	t.Parallel()
	c := challenge{user: phone, pool: userpool.PoolConfig{DeviceConfiguration: &userpool.DeviceConfiguration{
		ChallengeRequiredOnNewDevice: true, DeviceOnlyRememberedOnUserPrompt: true,
	}}}
	w, endpoint := c.newWorld(t)
	w.pool.AddUser(c.newUser("rob"))
	u := cogtoktest.NewUser(t)
	u.WriteConfig("version: 1\nstore: file\npassphrase_command: [printf, Marker-Passphrase-83]\nprofiles:\n  home:\n    user_pool_id: " + w.pool.ID() +
		"\n    client_id: " + c.client.ID + "\n    username: rob\n    endpoint: " + endpoint + "\n")
	term := u.Terminal("login", "home")
	term.Answer("Password for rob", password)
	typeCode(term, w, "rob")
	term.Answer("may need no second factor? [y/N] ", "y")
	term.Answer("Keep the password of profile home", "y")
	if r := term.Wait(); r.Code != 0 {
		t.Fatal(r)
	}
	if list := u.Must("", "device", "list", "home"); !strings.Contains(list, "cogtok (this one)") || !strings.Contains(list, "yes") {
		t.Errorf("device list: %s", list)
	}
	u.Must("", "agent", "restart")
	w.pool.SignOutEverywhere("rob")
	mustHaveToken(t, u.Run("", "token", "home", "--force"))
	mustCost(t, w, "rob", 3, 1) // the proof of a device counts as one of a password does

	u.Must("", "secret", "delete", "home", "password")
	term = u.Terminal("login", "home")
	term.Answer("Password for rob", password)
	term.Answer("Keep the password of profile home", "n")
	if r := term.Wait(); r.Code != 0 || strings.Contains(r.Stderr, askedForCode) {
		t.Error(r)
	}

	// Once the pool has forgotten it, the code is needed again.
	w.pool.ForgetDevice("rob", w.pool.Devices("rob")[0].Key)
	term = u.Terminal("login", "home")
	term.Answer("Password for rob", password)
	typeCode(term, w, "rob")
	term.Answer("may need no second factor? [y/N] ", "")
	term.Answer("Keep the password of profile home", "n")
	if r := term.Wait(); r.Code != 0 {
		t.Error(r)
	}
}

// With the seed and the password in the store, signing in is silent.
func TestTOTPSeedIsSilent(t *testing.T) {
	t.Parallel()
	for _, store := range []string{"memory", "file"} {
		t.Run(store, func(t *testing.T) {
			u, w := newUser(t, store)
			if store == "file" {
				withPassphrase(u, w)
			}
			u.Must(password, "secret", "set", "totp", "password")
			// As a site shows it.
			u.Must(strings.ToLower(totpSeed[:4]+" "+totpSeed[4:]), "secret", "set", "totp", "totp-seed")
			mustHaveToken(t, u.Run("", "token", "totp"))
			mustCost(t, w, "totp", 1, 0)
		})
	}
}

// A wrong seed is tried once where nobody can be asked; a person is asked for
// the code in its place.
func TestWrongTOTPSeed(t *testing.T) {
	t.Parallel()
	u, w := newUser(t, "memory")
	u.Must(password, "secret", "set", "totp", "password")
	u.Must("KRSXG5CTMVSWI5DFON2HGZLFMQ", "secret", "set", "totp", "totp-seed")
	for i, want := range []int{7, 3, 3} {
		if r := u.Run("", "token", "totp"); r.Code != want || r.Stdout != "" || !whatAndHintPlain(r.Stderr) {
			t.Errorf("call %d: %s", i, r)
		}
	}
	if n := w.pool.CodeAttempts("totp").Total; n != 1 {
		t.Errorf("the wrong code was tried %d times", n)
	}
	term := u.Terminal("login", "totp")
	term.Expect("was refused before or is being tried. Code from your authenticator app: ")
	term.Type(appCode(totpSeed)(&sitting{t: t}, 0) + "\n")
	if r := term.Wait(); r.Code != 0 {
		t.Error(r)
	}
}

// The seed of a new authenticator app is shown on the terminal, once, and is
// nowhere else.
func TestSeedIsShownOnce(t *testing.T) {
	t.Parallel()
	c := challenge{pool: userpool.PoolConfig{MFA: userpool.MFARequired}}
	w, endpoint := c.newWorld(t)
	w.pool.AddUser(c.newUser("rob"))
	u := cogtoktest.NewUser(t)
	u.WriteConfig("version: 1\nstore: file\npassphrase_command: [printf, Marker-Passphrase-83]\nprofiles:\n  home:\n    user_pool_id: " + w.pool.ID() +
		"\n    client_id: " + c.client.ID + "\n    username: rob\n    endpoint: " + endpoint + "\n")
	term := u.Terminal("login", "home", "-v")
	term.Answer("Password for rob", password)
	term.Expect("Code that the app shows now: ")
	s := &sitting{t: t, term: term}
	seed := strings.ReplaceAll(shownSeed.FindStringSubmatch(term.Shown())[1], " ", "")
	if !strings.Contains(term.Shown(), "▀") {
		t.Errorf("no QR code is shown:\n%s", term.Shown())
	}
	args := commandLines(t)
	term.Type(newApp(s, 0) + "\n")
	term.Answer("Keep the password of profile home", "n")
	r := term.Wait()
	if r.Code != 0 {
		t.Fatal(r)
	}
	if n := len(shownSeed.FindAllString(r.Stderr, -1)); n != 1 || strings.Contains(r.Stderr, seed) {
		t.Errorf("the seed is shown %d times: %s", n, r)
	}
	for _, where := range append(u.FindMarkers(seed), args) {
		if strings.Contains(where, seed) {
			t.Errorf("the seed is in %s", where)
		}
	}
}

// commandLines are the arguments of all processes.
func commandLines(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(files) == 0 {
		cogtoktest.Missing(t, "looking at processes needs /proc")
	}
	var all strings.Builder
	for _, file := range files {
		text, _ := os.ReadFile(file) // the process may have ended
		all.Write(text)
		all.WriteByte('\n')
	}
	return all.String()
}
