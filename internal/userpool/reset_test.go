package userpool_test

import (
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/userpool"
)

const (
	noWay         = "Cannot reset password for the user as there is no registered/verified email or phone_number"
	oldCode       = "Invalid code provided, please request a code again."
	tooMany       = "Attempt limit exceeded, please try after some time."
	unknownByName = "Username/client id combination not found."
)

func resetWorld(t *testing.T) *world {
	w := newWorld(t, userpool.PoolConfig{AliasAttributes: []string{"email"}})
	w.pool.AddClient(userpool.Client{ID: "main", Flows: allFlows()})
	w.pool.AddClient(userpool.Client{ID: "secret", Secret: secret, Flows: allFlows()})
	w.pool.AddClient(userpool.Client{ID: "hiding", Flows: allFlows(), PreventUserExistenceErrors: true})
	const email, phone = "rob@example.com", "+15555550123"
	for _, user := range []userpool.User{
		{Username: "rob", Email: email, Phone: phone},
		{Username: "phone", Phone: phone},
		{Username: "bare"},
		{Username: "unverified", Email: "un@example.com", Attributes: map[string]string{"email_verified": "false"}},
		{Username: "temporary", Email: "t@example.com", Status: userpool.ForceChangePassword},
		{Username: "early", Email: "early@example.com", Status: userpool.Unconfirmed},
		{Username: "off", Email: "off@example.com", Disabled: true},
		{Username: "sms", Phone: phone, SMSMFA: true},
		{Username: "mail", Email: "mail@example.com", EmailMFA: true},
		{Username: "mailphone", Email: "mp@example.com", Phone: phone, EmailMFA: true},
	} {
		user.Password = password
		w.pool.AddUser(user)
	}
	return w
}

func (w *world) forgot(username string) answer {
	w.t.Helper()
	return w.call("ForgotPassword", object{"ClientId": "main", "Username": username})
}

func (w *world) setNew(username, code, password string) answer {
	w.t.Helper()
	return w.call("ConfirmForgotPassword", object{"ClientId": "main", "Username": username, "ConfirmationCode": code, "Password": password})
}

func (a answer) passed(t *testing.T) {
	t.Helper()
	if a.errType != "" {
		t.Fatalf("%s %q", a.errType, a.message)
	}
}

func (a answer) delivery() (medium, destination, attribute any) {
	d, _ := a.body["CodeDeliveryDetails"].(object)
	return d["DeliveryMedium"], d["Destination"], d["AttributeName"]
}

func TestForgotPassword(t *testing.T) {
	w := resetWorld(t)
	medium, destination, attribute := w.forgot("rob@example.com").delivery()
	if medium != "EMAIL" || destination != "r***@e***" || attribute != "email" {
		t.Error(medium, destination, attribute)
	}
	code := w.pool.LastCode("rob")
	w.setNew("rob", wrong(code), newPassword).refused(t, "CodeMismatchException", badCode)
	w.setNew("rob", code, "Short1!").refused(t, "InvalidPasswordException", "Password did not conform with policy: Password not long enough")
	w.setNew("rob", code, newPassword).passed(t)
	w.setNew("rob", code, newPassword).refused(t, "ExpiredCodeException", oldCode)
	w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password).refused(t, notAuthorized, wrongPassword)
	w.srpSignIn("main", "rob", newPassword, 5).result(t)

	medium, destination, attribute = w.forgot("phone").delivery()
	if medium != "SMS" || destination != "+*******0123" || attribute != "phone_number" {
		t.Error(medium, destination, attribute)
	}
	old := w.pool.LastCode("phone")
	w.forgot("phone").passed(t)
	if old != w.pool.LastCode("phone") { // one in a million is the same
		w.setNew("phone", old, newPassword).refused(t, "CodeMismatchException", badCode)
	}
	w.clock.advance(time.Hour + time.Second)
	w.setNew("phone", w.pool.LastCode("phone"), newPassword).refused(t, "ExpiredCodeException", oldCode)
	if medium, _, _ := w.forgot("mailphone").delivery(); medium != "SMS" {
		t.Errorf("the code went to the channel of MFA: %v", medium)
	}
}

