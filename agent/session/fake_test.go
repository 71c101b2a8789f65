package session

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/totp"
	"github.com/cogtok/cogtok/profiles"
	"github.com/cogtok/cogtok/store"
)

// The marks of secrets: nothing that is written or said may hold one.
const (
	rightPassword = "MARK-password-right"
	totpSeed      = "JVAVESZNONSWKZBN" // base32 of "MARK-seed-"
	wrongPassword = "MARK-password-wrong"
)

// A pool stands in for a Provider with a user pool behind it.
type pool struct {
	device string   // this machine's key; with it no code is asked for
	codes  []string // that were made without asking
	asked  []string // the scopes of each token for the app client
	login  Login    // the last one

	wrongCodes   int  // that were made without asking
	lateQuestion bool // asks something after the tokens are made
	waits        bool // a browser that doesn't come by itself

	now    func() time.Time // the server's clock
	life   time.Duration
	tells  bool // each answer has the server's time
	again  bool // a refresh gives the last tokens again, as a cache would
	last   Grant
	noID   bool // a refresh gives no ID token, as some emulators do
	rotate bool
	delay  time.Duration // of each call
	secret string        // the app client's
	mfa    bool
	change string // the password that a sign-in changes the user's to, before MFA

	mu        sync.Mutex
	password  string
	refreshes int
	signIns   int
	issued    int
	valid     map[string]bool // refresh tokens
	fail      error           // of each call
	revoked   []string
	everyone  int
}

func newPool(now func() time.Time) *pool {
	return &pool{now: now, life: time.Hour, password: rightPassword, valid: map[string]bool{}}
}

// jwtFor makes an unsigned token with the claims that count.
func jwtFor(p profiles.Profile, use string, iat time.Time, life time.Duration) string {
	claims := map[string]any{
		"sub": "sub-" + p.Username, "token_use": use, "iat": iat.Unix(), "exp": iat.Add(life).Unix(),
		"iss": "https://cognito-idp." + p.Region + ".amazonaws.com/" + p.UserPoolID, "jti": fmt.Sprint(iat.UnixNano()),
	}
	if use == agent.TypeID {
		claims["aud"], claims["cognito:username"] = p.ClientID, p.Username
	} else {
		claims["client_id"], claims["username"] = p.ClientID, p.Username
		claims["scope"] = strings.Join(p.Scopes, " ")
	}
	body, _ := json.Marshal(claims)
	return "e30." + base64.RawURLEncoding.EncodeToString(body) + ".c2ln"
}

// issue makes a grant; mu is held.
func (f *pool) issue(p profiles.Profile, old Grant) Grant {
	f.issued++
	now := f.now()
	g := old
	g.IDToken = jwtFor(p, agent.TypeID, now, f.life)
	g.AccessToken = jwtFor(p, agent.TypeAccess, now, f.life)
	if !p.HasUser() {
		f.asked = append(f.asked, strings.Join(p.Scopes, " "))
		return Grant{AccessToken: g.AccessToken}
	}
	if f.rotate || old.RefreshToken.Empty() {
		delete(f.valid, old.RefreshToken.Reveal())
		token := fmt.Sprintf("MARK-refresh-%d", f.issued)
		f.valid[token] = true
		g.RefreshToken = agent.NewSecret(token)
	}
	if g.FirstRefreshToken.Empty() {
		g.FirstRefreshToken, g.Username, g.SignedInAt = g.RefreshToken, p.Username, now
	}
	if f.tells {
		g.ServerTime = now.Truncate(time.Second)
	}
	f.last = g
	return g
}

func (f *pool) wait(ctx context.Context) error {
	select {
	case <-time.After(f.delay):
		return nil
	case <-ctx.Done():
		return agent.Errorf(agent.KindNetwork, "no answer")
	}
}

