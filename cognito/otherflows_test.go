package cognito_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/internal/userpool"
	"github.com/cogtok/cogtok/profiles"
)

func allowing(s setup, auth string, flows ...string) setup {
	s.auth, s.client.Flows = auth, append(flows, "ALLOW_REFRESH_TOKEN_AUTH")
	return s
}

// USER_AUTH takes the same proof as USER_SRP_AUTH, so it is used where that is off.
func TestSRPByChoice(t *testing.T) {
	inEachPool(t, func(t *testing.T, s setup) {
		s.user.TOTPSeed = totpSeed
		w := newWorld(t, allowing(s, profiles.AuthSRP, "ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH"))
		in, err := w.loginBy(session.Login{Code: codeOf(t, totpSeed)})
		if err != nil {
			t.Fatal(err)
		}
		w.wantTries(1, 0)
		if plain, proofs := w.sentPasswords(); plain != 0 || proofs != 1 {
			t.Errorf("%d passwords and %d proofs were sent", plain, proofs)
		}
		if _, err := w.refresh(in.Grant); err != nil {
			t.Errorf("refresh: %v", err)
		}
		_, _, err = w.login("marker-wrong")
		wantKind(t, err, agent.KindWrongPassword)
		w.wantTries(2, 1)
	})
}

// The error names the flow that would work, and nothing that could be judged
// goes out to find that.
func TestFlowThatWouldWork(t *testing.T) {
	for _, c := range []struct {
		auth        string
		allowed     []string
		box, better string
	}{
		{profiles.AuthSRP, []string{"ALLOW_USER_PASSWORD_AUTH"}, "ALLOW_USER_SRP_AUTH", profiles.AuthPassword},
		{profiles.AuthSRP, nil, "ALLOW_USER_SRP_AUTH", ""},
		{profiles.AuthPassword, []string{"ALLOW_USER_SRP_AUTH"}, "ALLOW_USER_PASSWORD_AUTH", profiles.AuthSRP},
		{profiles.AuthPassword, []string{"ALLOW_USER_AUTH"}, "ALLOW_USER_PASSWORD_AUTH", profiles.AuthChoice},
		{profiles.AuthPassword, nil, "ALLOW_USER_PASSWORD_AUTH", ""},
		{profiles.AuthChoice, []string{"ALLOW_USER_SRP_AUTH"}, "ALLOW_USER_AUTH", profiles.AuthSRP},
		{profiles.AuthChoice, []string{"ALLOW_USER_PASSWORD_AUTH"}, "ALLOW_USER_AUTH", profiles.AuthPassword},
		{profiles.AuthCustom, []string{"ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH"}, "ALLOW_CUSTOM_AUTH", profiles.AuthSRP},
		{profiles.AuthAdminPassword, []string{"ALLOW_USER_PASSWORD_AUTH"}, "ALLOW_ADMIN_USER_PASSWORD_AUTH", profiles.AuthPassword},
	} {
		t.Run(fmt.Sprint(c.auth, " ", c.allowed), func(t *testing.T) {
			inEachPool(t, func(t *testing.T, s setup) {
				s.user.Phone, s.pool.FirstFactors, s.pool.Custom = "+15550001234", everyFactor, userpool.Ask(1)
				w := newWorldWithAWS(t, allowing(s, c.auth, c.allowed...))
				_, _, err := w.login(goodPassword)
				wantKind(t, err, agent.KindFlowNotEnabled, c.box, w.client.ID)
				hint := agent.AsError(err).Hint
				if c.better == "" && strings.Contains(hint, "set `auth: ") || c.better != "" && !strings.Contains(hint, "set `auth: "+c.better+"`") {
					t.Errorf("the hint is %q", hint)
				}
				w.wantTries(0, 0)
				w.wantMessages(0)
				// Its own first request may have had the password in it; no other one.
				plain, proofs := w.sentPasswords()
				if first := c.auth == profiles.AuthPassword || c.auth == profiles.AuthAdminPassword; plain > 0 && !first || plain > 1 || proofs > 0 {
					t.Errorf("%d passwords and %d proofs were sent", plain, proofs)
				}
			})
		})
	}
}

// A probe that gets no clear answer names nothing.
func TestProbesThatSayNothing(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter){
		"trouble": func(w http.ResponseWriter) { refused(w, 500, "InternalErrorException", "") },
		"tokens":  func(w http.ResponseWriter) { fmt.Fprint(w, `{"AuthenticationResult":{"AccessToken":"marker"}}`) },
		"cut":     cutOff,
		"user":    func(w http.ResponseWriter) { refused(w, 400, "UserNotFoundException", "") },
	} {
		t.Run(name, func(t *testing.T) {
			var refusedOnce atomic.Bool
			s := newStage(t, profiles.AuthPassword, func(_ string, _ map[string]any, w http.ResponseWriter) {
				if !refusedOnce.Swap(true) {
					refused(w, 400, "InvalidParameterException", "USER_PASSWORD_AUTH flow not enabled for this client")
					return
				}
				answer(w)
			})
			_, _, err := s.login(goodPassword)
			wantKind(t, err, agent.KindFlowNotEnabled, "ALLOW_USER_PASSWORD_AUTH")
			if hint := agent.AsError(err).Hint; strings.Contains(hint, "set `auth: ") {
				t.Errorf("the hint is %q", hint)
			}
			for _, r := range s.sent()[1:] {
				if text := fmt.Sprint(r.body); strings.Contains(text, goodPassword) {
					t.Errorf("a probe has the password: %s", r.operation)
				}
			}
		})
	}
}

