//go:build !windows

package compat

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cogtok/cogtok/internal/userpool"
)

// in is what a script reads.
type in = map[string]any

// A visitor is a client of others, of amazon-cognito-identity-js or aws-amplify,
// that signs in to the embedded pool.
type visitor struct {
	flow, challenge string
	setUp           func(*poolSetup)
	input           in     // of the script, besides where the pool is
	steps           string // that the client went through, as it calls them
	proof           string // a challenge that must have been answered
	wrong           string // the error that comes first
}

// visitResult is what the scripts print.
type visitResult struct {
	Wrong, Error   struct{ Name, Message string }
	Steps          []string
	First, Renewed tokenPair
}

// run runs a script. ending is how the client signs out.
func (v visitor) run(script, ending string) func(*trial) {
	return func(t *trial) {
		var setup poolSetup
		if v.setUp != nil {
			v.setUp(&setup)
		}
		pool := startOwnPool(t, setup)
		input := in{
			"endpoint": pool.url, "pool": pool.pool.ID(), "client": pool.open.ID, "codes": pool.codes(t), "username": "rob", "password": password,
			"seed": totpSeed, "newPassword": newPassword, "answer": "4", "email": "new@example.com",
		}
		if len(setup.pool.UsernameAttributes) > 0 {
			input["username"] = "rob@example.com"
		}
		for name, value := range v.input {
			input[name] = value
		}
		var out visitResult
		node(t, script, input, &out)
		v.check(t, pool, out)
		if t.Failed() {
			return
		}
		t.note("signed in")
		t.note("renewed")
		pool.refusesRefresh(t, pool.open.ID)
		t.note(ending)
	}
}

func (v visitor) check(t *trial, pool *ownPool, out visitResult) {
	t.Helper()
	if out.Error.Name != "" {
		t.Fatalf("%s: %s, after %q", out.Error.Name, out.Error.Message, out.Steps)
	}
	if out.Wrong.Name != v.wrong {
		t.Errorf("at first: %+v, not %q", out.Wrong, v.wrong)
	}
	if got := strings.Join(out.Steps, " "); got != v.steps {
		t.Errorf("steps %q, not %q", got, v.steps)
	}
	if v.proof != "" && !pool.asked(v.proof) {
		t.Errorf("%s was not answered", v.proof)
	}
	if out.First.ID == out.Renewed.ID || out.First.Access == out.Renewed.Access {
		t.Error("renewing gave the same tokens")
	}
	verifyTokens(t, pool, out.First, out.Renewed)
}

// codes starts a server that tells scripts the codes that a person would type.
func (p *ownPool) codes(t testing.TB) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/sent" {
			_, _ = w.Write([]byte(p.pool.LastCode(p.rob.Username)))
			return
		}
		_, _ = w.Write([]byte(totpCode(t, r.URL.Query().Get("seed"), 0)))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// refusesRefresh tries the refresh token that was used last.
func (p *ownPool) refusesRefresh(t testing.TB, client string) {
	t.Helper()
	var token any
	for _, call := range p.server.Calls() {
		parameters, _ := call.Parameters["AuthParameters"].(map[string]string)
		for _, sent := range []any{call.Parameters["RefreshToken"], parameters["REFRESH_TOKEN"], call.Parameters["refresh_token"]} {
			if sent != nil && sent != "" {
				token = sent
			}
		}
	}
	if token == nil {
		t.Fatal("nothing was renewed")
	}
	request := in{"ClientId": client, "RefreshToken": token}
	if client == p.secretly.ID {
		request["ClientSecret"] = clientSecret
	}
	status, answer := p.call(t, "GetTokensFromRefreshToken", request)
	if status != http.StatusBadRequest || !strings.Contains(answer, "revoked") {
		t.Errorf("the refresh token of a session that was ended: %d %s", status, answer)
	}
}

// Set-ups that both clients meet.
func emailPool(s *poolSetup)  { s.pool.UsernameAttributes = []string{"email"} }
func withApp(s *poolSetup)    { s.rob.TOTPSeed = totpSeed }
func withSMS(s *poolSetup)    { s.rob.SMSMFA = true }
func withBoth(s *poolSetup)   { s.rob.SMSMFA, s.rob.TOTPSeed = true, totpSeed }
func temporary(s *poolSetup)  { s.rob.Status = userpool.ForceChangePassword }
func mustSetUp(s *poolSetup)  { s.pool.MFA = userpool.MFARequired }
func withCustom(s *poolSetup) { s.pool.Custom = addition() }

func addition() *userpool.CustomAuth {
	return userpool.Ask(0, userpool.Question{Public: map[string]string{"question": "2 + 2"}, Answer: "4"})
}

