package cognito_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/cognito"
	"github.com/cogtok/cogtok/internal/userpool"
	"github.com/cogtok/cogtok/profiles"
	"github.com/cogtok/cogtok/store"
)

// The traps that tools for Cognito fall into, by the issues of their users, and
// what a correct one does. A test each.

// keeper returns the sessions of the world's profile, as the agent has them:
// those traps that are about more than one call show there.
func (w *world) keeper(change func(*profiles.Profile)) *session.Keeper {
	w.t.Helper()
	p := w.profile
	p.Store = profiles.StoreMemory
	if change != nil {
		change(&p)
	}
	now := w.config.Now
	if now == nil {
		now = time.Now
	}
	began := now()
	k := session.New(session.Config{
		Load: func() (profiles.Config, error) {
			return profiles.Config{Default: p.Name, Names: []string{p.Name}, Profiles: map[string]profiles.Profile{p.Name: p}}, nil
		},
		Path: filepath.Join(w.t.TempDir(), "config.yaml"), StateDir: w.t.TempDir(), Provider: w.provider,
		Vaults: map[string]store.Vault{profiles.StoreMemory: {Secrets: new(store.Memory), Sessions: new(store.Memory)}},
		Clock:  session.Clock{Wall: now, Boot: func() time.Duration { return now().Sub(began) }}, Logf: w.log.logf,
	})
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		k.Close(ctx)
	})
	return k
}

func (w *world) keeperLogin(k *session.Keeper) {
	w.t.Helper()
	if _, err := k.Login(w.t.Context(), agent.Caller{}, agent.LoginRequest{Password: agent.NewSecret(goodPassword)}); err != nil {
		w.t.Fatal(err)
	}
}

// 1. The hash of a refresh is made over the typed email: "Unable to verify secret
// hash" an hour after a good sign-in. No hash is needed, or the token's username is in it.
func TestTrap01SecretHashOfRefreshUsesTheTypedEmail(t *testing.T) {
	w := newWorld(t, setup{secret: true, byEmail: true})
	g := w.signedIn()
	if _, err := w.refresh(g); err != nil {
		t.Fatal(err)
	}
	if p := w.parameters("GetTokensFromRefreshToken")[0]; p["ClientSecret"] != clientSecret || strings.Contains(fmt.Sprint(p), "HASH") {
		t.Error("the refresh has a hash, or no client secret")
	}
	w.server.Fail("GetTokensFromRefreshToken", userpool.UnknownOperation, 1) // an emulator
	w.server.ResetCalls()
	if _, err := w.refresh(g); err != nil {
		t.Fatal(err)
	}
	sent := w.parameters("InitiateAuth")[0]["AuthParameters"].(map[string]string)
	if sent["SECRET_HASH"] != cognitoHash(clientSecret, w.user.Sub+w.client.ID) {
		t.Error("the hash is not over the token's username")
	}
}

// 2. Challenges are answered, and hashed, under the alias that was typed.
func TestTrap02ChallengesAreAnsweredUnderTheAlias(t *testing.T) {
	w := newWorld(t, setup{secret: true, pool: userpool.PoolConfig{AliasAttributes: []string{"email"}}, user: userpool.User{EmailMFA: true}})
	w.profile.Username = "rob@example.com"
	w.signedIn(w.code)
	answers := w.parameters("RespondToAuthChallenge")
	for _, p := range answers {
		sent := p["ChallengeResponses"].(map[string]string)
		if sent["USERNAME"] != "rob" || sent["SECRET_HASH"] != cognitoHash(clientSecret, "rob"+w.client.ID) {
			t.Errorf("%s is answered as %s", p["ChallengeName"], sent["USERNAME"])
		}
	}
	if len(answers) != 2 {
		t.Errorf("%d answers", len(answers))
	}
}

// 3. With rotation on, REFRESH_TOKEN_AUTH is refused.
func TestTrap03RotationRefusesRefreshTokenAuth(t *testing.T) {
	for _, rotation := range []bool{true, false} {
		w := newWorld(t, setup{client: userpool.Client{Rotation: rotation}})
		g := w.signedIn()
		w.server.ResetCalls()
		if _, err := w.refresh(g); err != nil || w.server.Count("GetTokensFromRefreshToken") != 1 || w.server.Count("InitiateAuth") != 0 {
			t.Errorf("rotation %v: %v after %v", rotation, err, w.server.Calls())
		}
	}
}

