package userpool_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/userpool"
)

const (
	notAuthorized    = "NotAuthorizedException"
	invalidParameter = "InvalidParameterException"
	wrongPassword    = "Incorrect username or password."
)

// signInWorld has a client for every way to be refused.
func signInWorld(t *testing.T) *world {
	w := newWorld(t, userpool.PoolConfig{AliasAttributes: []string{"email"}})
	for _, client := range []userpool.Client{
		{ID: "open", Flows: allFlows()},
		{ID: "secret", Secret: secret, Flows: allFlows()},
		{ID: "hiding", Flows: allFlows(), PreventUserExistenceErrors: true},
		{ID: "none", Flows: []string{}},
		{ID: "standard"},
	} {
		w.pool.AddClient(client)
	}
	for _, user := range []userpool.User{
		{Username: "rob", Email: "rob@example.com"},
		{Username: "new", Email: "new@example.com", Attributes: map[string]string{"email_verified": "false"}},
		{Username: "off", Disabled: true},
		{Username: "early", Status: userpool.Unconfirmed},
		{Username: "lost", Status: userpool.ResetRequired},
	} {
		user.Password = password
		w.pool.AddUser(user)
	}
	return w
}

func TestSignInRefusals(t *testing.T) {
	w := signInWorld(t)
	hash := func(name string) string { return secretHash(secret, "secret", name) }
	tests := []struct {
		name, client, flow string
		parameters         string // NAME=value, by blanks; $P is the password
		errType, message   string
	}{
		{"wrong password", "open", "USER_PASSWORD_AUTH", "USERNAME=rob PASSWORD=x", notAuthorized, wrongPassword},
		{"unknown user", "open", "USER_PASSWORD_AUTH", "USERNAME=bob PASSWORD=$P", "UserNotFoundException", "User does not exist."},
		{"unknown user, hidden", "hiding", "USER_PASSWORD_AUTH", "USERNAME=bob PASSWORD=$P", notAuthorized, wrongPassword},
		{"unknown user by SRP", "open", "USER_SRP_AUTH", "USERNAME=bob SRP_A=abc", "UserNotFoundException", "User does not exist."},
		{"alias not verified", "open", "USER_PASSWORD_AUTH", "USERNAME=new@example.com PASSWORD=$P", "UserNotFoundException", "User does not exist."},
		{"disabled", "open", "USER_PASSWORD_AUTH", "USERNAME=off PASSWORD=$P", notAuthorized, "User is disabled."},
		{"unconfirmed", "open", "USER_PASSWORD_AUTH", "USERNAME=early PASSWORD=$P", "UserNotConfirmedException", "User is not confirmed."},
		{"reset required", "open", "USER_PASSWORD_AUTH", "USERNAME=lost PASSWORD=$P", "PasswordResetRequiredException", "Password reset required for the user"},
		{"reset required by SRP", "open", "USER_SRP_AUTH", "USERNAME=lost SRP_A=abc", "PasswordResetRequiredException", "Password reset required for the user"},
		{"no USERNAME", "open", "USER_PASSWORD_AUTH", "PASSWORD=$P", invalidParameter, "Missing required parameter USERNAME"},
		{"no PASSWORD", "open", "USER_PASSWORD_AUTH", "USERNAME=rob", invalidParameter, "Missing required parameter PASSWORD"},
		{"no SRP_A", "open", "USER_SRP_AUTH", "USERNAME=rob", invalidParameter, "Missing required parameter SRP_A"},
		{"no REFRESH_TOKEN", "open", "REFRESH_TOKEN_AUTH", "", invalidParameter, "Missing required parameter REFRESH_TOKEN"},
		{"A = 0", "open", "USER_SRP_AUTH", "USERNAME=rob SRP_A=0", invalidParameter, "SRP_A is not valid"},
		{"A = N", "open", "USER_SRP_AUTH", "USERNAME=rob SRP_A=" + group15().Text(16), invalidParameter, "SRP_A is not valid"},
		{"A no number", "open", "USER_SRP_AUTH", "USERNAME=rob SRP_A=-1", invalidParameter, "SRP_A is not valid"},
		{"no hash", "secret", "USER_PASSWORD_AUTH", "USERNAME=rob PASSWORD=$P", notAuthorized, "Client secret is configured with secret but SECRET_HASH was not received"},
		{"wrong hash", "secret", "USER_PASSWORD_AUTH", "USERNAME=rob PASSWORD=$P SECRET_HASH=" + hash("bob"), notAuthorized, "Unable to verify secret hash for client secret"},
		{"hash of the username, alias sent", "secret", "USER_PASSWORD_AUTH", "USERNAME=rob@example.com PASSWORD=$P SECRET_HASH=" + hash("rob"), notAuthorized, "Unable to verify secret hash for client secret"},
		{"hash without need", "open", "USER_PASSWORD_AUTH", "USERNAME=rob PASSWORD=$P SECRET_HASH=" + hash("rob"), notAuthorized, "Unable to verify secret hash for client open"},
		{"no hash by SRP", "secret", "USER_SRP_AUTH", "USERNAME=rob SRP_A=abc", notAuthorized, "Client secret is configured with secret but SECRET_HASH was not received"},
		{"password flow off", "standard", "USER_PASSWORD_AUTH", "USERNAME=rob PASSWORD=$P", invalidParameter, "USER_PASSWORD_AUTH flow not enabled for this client"},
		{"SRP off", "none", "USER_SRP_AUTH", "USERNAME=rob SRP_A=abc", invalidParameter, "USER_SRP_AUTH is not enabled for the client."},
		{"refresh off", "none", "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN=abc", invalidParameter, "REFRESH_TOKEN_AUTH flow not enabled for this client"},
		{"choice off", "open", "USER_AUTH", "USERNAME=rob", invalidParameter, "USER_AUTH flow not enabled for this client"},
		{"custom without Lambda", "standard", "CUSTOM_AUTH", "USERNAME=rob", invalidParameter, "Custom auth lambda trigger is not configured for the user pool."},
		{"admin flow unsigned", "open", "ADMIN_USER_PASSWORD_AUTH", "USERNAME=rob PASSWORD=$P", invalidParameter, "Initiate Auth method not supported"},
		{"admin flow unsigned, old name", "open", "ADMIN_NO_SRP_AUTH", "USERNAME=rob PASSWORD=$P", invalidParameter, "Initiate Auth method not supported"},
		{"unknown client", "nobody", "USER_PASSWORD_AUTH", "USERNAME=rob PASSWORD=$P", "ResourceNotFoundException", "User pool client nobody does not exist."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var pairs []string
			for _, field := range strings.Fields(test.parameters) {
				name, value, _ := strings.Cut(field, "=")
				pairs = append(pairs, name, strings.ReplaceAll(value, "$P", password))
			}
			w.signIn(test.client, test.flow, pairs...).refused(t, test.errType, test.message)
		})
	}
}