// withDevices has rob use an app, and remembered devices instead of it.
func withDevices(s *poolSetup) {
	s.pool.DeviceConfiguration = &userpool.DeviceConfiguration{ChallengeRequiredOnNewDevice: true}
	s.rob.TOTPSeed = totpSeed
}

func identityOnOwnPool() []combination {
	const (
		srp      = "USER_SRP_AUTH"
		password = "USER_PASSWORD_AUTH"
		custom   = "CUSTOM_AUTH"
		refused  = "NotAuthorizedException"
	)
	var all []combination
	for _, v := range []visitor{
		{flow: srp, challenge: "none", input: in{"wrong": wrongPassword}, wrong: refused, proof: "PASSWORD_VERIFIER"},
		{flow: srp, challenge: "none; users sign in by email", setUp: emailPool, input: in{"wrong": wrongPassword}, wrong: refused, proof: "PASSWORD_VERIFIER"},
		{flow: srp, challenge: "NEW_PASSWORD_REQUIRED", setUp: temporary, steps: "NEW_PASSWORD_REQUIRED"},
		{flow: srp, challenge: "SMS_MFA", setUp: withSMS, steps: "SMS_MFA"},
		{flow: srp, challenge: "SOFTWARE_TOKEN_MFA", setUp: withApp, steps: "SOFTWARE_TOKEN_MFA"},
		{flow: srp, challenge: "SELECT_MFA_TYPE", setUp: withBoth, steps: "SELECT_MFA_TYPE SOFTWARE_TOKEN_MFA"},
		{flow: srp, challenge: "MFA_SETUP (authenticator app)", setUp: mustSetUp, steps: "MFA_SETUP"},
		{flow: srp, challenge: "DEVICE_SRP_AUTH", setUp: withDevices, input: in{"remember": true}, proof: "DEVICE_PASSWORD_VERIFIER"},
		{flow: srp, challenge: "forgotten password", input: in{"forgot": true}},
		{
			flow: srp, challenge: "user not confirmed", setUp: func(s *poolSetup) { s.rob.Status = userpool.Unconfirmed },
			input: in{"confirm": true}, wrong: "UserNotConfirmedException",
		},
		{flow: password, challenge: "none", input: in{"flow": "PASSWORD", "wrong": wrongPassword}, wrong: refused},
		{flow: password, challenge: "SOFTWARE_TOKEN_MFA", setUp: withApp, input: in{"flow": "PASSWORD"}, steps: "SOFTWARE_TOKEN_MFA"},
		{flow: custom, challenge: "CUSTOM_CHALLENGE", setUp: withCustom, input: in{"flow": "CUSTOM"}, steps: "CUSTOM_CHALLENGE 2 + 2"},
		{
			flow: custom, challenge: "PASSWORD_VERIFIER, CUSTOM_CHALLENGE", setUp: withCustom, input: in{"flow": "CUSTOM_SRP", "wrong": wrongPassword},
			wrong: refused, steps: "CUSTOM_CHALLENGE 2 + 2", proof: "PASSWORD_VERIFIER",
		},
	} {
		all = append(all, combination{identityJS, embedded, v.flow, v.challenge, whole, v.run("identity.mjs", "revoked")})
	}
	return all
}

