//go:build !windows

package compat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/cogtok/cogtok/internal/cogtoktest"
	"github.com/cogtok/cogtok/internal/userpool"
)

const (
	poolID       = "us-east-1_AbCdEf123"
	clientSecret = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN"
)

// ownPool is the embedded pool with rob in it, and an app client with a
// secret and one without.
type ownPool struct {
	server         *userpool.Server
	url            string
	pool           *userpool.Pool
	open, secretly userpool.Client
	rob            userpool.User
}

// poolSetup is what a test wants of the embedded pool.
type poolSetup struct {
	pool   userpool.PoolConfig
	client userpool.Client
	rob    userpool.User
}

func startOwnPool(t testing.TB, s poolSetup) *ownPool {
	t.Helper()
	server := userpool.New(userpool.Config{RecordParameters: true})
	url, err := server.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	s.pool.ID = poolID
	s.client.Flows = []string{"ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_AUTH",
		"ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
	if len(s.pool.UsernameAttributes) == 0 {
		s.rob.Username = "rob"
	}
	s.rob.Email, s.rob.Phone = "rob@example.com", phone
	if s.rob.Password == "" {
		s.rob.Password = password
	}
	p := &ownPool{server: server, url: url, pool: server.AddPool(s.pool)}
	p.open = p.pool.AddClient(s.client)
	s.client.Secret = clientSecret
	p.secretly = p.pool.AddClient(s.client)
	p.rob = p.pool.AddUser(s.rob)
	return p
}

// person returns somebody whose profile signs in to the pool. keys are those of
// the profile, besides where the pool is.
func (p *ownPool) person(t *trial, client userpool.Client, keys string) *person {
	t.Helper()
	u := cogtoktest.NewUser(t)
	credential := userpool.TestCredential()
	u.Env = append(u.Env, "AWS_ACCESS_KEY_ID="+credential.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+credential.SecretAccessKey)
	writeProfile(u, p.pool.ID(), client.ID, p.url, keys)
	if client.Secret != "" {
		u.Must(client.Secret, "secret", "set", "p", "client-secret")
	}
	return &person{trial: t, u: u, issuer: "/" + p.pool.ID(), client: client.ID, codes: func() string { return p.pool.LastCode(p.rob.Username) }}
}

// writeProfile writes a config with the profile "p". keys are separated by semicolons.
func writeProfile(u *cogtoktest.User, pool, client, endpoint, keys string) {
	text := fmt.Sprintf("version: 1\nstore: memory\nprofiles:\n  p:\n    user_pool_id: %s\n    client_id: %s\n    endpoint: %s\n", pool, client, endpoint)
	for key := range strings.SplitSeq(keys, ";") {
		text += "    " + strings.TrimSpace(key) + "\n"
	}
	u.WriteConfig(text)
}

// revoke verifies the tokens, logs out, and tries whether the refresh token is good for anything yet.
func (p *ownPool) revoke(who *person) {
	who.Helper()
	if who.client == p.open.ID {
		verifyTokens(who, p, tokenPair{who.tokens["id"], who.tokens["access"]})
	}
	who.logOut("--revoke")
	if p.server.Count("RevokeToken")+p.server.Count("/oauth2/revoke") == 0 {
		who.Error("nothing was revoked")
	}
	p.refusesRefresh(who, who.client)
	who.note("revoked")
}

// call calls one of Cognito's operations.
func (p *ownPool) call(t testing.TB, operation string, in map[string]any) (status int, answer string) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+operation)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, text.String()
}

// asked says whether a challenge was answered.
func (p *ownPool) asked(challenge string) bool {
	for _, call := range p.server.Calls() {
		if call.Error == "" && call.Parameters["ChallengeName"] == challenge {
			return true
		}
	}
	return false
}

// A way is a flow of cogtok in which a password comes first, and then any
// challenge.
type way struct {
	name, keys string
	custom     *userpool.CustomAuth
	after      func(*cogtoktest.Terminal) // what the flow asks in the end
}

func (w way) more(term *cogtoktest.Terminal) {
	if w.after != nil {
		w.after(term)
	}
}