func TestSignInsThatPass(t *testing.T) {
	w := signInWorld(t)
	w.signIn("open", "USER_PASSWORD_AUTH", "USERNAME", "ROB", "PASSWORD", password).result(t)
	w.signIn("open", "USER_PASSWORD_AUTH", "USERNAME", "Rob@Example.com", "PASSWORD", password).result(t)
	w.signIn("secret", "USER_PASSWORD_AUTH", "USERNAME", "rob@example.com", "PASSWORD", password,
		"SECRET_HASH", secretHash(secret, "secret", "rob@example.com")).result(t)
	w.signIn("open", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password, "DEVICE_KEY", "x", "SOMETHING", "new").result(t)
	w.pool.Enable("off")
	w.signIn("open", "USER_PASSWORD_AUTH", "USERNAME", "off", "PASSWORD", password).result(t)
}

func TestEmailPool(t *testing.T) {
	w := newWorld(t, userpool.PoolConfig{UsernameAttributes: []string{"email"}})
	client := w.pool.AddClient(userpool.Client{ID: "secret", Secret: secret, Flows: allFlows()})
	user := w.pool.AddUser(userpool.User{Email: "rob@example.com", Password: password})
	if user.Username != user.Sub || user.Sub == "" {
		t.Fatalf("username %q, sub %q", user.Username, user.Sub)
	}
	byEmail, bySub := secretHash(secret, client.ID, "rob@example.com"), secretHash(secret, client.ID, user.Sub)
	tokens := w.signIn("secret", "USER_PASSWORD_AUTH", "USERNAME", "rob@example.com", "PASSWORD", password, "SECRET_HASH", byEmail).result(t)
	refresh := tokens["RefreshToken"].(string)
	w.signIn("secret", "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN", refresh, "SECRET_HASH", bySub).result(t)
	w.signIn("secret", "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN", refresh, "SECRET_HASH", byEmail).
		refused(t, notAuthorized, "SecretHash does not match for the client: secret")
	w.signIn("secret", "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN", refresh).
		refused(t, notAuthorized, "Client secret is configured with secret but SECRET_HASH was not received")

	c := newSRPClient(7)
	first := w.signIn("secret", "USER_SRP_AUTH", "USERNAME", "rob@example.com", "SRP_A", c.publicA.Text(16), "SECRET_HASH", byEmail)
	if first.parameters()["USER_ID_FOR_SRP"] != user.Sub || first.parameters()["USERNAME"] != user.Sub {
		t.Errorf("parameters: %v", first.parameters())
	}
	if _, given := first.body["Session"]; given {
		t.Error("PASSWORD_VERIFIER has a Session")
	}
	answers := w.verifierAnswer(c, first, password, stamp(w.clock.Now()))
	w.respond("secret", "PASSWORD_VERIFIER", "", append(answers, "SECRET_HASH", byEmail)...).
		refused(t, notAuthorized, "Unable to verify secret hash for client secret")
	w.respond("secret", "PASSWORD_VERIFIER", "", append(answers, "SECRET_HASH", bySub)...).result(t)
}

