package userpool_test

import (
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/userpool"
)

func customWorld(t *testing.T, config userpool.PoolConfig) *world {
	config.AliasAttributes = []string{"email"}
	if config.Custom == nil {
		config.Custom = userpool.Ask(2,
			userpool.Question{Public: map[string]string{"question": "pet"}, Answer: "cat"},
			userpool.Question{Public: map[string]string{"question": "city"}, Answer: "Rome"})
	}
	w := newWorld(t, config)
	w.pool.AddClient(userpool.Client{ID: "main", Flows: append(allFlows(), "ALLOW_CUSTOM_AUTH")})
	w.pool.AddClient(userpool.Client{ID: "open", Flows: append(allFlows(), "ALLOW_CUSTOM_AUTH")})
	w.pool.AddClient(userpool.Client{ID: "secret", Secret: secret})
	w.pool.AddClient(userpool.Client{ID: "hiding", PreventUserExistenceErrors: true})
	w.pool.AddUser(userpool.User{Username: "rob", Email: "rob@example.com", Password: password})
	w.pool.AddUser(userpool.User{Username: "app", Password: password, TOTPSeed: seed})
	w.pool.AddUser(userpool.User{Username: "temporary", Password: password, Status: userpool.ForceChangePassword})
	w.pool.AddUser(userpool.User{Username: "off", Password: password, Disabled: true})
	return w
}

// asked checks that a is a question, and returns its Session.
func (w *world) asked(a answer, question string) string {
	w.t.Helper()
	if a.text("ChallengeName") != "CUSTOM_CHALLENGE" || a.parameters()["question"] != question || a.text("Session") == "" {
		w.t.Fatalf("not asked for %s: %s %s %v", question, a.errType, a.message, a.body)
	}
	return a.text("Session")
}

func (w *world) answerCustom(session, username, text string) answer {
	w.t.Helper()
	return w.respond("open", "CUSTOM_CHALLENGE", session, "USERNAME", username, "ANSWER", text)
}

func TestCustomQuestions(t *testing.T) {
	w := customWorld(t, userpool.PoolConfig{})
	a := w.signIn("open", "CUSTOM_AUTH", "USERNAME", "rob@example.com")
	if a.parameters()["USERNAME"] != "rob" || a.parameters()["answer"] != nil {
		t.Errorf("parameters: %v", a.parameters())
	}
	pet := w.asked(a, "pet")
	again := w.asked(w.answerCustom(pet, "rob", "dog"), "pet")
	w.answerCustom(pet, "rob", "cat").refused(t, notAuthorized, usedSession)
	city := w.asked(w.answerCustom(again, "rob", "cat"), "city")
	w.answerCustom(city, "rob", "Rome").result(t)

	// The third wrong answer is one too many.
	session := w.asked(w.signIn("open", "CUSTOM_AUTH", "USERNAME", "rob"), "pet")
	for range 2 {
		session = w.asked(w.answerCustom(session, "rob", "dog"), "pet")
	}
	w.answerCustom(session, "rob", "dog").refused(t, notAuthorized, wrongPassword)
	w.answerCustom(session, "rob", "cat").refused(t, notAuthorized, usedSession)

	session = w.asked(w.signIn("open", "CUSTOM_AUTH", "USERNAME", "rob"), "pet")
	w.clock.advance(3*time.Minute + time.Second)
	w.answerCustom(session, "rob", "cat").refused(t, notAuthorized, expiredSession)
}

// customSRP begins CUSTOM_AUTH with the password, and answers its challenge.
func (w *world) customSRP(username, password string) answer {
	w.t.Helper()
	c := newSRPClient(31)
	first := w.signIn("open", "CUSTOM_AUTH", "USERNAME", username, "CHALLENGE_NAME", "SRP_A", "SRP_A", c.publicA.Text(16))
	if first.text("ChallengeName") != "PASSWORD_VERIFIER" || first.text("Session") == "" {
		w.t.Fatal(first.errType, first.message, first.body)
	}
	return w.respond("open", "PASSWORD_VERIFIER", first.text("Session"), w.verifierAnswer(c, first, password, stamp(w.clock.Now()))...)
}

