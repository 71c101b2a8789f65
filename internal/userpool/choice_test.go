package userpool_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/userpool"
)

const notAvailable = "The selected challenge is not available."

func choiceWorld(t *testing.T, config userpool.PoolConfig) *world {
	config.AliasAttributes = []string{"email"}
	if config.FirstFactors == nil {
		config.FirstFactors = []string{"PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"}
	}
	w := newWorld(t, config)
	flows := []string{"ALLOW_USER_AUTH"}
	w.pool.AddClient(userpool.Client{ID: "open", Flows: flows})
	w.pool.AddClient(userpool.Client{ID: "secret", Flows: flows, Secret: secret})
	w.pool.AddClient(userpool.Client{ID: "hiding", Flows: flows, PreventUserExistenceErrors: true})
	for _, user := range []userpool.User{
		{Username: "rob", Email: "rob@example.com", Phone: "+15555550123", Passkey: true},
		{Username: "plain"},
		{Username: "unverified", Email: "un@example.com", Attributes: map[string]string{"email_verified": "false"}},
		{Username: "app", Email: "app@example.com", TOTPSeed: seed},
		{Username: "temporary", Email: "temporary@example.com", Status: userpool.ForceChangePassword},
		{Username: "early", Email: "early@example.com", Status: userpool.Unconfirmed},
		{Username: "off", Email: "off@example.com", Disabled: true},
		{Username: "lost", Email: "lost@example.com", Status: userpool.ResetRequired},
	} {
		user.Password = password
		w.pool.AddUser(user)
	}
	return w
}

// choose begins USER_AUTH; pairs are more AuthParameters.
func (w *world) choose(username string, pairs ...string) answer {
	w.t.Helper()
	return w.signIn("open", "USER_AUTH", append([]string{"USERNAME", username}, pairs...)...)
}

func (w *world) available(a answer) string {
	w.t.Helper()
	if a.text("ChallengeName") != "SELECT_CHALLENGE" || a.text("Session") == "" {
		w.t.Fatalf("no SELECT_CHALLENGE: %s %s %v", a.errType, a.message, a.body)
	}
	return strings.Trim(fmt.Sprint(a.body["AvailableChallenges"]), "[]")
}

func TestAvailableChallenges(t *testing.T) {
	w := choiceWorld(t, userpool.PoolConfig{})
	for username, want := range map[string]string{
		"rob":             "PASSWORD PASSWORD_SRP EMAIL_OTP SMS_OTP WEB_AUTHN",
		"rob@example.com": "PASSWORD PASSWORD_SRP EMAIL_OTP SMS_OTP WEB_AUTHN",
		"plain":           "PASSWORD PASSWORD_SRP",
		"unverified":      "PASSWORD PASSWORD_SRP",
		"app":             "PASSWORD PASSWORD_SRP",
		"temporary":       "PASSWORD PASSWORD_SRP",
	} {
		if got := w.available(w.choose(username)); got != want {
			t.Errorf("%s: %s", username, got)
		}
	}
	w.available(w.choose("plain", "PREFERRED_CHALLENGE", "EMAIL_OTP"))
	w.available(w.choose("app", "PREFERRED_CHALLENGE", "EMAIL_OTP"))
	w.available(w.choose("rob", "PREFERRED_CHALLENGE", "SOFTWARE_TOKEN_MFA"))
	if len(w.pool.Messages()) != 0 {
		t.Error("a code was sent before it was asked for")
	}
	w = choiceWorld(t, userpool.PoolConfig{MFA: userpool.MFARequired})
	if got := w.available(w.choose("rob")); got != "PASSWORD PASSWORD_SRP" {
		t.Errorf("with MFA required: %s", got)
	}
	w = choiceWorld(t, userpool.PoolConfig{FirstFactors: []string{"EMAIL_OTP"}})
	if got := w.available(w.choose("rob")); got != "EMAIL_OTP" {
		t.Errorf("without passwords: %s", got)
	}
}