// 4. Two refreshes at once with rotation end in RefreshTokenReuseException, and so
// does a blind retry. There is one refresh for all who ask, and it is sent once.
func TestTrap04ConcurrentRefreshWithRotation(t *testing.T) {
	w := newWorld(t, setup{client: userpool.Client{Rotation: true}})
	k := w.keeper(nil)
	w.keeperLogin(k)
	w.server.Delay("GetTokensFromRefreshToken", 100*time.Millisecond)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := k.Token(t.Context(), agent.Caller{}, agent.TokenRequest{Force: true}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, c := range w.server.Calls() {
		if c.Error != "" {
			t.Errorf("%s: %s", c.Operation, c.Error)
		}
	}
	if n := w.server.Count("GetTokensFromRefreshToken"); n > 5 {
		t.Errorf("%d refreshes for 50 callers at once", n)
	}

	g := w.signedIn()
	w.server.Delay("GetTokensFromRefreshToken", 0)
	w.server.ResetCalls()
	w.server.Fail("GetTokensFromRefreshToken", userpool.LoseAnswer, 1)
	_, err := w.refresh(g)
	wantKind(t, err, agent.KindNetwork)
	if n := w.server.Count("GetTokensFromRefreshToken"); n != 1 {
		t.Errorf("a refresh token whose answer was lost was sent %d times", n)
	}
}

// 5. An answer without a refresh token overwrites the stored one with "".
func TestTrap05AnswerWithoutRefreshTokenOverwritesIt(t *testing.T) {
	w := newWorld(t, setup{})
	first := w.signedIn()
	g := first
	for range 3 {
		var err error
		if g, err = w.refresh(g); err != nil || !g.RefreshToken.Equal(first.RefreshToken) {
			t.Fatalf("%v, the refresh token is another or lost", err)
		}
	}
}

// 6. "Invalid Refresh Token." comes of device tracking. The device is confirmed
// at once, whether or not it is to be remembered, and its key goes with every
// refresh; the error says what it may be.
func TestTrap06InvalidRefreshTokenByDeviceTracking(t *testing.T) {
	w := newWorld(t, setup{pool: userpool.PoolConfig{DeviceConfiguration: &userpool.DeviceConfiguration{DeviceOnlyRememberedOnUserPrompt: true}}})
	g := w.signedIn("n")
	if w.server.Count("ConfirmDevice") != 1 || g.DeviceKey == "" {
		t.Fatal("the device is not confirmed")
	}
	for range 2 {
		var err error
		if g, err = w.refresh(g); err != nil {
			t.Fatal(err)
		}
	}
	w.pool.ForgetDevice("rob", g.DeviceKey)
	_, err := w.refresh(g)
	wantKind(t, err, agent.KindLoginRequired, "device", "cogtok login prod")
}

// 7. Device keys are kept under the typed alias, and a stale one blocks the
// sign-in: "Device does not exist."
func TestTrap07DeviceKeyUnderTheAliasOrStale(t *testing.T) {
	s := remembering(setup{secret: true, pool: userpool.PoolConfig{AliasAttributes: []string{"email"}}}, false)
	w, kept := newWorld(t, s), &shelf{}
	w.profile.Username = "rob@example.com"
	in, _, err := w.loginWith(session.Login{Devices: kept}, w.code)
	if err != nil || len(kept.devices) != 1 || kept.devices["rob"].Key != in.Grant.DeviceKey {
		t.Fatalf("%v, kept %v", err, kept.devices)
	}
	w.profile.Username = "rob" // is the same device
	if _, err := w.loginBy(session.Login{Devices: kept, KnownAs: "rob"}); err != nil {
		t.Error(err)
	}
	w.pool.ForgetDevice("rob", in.Grant.DeviceKey)
	again, who, err := w.loginWith(session.Login{Devices: kept, KnownAs: "rob"}, w.code)
	if err != nil || len(who.asked) != 1 || kept.devices["rob"].Key != again.Grant.DeviceKey {
		t.Errorf("%v, asked %s", err, who.texts())
	}
}

// 8. Mistakes in SRP's timestamp and padding look like a wrong password, on some
// days, in the afternoon, or at one sign-in of 16. TestVectors has the rest.
func TestTrap08SRPFailsOnSomeDaysOrNumbers(t *testing.T) {
	c := newClock()
	w := newWorld(t, c.by(setup{}))
	for day := 1; day <= 31; day += 3 {
		for _, hour := range []int{0, 3, 12, 15, 23} {
			c.at = time.Date(2026, time.January, day, hour, 4, 5, 0, time.FixedZone("elsewhere", 5*3600+1800))
			w.signedIn()
		}
	}
	if a := w.pool.PasswordAttempts("rob"); a.Total != 55 || a.Failures != 0 {
		t.Errorf("%+v", a)
	}
}

// 9. Clients know a closed list of challenges: EMAIL_OTP, the names of
// SELECT_MFA_TYPE's parameter and MFA_SETUP break them. An unknown one is named.
func TestTrap09ChallengesThatAreNotKnown(t *testing.T) {
	for _, canSelect := range []bool{false, true} {
		w := newWorld(t, setup{pool: userpool.PoolConfig{MFAsCanSelect: canSelect}, user: userpool.User{EmailMFA: true, TOTPSeed: totpSeed}})
		w.signedIn(pick("email"), w.code)
	}
	newWorld(t, mustSetUp(setup{})).signedIn(appCode(time.Now))
	s := newStage(t, profiles.AuthPassword, func(_ string, _ map[string]any, w http.ResponseWriter) {
		fmt.Fprint(w, `{"ChallengeName":"PIGEON_MFA","ChallengeParameters":{"COLOUR":"PURPLE"}}`)
	})
	_, _, err := s.login(goodPassword)
	wantKind(t, err, agent.KindUnknownChallenge, "PIGEON_MFA", "COLOUR")
}

// 10. NEW_PASSWORD_REQUIRED fails for attributes that are missing, and for those
// that are sent again. Exactly the required ones are asked for and sent.
func TestTrap10NewPasswordAttributes(t *testing.T) {
	w := newWorld(t, setup{
		pool: userpool.PoolConfig{RequiredAttributes: []string{"email", "name"}},
		user: userpool.User{Status: userpool.ForceChangePassword},
	})
	w.signedIn("Rob", newPassword, newPassword)
	answers := w.parameters("RespondToAuthChallenge")
	sent := answers[len(answers)-1]["ChallengeResponses"].(map[string]string)
	if _, again := sent["userAttributes.email"]; again || sent["userAttributes.name"] != "Rob" {
		t.Error("an attribute that has a value is sent, or one that has none isn't")
	}
}

// 11. A session is good for one answer, and nothing sends a code again. The
// sign-in begins anew with the password at hand; that also has a new code sent.
func TestTrap11SessionsAreUsedOnce(t *testing.T) {
	w := newWorld(t, setup{user: userpool.User{EmailMFA: true}})
	asked := 0
	_, who, err := w.loginWith(session.Login{Password: func(context.Context) (agent.Secret, error) {
		asked++
		return agent.NewSecret(goodPassword), nil
	}}, "", w.wrongCode, w.code, w.code)
	// The right code met a session that was spent with the wrong one: a new start.
	if err != nil || !strings.Contains(who.asked[3].Text, "the message counts no more") {
		t.Errorf("%v, asked %s", err, who.texts())
	}
	if asked != 1 || len(who.asked) != 4 {
		t.Errorf("the password was asked for %d times, and %s", asked, who.texts())
	}
	w.wantMessages(3)
}

// 12. The lock-out can't be told from a wrong password, and tools bring it on
// themselves. One try for each action of the user; a stored password that was
// refused isn't tried again.
func TestTrap12SelfInflictedLockOut(t *testing.T) {
	for _, fault := range []userpool.Fault{userpool.Throttle, userpool.InternalError, userpool.Unavailable, userpool.Reset, userpool.LoseAnswer} {
		w := newWorld(t, setup{auth: profiles.AuthPassword})
		w.server.Fail("InitiateAuth", fault, 1)
		_, _, err := w.login(goodPassword)
		if n := w.server.Count("InitiateAuth"); n != 1 || err == nil {
			t.Errorf("%v: the password was sent %d times, %v", fault, n, err)
		}
	}
	w := newWorld(t, setup{})
	k := w.keeper(nil)
	if _, err := k.SetSecret(t.Context(), agent.Caller{}, agent.SetSecretRequest{Profile: "prod", Kind: agent.SecretPassword, Value: agent.NewSecret("marker-wrong")}); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if _, err := k.Token(t.Context(), agent.Caller{}, agent.TokenRequest{}); err == nil {
			t.Fatal("a wrong password signs in")
		}
	}
	w.wantTries(1, 1)
	// While Cognito locks the user the error says so.
	for range 4 {
		_, _, err := w.login("marker-wrong")
		wantKind(t, err, agent.KindWrongPassword)
	}
	_, _, err := w.login(goodPassword)
	wantKind(t, err, agent.KindTooManyAttempts, "15 minutes")
}