func TestCustomAfterPassword(t *testing.T) {
	w := customWorld(t, userpool.PoolConfig{})
	session := w.asked(w.customSRP("rob", password), "pet")
	session = w.asked(w.answerCustom(session, "rob", "cat"), "city")
	w.answerCustom(session, "rob", "Rome").result(t)
	w.customSRP("rob", "x").refused(t, notAuthorized, wrongPassword)

	a := w.customSRP("app", password) // MFA comes between
	if a.text("ChallengeName") != "SOFTWARE_TOKEN_MFA" {
		t.Fatal(a.body)
	}
	w.asked(w.answerTOTP(a.text("Session"), w.code(seed)), "pet")
	if a := w.customSRP("temporary", password); a.text("ChallengeName") != "NEW_PASSWORD_REQUIRED" {
		t.Fatal(a.body)
	}
	// Neither comes without a password.
	w.asked(w.signIn("open", "CUSTOM_AUTH", "USERNAME", "app"), "pet")
	w.asked(w.signIn("open", "CUSTOM_AUTH", "USERNAME", "temporary"), "pet")
}

func TestCustomRefusals(t *testing.T) {
	w := customWorld(t, userpool.PoolConfig{})
	w.signIn("open", "CUSTOM_AUTH").refused(t, invalidParameter, "Missing required parameter USERNAME")
	w.signIn("open", "CUSTOM_AUTH", "USERNAME", "rob", "CHALLENGE_NAME", "SRP_A").refused(t, invalidParameter, "Missing required parameter SRP_A")
	w.signIn("open", "CUSTOM_AUTH", "USERNAME", "rob", "CHALLENGE_NAME", "SRP_A", "SRP_A", "0").refused(t, invalidParameter, "SRP_A is not valid")
	w.signIn("open", "CUSTOM_AUTH", "USERNAME", "bob").refused(t, "UserNotFoundException", "User does not exist.")
	w.signIn("open", "CUSTOM_AUTH", "USERNAME", "off").refused(t, notAuthorized, "User is disabled.")
	w.signIn("secret", "CUSTOM_AUTH", "USERNAME", "rob").
		refused(t, notAuthorized, "Client secret is configured with secret but SECRET_HASH was not received")
	session := w.asked(w.signIn("open", "CUSTOM_AUTH", "USERNAME", "rob"), "pet")
	w.respond("open", "CUSTOM_CHALLENGE", session, "USERNAME", "rob").refused(t, invalidParameter, "Missing required parameter ANSWER")
	w.answerCustom(session, "app", "cat").refused(t, notAuthorized, badSession)
	w.answerCustom("", "rob", "cat").refused(t, invalidParameter, "Missing required parameter Session")
}

func TestCustomHidesUnknownUsers(t *testing.T) {
	w := customWorld(t, userpool.PoolConfig{})
	a := w.signIn("hiding", "CUSTOM_AUTH", "USERNAME", "bob")
	for range 2 {
		w.asked(a, "pet")
		a = w.respond("hiding", "CUSTOM_CHALLENGE", a.text("Session"), "USERNAME", "bob", "ANSWER", "cat")
	}
	w.respond("hiding", "CUSTOM_CHALLENGE", w.asked(a, "pet"), "USERNAME", a.parameters()["USERNAME"].(string), "ANSWER", "cat").
		refused(t, notAuthorized, wrongPassword)

	issue := func(userpool.CustomRequest) (userpool.CustomDecision, error) {
		return userpool.CustomDecision{IssueTokens: true}, nil
	}
	w = customWorld(t, userpool.PoolConfig{Custom: &userpool.CustomAuth{Define: issue}})
	w.signIn("hiding", "CUSTOM_AUTH", "USERNAME", "bob").refused(t, notAuthorized, wrongPassword)
	w.signIn("hiding", "CUSTOM_AUTH", "USERNAME", "rob").result(t)
	w.signIn("hiding", "CUSTOM_AUTH", "USERNAME", "rob", "CHALLENGE_NAME", "SRP_A", "SRP_A", "abc").refused(t, notAuthorized, wrongPassword)
}