func (f *pool) SignIn(ctx context.Context, p profiles.Profile, l Login) (SignedIn, error) {
	if p.UsesOAuth() {
		return f.oauth(ctx, p, l)
	}
	f.set(func() { f.login = l })
	if l.Reset {
		f.set(func() { f.password = f.change })
		l.Password = func(context.Context) (agent.Secret, error) { return agent.NewSecret(f.change), nil }
	}
	password, err := l.Password(ctx)
	if err != nil {
		return SignedIn{}, err
	}
	f.mu.Lock()
	f.signIns++
	fail, right := f.fail, f.password == password.Reveal()
	f.mu.Unlock()
	if err := f.wait(ctx); err != nil {
		return SignedIn{}, err
	}
	switch {
	case fail != nil:
		return SignedIn{}, fail
	case l.ClientSecret.Reveal() != f.secret:
		return SignedIn{}, agent.Errorf(agent.KindClientSecret, "the client secret is wrong")
	case !right:
		return SignedIn{}, agent.Errorf(agent.KindWrongPassword, "incorrect username or password")
	}
	var in SignedIn
	if f.change != "" {
		in.NewPassword = agent.NewSecret(f.change)
		f.set(func() { f.password = f.change })
	}
	if f.mfa && f.device == "" {
		code, err := l.Code(ctx)
		switch {
		case err != nil:
			return in, err
		case !code.Empty() && code.Reveal() == f.wantCode():
			f.set(func() { f.codes = append(f.codes, code.Reveal()) })
			in.Grant = f.issue(p, Grant{})
			return in, nil
		case !code.Empty():
			in.CodeRefused = true
			f.set(func() { f.wrongCodes++ })
			return in, agent.Errorf(agent.KindCodeWrong, "the code is wrong")
		case l.Prompter == nil:
			return in, agent.Errorf(agent.KindPromptNeeded, "a code is needed")
		}
		code, err = l.Prompter.Ask(ctx, agent.Prompt{Kind: agent.PromptMFA, Text: "Code"})
		if err != nil {
			return in, err
		}
		if code.Reveal() != "123456" {
			return in, agent.Errorf(agent.KindCodeWrong, "the code is wrong")
		}
	}
	f.set(func() { in.Grant = f.issue(p, Grant{DeviceKey: f.device}) })
	if f.lateQuestion {
		_, _ = l.Prompter.Ask(ctx, agent.Prompt{Kind: agent.PromptConfirm, Text: "Remember this machine?"})
	}
	return in, nil
}

// oauth signs in by a browser, or gets the app client's own token.
func (f *pool) oauth(ctx context.Context, p profiles.Profile, l Login) (SignedIn, error) {
	f.set(func() { f.signIns++ })
	if p.HasUser() {
		if l.Prompter == nil {
			return SignedIn{}, agent.Errorf(agent.KindPromptNeeded, "a browser is needed")
		}
		waiting, cancel := context.WithCancel(ctx)
		if !f.waits {
			time.AfterFunc(time.Millisecond, cancel) // the browser is back
		}
		_, err := l.Prompter.Ask(waiting, agent.Prompt{Kind: agent.PromptBrowser, Text: "Sign in", URL: "https://example.com"})
		cancel()
		if err != nil && f.waits {
			return SignedIn{}, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return SignedIn{Grant: f.issue(p, Grant{})}, nil
}

func (f *pool) wantCode() string {
	seed, _ := totp.ParseSeed(totpSeed)
	return totp.Code(seed, f.now())
}

func (f *pool) Refresh(ctx context.Context, p profiles.Profile, secret agent.Secret, g Grant) (Grant, error) {
	f.mu.Lock()
	f.refreshes++
	fail := f.fail
	f.mu.Unlock()
	if err := f.wait(ctx); err != nil {
		return Grant{}, err
	}
	if fail != nil {
		return Grant{}, fail
	}
	if secret.Reveal() != f.secret {
		return Grant{}, agent.Errorf(agent.KindClientSecret, "the client secret is wrong")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !p.HasUser() {
		return f.issue(p, g), nil
	}
	if !f.valid[g.RefreshToken.Reveal()] {
		return Grant{}, agent.Errorf(agent.KindLoginRequired, "sign-in needed: the refresh token was revoked")
	}
	if f.again {
		return f.last, nil
	}
	g = f.issue(p, g)
	if f.noID {
		g.IDToken = ""
	}
	return g, nil
}

func (f *pool) Revoke(_ context.Context, _ profiles.Profile, _ agent.Secret, g Grant) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.revoked = append(f.revoked, g.FirstRefreshToken.Reveal())
	delete(f.valid, g.RefreshToken.Reveal())
	return f.fail
}

func (f *pool) SignOutEverywhere(_ context.Context, _ profiles.Profile, g Grant) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if g.AccessToken == "" {
		return agent.Errorf(agent.KindRefused, "no access token")
	}
	f.everyone++
	clear(f.valid)
	return f.fail
}

func (f *pool) LogoutURL(context.Context, profiles.Profile) (string, error) {
	return "https://example.com/logout", nil
}

func (f *pool) Devices(context.Context, profiles.Profile, Grant) ([]agent.Device, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return []agent.Device{{Key: f.device}}, f.fail
}

func (f *pool) ForgetDevice(context.Context, profiles.Profile, Grant, string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fail
}

func (f *pool) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *pool) counts() (signIns, refreshes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.signIns, f.refreshes
}

// A rig is a keeper with all that it stands on, which outlives a restart.
type rig struct {
	t      *testing.T
	pool   *pool
	vault  store.Vault
	dir    string
	config string // the path of the config
	clock  Clock
	files  map[string]profiles.Profile
	keeper *Keeper
	logs   *logs
	cfg    func(*Config)
}