func wantNotSent(t *testing.T, err error, want bool) {
	t.Helper()
	if err == nil {
		t.Error("the sign-in went well")
	}
	if got := errors.As(err, new(session.NotSent)); got != want {
		t.Errorf("not sent: %v, want %v: %v", got, want, err)
	}
}

// An error from before a password, or a proof of it, has left is no try of it.
// Later ones are tries, whatever they are.
func TestNotSent(t *testing.T) {
	unreachable := func(w *world) { w.profile.Endpoint = "http://127.0.0.1:1" }
	hidden := userpool.Client{PreventUserExistenceErrors: true}
	for name, c := range map[string]struct {
		s        setup
		password string
		change   func(*world)
		want     bool
	}{
		"srp, unknown user":        {setup{}, goodPassword, func(w *world) { w.profile.Username = "bob" }, true},
		"srp, hidden user":         {setup{client: hidden}, goodPassword, func(w *world) { w.profile.Username = "bob" }, false},
		"srp, reset":               {setup{}, goodPassword, func(w *world) { w.pool.ResetPassword("rob") }, true},
		"srp, unreachable":         {setup{}, goodPassword, unreachable, true},
		"srp, no client":           {setup{}, goodPassword, func(w *world) { w.profile.ClientID = "gone" }, true},
		"srp, lost start":          {setup{}, goodPassword, func(w *world) { w.server.Fail("InitiateAuth", userpool.LoseAnswer, userpool.Always) }, true},
		"srp, wrong":               {setup{}, "marker-wrong", nil, false},
		"srp, lost proof":          {setup{}, goodPassword, func(w *world) { w.server.Fail("RespondToAuthChallenge", userpool.LoseAnswer, 1) }, false},
		"srp, flow off":            {allowing(setup{}, profiles.AuthSRP), goodPassword, nil, true},
		"srp, wrong client secret": {setup{secret: true}, goodPassword, func(w *world) { w.secret = agent.NewSecret("marker-wrong-secret") }, false},
		"srp, unconfirmed":         {setup{user: userpool.User{Status: userpool.Unconfirmed}}, goodPassword, nil, false},
		"srp, code":                {setup{user: userpool.User{TOTPSeed: totpSeed}}, goodPassword, nil, false},
		"password, wrong":          {setup{auth: profiles.AuthPassword}, "marker-wrong", nil, false},
		"password, a word":         {setup{auth: profiles.AuthPassword}, "PASSWORD", nil, false},
		"password, unknown user":   {setup{auth: profiles.AuthPassword}, goodPassword, func(w *world) { w.profile.Username = "bob" }, false},
		"password, throttled":      {setup{auth: profiles.AuthPassword}, goodPassword, func(w *world) { w.server.Fail("", userpool.Throttle, 1) }, false},
		"password, unreachable":    {setup{auth: profiles.AuthPassword}, goodPassword, unreachable, true},
		"custom by srp, no lambda": {allowing(setup{}, profiles.AuthCustom, "ALLOW_CUSTOM_AUTH"), goodPassword, func(w *world) { w.profile.CustomSRP = true }, true},
		"choice, unreachable":      {choosing(setup{}, "PASSWORD"), goodPassword, func(w *world) { unreachable(w); w.profile.PreferredChallenge = "PASSWORD_SRP" }, true},
		"choice, wrong":            {choosing(setup{}, "PASSWORD"), "marker-wrong", nil, false},
		"choice, lost choice":      {choosing(setup{}, "PASSWORD"), goodPassword, func(w *world) { w.server.Fail("RespondToAuthChallenge", userpool.Reset, 1) }, true},
		"choice, lost password": {choosing(setup{}, "PASSWORD"), goodPassword, func(w *world) {
			w.profile.PreferredChallenge = "PASSWORD"
			w.server.Fail("InitiateAuth", userpool.Reset, 1)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.s)
			if c.change != nil {
				c.change(w)
			}
			_, _, err := w.login(c.password)
			wantNotSent(t, err, c.want)
		})
	}
}

// Parameters that make no sense get no proof.
func TestNoProofIsNotSent(t *testing.T) {
	s := newStage(t, profiles.AuthSRP, func(_ string, _ map[string]any, w http.ResponseWriter) {
		fmt.Fprint(w, `{"ChallengeName":"PASSWORD_VERIFIER","ChallengeParameters":{"SALT":"1","SRP_B":"0","SECRET_BLOCK":"AAAA","USER_ID_FOR_SRP":"rob"}}`)
	})
	_, _, err := s.login(goodPassword)
	wantKind(t, err, agent.KindService)
	wantNotSent(t, err, true)
}

// A later request that doesn't leave the machine takes nothing back: the
// password was taken by an earlier one.
func TestSentBeforeTheNetworkWentAway(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		fmt.Fprint(w, `{"ChallengeName":"SMS_MFA","Session":"marker-session-marker-session","ChallengeParameters":{}}`)
	}))
	t.Cleanup(server.Close)
	s := newStage(t, profiles.AuthPassword, nil)
	s.profile.Endpoint = server.URL
	_, _, err := s.login(goodPassword, func() string { server.Close(); return "123456" })
	wantKind(t, err, agent.KindNetwork)
	wantNotSent(t, err, false)
}
