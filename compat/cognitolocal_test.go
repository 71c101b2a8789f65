//go:build !windows

package compat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/cogtoktest"
)

// cognitoLocal is a running cognito-local with one pool and one app client.
type cognitoLocal struct {
	cmd          *exec.Cmd
	log          tail
	dir, url     string
	pool, client string
	callback     string // of the app client
}

// What cognito-local sends to everybody who needs a code.
const localCode = "123456"

var local struct {
	once   sync.Once
	server *cognitoLocal
	err    error
}

// sharedLocal returns the cognito-local of all tests. Each uses users of its own.
func sharedLocal(t testing.TB) *cognitoLocal {
	t.Helper()
	cogtoktest.Tool(t, "node", "nodejs")
	modules(t)
	local.once.Do(func() { local.server, local.err = startCognitoLocal() })
	if local.err != nil {
		t.Fatal(local.err)
	}
	return local.server
}

func startCognitoLocal() (*cognitoLocal, error) {
	program, err := filepath.Abs("node_modules/.bin/cognito-local")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "cognito-local")
	if err != nil {
		return nil, err
	}
	port := freePort()
	s := &cognitoLocal{dir: dir, url: fmt.Sprintf("http://127.0.0.1:%d", port), callback: callbackURL()}
	s.pool, s.client = "local_Shared", "sharedclient"
	if err := s.seed(); err != nil {
		return nil, err
	}
	s.cmd = exec.Command("node", program)
	s.cmd.Dir = dir
	s.cmd.Env = append(os.Environ(), "HOST=127.0.0.1", fmt.Sprintf("PORT=%d", port), "CODE="+localCode)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	atEnd(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		os.RemoveAll(dir)
	})
	if err := waitUntilUp(s.url); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, s.log.String())
	}
	return s, nil
}

