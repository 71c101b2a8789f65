//go:build !windows

package compat

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/cogtok/cogtok/internal/cogtoktest"
	"github.com/cogtok/cogtok/internal/jwt"
)

const (
	password      = "Correct-Horse-9!"
	newPassword   = "Battery-Staple-7?"
	wrongPassword = "Wrong-9-Horse!"
	totpSeed      = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	phone         = "+15555550123"
)

// A person has cogtok with one profile, "p", and signs in with it.
type person struct {
	*trial
	u      *cogtoktest.User
	issuer string // how the issuer of the tokens ends
	client string // whose tokens they are
	access bool   // there is no ID token
	codes  func() string
	tokens map[string]string // the last ones, by their use
}

// answering signs in on a terminal and answers what is asked.
func (p *person) answering(dialogue func(*cogtoktest.Terminal), args ...string) cogtoktest.Result {
	p.Helper()
	term := p.u.Terminal(append([]string{"login", "p"}, args...)...)
	dialogue(term)
	return term.Wait()
}

// signIn is answering that must succeed, and looks at the tokens.
func (p *person) signIn(dialogue func(*cogtoktest.Terminal), args ...string) {
	p.Helper()
	if r := p.answering(dialogue, args...); r.Code != 0 || !strings.Contains(r.Stderr, "signed in to p") {
		p.Fatal(r)
	}
	p.isSignedIn()
}

// isSignedIn notes that there are tokens, and checks whose they are.
func (p *person) isSignedIn() {
	p.Helper()
	p.tokens = map[string]string{}
	for _, use := range p.uses() {
		token := p.u.Must("", "token", "p", "--type", use)
		claims, err := jwt.Decode(token)
		if err != nil {
			p.Fatal(err)
		}
		if claims.TokenUse != use || claims.ClientID != p.client || !strings.HasSuffix(claims.Issuer, p.issuer) {
			p.Errorf("claims of the %s token: %v", use, claims.Raw)
		}
		if again := p.u.Must("", "token", "p", "--type", use); again != token {
			p.Errorf("a second call gave another %s token", use)
		}
		p.tokens[use] = token
	}
	p.note("signed in")
}

func (p *person) uses() []string {
	if p.access {
		return []string{"access"}
	}
	return []string{"id", "access"}
}

// renew asks for a new token while the old one is good.
func (p *person) renew() {
	p.Helper()
	p.u.Must("", "token", "p", "--force")
	for _, use := range p.uses() {
		token := p.u.Must("", "token", "p", "--type", use)
		// An ID token may be the same where it has no id and was made in the same second.
		if token == p.tokens[use] && use == "access" {
			p.Errorf("renewing gave the same %s token", use)
		}
		p.tokens[use] = token
	}
	p.note("renewed")
}

// refused notes why something is refused, after a look at the refusal.
func (p *person) refused(r cogtoktest.Result, code int, text, why string) {
	p.Helper()
	if r.Code != code || r.Stdout != "" || !strings.Contains(r.Stderr, text) {
		p.Errorf("not the refusal with exit status %d and %q: %s", code, text, r)
		return
	}
	p.note("refused: " + why)
}

// notRenewed notes why a session can't be renewed. The person is told to sign in.
func (p *person) notRenewed(text, why string) {
	p.Helper()
	if r := p.u.Run("", "token", "p", "--force"); r.Code != 3 || r.Stdout != "" || !strings.Contains(r.Stderr, text) {
		p.Errorf("not refused to renew with %q: %s", text, r)
		return
	}
	p.note("not renewed: " + why)
}

// saidAtLogout is how the lines begin that tell of nothing amiss.
var saidAtLogout = []string{
	"signed out", "the refresh token is revoked", "all sessions of the user are ended",
	"tokens that were handed out", "the browser stays signed in", "a page was opened",
}

// logOut ends the session at the server too. Nothing may be amiss there.
func (p *person) logOut(flag string) {
	p.Helper()
	r := p.u.Run("", "logout", "p", flag)
	for line := range strings.Lines(r.Stderr) {
		if !slices.ContainsFunc(saidAtLogout, func(text string) bool { return strings.HasPrefix(line, "cogtok: "+text) }) {
			p.Errorf("logout says: %s", line)
		}
	}
	if r.Code != 0 {
		p.Fatal(r)
	}
	if r := p.u.Run("", "token", "p"); r.Code != 3 || r.Stdout != "" {
		p.Errorf("after logout: %s", r)
	}
}

// totpCode is the code of an authenticator app, steps after the present one.
func totpCode(t testing.TB, seed string, steps int) string {
	t.Helper()
	code, err := totp.GenerateCode(seed, time.Now().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return code
}