func ways() []way {
	return []way{
		{name: "srp", keys: "auth: srp"},
		{name: "password", keys: "auth: password"},
		{name: "admin-password", keys: "auth: admin-password"},
		{name: "choice: PASSWORD_SRP", keys: "auth: choice; preferred_challenge: PASSWORD_SRP"},
		{name: "choice: PASSWORD", keys: "auth: choice; preferred_challenge: PASSWORD"},
		{name: "custom, after the password", keys: "auth: custom; custom_srp: true", custom: addition(), after: answerCustom},
	}
}

func answerCustom(term *cogtoktest.Terminal) {
	term.Expect("question: 2 + 2")
	term.Answer("Answer", "4")
}

// A hurdle is what stands between the password and the tokens.
type hurdle struct {
	name   string
	setUp  func(*poolSetup)
	answer func(*person, *cogtoktest.Terminal)
	// proof is the challenge that must have been answered, if it isn't name; "-" for none.
	proof string
}

func hurdles() []hurdle {
	code := func(prompt string) func(*person, *cogtoktest.Terminal) {
		return func(p *person, term *cogtoktest.Terminal) {
			term.Expect(prompt)
			term.Type(p.codes() + "\n")
		}
	}
	app := func(p *person, term *cogtoktest.Terminal) {
		term.Answer("Code from your authenticator app", totpCode(p, totpSeed, 0))
	}
	return []hurdle{
		{name: "NEW_PASSWORD_REQUIRED", setUp: func(s *poolSetup) { s.rob.Status = userpool.ForceChangePassword }, answer: newPasswords},
		{name: "SMS_MFA", setUp: func(s *poolSetup) { s.rob.SMSMFA = true }, answer: code("Code sent by SMS to +*******0123")},
		{name: "EMAIL_OTP", setUp: func(s *poolSetup) { s.rob.EmailMFA = true }, answer: code("Code sent by email to r***@e***")},
		{name: "SOFTWARE_TOKEN_MFA", setUp: func(s *poolSetup) { s.rob.TOTPSeed = totpSeed }, answer: app},
		{
			name:  "SELECT_MFA_TYPE",
			setUp: func(s *poolSetup) { s.rob.SMSMFA, s.rob.TOTPSeed = true, totpSeed },
			answer: func(p *person, term *cogtoktest.Terminal) {
				choose(term, "Authenticator app")
				app(p, term)
			},
		},
		{
			name:   "MFA_SETUP (authenticator app)",
			proof:  "MFA_SETUP",
			setUp:  func(s *poolSetup) { s.pool.MFA = userpool.MFARequired },
			answer: setUpApp,
		},
		{
			name:  "MFA_SETUP (email)",
			proof: "MFA_SETUP",
			setUp: func(s *poolSetup) { s.pool.MFA, s.pool.MFASetup = userpool.MFARequired, []string{"EMAIL_OTP"} },
			answer: func(p *person, term *cogtoktest.Terminal) {
				term.Answer("Email address for codes", "new@example.com")
				code("Code sent by email to n***@e***")(p, term)
			},
		},
		{
			name:  "password reset by an administrator",
			proof: "-",
			setUp: func(s *poolSetup) { s.rob.Status = userpool.ResetRequired },
			answer: func(p *person, term *cogtoktest.Terminal) {
				term.Answer("Code that was sent for that", "") // it wasn't: send one
				code("Code to reset the password, sent by email")(p, term)
				newPasswords(p, term)
			},
		},
		{
			name:  "user not confirmed",
			proof: "-",
			setUp: func(s *poolSetup) { s.rob.Status = userpool.Unconfirmed },
			answer: func(p *person, term *cogtoktest.Terminal) {
				term.Answer("Code that was sent at sign-up", "") // it wasn't: send one
				code("Code to confirm the user, sent by")(p, term)
			},
		},
	}
}

func newPasswords(_ *person, term *cogtoktest.Terminal) {
	term.Answer("New password for", newPassword)
	term.Answer("new password again", newPassword)
}

var seedShown = regexp.MustCompile(`(?:[A-Z2-7]{4} ){4,}[A-Z2-7]{1,4}`)

func setUpApp(p *person, term *cogtoktest.Terminal) {
	term.Expect("Code that the app shows now")
	seed := strings.ReplaceAll(seedShown.FindString(term.Shown()), " ", "")
	term.Type(totpCode(p, seed, 0) + "\n")
}

