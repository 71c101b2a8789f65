//go:build !windows

package compat

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/cogtok/cogtok/internal/cogtoktest"
	"github.com/cogtok/cogtok/internal/userpool"
)

// A browser is a headless Chromium with cookies of its own. cogtok opens pages in
// it by $BROWSER.
type browser struct {
	*person
	program  string // Chromium
	codesURL string // where the codes are that a person would type
	deaf     bool   // it is on another machine: nobody answers there
}

// pages is where a browser has been.
type pages struct {
	Pages   []string // what they said
	Address string   // the last one that it went to
	Error   string
}

func (p pages) last() string { return p.Pages[len(p.Pages)-1] }

// step is what a person does on a page.
type step struct {
	Fill  map[string]string `json:"fill,omitempty"`
	Click string            `json:"click"`
}

func (p *person) browser(codesURL string) *browser {
	p.Helper()
	b := &browser{person: p, program: cogtoktest.Tool(p, "chromium", "chromium"), codesURL: codesURL}
	// What cogtok runs writes down the address; the test has the browser go there.
	opener := p.u.Path("browser")
	script := fmt.Sprintf("#!/bin/sh\nprintf %%s \"$1\" >%[1]s.new && mv %[1]s.new %[1]s\n", p.u.Path("address"))
	if err := os.WriteFile(opener, []byte(script), 0o700); err != nil {
		p.Fatal(err)
	}
	p.u.Env = append(p.u.Env, "BROWSER="+opener)
	p.Cleanup(func() {
		var none pages
		node(p, "chromium.mjs", in{"person": b.u.Home, "close": true}, &none)
	})
	return b
}

// opened waits until cogtok opens a page, and returns its address.
func (b *browser) opened() string {
	b.Helper()
	path := b.u.Path("address")
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if address, err := os.ReadFile(path); err == nil {
			if err := os.Remove(path); err != nil {
				b.Fatal(err)
			}
			return string(address)
		}
	}
	b.Fatal("cogtok opened no page")
	return ""
}

// visit goes to an address and takes steps there.
func (b *browser) visit(address string, steps ...step) pages {
	b.Helper()
	var went pages
	node(b, "chromium.mjs", in{"chromium": b.program, "person": b.u.Home, "deaf": b.deaf, "address": address, "steps": steps, "codes": b.codesURL}, &went)
	if went.Error != "" {
		b.Fatalf("%s\nafter: %q", went.Error, went.Pages)
	}
	return went
}

// login signs in by the pages of managed login.
func (b *browser) login(steps ...step) (cogtoktest.Result, pages) {
	b.Helper()
	term := b.u.Terminal("login", "p")
	went := b.visit(b.opened(), steps...)
	return term.Wait(), went
}

// signIn is login that must succeed, also by what the browser shows.
func (b *browser) signIn(steps ...step) pages {
	b.Helper()
	r, went := b.login(steps...)
	if r.Code != 0 || !strings.Contains(r.Stderr, "signed in to p") {
		b.Fatalf("%s\npages: %q", r, went.Pages)
	}
	if page := went.last(); !strings.Contains(page, "You are signed in to profile p as") || !strings.Contains(page, "You can close this window.") {
		b.Errorf("the page at the end: %q", page)
	}
	b.isSignedIn()
	return went
}

// The steps on the pages of the embedded pool.
func typePassword(password string) step {
	return step{map[string]string{"#username": "rob", "#password": password}, "button[name=signin]"}
}

func typeCode(code string) step { return step{map[string]string{"#code": code}, "button[name=signin]"} }

// browserPool is the embedded pool with a domain, and somebody with a browser.
type browserPool struct {
	pool *ownPool
	*browser
}