type logs struct {
	mu    sync.Mutex
	lines []string
}

func (l *logs) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func testProfile(name string) profiles.Profile {
	return profiles.Profile{
		Name: name, Region: "us-east-1", UserPoolID: "us-east-1_Test", ClientID: "client", Username: "rob",
		Auth: profiles.AuthSRP, Token: agent.TypeID, Scheme: profiles.SchemeNone, Store: profiles.StoreMemory,
	}
}

// newRig returns a rig with the profile "prod". Its clock is the test's.
func newRig(t *testing.T) *rig {
	began := time.Now()
	r := &rig{
		t: t, pool: newPool(time.Now), dir: t.TempDir(), logs: new(logs),
		vault: store.Vault{Secrets: new(store.Memory), Sessions: new(store.Memory)},
		clock: Clock{Wall: time.Now, Boot: func() time.Duration { return time.Since(began) }},
		files: map[string]profiles.Profile{"prod": testProfile("prod")},
	}
	r.config = filepath.Join(r.dir, "config.yaml")
	r.touch()
	t.Cleanup(r.stop)
	return r
}

// touch makes the config look changed.
func (r *rig) touch() {
	if err := os.WriteFile(r.config, fmt.Appendf(nil, "%d", time.Now().UnixNano()), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) load() (profiles.Config, error) {
	c := profiles.Config{Path: r.config, Profiles: maps.Clone(r.files), Store: profiles.StoreMemory}
	for name := range r.files {
		c.Names = append(c.Names, name)
	}
	return c, nil
}

func (r *rig) start() *Keeper {
	cfg := Config{
		Load: r.load, Path: r.config, Provider: r.pool, StateDir: r.dir, Clock: r.clock, Logf: r.logs.add,
		Vaults: map[string]store.Vault{profiles.StoreMemory: r.vault, profiles.StoreKeychain: r.vault, profiles.StoreFile: r.vault},
	}
	if r.cfg != nil {
		r.cfg(&cfg)
	}
	r.keeper = New(cfg)
	return r.keeper
}

func (r *rig) stop() {
	if r.keeper != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		r.keeper.Close(ctx)
		r.keeper = nil
	}
}

func (r *rig) restart() *Keeper {
	r.stop()
	return r.start()
}

// kill leaves the keeper as kill -9 would: nothing is saved.
func (r *rig) kill() {
	k := r.keeper
	r.keeper = nil
	r.t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		k.Close(ctx)
	})
}

func (r *rig) token(c agent.Caller, req agent.TokenRequest) (agent.Token, error) {
	return r.keeper.Token(r.t.Context(), c, req)
}

func (r *rig) login(c agent.Caller) {
	r.t.Helper()
	_, err := r.keeper.Login(r.t.Context(), c, agent.LoginRequest{Profile: "prod", Password: agent.NewSecret(rightPassword)})
	if err != nil {
		r.t.Fatalf("login: %v", err)
	}
}

func (r *rig) store(kind, value string) {
	r.t.Helper()
	_, err := r.keeper.SetSecret(r.t.Context(), agent.Caller{}, agent.SetSecretRequest{Profile: "prod", Kind: kind, Value: agent.NewSecret(value)})
	if err != nil {
		r.t.Fatalf("secret set %s: %v", kind, err)
	}
}

// A script answers prompts by kind, and remembers them.
type script struct {
	answers map[string]string
	delay   time.Duration // of each answer
	hold    chan struct{} // if not nil, answers come after it is closed

	mu    sync.Mutex
	asked []agent.Prompt
	came  chan struct{} // receives once a prompt, if not nil
}

func (s *script) Ask(ctx context.Context, q agent.Prompt) (agent.Secret, error) {
	s.mu.Lock()
	s.asked = append(s.asked, q)
	s.mu.Unlock()
	if s.came != nil {
		s.came <- struct{}{}
	}
	if s.hold != nil {
		select {
		case <-s.hold:
		case <-ctx.Done():
			return agent.Secret{}, ctx.Err()
		}
	}
	time.Sleep(s.delay)
	answer, ok := s.answers[q.Kind]
	if !ok {
		return agent.Secret{}, agent.Errorf(agent.KindPromptUnanswered, "the question was not answered")
	}
	return agent.NewSecret(answer), nil
}

func (s *script) kinds() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var kinds []string
	for _, q := range s.asked {
		kinds = append(kinds, q.Kind)
	}
	return kinds
}

// wantKind fails the test unless err is of the kind.
func wantKind(t *testing.T, err error, kind agent.Kind) *agent.Error {
	t.Helper()
	if agent.KindOf(err) != kind {
		t.Fatalf("error %v of kind %q, want kind %q", err, agent.KindOf(err), kind)
	}
	return agent.AsError(err)
}
