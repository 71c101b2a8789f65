package userpool_test

import (
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/userpool"
)

func (w *world) signUp(username string, attributes ...object) answer {
	w.t.Helper()
	return w.call("SignUp", object{"ClientId": "main", "Username": username, "Password": password, "UserAttributes": attributes})
}

func (w *world) confirmSignUp(username, code string) answer {
	w.t.Helper()
	return w.call("ConfirmSignUp", object{"ClientId": "main", "Username": username, "ConfirmationCode": code})
}

func (w *world) resend(client, username string) answer {
	w.t.Helper()
	return w.call("ResendConfirmationCode", object{"ClientId": client, "Username": username})
}

func TestSignUp(t *testing.T) {
	w := resetWorld(t)
	a := w.signUp("new", object{"Name": "email", "Value": "new@example.com"})
	if medium, to, attribute := a.delivery(); medium != "EMAIL" || to != "n***@e***" || attribute != "email" || a.text("UserSub") == "" || a.body["UserConfirmed"] != false {
		t.Fatal(a.errType, a.message, a.body)
	}
	code := w.pool.LastCode("new")
	w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "new", "PASSWORD", password).
		refused(t, "UserNotConfirmedException", "User is not confirmed.")
	w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "new@example.com", "PASSWORD", password).
		refused(t, "UserNotFoundException", "User does not exist.") // not verified
	w.confirmSignUp("new", wrong(code)).refused(t, "CodeMismatchException", badCode)
	w.confirmSignUp("new", code).passed(t)
	w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "new@example.com", "PASSWORD", password).result(t)
	w.confirmSignUp("new", code).refused(t, notAuthorized, "User cannot be confirmed. Current status is CONFIRMED")
	w.resend("main", "new").refused(t, invalidParameter, "User is already confirmed.")
}

func TestSignUpRefusals(t *testing.T) {
	w := resetWorld(t)
	w.signUp("rob").refused(t, "UsernameExistsException", "User already exists")
	w.signUp("new", object{"Name": "custom:shoe", "Value": "9"}).refused(t, invalidParameter,
		"Attributes did not conform to the schema: custom:shoe: Attribute does not exist in the schema.\n")
	w.call("SignUp", object{"ClientId": "main", "Username": "new"}).refused(t, invalidParameter, "Missing required parameter Password")
	w.call("SignUp", object{"ClientId": "main", "Username": "new", "Password": "short"}).
		refused(t, "InvalidPasswordException", "Password did not conform with policy: Password not long enough")
	w.call("SignUp", object{"ClientId": "main", "Username": "new", "Password": " x "}).refused(t, invalidParameter,
		"1 validation error detected: Value at 'password' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\S]+.*[\\S]+")
	w.call("SignUp", object{"ClientId": "main", "Username": "new", "UserAttributes": object{}}).
		refused(t, "SerializationException", "Start of structure or map found where not expected.")
	w.call("SignUp", object{"ClientId": "secret", "Username": "new", "Password": password}).
		refused(t, notAuthorized, "Client secret is configured with secret but SECRET_HASH was not received")
}

func TestConfirmAgain(t *testing.T) {
	w := resetWorld(t)
	w.confirmSignUp("early", "123456").refused(t, "ExpiredCodeException", oldCode)
	if medium, to, _ := w.resend("main", "early").delivery(); medium != "EMAIL" || to != "e***@e***" {
		t.Error(medium, to)
	}
	w.clock.advance(24*time.Hour + time.Second)
	w.confirmSignUp("early", w.pool.LastCode("early")).refused(t, "ExpiredCodeException", oldCode)
	for range 5 {
		w.resend("main", "early").passed(t)
	}
	w.resend("main", "early").refused(t, "LimitExceededException", tooMany)
	w.clock.advance(time.Hour)
	w.confirmSignUp("early", w.pool.LastCode("early")).passed(t)
	w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "early", "PASSWORD", password).result(t)

	w.resend("main", "bob").refused(t, "UserNotFoundException", unknownByName)
	w.confirmSignUp("bob", "123456").refused(t, "UserNotFoundException", unknownByName)
	w.resend("hiding", "bob").passed(t)
	w.call("ConfirmSignUp", object{"ClientId": "hiding", "Username": "bob", "ConfirmationCode": "123456"}).refused(t, "ExpiredCodeException", oldCode)
}

func TestSignUpByEmail(t *testing.T) {
	w := newWorld(t, userpool.PoolConfig{UsernameAttributes: []string{"email"}})
	w.pool.AddClient(userpool.Client{ID: "main", Flows: allFlows()})
	sub := w.signUp("new@example.com").text("UserSub")
	w.signUp("new@example.com").refused(t, "UsernameExistsException", "User already exists")
	w.confirmSignUp("new@example.com", w.pool.LastCode("new@example.com")).passed(t)
	r := w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "new@example.com", "PASSWORD", password).result(t)
	if _, claims := w.parse(r["AccessToken"].(string)); claims["username"] != sub {
		t.Errorf("username %v, sub %s", claims["username"], sub)
	}
}