func TestChoicePassword(t *testing.T) {
	w := choiceWorld(t, userpool.PoolConfig{})
	w.choose("rob", "PREFERRED_CHALLENGE", "PASSWORD", "PASSWORD", password).result(t)
	w.choose("rob", "PREFERRED_CHALLENGE", "PASSWORD", "PASSWORD", "x").refused(t, notAuthorized, wrongPassword)
	a := w.choose("rob")
	w.respond("open", "SELECT_CHALLENGE", a.text("Session"), "USERNAME", "rob", "ANSWER", "PASSWORD", "PASSWORD", password).result(t)
	w.respond("open", "SELECT_CHALLENGE", a.text("Session"), "USERNAME", "rob", "ANSWER", "PASSWORD", "PASSWORD", password).
		refused(t, notAuthorized, usedSession)

	a = w.choose("rob", "PREFERRED_CHALLENGE", "PASSWORD") // without it: a challenge
	if a.text("ChallengeName") != "PASSWORD" {
		t.Fatal(a.body)
	}
	w.respond("open", "PASSWORD", a.text("Session"), "USERNAME", "rob", "PASSWORD", password).result(t)

	a = w.choose("app", "PREFERRED_CHALLENGE", "PASSWORD", "PASSWORD", password)
	if a.text("ChallengeName") != "SOFTWARE_TOKEN_MFA" {
		t.Fatal(a.body)
	}
	w.answerTOTP(a.text("Session"), w.code(seed)).result(t)
}

func TestChoiceSRP(t *testing.T) {
	w := choiceWorld(t, userpool.PoolConfig{})
	c := newSRPClient(4)
	publicA := c.publicA.Text(16)
	begins := map[string]func() answer{
		"preferred": func() answer { return w.choose("rob", "PREFERRED_CHALLENGE", "PASSWORD_SRP", "SRP_A", publicA) },
		"chosen": func() answer {
			return w.respond("open", "SELECT_CHALLENGE", w.choose("rob").text("Session"), "USERNAME", "rob", "ANSWER", "PASSWORD_SRP", "SRP_A", publicA)
		},
		"asked": func() answer {
			session := w.choose("rob", "PREFERRED_CHALLENGE", "PASSWORD_SRP").text("Session")
			return w.respond("open", "PASSWORD_SRP", session, "USERNAME", "rob", "SRP_A", publicA)
		},
	}
	for name, begin := range begins {
		t.Run(name, func(t *testing.T) {
			first := begin()
			session := first.text("Session")
			if first.text("ChallengeName") != "PASSWORD_VERIFIER" || session == "" {
				t.Fatal(first.errType, first.message, first.body)
			}
			answers := w.verifierAnswer(c, first, password, stamp(w.clock.Now()))
			w.respond("open", "PASSWORD_VERIFIER", "", answers...).refused(t, invalidParameter, "Missing required parameter Session")
			w.respond("open", "PASSWORD_VERIFIER", w.choose("rob").text("Session"), answers...).refused(t, notAuthorized, badSession)
			w.respond("open", "PASSWORD_VERIFIER", session, answers...).result(t)
			w.respond("open", "PASSWORD_VERIFIER", session, answers...).refused(t, notAuthorized, usedSession)
			first = begin()
			w.respond("open", "PASSWORD_VERIFIER", first.text("Session"), w.verifierAnswer(c, first, "x", stamp(w.clock.Now()))...).
				refused(t, notAuthorized, wrongPassword)
		})
	}
}