// TestVerifierRefusals changes one thing at a time in an answer that is right.
func TestVerifierRefusals(t *testing.T) {
	const format = "TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english."
	late := func(d time.Duration) func(*world) string {
		return func(w *world) string { return stamp(w.clock.Now().Add(d)) }
	}
	text := func(s string) func(*world) string { return func(*world) string { return s } }
	tests := []struct {
		name      string
		timestamp func(*world) string
		errType   string // "" passes
		message   string
	}{
		{"on time", late(0), "", ""},
		{"5 min late", late(-5 * time.Minute), "", ""},
		{"5 min early", late(5 * time.Minute), "", ""},
		{"too late", late(-5*time.Minute - time.Second), notAuthorized, wrongPassword},
		{"too early", late(5*time.Minute + time.Second), notAuthorized, wrongPassword},
		{"day with a zero", text("Thu Mar 05 14:07:09 UTC 2026"), notAuthorized, wrongPassword},
		{"other weekday", text("Fri Mar 5 14:07:09 UTC 2026"), notAuthorized, wrongPassword},
		{"12-hour clock", text("Thu Mar 5 02:07:09 UTC 2026"), notAuthorized, wrongPassword},
		{"ISO", text("2026-03-05T14:07:09Z"), invalidParameter, format},
		{"German", text("Do März 5 14:07:09 UTC 2026"), invalidParameter, format},
		{"other zone", text("Thu Mar 5 15:07:09 CET 2026"), invalidParameter, format},
	}
	w := newWorld(t, userpool.PoolConfig{})
	client := w.pool.AddClient(userpool.Client{})
	w.pool.AddUser(userpool.User{Username: "rob", Password: password})
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w.pool.SetPassword("rob", password)
			c := newSRPClient(int64(i))
			first := w.signIn(client.ID, "USER_SRP_AUTH", "USERNAME", "rob", "SRP_A", c.publicA.Text(16))
			got := w.respond(client.ID, "PASSWORD_VERIFIER", "", w.verifierAnswer(c, first, password, test.timestamp(w))...)
			if test.errType == "" {
				got.result(t)
				return
			}
			got.refused(t, test.errType, test.message)
			w.srpSignIn(client.ID, "rob", password, 1) // ends the row of failures
		})
	}
}

func TestVerifierAnsweredOnceAndInTime(t *testing.T) {
	w := signInWorld(t)
	begin := func() (*srpClient, answer) {
		c := newSRPClient(3)
		return c, w.signIn("open", "USER_SRP_AUTH", "USERNAME", "rob", "SRP_A", c.publicA.Text(16))
	}
	c, first := begin()
	answers := w.verifierAnswer(c, first, password, stamp(w.clock.Now()))
	w.respond("hiding", "PASSWORD_VERIFIER", "", answers...).refused(t, notAuthorized, wrongPassword)
	w.respond("open", "PASSWORD_VERIFIER", "", append(answers, "USERNAME", "new")...).refused(t, notAuthorized, wrongPassword)
	w.respond("open", "PASSWORD_VERIFIER", "a session that nobody gave out", answers...).refused(t, notAuthorized, "Invalid session for the user.")
	w.respond("open", "PASSWORD_VERIFIER", "", answers[:6]...).refused(t, invalidParameter, "Missing required parameter TIMESTAMP")
	w.respond("open", "PASSWORD_VERIFIER", "", answers...).result(t)
	w.respond("open", "PASSWORD_VERIFIER", "", answers...).refused(t, notAuthorized, wrongPassword)

	c, first = begin()
	w.clock.advance(31 * time.Second)
	w.respond("open", "PASSWORD_VERIFIER", "", w.verifierAnswer(c, first, password, stamp(w.clock.Now()))...).
		refused(t, notAuthorized, wrongPassword)
}

