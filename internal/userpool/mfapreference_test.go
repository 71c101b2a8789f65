package userpool_test

import (
	"testing"

	"github.com/cogtok/cogtok/internal/userpool"
)

func TestMFAPreference(t *testing.T) {
	w := mfaWorld(t, userpool.PoolConfig{})
	w.pool.AddUser(userpool.User{Username: "rob", Email: "rob@example.com", Phone: "+15555550123", Password: password})
	access := w.signIn("open", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password).result(t)["AccessToken"]
	set := func(body object) answer {
		body["AccessToken"] = access
		return w.call("SetUserMFAPreference", body)
	}
	on, off, preferred := object{"Enabled": true}, object{"Enabled": false}, object{"Enabled": true, "PreferredMfa": true}
	set(object{"EmailMfaSettings": on}).passed(t)
	w.begin("rob", "EMAIL_OTP")
	set(object{"SMSMfaSettings": on}).passed(t)
	w.begin("rob", "SELECT_MFA_TYPE")
	set(object{"SMSMfaSettings": preferred}).passed(t)
	w.begin("rob", "SMS_MFA")
	set(object{"SMSMfaSettings": off}).passed(t)
	w.begin("rob", "EMAIL_OTP")

	set(object{"SoftwareTokenMfaSettings": on}).refused(t, invalidParameter, "User has not verified software token mfa")
	set(object{"EmailMfaSettings": object{"PreferredMfa": true}}).refused(t, invalidParameter, "Invalid MFA setting: a preferred factor must be enabled")
	set(object{"EmailMfaSettings": preferred, "SMSMfaSettings": preferred}).refused(t, invalidParameter, "Only one MFA factor can be set as preferred")
	seed := w.call("AssociateSoftwareToken", object{"AccessToken": access}).text("SecretCode")
	w.call("VerifySoftwareToken", object{"AccessToken": access, "UserCode": w.code(seed)}).passed(t)
	set(object{"SoftwareTokenMfaSettings": preferred}).passed(t)
	w.begin("rob", "SOFTWARE_TOKEN_MFA")

	access = w.signIn("open", "USER_PASSWORD_AUTH", "USERNAME", "plain", "PASSWORD", password).result(t)["AccessToken"]
	set(object{"SMSMfaSettings": on}).refused(t, invalidParameter, "User does not have a phone number")
	set(object{"EmailMfaSettings": on}).refused(t, invalidParameter, "User does not have an email address")
	w.call("SetUserMFAPreference", object{"AccessToken": "x"}).refused(t, notAuthorized, "Invalid Access Token")
}