// TestTriggersAreTold has triggers that write down what they get.
func TestTriggersAreTold(t *testing.T) {
	var told []userpool.CustomRequest
	note := func(r userpool.CustomRequest) { told = append(told, r) }
	w := customWorld(t, userpool.PoolConfig{Custom: &userpool.CustomAuth{
		Define: func(r userpool.CustomRequest) (userpool.CustomDecision, error) {
			note(r)
			return userpool.CustomDecision{
				ChallengeName: "CUSTOM_CHALLENGE", IssueTokens: len(r.Session) == 1 && r.Session[0].Metadata == "noted" && r.Session[0].Result,
			}, nil
		},
		Create: func(r userpool.CustomRequest) (userpool.CustomChallenge, error) {
			note(r)
			return userpool.CustomChallenge{Private: map[string]string{"code": "7"}, Metadata: "noted"}, nil
		},
		Verify: func(r userpool.CustomRequest) (bool, error) {
			note(r)
			return r.Answer == r.Private["code"], nil
		},
	}})
	metadata := map[string]string{"from": "test"}
	a := w.call("InitiateAuth", object{"ClientId": "open", "AuthFlow": "CUSTOM_AUTH", "ClientMetadata": metadata, "AuthParameters": object{"USERNAME": "rob"}})
	w.answerCustom(a.text("Session"), "rob", "7").result(t)
	if len(told) != 4 || told[0].Username != "rob" || !maps.Equal(told[1].ClientMetadata, metadata) || told[2].Answer != "7" || told[3].ClientMetadata != nil {
		t.Errorf("%+v", told)
	}
}

func TestTriggersThatFail(t *testing.T) {
	const lambda = "UserLambdaValidationException"
	fails := errors.New("no luck")
	define := func(name string, err error) func(userpool.CustomRequest) (userpool.CustomDecision, error) {
		return func(userpool.CustomRequest) (userpool.CustomDecision, error) {
			return userpool.CustomDecision{ChallengeName: name}, err
		}
	}
	create := func(err error) func(userpool.CustomRequest) (userpool.CustomChallenge, error) {
		return func(userpool.CustomRequest) (userpool.CustomChallenge, error) { return userpool.CustomChallenge{}, err }
	}
	tests := []struct {
		custom           userpool.CustomAuth
		errType, message string
	}{
		{userpool.CustomAuth{Define: define("", fails)}, lambda, "DefineAuthChallenge failed with error no luck."},
		{userpool.CustomAuth{Define: define("CUSTOM_CHALLENGE", nil), Create: create(fails)}, lambda, "CreateAuthChallenge failed with error no luck."},
		{userpool.CustomAuth{Define: define("PASSWORD_VERIFIER", nil)}, "InvalidLambdaResponseException", "Invalid lambda function output : Invalid challenge name"},
	}
	for i, test := range tests {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			w := customWorld(t, userpool.PoolConfig{Custom: &test.custom})
			w.signIn("open", "CUSTOM_AUTH", "USERNAME", "rob").refused(t, test.errType, test.message)
		})
	}
	w := customWorld(t, userpool.PoolConfig{Custom: &userpool.CustomAuth{
		Define: define("CUSTOM_CHALLENGE", nil), Create: create(nil),
		Verify: func(userpool.CustomRequest) (bool, error) { return false, fails },
	}})
	a := w.signIn("open", "CUSTOM_AUTH", "USERNAME", "rob")
	w.answerCustom(a.text("Session"), "rob", "x").refused(t, lambda, "VerifyAuthChallengeResponse failed with error no luck.")
}

func TestCustomWithDevice(t *testing.T) {
	w := customWorld(t, userpool.PoolConfig{DeviceConfiguration: &userpool.DeviceConfiguration{}})
	d := w.newPhone()
	d.confirm()
	w.signIn("main", "CUSTOM_AUTH", "USERNAME", "rob", "DEVICE_KEY", "us-east-1_0").refused(t, notFound, noDevice)
	a := w.signIn("main", "CUSTOM_AUTH", "USERNAME", "rob", "DEVICE_KEY", d.key)
	for _, text := range []string{"cat", "Rome"} {
		a = w.respond("main", "CUSTOM_CHALLENGE", a.text("Session"), "USERNAME", "rob", "ANSWER", text, "DEVICE_KEY", d.key)
	}
	d.prove(a, devicePassword).result(t)
}