// 13. redirect_mismatch: ports, trailing slashes and names of this machine are
// compared letter by letter. Only what is registered is used, and the error has
// exactly what to register.
func TestTrap13RedirectMismatch(t *testing.T) {
	w := newBrowserWorld(t, setup{})
	w.browsed()
	registered := w.profile.RedirectURLs[0]
	w.config.BrowserTimeout = 300 * time.Millisecond
	w.provider = cognito.New(w.config)
	for _, other := range []string{registered + "/", strings.Replace(registered, "localhost", "127.0.0.1", 1), freeCallback(t)} {
		w.profile.RedirectURLs = []string{other}
		_, err := w.browse(newVisitor(t))
		wantKind(t, err, agent.KindPromptUnanswered, "redirect_mismatch", "exactly", other)
		if e := agent.AsError(err); !strings.HasSuffix(e.Hint, other) {
			t.Errorf("the hint is %q", e.Hint)
		}
	}
}

// 14. The wrong token, or "Bearer " where it isn't wanted; and no ID token because
// `openid` wasn't asked for.
func TestTrap14WrongTokenOrHeader(t *testing.T) {
	w := newWorld(t, setup{})
	bare, bearer := w.keeper(nil), w.keeper(func(p *profiles.Profile) { p.Scheme = profiles.SchemeBearer })
	for _, k := range []*session.Keeper{bare, bearer} {
		w.keeperLogin(k)
		for _, kind := range []string{agent.TypeID, agent.TypeAccess} {
			token, err := k.Token(t.Context(), agent.Caller{}, agent.TokenRequest{Type: kind})
			if err != nil || claimsOf(t, token.Token).TokenUse != kind {
				t.Errorf("%s: %v", kind, err)
			}
			if want := map[bool]string{false: "", true: "Bearer "}[k == bearer] + token.Token; token.Value != want || strings.Contains(token.Token, " ") {
				t.Errorf("the header's value for the %s token is not the bare token, or lacks the scheme", kind)
			}
		}
	}

	w = newBrowserWorld(t, setup{pool: userpool.PoolConfig{ResourceServers: map[string][]string{"api": {"read"}}},
		client: userpool.Client{OAuthScopes: []string{"openid", "api/read"}}})
	k := w.keeper(func(p *profiles.Profile) { p.Scopes, p.Token = []string{"api/read"}, agent.TypeAccess })
	if _, err := k.Login(t.Context(), agent.Caller{Prompter: newVisitor(t)}, agent.LoginRequest{}); err != nil {
		t.Fatal(err)
	}
	token, err := k.Token(t.Context(), agent.Caller{}, agent.TokenRequest{Type: agent.TypeAccess})
	if err != nil || claimsOf(t, token.Token).Raw["scope"] != "api/read" {
		t.Errorf("access token: %v", err)
	}
	_, err = k.Token(t.Context(), agent.Caller{}, agent.TokenRequest{Type: agent.TypeID})
	w.checkError(err)
	wantKind(t, err, agent.KindNoIDToken, "add openid to `scopes`", "--type access")
}