func TestForgotPasswordRefusals(t *testing.T) {
	w := resetWorld(t)
	for username, want := range map[string][2]string{
		"bob":        {"UserNotFoundException", unknownByName},
		"bare":       {invalidParameter, noWay},
		"unverified": {invalidParameter, noWay},
		"early":      {invalidParameter, noWay},
		"sms":        {invalidParameter, noWay},
		"mail":       {invalidParameter, noWay},
		"temporary":  {notAuthorized, "User password cannot be reset in the current state."},
		"off":        {notAuthorized, "User is disabled."},
	} {
		t.Run(username, func(t *testing.T) { w.forgot(username).refused(t, want[0], want[1]) })
	}
	w.setNew("bob", "123456", newPassword).refused(t, "UserNotFoundException", unknownByName)
	w.setNew("rob", "123456", newPassword).refused(t, "ExpiredCodeException", oldCode)
	if len(w.pool.Messages()) != 0 {
		t.Errorf("%+v", w.pool.Messages())
	}
}

func TestResetLimit(t *testing.T) {
	w := resetWorld(t)
	w.forgot("rob").passed(t)
	code := w.pool.LastCode("rob")
	for range 4 {
		w.setNew("rob", wrong(code), newPassword).refused(t, "CodeMismatchException", badCode)
	}
	w.setNew("rob", code, newPassword).refused(t, "LimitExceededException", tooMany)
	w.forgot("rob").refused(t, "LimitExceededException", tooMany)
	w.clock.advance(time.Hour)
	w.forgot("rob").passed(t)
	w.setNew("rob", w.pool.LastCode("rob"), newPassword).passed(t)
}

func TestResetHash(t *testing.T) {
	w := resetWorld(t)
	forgot := func(hash string) answer {
		body := object{"ClientId": "secret", "Username": "rob@example.com"}
		if hash != "" {
			body["SecretHash"] = hash
		}
		return w.call("ForgotPassword", body)
	}
	typed := secretHash(secret, "secret", "rob@example.com")
	forgot("").refused(t, notAuthorized, "Client secret is configured with secret but SECRET_HASH was not received")
	forgot(secretHash(secret, "secret", "rob")).refused(t, notAuthorized, "Unable to verify secret hash for client secret")
	forgot(typed).passed(t)
	body := object{"ClientId": "secret", "Username": "rob@example.com", "ConfirmationCode": w.pool.LastCode("rob"), "Password": newPassword}
	w.call("ConfirmForgotPassword", body).refused(t, notAuthorized, "Client secret is configured with secret but SECRET_HASH was not received")
	body["SecretHash"] = typed
	w.call("ConfirmForgotPassword", body).passed(t)
	calls := w.server.Calls()
	if last := calls[len(calls)-1]; last.Operation != "ConfirmForgotPassword" || last.Username != "rob@example.com" || last.ClientID != "secret" {
		t.Errorf("%+v", last)
	}
}

func TestResetHidesUnknownUsers(t *testing.T) {
	w := resetWorld(t)
	forgot := func(name string) answer {
		return w.call("ForgotPassword", object{"ClientId": "hiding", "Username": name})
	}
	_, one, _ := forgot("bob").delivery()
	_, two, _ := forgot("bob").delivery()
	if one == nil || one != two || len(w.pool.Messages()) != 0 {
		t.Errorf("%v, %v", one, two)
	}
	w.call("ConfirmForgotPassword", object{"ClientId": "hiding", "Username": "bob", "ConfirmationCode": "123456", "Password": newPassword}).
		refused(t, "CodeMismatchException", badCode)
}

func TestResetByTheAdministrator(t *testing.T) {
	w := resetWorld(t)
	w.pool.ResetPassword("rob")
	w.pool.ResetPassword("bare") // no way to send a code
	w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password).
		refused(t, "PasswordResetRequiredException", "Password reset required for the user")
	w.setNew("rob", w.pool.LastCode("rob"), newPassword).passed(t)
	w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", newPassword).result(t)
}