func startBrowserPool(t *trial, keys string, setUp func(*poolSetup)) *browserPool {
	t.Helper()
	callback := callbackURL()
	setup := poolSetup{
		pool: userpool.PoolConfig{IdentityProviders: []userpool.IdentityProvider{{Name: "Google"}}},
		client: userpool.Client{
			OAuthFlows: []string{"code"}, OAuthScopes: []string{"openid", "email", "aws.cognito.signin.user.admin"},
			CallbackURLs: []string{callback}, IdentityProviders: []string{"COGNITO", "Google"},
		},
	}
	if setUp != nil {
		setUp(&setup)
	}
	pool := startOwnPool(t, setup)
	if _, err := pool.pool.StartDomain("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	p := pool.person(t, pool.open, "auth: browser; redirect_urls: ["+callback+"]"+keys)
	return &browserPool{pool, p.browser(pool.codes(t))}
}

// renewAndRevoke is what follows every sign-in.
func (b *browserPool) renewAndRevoke() {
	b.Helper()
	b.renew()
	b.pool.revoke(b.person)
}

// byBrowser signs in over a hurdle.
func byBrowser(setUp func(*poolSetup), steps ...step) func(*trial) {
	return func(t *trial) {
		b := startBrowserPool(t, "", setUp)
		b.signIn(append([]step{typePassword(password)}, steps...)...)
		b.renewAndRevoke()
	}
}

// wrongFirst types a wrong password before the right one.
func wrongFirst(t *trial) {
	b := startBrowserPool(t, "; login_hint: rob", nil)
	went := b.signIn(step{map[string]string{"#password": wrongPassword}, "button[name=signin]"}, typePassword(password))
	if !strings.Contains(went.Pages[1], "Incorrect username or password.") {
		t.Errorf("after a wrong password: %q", went.Pages[1])
	}
	b.renewAndRevoke()
}

// again signs in twice: the browser's cookie does for the second time, until a
// logout ends that too.
func again(flag string) func(*trial) {
	return func(t *trial) {
		b := startBrowserPool(t, "", nil)
		b.signIn(typePassword(password))
		b.signIn() // asks nothing
		b.logOut(flag)
		if went := b.visit(b.opened()); !strings.Contains(went.last(), "Password") {
			t.Errorf("the page of the logout: %q", went.last())
		}
		b.signIn(typePassword(password)) // or the form isn't there to be filled in
		t.came = []string{"signed in"}
	}
}

// stays is a logout that leaves the browser signed in, and says so.
func stays(t *trial) {
	b := startBrowserPool(t, "", nil)
	b.signIn(typePassword(password))
	if r := b.u.Run("", "logout", "p"); r.Code != 0 || !strings.Contains(r.Stderr, "the browser stays signed in") {
		t.Error(r)
	}
	b.signIn()
	t.came = []string{"signed in"}
}

// byProvider signs in with the page that stands in for an identity provider.
func byProvider(t *trial) {
	b := startBrowserPool(t, "", nil)
	b.signIn(step{Click: "button[value=Google]"}, step{map[string]string{"#user_id": "rob", "#email": "rob@example.com"}, "button[value=continue]"})
	if who := b.u.Must("", "whoami", "p"); !strings.Contains(who, "Google_rob") {
		t.Errorf("whoami: %s", who)
	}
	b.renewAndRevoke()
}

func canceled(t *trial) {
	b := startBrowserPool(t, "; identity_provider: Google", nil)
	r, went := b.login(step{Click: "button[value=cancel]"})
	if page := went.last(); !strings.Contains(page, "You are not signed in") || strings.Contains(page, "close this window") {
		t.Errorf("the page at the end: %q", page)
	}
	b.refused(r, 7, "access_denied", "the identity provider said no")
}

// otherUser signs in as somebody whom the profile isn't for.
func otherUser(t *trial) {
	b := startBrowserPool(t, "; username: eve", nil)
	r, went := b.login(typePassword(password))
	if page := went.last(); !strings.Contains(page, "You are not signed in") {
		t.Errorf("the page at the end: %q", page)
	}
	b.refused(r, 7, "the profile is for eve", "the browser's user isn't the profile's")
}

var addressShown = regexp.MustCompile(`http://127\.0\.0\.1:\d+/oauth2/authorize\?\S+`)

// pasted has the browser on another machine, which ends at an address where nobody answers.
func pasted(t *trial) {
	b := startBrowserPool(t, "", nil)
	b.deaf = true
	term := b.u.Terminal("login", "p", "--no-browser")
	term.Expect("paste the address at which it ends up: ")
	went := b.visit(addressShown.FindString(term.Shown()), typePassword(password))
	if end, err := url.Parse(went.Address); err != nil || end.Path != "/callback" || strings.Contains(went.last(), "signed in") {
		t.Fatalf("the browser ends at %q and shows %q", went.Address, went.last())
	}
	term.Type(went.Address + "\n")
	if r := term.Wait(); r.Code != 0 {
		t.Fatal(r)
	}
	if _, err := os.Stat(b.u.Path("address")); err == nil {
		t.Error("--no-browser opened a page")
	}
	b.isSignedIn()
	b.renewAndRevoke()
}

// onLocal signs in at the hosted UI of cognito-local.
func onLocal(t *trial) {
	s := sharedLocal(t)
	b := s.person(t, "auth: browser; domain: "+s.url+"; redirect_urls: ["+s.callback+"]").browser("")
	typed := func(password string) step {
		return step{map[string]string{"input[name=username]": "browser", "input[name=password]": password}, "button"}
	}
	went := b.signIn(typed(wrongPassword), typed(password))
	if !strings.Contains(went.Pages[1], "Incorrect username or password.") {
		t.Errorf("after a wrong password: %q", went.Pages[1])
	}
	b.renew()
}

func cogtokInBrowser() []combination {
	const flow = "browser"
	return []combination{
		{cogtok, embedded, flow, "none", whole, byBrowser(nil)},
		{cogtok, localServer, flow, "none", "signed in, renewed", onLocal},
		{cogtok, embedded, flow, "wrong password first", whole, wrongFirst},
		{cogtok, embedded, flow, "NEW_PASSWORD_REQUIRED", whole, byBrowser(temporary, step{map[string]string{"#new_password": newPassword}, "button[name=reset]"})},
		{cogtok, embedded, flow, "SMS_MFA", whole, byBrowser(withSMS, typeCode("$sent"))},
		{cogtok, embedded, flow, "EMAIL_OTP", whole, byBrowser(func(s *poolSetup) { s.rob.EmailMFA = true }, typeCode("$sent"))},
		{cogtok, embedded, flow, "SOFTWARE_TOKEN_MFA", whole, byBrowser(withApp, typeCode("$totp "+totpSeed))},
		{cogtok, embedded, flow, "SELECT_MFA_TYPE", whole, byBrowser(withBoth, step{Click: "button[value=SOFTWARE_TOKEN_MFA]"}, typeCode("$totp "+totpSeed))},
		{cogtok, embedded, flow, "MFA_SETUP (authenticator app)", whole, byBrowser(mustSetUp, typeCode("$totp-of #secret"))},
		{cogtok, embedded, flow, "identity provider", whole, byProvider},
		{cogtok, embedded, flow, "identity provider, canceled", "refused: the identity provider said no", canceled},
		{cogtok, embedded, flow, "another user than the profile's", "refused: the browser's user isn't the profile's", otherUser},
		{cogtok, embedded, flow, "a second time, without a password", "signed in", stays},
		{cogtok, embedded, flow, "after logout --everywhere, with a password again", "signed in", again("--everywhere")},
		{cogtok, embedded, flow, "after logout --browser, with a password again", "signed in", again("--browser")},
		{cogtok, embedded, flow, "--no-browser, the address pasted", whole, pasted},
	}
}