// 15. The life of a refresh token is misread: rotation doesn't make it longer, it
// belongs to one app client, and only texts tell expired from revoked.
func TestTrap15RefreshTokenLifetimeMisread(t *testing.T) {
	c := newClock()
	w := newWorld(t, c.by(setup{client: userpool.Client{Rotation: true, RefreshTokenLife: 2 * time.Hour, Flows: allFlows[:3]}}))
	first := w.signedIn()
	g := first
	for range 3 {
		c.at = c.at.Add(30 * time.Minute)
		var err error
		if g, err = w.refresh(g); err != nil || !g.SignedInAt.Equal(first.SignedInAt) {
			t.Fatalf("%v, signed in at %s", err, g.SignedInAt)
		}
	}
	mine := w.profile.ClientID
	w.profile.ClientID = w.pool.AddClient(userpool.Client{Flows: allFlows[:3], Rotation: true}).ID
	_, err := w.refresh(g)
	wantKind(t, err, agent.KindClientMismatch)
	w.profile.ClientID = mine
	c.at = c.at.Add(31 * time.Minute) // two hours after the sign-in, half an hour after the last rotation
	_, err = w.refresh(g)
	wantKind(t, err, agent.KindLoginRequired, "expired")

	g = w.signedIn()
	w.pool.SignOutEverywhere("rob")
	_, err = w.refresh(g)
	wantKind(t, err, agent.KindLoginRequired, "revoked")
}