func amplifyOnOwnPool() []combination {
	const (
		srp      = "USER_SRP_AUTH"
		password = "USER_PASSWORD_AUTH"
		choice   = "USER_AUTH"
		custom   = "CUSTOM_AUTH"
		refused  = "NotAuthorizedException"
	)
	factors := func(s *poolSetup) { s.pool.FirstFactors = []string{"PASSWORD", "EMAIL_OTP", "SMS_OTP"} }
	choose := func(factor string) in { return in{"flow": choice, "factor": factor} }
	var all []combination
	for _, v := range []visitor{
		{flow: srp, challenge: "none", input: in{"wrong": wrongPassword}, wrong: refused, proof: "PASSWORD_VERIFIER"},
		{flow: srp, challenge: "none; users sign in by email", setUp: emailPool, input: in{"wrong": wrongPassword}, wrong: refused, proof: "PASSWORD_VERIFIER"},
		{flow: srp, challenge: "NEW_PASSWORD_REQUIRED", setUp: temporary, steps: "CONFIRM_SIGN_IN_WITH_NEW_PASSWORD_REQUIRED"},
		{flow: srp, challenge: "SMS_MFA", setUp: withSMS, steps: "CONFIRM_SIGN_IN_WITH_SMS_CODE", proof: "SMS_MFA"},
		{
			flow: srp, challenge: "EMAIL_OTP", setUp: func(s *poolSetup) { s.rob.EmailMFA = true },
			steps: "CONFIRM_SIGN_IN_WITH_EMAIL_CODE", proof: "EMAIL_OTP",
		},
		{flow: srp, challenge: "SOFTWARE_TOKEN_MFA", setUp: withApp, steps: "CONFIRM_SIGN_IN_WITH_TOTP_CODE"},
		{flow: srp, challenge: "SELECT_MFA_TYPE", setUp: withBoth, steps: "CONTINUE_SIGN_IN_WITH_MFA_SELECTION CONFIRM_SIGN_IN_WITH_TOTP_CODE"},
		{flow: srp, challenge: "MFA_SETUP (authenticator app)", setUp: mustSetUp, steps: "CONTINUE_SIGN_IN_WITH_TOTP_SETUP", proof: "MFA_SETUP"},
		{
			flow: srp, challenge: "MFA_SETUP (email)", setUp: func(s *poolSetup) { mustSetUp(s); s.pool.MFASetup = []string{"EMAIL_OTP"} },
			steps: "CONTINUE_SIGN_IN_WITH_EMAIL_SETUP CONFIRM_SIGN_IN_WITH_EMAIL_CODE", proof: "MFA_SETUP",
		},
		{
			flow: srp, challenge: "MFA_SETUP (either)", setUp: func(s *poolSetup) { mustSetUp(s); s.pool.MFASetup = []string{"SOFTWARE_TOKEN_MFA", "EMAIL_OTP"} },
			steps: "CONTINUE_SIGN_IN_WITH_MFA_SETUP_SELECTION CONTINUE_SIGN_IN_WITH_TOTP_SETUP", proof: "MFA_SETUP",
		},
		{flow: srp, challenge: "DEVICE_SRP_AUTH", setUp: withDevices, input: in{"remember": true}, proof: "DEVICE_PASSWORD_VERIFIER"},
		{
			flow: srp, challenge: "password reset by an administrator", setUp: func(s *poolSetup) { s.rob.Status = userpool.ResetRequired },
			steps: "RESET_PASSWORD",
		},
		{flow: srp, challenge: "user not confirmed", setUp: func(s *poolSetup) { s.rob.Status = userpool.Unconfirmed }, steps: "CONFIRM_SIGN_UP"},
		{flow: password, challenge: "none", input: in{"flow": password, "wrong": wrongPassword}, wrong: refused},
		{flow: password, challenge: "SOFTWARE_TOKEN_MFA", setUp: withApp, input: in{"flow": password}, steps: "CONFIRM_SIGN_IN_WITH_TOTP_CODE"},
		{
			flow: choice, challenge: "SELECT_CHALLENGE, PASSWORD_SRP", setUp: factors, input: choose("PASSWORD_SRP"),
			steps: "CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION CONFIRM_SIGN_IN_WITH_PASSWORD", proof: "PASSWORD_VERIFIER",
		},
		{
			flow: choice, challenge: "SELECT_CHALLENGE, PASSWORD", setUp: factors, input: choose("PASSWORD"),
			steps: "CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION CONFIRM_SIGN_IN_WITH_PASSWORD",
		},
		{
			flow: choice, challenge: "SELECT_CHALLENGE, EMAIL_OTP", setUp: factors, input: choose("EMAIL_OTP"),
			steps: "CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION CONFIRM_SIGN_IN_WITH_EMAIL_CODE", proof: "EMAIL_OTP",
		},
		{flow: choice, challenge: "PASSWORD_SRP", setUp: factors, input: in{"flow": choice, "preferred": "PASSWORD_SRP"}, proof: "PASSWORD_VERIFIER"},
		{flow: choice, challenge: "SMS_OTP", setUp: factors, input: in{"flow": choice, "preferred": "SMS_OTP"}, steps: "CONFIRM_SIGN_IN_WITH_SMS_CODE", proof: "SMS_OTP"},
		{
			flow: custom, challenge: "CUSTOM_CHALLENGE", setUp: withCustom, input: in{"flow": "CUSTOM_WITHOUT_SRP"},
			steps: "CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE", proof: "CUSTOM_CHALLENGE",
		},
		{
			flow: custom, challenge: "PASSWORD_VERIFIER, CUSTOM_CHALLENGE", setUp: withCustom, input: in{"flow": "CUSTOM_WITH_SRP", "wrong": wrongPassword},
			wrong: refused, steps: "CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE", proof: "PASSWORD_VERIFIER",
		},
	} {
		all = append(all, combination{amplifyJS, embedded, v.flow, v.challenge, "signed in, renewed, signed out everywhere", v.run("amplify.mjs", "signed out everywhere")})
	}
	return all
}