// choose types the number of a choice.
func choose(term *cogtoktest.Terminal, label string) {
	term.Expect("Number (1-")
	for line := range strings.Lines(term.Shown()) {
		if number, text, found := strings.Cut(strings.TrimSpace(line), ") "); found && strings.HasPrefix(text, label) {
			term.Type(number + "\n")
			return
		}
	}
	term.Type("\n\n\n")
}

// run signs in by a way over a hurdle.
func (w way) run(h hurdle) func(*trial) {
	return func(t *trial) {
		setup := poolSetup{pool: userpool.PoolConfig{Custom: w.custom}}
		h.setUp(&setup)
		pool := startOwnPool(t, setup)
		p := pool.person(t, pool.open, "username: rob; "+w.keys)
		p.signIn(func(term *cogtoktest.Terminal) {
			term.Answer("Password for rob", password)
			h.answer(p, term)
			w.more(term)
		})
		proof := h.proof
		if proof == "" {
			proof = h.name
		}
		if proof != "-" && !pool.asked(proof) {
			t.Errorf("%s was not answered", proof)
		}
		p.renew()
		pool.revoke(p)
	}
}

// plain signs in by a way without any hurdle, in all kinds of pools, with and
// without a client secret, and has the tokens verified.
func (w way) plain(t *trial) {
	w.wrongPassword(t)
	for _, kind := range []struct {
		user   string
		config userpool.PoolConfig
	}{
		{"rob", userpool.PoolConfig{}},
		{"rob@example.com", userpool.PoolConfig{AliasAttributes: []string{"email"}}},
		{"rob@example.com", userpool.PoolConfig{UsernameAttributes: []string{"email"}}},
	} {
		kind.config.Custom = w.custom
		pool := startOwnPool(t, poolSetup{pool: kind.config})
		for _, client := range []userpool.Client{pool.open, pool.secretly} {
			t.came = nil // the same each time
			p := pool.person(t, client, "username: "+kind.user+"; "+w.keys)
			p.signIn(func(term *cogtoktest.Terminal) {
				term.Answer("Password for "+kind.user, password)
				w.more(term)
			})
			p.renew()
			pool.revoke(p)
		}
	}
}

func (w way) wrongPassword(t *trial) {
	pool := startOwnPool(t, poolSetup{pool: userpool.PoolConfig{Custom: w.custom}})
	p := pool.person(t, pool.open, "username: rob; "+w.keys)
	r := p.answering(func(term *cogtoktest.Terminal) { term.Answer("Password for rob", wrongPassword) })
	if r.Code != 7 || !strings.Contains(r.Stderr, "password") {
		t.Errorf("wrong password: %s", r)
	}
}

// remembered signs in twice in a pool that remembers devices: the second time
// the device stands for the authenticator app.
func (w way) remembered(t *trial) {
	pool := startOwnPool(t, poolSetup{
		pool: userpool.PoolConfig{Custom: w.custom, DeviceConfiguration: &userpool.DeviceConfiguration{ChallengeRequiredOnNewDevice: true}},
		rob:  userpool.User{TOTPSeed: totpSeed},
	})
	p := pool.person(t, pool.open, "username: rob; "+w.keys)
	begin := func(term *cogtoktest.Terminal) { term.Answer("Password for rob", password) }
	p.signIn(func(term *cogtoktest.Terminal) {
		begin(term)
		term.Answer("Code from your authenticator app", totpCode(p, totpSeed, 0))
		w.more(term)
	})
	t.came = nil
	p.signIn(func(term *cogtoktest.Terminal) {
		begin(term)
		w.more(term)
	})
	if !pool.asked("DEVICE_PASSWORD_VERIFIER") {
		t.Error("the device proved nothing")
	}
	if w.name == "admin-password" {
		p.notRenewed("cogtok login p", "from a device none is after an ADMIN_ flow")
		return
	}
	p.renew()
	pool.revoke(p)
}