func TestChoiceCodes(t *testing.T) {
	for _, test := range []struct{ challenge, response, medium, destination string }{
		{"EMAIL_OTP", "EMAIL_OTP_CODE", "EMAIL", "r***@e***"},
		{"SMS_OTP", "SMS_OTP_CODE", "SMS", "+*******0123"},
	} {
		t.Run(test.challenge, func(t *testing.T) {
			w := choiceWorld(t, userpool.PoolConfig{})
			answerCode := func(a answer, code string) answer {
				return w.respond("open", test.challenge, a.text("Session"), "USERNAME", "rob", test.response, code)
			}
			a := w.choose("rob", "PREFERRED_CHALLENGE", test.challenge)
			p := a.parameters()
			if a.text("ChallengeName") != test.challenge || p["CODE_DELIVERY_DELIVERY_MEDIUM"] != test.medium || p["CODE_DELIVERY_DESTINATION"] != test.destination {
				t.Fatal(a.body)
			}
			answerCode(a, w.pool.LastCode("rob")).result(t)
			answerCode(a, w.pool.LastCode("rob")).refused(t, notAuthorized, usedSession)

			a = w.choose("rob")
			a = w.respond("open", "SELECT_CHALLENGE", a.text("Session"), "USERNAME", "rob", "ANSWER", test.challenge)
			answerCode(a, wrong(w.pool.LastCode("rob"))).refused(t, "CodeMismatchException", badCode)
			answerCode(a, w.pool.LastCode("rob")).refused(t, notAuthorized, usedSession)

			a = w.choose("rob", "PREFERRED_CHALLENGE", test.challenge)
			w.clock.advance(3*time.Minute + time.Second)
			answerCode(a, w.pool.LastCode("rob")).refused(t, notAuthorized, expiredSession)
			for range 4 {
				answerCode(w.choose("rob", "PREFERRED_CHALLENGE", test.challenge), "x").refused(t, "CodeMismatchException", badCode)
			}
			answerCode(w.choose("rob", "PREFERRED_CHALLENGE", test.challenge), w.pool.LastCode("rob")).refused(t, notAuthorized, lockedOut)
		})
	}
}

func TestChoicePasskey(t *testing.T) {
	w := choiceWorld(t, userpool.PoolConfig{})
	preferred := w.choose("rob", "PREFERRED_CHALLENGE", "WEB_AUTHN")
	chosen := w.respond("open", "SELECT_CHALLENGE", w.choose("rob").text("Session"), "USERNAME", "rob", "ANSWER", "WEB_AUTHN")
	for _, a := range []answer{preferred, chosen} {
		var options object
		text, _ := a.parameters()["CREDENTIAL_REQUEST_OPTIONS"].(string)
		if err := json.Unmarshal([]byte(text), &options); err != nil || options["challenge"] == nil || a.text("ChallengeName") != "WEB_AUTHN" {
			t.Fatal(err, a.body)
		}
		w.respond("open", "WEB_AUTHN", a.text("Session"), "USERNAME", "rob", "CREDENTIAL", "{}").refused(t, notAuthorized, wrongPassword)
	}
}