// seed writes the database: there is no operation that gives a user a phone for
// SMS_MFA, or that has an administrator reset a password.
func (s *cognitoLocal) seed() error {
	user := func(name, status string, more map[string]any) map[string]any {
		u := map[string]any{
			"Username": name, "Password": password, "UserStatus": status, "Enabled": true, "RefreshTokens": []string{},
			"UserCreateDate": time.Now(), "UserLastModifiedDate": time.Now(),
			"Attributes": []map[string]string{{"Name": "sub", "Value": "sub-of-" + name}, {"Name": "email", "Value": name + "@example.com"}, {"Name": "phone_number", "Value": phone}},
		}
		for k, v := range more {
			u[k] = v
		}
		return u
	}
	bySMS := []map[string]string{{"DeliveryMedium": "SMS", "AttributeName": "phone_number"}}
	users := map[string]any{
		"sms":   user("sms", "CONFIRMED", map[string]any{"MFAOptions": bySMS}),
		"both":  user("both", "CONFIRMED", map[string]any{"MFAOptions": bySMS, "UserMFASettingList": []string{"SMS_MFA", "SOFTWARE_TOKEN_MFA"}, "SoftwareTokenMfaConfiguration": map[string]any{"Secret": totpSeed, "Verified": true}}),
		"app":   user("app", "CONFIRMED", map[string]any{"UserMFASettingList": []string{"SOFTWARE_TOKEN_MFA"}, "SoftwareTokenMfaConfiguration": map[string]any{"Secret": totpSeed, "Verified": true}}),
		"reset": user("reset", "RESET_REQUIRED", map[string]any{"ConfirmationCode": localCode}),
		"fresh": user("fresh", "UNCONFIRMED", map[string]any{"ConfirmationCode": localCode}),
	}
	for _, name := range []string{"new"} {
		users[name] = user(name, "FORCE_CHANGE_PASSWORD", nil)
	}
	for _, name := range []string{"rob", "admin", "browser", "forgetful"} {
		users[name] = user(name, "CONFIRMED", nil)
	}
	client := map[string]any{
		"ClientId": s.client, "ClientName": "test", "UserPoolId": s.pool, "CallbackURLs": []string{s.callback},
		"CreationDate": time.Now(), "LastModifiedDate": time.Now(), "AllowedOAuthFlowsUserPoolClient": true, "RefreshTokenValidity": 30,
		"ExplicitAuthFlows": []string{"ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
	}
	files := map[string]any{
		"config.json": map[string]any{
			"UserPoolDefaults": map[string]any{"UsernameAttributes": []string{}},
			"TokenConfig":      map[string]any{"IssuerDomain": s.url},
		},
		"db/" + s.pool + ".json": map[string]any{
			"Users":   users,
			"Options": map[string]any{"Id": s.pool, "Name": "test", "UsernameAttributes": []string{}, "MfaConfiguration": "OPTIONAL"},
		},
		"db/clients.json": map[string]any{"Clients": map[string]any{s.client: client}},
	}
	if err := os.MkdirAll(filepath.Join(s.dir, ".cognito/db"), 0o700); err != nil {
		return err
	}
	for name, content := range files {
		data, err := json.Marshal(content)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(s.dir, ".cognito", name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

var nextPort atomic.Int32

// freePort returns a port that nobody listens at, below those that the system
// gives to others meanwhile.
func freePort() int {
	for {
		port := 20_000 + (os.Getpid()*37+int(nextPort.Add(1)))%10_000
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			return port
		}
	}
}

func callbackURL() string { return fmt.Sprintf("http://localhost:%d/callback", freePort()) }

func waitUntilUp(url string) error {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if resp, err := http.Get(url); err == nil {
			resp.Body.Close()
			return nil
		}
	}
	return fmt.Errorf("%s does not answer", url)
}

// person returns somebody whose profile "p" signs in to the pool.
func (s *cognitoLocal) person(t *trial, keys string) *person {
	t.Helper()
	u := cogtoktest.NewUser(t)
	u.Env = append(u.Env, "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local")
	writeProfile(u, s.pool, s.client, s.url, "region: us-east-1; "+keys)
	return &person{trial: t, u: u, issuer: "/" + s.pool, client: s.client, codes: func() string { return localCode }}
}

// A localTrial signs in to cognito-local.
type localTrial struct {
	flow, challenge, user string
	outcome               string
	keys                  string
	run                   func(*person)
}

// cognito-local keeps the refresh token of a sign-in with a challenge for
// nobody, and refuses it. The person is told to sign in.
const lost = "cognito-local forgets refresh tokens that came after a challenge"

func (p *person) loses() {
	p.Helper()
	p.notRenewed("cogtok login p", lost)
}

// refuses signs in and is refused.
func refuses(code int, text, why string) func(*person) {
	return func(p *person) { p.refused(p.u.Run(password, "login", "p", "--password-stdin"), code, text, why) }
}

// revokes logs out. cognito-local tells nobody of its refresh tokens, but keeps
// them in a file.
func (s *cognitoLocal) revokes(p *person, user string) {
	p.Helper()
	before := s.refreshTokens(p, user)
	p.logOut("--revoke")
	if after := s.refreshTokens(p, user); after != before-1 {
		p.Errorf("%s has %d refresh tokens, and had %d", user, after, before)
	}
	p.note("revoked")
}

func (s *cognitoLocal) refreshTokens(t testing.TB, user string) int {
	t.Helper()
	var file struct {
		Users map[string]struct{ RefreshTokens []string }
	}
	var err error
	for range 100 { // it may be half written: others use the server at the same time
		var data []byte
		if data, err = os.ReadFile(filepath.Join(s.dir, ".cognito/db", s.pool+".json")); err == nil {
			err = json.Unmarshal(data, &file)
		}
		if err == nil {
			return len(file.Users[user].RefreshTokens)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal(err)
	return 0
}

func localTrials() []localTrial {
	plain := func(user string) func(*person) {
		return func(p *person) {
			if r := p.u.Run(wrongPassword, "login", "p", "--password-stdin"); r.Code != 7 {
				p.Errorf("wrong password: %s", r)
			}
			p.u.Must(password, "login", "p", "--password-stdin")
			p.isSignedIn()
			p.renew()
			if who := p.u.Must("", "whoami", "p"); !bytes.Contains([]byte(who), []byte(user+"@example.com")) {
				p.Errorf("whoami: %s", who)
			}
			sharedLocal(p).revokes(p, user)
		}
	}
	begin := func(answers func(*person, *cogtoktest.Terminal)) func(*person) {
		return func(p *person) {
			p.signIn(func(term *cogtoktest.Terminal) {
				term.Answer("Password for", password)
				answers(p, term)
			})
		}
	}
	thenLoses := func(signIn func(*person)) func(*person) {
		return func(p *person) {
			signIn(p)
			p.loses()
		}
	}
	thenAll := func(user string, signIn func(*person)) func(*person) {
		return func(p *person) {
			signIn(p)
			p.renew()
			sharedLocal(p).revokes(p, user)
		}
	}
	code := func(prompt string) func(*person, *cogtoktest.Terminal) {
		return func(_ *person, term *cogtoktest.Terminal) { term.Answer(prompt, localCode) }
	}
	app := func(p *person, term *cogtoktest.Terminal) {
		term.Answer("Code from your authenticator app", totpCode(p, totpSeed, 0))
	}
	const signedInLost = "signed in, not renewed: " + lost
	return []localTrial{
		{"password", "none", "rob", whole, "auth: password", plain("rob")},
		{"password", "NEW_PASSWORD_REQUIRED", "new", signedInLost, "auth: password", thenLoses(begin(newPasswords))},
		{"password", "SMS_MFA", "sms", signedInLost, "auth: password", thenLoses(begin(code("Code sent by SMS to")))},
		{"password", "SOFTWARE_TOKEN_MFA", "app", signedInLost, "auth: password", thenLoses(begin(func(p *person, term *cogtoktest.Terminal) {
			term.Answer("Code from your authenticator app", "000000") // wrong
			app(p, term)
		}))},
		{"password", "SELECT_MFA_TYPE", "both", signedInLost, "auth: password", thenLoses(begin(func(p *person, term *cogtoktest.Terminal) {
			choose(term, "Authenticator app")
			app(p, term)
		}))},
		{"password", "password reset by an administrator", "reset", whole, "auth: password", thenAll("reset", begin(func(p *person, term *cogtoktest.Terminal) {
			code("Code that was sent for that")(p, term)
			newPasswords(p, term)
		}))},
		{"password", "forgotten password", "forgetful", whole, "auth: password", thenAll("forgetful", func(p *person) {
			p.signIn(func(term *cogtoktest.Terminal) {
				code("Code to reset the password, sent by email")(p, term)
				newPasswords(p, term)
			}, "--reset")
		})},
		{"password", "user not confirmed", "fresh", whole, "auth: password", thenAll("fresh", begin(code("Code that was sent at sign-up")))},
		{"password", "unknown user", "nobody", "refused: no such user", "auth: password", refuses(7, "nobody", "no such user")},
		{"admin-password", "none", "admin", whole, "auth: admin-password", plain("admin")},
		{"srp", "none", "rob", "refused: cognito-local has no SRP", "auth: srp", refuses(7, "doesn't know how to do this", "cognito-local has no SRP")},
		{"choice: PASSWORD", "none", "rob", "refused: cognito-local has no USER_AUTH", "auth: choice; preferred_challenge: PASSWORD", refuses(7, "doesn't know how to do this", "cognito-local has no USER_AUTH")},
		{"custom", "none", "rob", "refused: cognito-local has no CUSTOM_AUTH", "auth: custom", func(p *person) {
			p.refused(p.answering(func(*cogtoktest.Terminal) {}), 7, "doesn't know how to do this", "cognito-local has no CUSTOM_AUTH")
		}},
	}
}

func cogtokOnCognitoLocal() []combination {
	var all []combination
	for _, l := range localTrials() {
		all = append(all, combination{cogtok, localServer, l.flow, l.challenge, l.outcome, func(t *trial) {
			l.run(sharedLocal(t).person(t, "username: "+l.user+"; "+l.keys))
		}})
	}
	return all
}