// byCode is choice with a code as the first factor.
func byCode(factor, keys, prompt string) func(*trial) {
	return func(t *trial) {
		pool := startOwnPool(t, poolSetup{pool: userpool.PoolConfig{FirstFactors: []string{"PASSWORD", "EMAIL_OTP", "SMS_OTP"}}})
		p := pool.person(t, pool.open, "username: rob; auth: choice"+keys)
		p.signIn(func(term *cogtoktest.Terminal) {
			if keys == "" {
				choose(term, prompt)
			}
			term.Expect(strings.Replace(prompt, "Code by", "Code sent by", 1) + " to")
			term.Type(p.codes() + "\n")
		})
		if !pool.asked(factor) {
			t.Errorf("%s was not answered", factor)
		}
		p.renew()
		pool.revoke(p)
	}
}

// forgotten has a new password set by a code, which doesn't need the old one.
func forgotten(keys string) func(*trial) {
	return func(t *trial) {
		pool := startOwnPool(t, poolSetup{})
		p := pool.person(t, pool.open, "username: rob; "+keys)
		p.signIn(func(term *cogtoktest.Terminal) {
			term.Expect("Code to reset the password, sent by email to r***@e***")
			term.Type(p.codes() + "\n")
			newPasswords(p, term)
		}, "--reset")
		p.renew()
		pool.revoke(p)
	}
}

// stranger signs in as somebody who doesn't exist.
func stranger(keys string) func(*trial) {
	return func(t *trial) {
		pool := startOwnPool(t, poolSetup{})
		p := pool.person(t, pool.open, "username: nobody; "+keys)
		p.refused(p.u.Run(password, "login", "p", "--password-stdin"), 7, "nobody", "no such user")
	}
}

// customAlone is custom without a password.
func customAlone(t *trial) {
	pool := startOwnPool(t, poolSetup{pool: userpool.PoolConfig{Custom: addition()}})
	p := pool.person(t, pool.open, "username: rob; auth: custom")
	r := p.answering(func(term *cogtoktest.Terminal) { term.Answer("Answer", "5") })
	if r.Code != 7 {
		t.Errorf("wrong answer: %s", r)
	}
	p.signIn(answerCustom)
	p.renew()
	pool.revoke(p)
}

// credentials gets a token for the app client itself.
func credentials(t *trial) {
	pool := startOwnPool(t, poolSetup{pool: userpool.PoolConfig{ResourceServers: map[string][]string{"orders": {"read", "write"}}}})
	client := pool.pool.AddClient(userpool.Client{Secret: clientSecret, OAuthFlows: []string{"client_credentials"}, OAuthScopes: []string{"orders/read", "orders/write"}})
	if _, err := pool.pool.StartDomain("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	p := pool.person(t, client, "auth: client-credentials; scopes: [orders/read]")
	p.machine()
}

// machine gets a token for an app client, and another one.
func (p *person) machine() {
	p.Helper()
	p.access = true
	if r := p.u.Run("", "login", "p"); r.Code != 0 || !strings.Contains(r.Stderr, "got a token for the app client "+p.client) {
		p.Fatal(r)
	}
	p.isSignedIn()
	p.renew()
}

func cogtokOnOwnPool() []combination {
	var all []combination
	add := func(flow, challenge, outcome string, run func(*trial)) {
		all = append(all, combination{cogtok, embedded, flow, challenge, outcome, run})
	}
	for _, w := range ways() {
		add(w.name, noOtherThing, whole, w.plain)
		for _, h := range hurdles() {
			add(w.name, h.name, whole, w.run(h))
		}
		outcome := whole
		if w.name == "admin-password" {
			outcome = "signed in, not renewed: from a device none is after an ADMIN_ flow"
		}
		add(w.name, "DEVICE_SRP_AUTH", outcome, w.remembered)
	}
	for _, auth := range []string{"srp", "password"} {
		add(auth, "forgotten password", whole, forgotten("auth: "+auth))
		add(auth, "unknown user", "refused: no such user", stranger("auth: "+auth))
	}
	add("choice: EMAIL_OTP", noOtherThing, whole, byCode("EMAIL_OTP", "; preferred_challenge: EMAIL_OTP", "Code by email"))
	add("choice: SMS_OTP", noOtherThing, whole, byCode("SMS_OTP", "; preferred_challenge: SMS_OTP", "Code by SMS"))
	add("choice: no preference", "SELECT_CHALLENGE", whole, byCode("SELECT_CHALLENGE", "", "Code by email"))
	add("custom", noOtherThing, whole, customAlone)
	add("client-credentials", noOtherThing, "signed in, renewed", credentials)
	return all
}