func TestChoiceRefusals(t *testing.T) {
	w := choiceWorld(t, userpool.PoolConfig{})
	w.signIn("open", "USER_AUTH").refused(t, invalidParameter, "Missing required parameter USERNAME")
	w.choose("bob").refused(t, "UserNotFoundException", "User does not exist.")
	w.choose("lost").refused(t, "PasswordResetRequiredException", "Password reset required for the user")
	w.choose("off", "PREFERRED_CHALLENGE", "EMAIL_OTP").refused(t, notAuthorized, "User is disabled.")
	w.choose("early", "PREFERRED_CHALLENGE", "EMAIL_OTP").refused(t, "UserNotConfirmedException", "User is not confirmed.")
	w.choose("rob", "PREFERRED_CHALLENGE", "PASSWORD_SRP", "SRP_A", "0").refused(t, invalidParameter, "SRP_A is not valid")
	w.choose("rob", "SECRET_HASH", "d3Jvbmc=").refused(t, notAuthorized, "Unable to verify secret hash for client open")
	if len(w.pool.Messages()) != 0 {
		t.Error("a code was sent to somebody who may not sign in")
	}
	tests := []struct {
		name             string
		answers          []string
		errType, message string
	}{
		{"not available", []string{"ANSWER", "EMAIL_OTP"}, invalidParameter, notAvailable},
		{"unknown", []string{"ANSWER", "SOFTWARE_TOKEN_MFA"}, invalidParameter, notAvailable},
		{"no answer", nil, invalidParameter, "Missing required parameter ANSWER"},
		{"no password", []string{"ANSWER", "PASSWORD"}, invalidParameter, "Missing required parameter PASSWORD"},
		{"no SRP_A", []string{"ANSWER", "PASSWORD_SRP"}, invalidParameter, "Missing required parameter SRP_A"},
		{"other user", []string{"ANSWER", "PASSWORD", "PASSWORD", password, "USERNAME", "rob"}, notAuthorized, badSession},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			session := w.choose("plain").text("Session")
			w.respond("open", "SELECT_CHALLENGE", session, append([]string{"USERNAME", "plain"}, test.answers...)...).refused(t, test.errType, test.message)
		})
	}
	w.respond("open", "SELECT_CHALLENGE", "", "USERNAME", "rob", "ANSWER", "EMAIL_OTP").refused(t, invalidParameter, "Missing required parameter Session")
	w.respond("open", "PASSWORD", w.choose("rob").text("Session"), "USERNAME", "rob", "PASSWORD", password).refused(t, notAuthorized, badSession)
	hash := func(name string) string { return secretHash(secret, "secret", name) }
	a := w.signIn("secret", "USER_AUTH", "USERNAME", "rob@example.com", "SECRET_HASH", hash("rob@example.com"))
	choice := []string{"USERNAME", "rob@example.com", "ANSWER", "PASSWORD", "PASSWORD", password, "SECRET_HASH"}
	w.respond("secret", "SELECT_CHALLENGE", a.text("Session"), append(choice, hash("rob@example.com"))...).
		refused(t, notAuthorized, "Unable to verify secret hash for client secret")
	w.respond("secret", "SELECT_CHALLENGE", a.text("Session"), append(choice, hash("rob"))...).result(t)
}

func TestChoiceHidesUnknownUsers(t *testing.T) {
	w := choiceWorld(t, userpool.PoolConfig{})
	begin := func(name string, pairs ...string) answer {
		return w.signIn("hiding", "USER_AUTH", append([]string{"USERNAME", name}, pairs...)...)
	}
	seen := map[string]bool{}
	for i := range 20 {
		name := fmt.Sprint("nobody", i)
		first, again := begin(name), begin(name)
		if w.available(first) != w.available(again) || first.parameters()["USER_ID_FOR_SRP"] != again.parameters()["USER_ID_FOR_SRP"] {
			t.Errorf("%s changes: %v %v", name, first.body, again.body)
		}
		seen[w.available(first)] = true
		w.respond("hiding", "SELECT_CHALLENGE", first.text("Session"), "USERNAME", name, "ANSWER", "PASSWORD", "PASSWORD", password).
			refused(t, notAuthorized, wrongPassword)
		if !strings.Contains(w.available(again), "EMAIL_OTP") {
			continue
		}
		one, two := begin(name, "PREFERRED_CHALLENGE", "EMAIL_OTP"), begin(name, "PREFERRED_CHALLENGE", "EMAIL_OTP")
		to, _ := one.parameters()["CODE_DELIVERY_DESTINATION"].(string)
		if len(to) != len("r***@e***") || to != two.parameters()["CODE_DELIVERY_DESTINATION"] {
			t.Errorf("destination %q", to)
		}
		w.respond("hiding", "EMAIL_OTP", one.text("Session"), "USERNAME", one.parameters()["USER_ID_FOR_SRP"].(string), "EMAIL_OTP_CODE", "123456").
			refused(t, "CodeMismatchException", badCode)
	}
	if len(seen) < 2 || len(w.pool.Messages()) != 0 {
		t.Errorf("choices %v, %d messages", seen, len(w.pool.Messages()))
	}
}