// Also: tools sign what needs no signature, and die without AWS keys.
func TestTrapUnsignedOperationsNeedNoAWSKeys(t *testing.T) {
	w := newWorld(t, setup{}) // has no AWS configuration at all
	g := w.signedIn()
	if _, err := w.refresh(g); err != nil {
		t.Error(err)
	}
	s := newStage(t, profiles.AuthSRP, func(_ string, _ map[string]any, w http.ResponseWriter) { refused(w, 400, "ForbiddenException", "") })
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "marker-aws-secret")
	_, _, _ = s.login(goodPassword)
	_, _ = s.refresh(grant())
	for _, r := range s.sent() {
		if r.header.Get("Authorization") != "" {
			t.Errorf("%s is signed", r.operation)
		}
	}
}

// Also: codes as the first factor don't go with MFA.
func TestTrapCodesAsFirstFactorWithMFA(t *testing.T) {
	s := choosing(setup{}, everyFactor...)
	s.user.TOTPSeed = totpSeed
	w := newWorld(t, s)
	w.profile.PreferredChallenge = profiles.ChallengeEmailOTP
	w.signedIn(func() string { return totpCode(t, time.Now()) })
	w.wantMessages(0)
}

// Also: the updated issuer is another host.
func TestTrapUpdatedIssuer(t *testing.T) {
	w := newWorld(t, setup{pool: userpool.PoolConfig{Issuer: "https://issuer-cognito-idp.us-east-1.amazonaws.com/" + poolID}})
	if _, err := w.refresh(w.signedIn()); err != nil {
		t.Error(err)
	}
}

// Also: after the admin flow a pool that remembers devices renews nothing.
func TestTrapAdminFlowAndDevices(t *testing.T) {
	w := newWorldWithAWS(t, setup{auth: profiles.AuthAdminPassword, pool: userpool.PoolConfig{DeviceConfiguration: &userpool.DeviceConfiguration{}}})
	g := w.signedIn()
	_, err := w.refresh(g)
	wantKind(t, err, agent.KindLoginRequired, "devices", "`auth: admin-password`")
}

// Also: an account's quota is shared, and throttling comes with HTTP 400. It is
// told from a refusal, and what holds no secret is sent again a little later.
func TestTrapThrottlingIsNoRefusal(t *testing.T) {
	w := newWorld(t, setup{})
	w.server.Fail("InitiateAuth", userpool.Throttle, 1)
	g := w.signedIn()
	w.wantTries(1, 0)
	w.server.Fail("GetTokensFromRefreshToken", userpool.Throttle, 1)
	_, err := w.refresh(g)
	wantKind(t, err, agent.KindThrottled)
	if !agent.AsError(err).Retryable() {
		t.Error("not to be tried again")
	}
	if _, err := w.refresh(g); err != nil {
		t.Error(err)
	}
}

// Also: passwords with commas, quotes, spaces and letters of any language break
// command lines. They are sent as they are.
func TestTrapCharactersInPasswords(t *testing.T) {
	for _, auth := range []string{profiles.AuthSRP, profiles.AuthPassword} {
		for _, password := range []string{"marker,Pa,1,x", `marker"P'a\1`, "marker P 1 é 日本 🐎", "marker-{P1}$(x)%00"} {
			w := newWorld(t, setup{auth: auth, user: userpool.User{Password: password}})
			if _, _, err := w.login(password); err != nil {
				t.Errorf("%s %q: %v", auth, password, err)
			}
		}
	}
}