func TestUnknownUserBySRPIsHidden(t *testing.T) {
	w := signInWorld(t)
	c := newSRPClient(3)
	begin := func(name string) answer {
		return w.signIn("hiding", "USER_SRP_AUTH", "USERNAME", name, "SRP_A", c.publicA.Text(16))
	}
	first, again, other := begin("bob").parameters(), begin("bob").parameters(), begin("bill").parameters()
	if first["SALT"] == nil || first["SALT"] != again["SALT"] || first["USER_ID_FOR_SRP"] != again["USER_ID_FOR_SRP"] {
		t.Errorf("salt and id change: %v %v", first["SALT"], again["SALT"])
	}
	if first["SALT"] == other["SALT"] || first["USER_ID_FOR_SRP"] == "bob" {
		t.Error("salt or id gives it away")
	}
	w.srpSignIn("hiding", "bob", password, 3).refused(t, notAuthorized, wrongPassword)
}

func TestLockout(t *testing.T) {
	for _, srp := range []bool{false, true} {
		w := newWorld(t, userpool.PoolConfig{})
		client := w.pool.AddClient(userpool.Client{Flows: allFlows()})
		w.pool.AddUser(userpool.User{Username: "rob", Password: password})
		try := func(password string) answer {
			if srp {
				return w.srpSignIn(client.ID, "rob", password, 5)
			}
			return w.signIn(client.ID, "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password)
		}
		for range 5 {
			try("x").refused(t, notAuthorized, wrongPassword)
		}
		locked := time.Second
		for range 3 {
			try(password).refused(t, notAuthorized, "Password attempts exceeded")
			w.clock.advance(locked - time.Millisecond)
			try(password).refused(t, notAuthorized, "Password attempts exceeded")
			w.clock.advance(time.Millisecond)
			try("x").refused(t, notAuthorized, wrongPassword)
			locked *= 2
		}
		w.clock.advance(locked)
		try(password).result(t)
		try("x").refused(t, notAuthorized, wrongPassword)
		try(password).result(t)
		if a := w.pool.PasswordAttempts("rob"); a.Failures != 0 || a.Total != 11 {
			t.Errorf("attempts: %+v", a)
		}
	}
}

func TestLockoutLimitsAndForgets(t *testing.T) {
	w := newWorld(t, userpool.PoolConfig{})
	client := w.pool.AddClient(userpool.Client{Flows: allFlows()})
	w.pool.AddUser(userpool.User{Username: "rob", Password: password})
	fail := func() { w.signIn(client.ID, "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", "x") }
	for range 14 {
		fail()
		if until := w.pool.PasswordAttempts("rob").LockedUntil; until.After(w.clock.Now()) {
			w.clock.advance(until.Sub(w.clock.Now()))
		}
	}
	fail() // the 15th: 2^10 s would be more than 15 min
	if lock := w.pool.PasswordAttempts("rob").LockedUntil.Sub(w.clock.Now()); lock != 15*time.Minute {
		t.Errorf("locked for %v", lock)
	}
	w.clock.advance(15 * time.Minute)
	fail()
	if a := w.pool.PasswordAttempts("rob"); a.Failures != 1 {
		t.Errorf("after 15 quiet minutes: %+v", a)
	}
}

func TestWrongSecretLocksOut(t *testing.T) {
	w := signInWorld(t)
	for range 7 { // the last two find the user locked, and don't lengthen that
		w.signIn("secret", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password, "SECRET_HASH", "d3Jvbmc=").
			refused(t, notAuthorized, "Unable to verify secret hash for client secret")
	}
	w.signIn("open", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password).
		refused(t, notAuthorized, "Password attempts exceeded")
	w.clock.advance(time.Second)
	w.signIn("open", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password).result(t)
}
