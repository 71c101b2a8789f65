package userpool_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/cogtok/cogtok/internal/userpool"
)

const (
	seed        = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	usedSession = "Invalid session for the user, session can only be used once."
	badSession  = "Invalid session for the user."
	badCode     = "Invalid verification code provided, please try again."
	newPassword = "Another horse 10"
)

// code is the code that an authenticator app shows, by another implementation.
func (w *world) code(secret string) string {
	w.t.Helper()
	c, err := totp.GenerateCode(secret, w.clock.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func wrong(code string) string {
	if code == "000000" {
		return "000001"
	}
	return "000000"
}

// mfaWorld has a client "open", a client "secret", and users with factors.
func mfaWorld(t *testing.T, config userpool.PoolConfig) *world {
	config.AliasAttributes = []string{"email"}
	w := newWorld(t, config)
	w.pool.AddClient(userpool.Client{ID: "open", Flows: allFlows()})
	w.pool.AddClient(userpool.Client{ID: "secret", Secret: secret, Flows: allFlows()})
	w.pool.AddUser(userpool.User{Username: "app", Email: "app@example.com", Password: password, TOTPSeed: seed})
	w.pool.AddUser(userpool.User{Username: "sms", Phone: "+15555550123", Password: password, SMSMFA: true})
	w.pool.AddUser(userpool.User{Username: "both", Phone: "+15555550124", Password: password, SMSMFA: true, TOTPSeed: seed})
	w.pool.AddUser(userpool.User{Username: "plain", Password: password})
	return w
}

func (w *world) begin(username, challenge string) answer {
	w.t.Helper()
	a := w.signIn("open", "USER_PASSWORD_AUTH", "USERNAME", username, "PASSWORD", password)
	if a.text("ChallengeName") != challenge || len(a.text("Session")) < 20 || len(a.text("Session")) > 2048 {
		w.t.Fatalf("challenge %q (session of %d), want %s; %s %s", a.text("ChallengeName"), len(a.text("Session")), challenge, a.errType, a.message)
	}
	if _, tokens := a.body["AuthenticationResult"]; tokens {
		w.t.Fatal("tokens with a challenge")
	}
	return a
}

func (w *world) answerTOTP(session, code string) answer {
	w.t.Helper()
	return w.respond("open", "SOFTWARE_TOKEN_MFA", session, "USERNAME", "app", "SOFTWARE_TOKEN_MFA_CODE", code)
}

func TestSoftwareToken(t *testing.T) {
	w := mfaWorld(t, userpool.PoolConfig{})
	session := w.begin("app", "SOFTWARE_TOKEN_MFA").text("Session")
	w.answerTOTP(session, w.code(seed)).result(t)
	w.answerTOTP(session, w.code(seed)).refused(t, notAuthorized, usedSession)

	again := w.begin("app", "SOFTWARE_TOKEN_MFA")
	w.answerTOTP(again.text("Session"), w.code(seed)).refused(t, "ExpiredCodeException", "Your software token has already been used once.")

	w.clock.advance(time.Minute)
	w.answerTOTP(w.begin("app", "SOFTWARE_TOKEN_MFA").text("Session"), wrong(w.code(seed))).refused(t, "CodeMismatchException", badCode)
	code := w.code(seed)
	w.clock.advance(30 * time.Second)
	w.answerTOTP(w.begin("app", "SOFTWARE_TOKEN_MFA").text("Session"), code).result(t)
	code = w.code(seed)
	w.clock.advance(time.Minute)
	w.answerTOTP(w.begin("app", "SOFTWARE_TOKEN_MFA").text("Session"), code).refused(t, "CodeMismatchException", badCode)
}

func TestSoftwareTokenAfterSRP(t *testing.T) {
	w := mfaWorld(t, userpool.PoolConfig{})
	a := w.srpSignIn("open", "app", password, 9)
	if a.text("ChallengeName") != "SOFTWARE_TOKEN_MFA" {
		t.Fatal(a.body)
	}
	w.answerTOTP(a.text("Session"), w.code(seed)).result(t)
}

func TestWrongCodeAndSession(t *testing.T) {
	for _, keeps := range []bool{false, true} {
		w := mfaWorld(t, userpool.PoolConfig{WrongCodeKeepsSession: keeps})
		session := w.begin("app", "SOFTWARE_TOKEN_MFA").text("Session")
		w.answerTOTP(session, wrong(w.code(seed))).refused(t, "CodeMismatchException", badCode)
		again := w.answerTOTP(session, w.code(seed))
		if keeps {
			again.result(t)
		} else {
			again.refused(t, notAuthorized, usedSession)
		}
	}
}

func TestWrongCodesLock(t *testing.T) {
	w := mfaWorld(t, userpool.PoolConfig{})
	for range 5 {
		w.answerTOTP(w.begin("app", "SOFTWARE_TOKEN_MFA").text("Session"), wrong(w.code(seed))).refused(t, "CodeMismatchException", badCode)
	}
	w.answerTOTP(w.begin("app", "SOFTWARE_TOKEN_MFA").text("Session"), w.code(seed)).
		refused(t, notAuthorized, "Too many invalid credentials attempts. User temporarily locked. Please try again after few seconds.")
	w.clock.advance(time.Second)
	w.answerTOTP(w.begin("app", "SOFTWARE_TOKEN_MFA").text("Session"), w.code(seed)).result(t)
	if a := w.pool.CodeAttempts("app"); a.Total != 6 || a.Failures != 0 {
		t.Errorf("%+v", a)
	}
}

func TestSMS(t *testing.T) {
	w := mfaWorld(t, userpool.PoolConfig{})
	a := w.begin("sms", "SMS_MFA")
	p := a.parameters()
	if p["CODE_DELIVERY_DELIVERY_MEDIUM"] != "SMS" || p["CODE_DELIVERY_DESTINATION"] != "+*******0123" || p["USER_ID_FOR_SRP"] != "sms" {
		t.Errorf("parameters: %v", p)
	}
	code := w.pool.LastCode("sms")
	if !regexp.MustCompile(`^\d{6}$`).MatchString(code) || len(w.pool.Messages()) != 1 {
		t.Fatalf("code %q", code)
	}
	w.respond("open", "SMS_MFA", a.text("Session"), "USERNAME", "sms", "SMS_MFA_CODE", code).result(t)

	a = w.begin("sms", "SMS_MFA")
	w.respond("open", "SMS_MFA", a.text("Session"), "USERNAME", "sms", "SMS_MFA_CODE", wrong(w.pool.LastCode("sms"))).
		refused(t, "CodeMismatchException", badCode)
}

func TestSelectMFA(t *testing.T) {
	w := mfaWorld(t, userpool.PoolConfig{})
	a := w.begin("both", "SELECT_MFA_TYPE")
	if a.parameters()["MFAS_CAN_CHOOSE"] != `["SMS_MFA","SOFTWARE_TOKEN_MFA"]` {
		t.Errorf("parameters: %v", a.parameters())
	}
	if len(w.pool.Messages()) != 0 {
		t.Error("a code was sent before it was asked for")
	}
	a = w.respond("open", "SELECT_MFA_TYPE", a.text("Session"), "USERNAME", "both", "ANSWER", "SMS_MFA")
	if a.text("ChallengeName") != "SMS_MFA" {
		t.Fatal(a.body)
	}
	w.respond("open", "SMS_MFA", a.text("Session"), "USERNAME", "both", "SMS_MFA_CODE", w.pool.LastCode("both")).result(t)
	a = w.begin("both", "SELECT_MFA_TYPE")
	w.respond("open", "SELECT_MFA_TYPE", a.text("Session"), "USERNAME", "both", "ANSWER", "EMAIL_OTP").
		refused(t, invalidParameter, "Invalid MFA type EMAIL_OTP")
}

func TestChallengeRefusals(t *testing.T) {
	w := mfaWorld(t, userpool.PoolConfig{})
	session := w.begin("app", "SOFTWARE_TOKEN_MFA").text("Session")
	other := w.signIn("secret", "USER_PASSWORD_AUTH", "USERNAME", "app", "PASSWORD", password, "SECRET_HASH", secretHash(secret, "secret", "app")).text("Session")
	good := []string{"USERNAME", "app", "SOFTWARE_TOKEN_MFA_CODE", "123456"}
	hashed := func(name string) []string {
		return append(good[:4:4], "SECRET_HASH", secretHash(secret, "secret", name))
	}
	tests := []struct {
		name, client, challenge, session string
		answers                          []string
		errType, message                 string
	}{
		{"no session", "open", "SOFTWARE_TOKEN_MFA", "", good, invalidParameter, "Missing required parameter Session"},
		{"unknown session", "open", "SOFTWARE_TOKEN_MFA", "01234567890123456789", good, notAuthorized, badSession},
		{"short session", "open", "SOFTWARE_TOKEN_MFA", "abc", good, invalidParameter, "1 validation error detected: Value at 'session' failed to satisfy constraint: Member must have length greater than or equal to 20"},
		{"other client's session", "open", "SOFTWARE_TOKEN_MFA", other, good, notAuthorized, badSession},
		{"other challenge", "open", "SMS_MFA", session, good, notAuthorized, badSession},
		{"challenge not had here", "open", "EMAIL_OTP", session, good, notAuthorized, badSession},
		{"no such challenge", "open", "CAPTCHA", session, good, invalidParameter, "1 validation error detected: Value at 'challengeName' failed to satisfy constraint: Member must satisfy enum value set: [SMS_MFA, EMAIL_OTP, SOFTWARE_TOKEN_MFA, SELECT_MFA_TYPE, MFA_SETUP, PASSWORD_VERIFIER, CUSTOM_CHALLENGE, SELECT_CHALLENGE, DEVICE_SRP_AUTH, DEVICE_PASSWORD_VERIFIER, ADMIN_NO_SRP_AUTH, NEW_PASSWORD_REQUIRED, SMS_OTP, PASSWORD, WEB_AUTHN, PASSWORD_SRP]"},
		{"other user", "open", "SOFTWARE_TOKEN_MFA", session, append(good[2:4:4], "USERNAME", "sms"), notAuthorized, badSession},
		{"no username", "open", "SOFTWARE_TOKEN_MFA", session, good[2:4], invalidParameter, "Missing required parameter USERNAME"},
		{"no code", "open", "SOFTWARE_TOKEN_MFA", session, good[:2], invalidParameter, "Missing required parameter SOFTWARE_TOKEN_MFA_CODE"},
		{"hash without need", "open", "SOFTWARE_TOKEN_MFA", session, hashed("app"), notAuthorized, "Unable to verify secret hash for client open"},
		{"no hash", "secret", "SOFTWARE_TOKEN_MFA", other, good, notAuthorized, "Client secret is configured with secret but SECRET_HASH was not received"},
		{"alias and its hash", "secret", "SOFTWARE_TOKEN_MFA", other, append(hashed("app@example.com"), "USERNAME", "app@example.com"), notAuthorized, "Unable to verify secret hash for client secret"},
		{"unknown client", "nobody", "SOFTWARE_TOKEN_MFA", session, good, "ResourceNotFoundException", "User pool client nobody does not exist."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w.respond(test.client, test.challenge, test.session, test.answers...).refused(t, test.errType, test.message)
		})
	}
	// Nothing of that used the sessions up.
	w.answerTOTP(session, w.code(seed)).result(t)
	w.clock.advance(time.Minute)
	w.respond("secret", "SOFTWARE_TOKEN_MFA", other, "USERNAME", "app", "SOFTWARE_TOKEN_MFA_CODE", w.code(seed),
		"SECRET_HASH", secretHash(secret, "secret", "app")).result(t)
}

func TestSessionExpires(t *testing.T) {
	w := mfaWorld(t, userpool.PoolConfig{})
	session := w.begin("app", "SOFTWARE_TOKEN_MFA").text("Session")
	w.clock.advance(3*time.Minute + time.Second)
	w.answerTOTP(session, w.code(seed)).refused(t, notAuthorized, "Invalid session for the user, session is expired.")
	w.pool.UpdateClient(userpool.Client{ID: "open", Flows: allFlows(), SessionLife: 15 * time.Minute})
	session = w.begin("app", "SOFTWARE_TOKEN_MFA").text("Session")
	w.clock.advance(15 * time.Minute)
	w.answerTOTP(session, w.code(seed)).result(t)
}

func TestMFAOff(t *testing.T) {
	w := mfaWorld(t, userpool.PoolConfig{MFA: userpool.MFAOff})
	tokens := w.signIn("open", "USER_PASSWORD_AUTH", "USERNAME", "app", "PASSWORD", password).result(t)
	w.call("AssociateSoftwareToken", object{"AccessToken": tokens["AccessToken"]}).
		refused(t, "SoftwareTokenMFANotFoundException", "Software Token MFA has not been enabled by the userPool")
}

func TestMFASetup(t *testing.T) {
	w := mfaWorld(t, userpool.PoolConfig{MFA: userpool.MFARequired})
	a := w.begin("plain", "MFA_SETUP")
	if a.parameters()["MFAS_CAN_SETUP"] != `["SOFTWARE_TOKEN_MFA"]` {
		t.Errorf("parameters: %v", a.parameters())
	}
	w.call("VerifySoftwareToken", object{"Session": a.text("Session"), "UserCode": "123456"}).
		refused(t, "SoftwareTokenMFANotFoundException", "Software Token MFA has not been set up for the user")
	associated := w.call("AssociateSoftwareToken", object{"Session": a.text("Session")})
	secretCode := associated.text("SecretCode")
	if len(secretCode) != 52 {
		t.Fatalf("SecretCode %q: %s", secretCode, associated.message)
	}
	w.call("AssociateSoftwareToken", object{"Session": a.text("Session")}).refused(t, notAuthorized, usedSession)
	w.respond("open", "MFA_SETUP", associated.text("Session"), "USERNAME", "plain").
		refused(t, "SoftwareTokenMFANotFoundException", "Software Token MFA has not been set up for the user")

	a = w.begin("plain", "MFA_SETUP")
	associated = w.call("AssociateSoftwareToken", object{"Session": a.text("Session")})
	secretCode = associated.text("SecretCode")
	verify := func(code string) answer {
		return w.call("VerifySoftwareToken", object{"Session": associated.text("Session"), "UserCode": code, "FriendlyDeviceName": "phone"})
	}
	verify(wrong(w.code(secretCode))).refused(t, "EnableSoftwareTokenMFAException", "Code mismatch and fail enable Software Token MFA")
	verified := verify(w.code(secretCode))
	if verified.text("Status") != "SUCCESS" {
		t.Fatal(verified.body)
	}
	w.respond("open", "MFA_SETUP", verified.text("Session"), "USERNAME", "plain").result(t)

	a = w.begin("plain", "SOFTWARE_TOKEN_MFA")
	w.respond("open", "SOFTWARE_TOKEN_MFA", a.text("Session"), "USERNAME", "plain", "SOFTWARE_TOKEN_MFA_CODE", w.code(secretCode)).
		refused(t, "ExpiredCodeException", "Your software token has already been used once.")
}

func TestSoftwareTokenByAccessToken(t *testing.T) {
	w := mfaWorld(t, userpool.PoolConfig{})
	token := w.signIn("open", "USER_PASSWORD_AUTH", "USERNAME", "plain", "PASSWORD", password).result(t)["AccessToken"]
	w.call("VerifySoftwareToken", object{"AccessToken": token, "UserCode": "123456"}).
		refused(t, "SoftwareTokenMFANotFoundException", "Software Token MFA has not been set up for the user")
	secretCode := w.call("AssociateSoftwareToken", object{"AccessToken": token}).text("SecretCode")
	if got := w.call("VerifySoftwareToken", object{"AccessToken": token, "UserCode": w.code(secretCode)}); got.text("Status") != "SUCCESS" {
		t.Fatal(got.body)
	}
	// Optional MFA isn't turned on by this.
	w.signIn("open", "USER_PASSWORD_AUTH", "USERNAME", "plain", "PASSWORD", password).result(t)
	w.call("AssociateSoftwareToken", object{}).refused(t, invalidParameter, "Missing required parameter AccessToken")
}

func newPasswordWorld(t *testing.T) *world {
	w := newWorld(t, userpool.PoolConfig{RequiredAttributes: []string{"name", "email"}, CustomAttributes: []string{"team"}})
	w.pool.AddClient(userpool.Client{ID: "open", Flows: allFlows()})
	w.pool.AddUser(userpool.User{Username: "rob", Email: "rob@example.com", Password: password, Status: userpool.ForceChangePassword})
	return w
}

func TestNewPassword(t *testing.T) {
	w := newPasswordWorld(t)
	a := w.begin("rob", "NEW_PASSWORD_REQUIRED")
	p := a.parameters()
	if p["requiredAttributes"] != `["userAttributes.name"]` || p["userAttributes"] != `{"email":"rob@example.com","email_verified":"true"}` {
		t.Errorf("parameters: %v", p)
	}
	w.respond("open", "NEW_PASSWORD_REQUIRED", a.text("Session"), "USERNAME", "rob", "NEW_PASSWORD", newPassword,
		"userAttributes.name", "Rob", "userAttributes.custom:team", "a").result(t)
	w.signIn("open", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password).refused(t, notAuthorized, wrongPassword)
	w.srpSignIn("open", "rob", newPassword, 2).result(t)
	w.pool.ForceChangePassword("rob", password)
	if a := w.srpSignIn("open", "rob", password, 2); a.text("ChallengeName") != "NEW_PASSWORD_REQUIRED" {
		t.Error(a.body)
	}
	w.clock.advance(7*24*time.Hour + time.Second)
	w.signIn("open", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password).
		refused(t, notAuthorized, "Temporary password has expired and must be reset by an administrator.")
}

func TestNewPasswordRefusals(t *testing.T) {
	policy := func(text string) string { return "Password did not conform with policy: Password " + text }
	tests := []struct {
		name, password   string
		attributes       []string
		errType, message string
	}{
		{"attribute missing", newPassword, nil, invalidParameter, "Invalid attributes given, name is missing"},
		{"attribute sent again", newPassword, []string{"name", "Rob", "email", "x@example.com"}, notAuthorized, "Cannot modify an already provided email"},
		{"not in the schema", newPassword, []string{"name", "Rob", "custom:shoe", "9"}, invalidParameter, "Attributes did not conform to the schema: custom:shoe: Attribute does not exist in the schema.\n"},
		{"fixed", newPassword, []string{"name", "Rob", "sub", "1"}, notAuthorized, "Cannot modify the non-mutable attribute sub"},
		{"short", "Aa1!", nil, "InvalidPasswordException", policy("not long enough")},
		{"no upper case", "another horse 10", nil, "InvalidPasswordException", policy("must have uppercase characters")},
		{"no lower case", "ANOTHER HORSE 10", nil, "InvalidPasswordException", policy("must have lowercase characters")},
		{"no number", "Another horse", nil, "InvalidPasswordException", policy("must have numeric characters")},
		{"no symbol", "AnotherHorse10", nil, "InvalidPasswordException", policy("must have symbol characters")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newPasswordWorld(t)
			a := w.begin("rob", "NEW_PASSWORD_REQUIRED")
			answers := []string{"USERNAME", "rob", "NEW_PASSWORD", test.password}
			if test.attributes == nil && test.errType == "InvalidPasswordException" {
				test.attributes = []string{"name", "Rob"}
			}
			for i := 0; i < len(test.attributes); i += 2 {
				answers = append(answers, "userAttributes."+test.attributes[i], test.attributes[i+1])
			}
			w.respond("open", "NEW_PASSWORD_REQUIRED", a.text("Session"), answers...).refused(t, test.errType, test.message)
			w.respond("open", "NEW_PASSWORD_REQUIRED", a.text("Session"), answers...).refused(t, notAuthorized, usedSession)
			w.begin("rob", "NEW_PASSWORD_REQUIRED") // the temporary password still is one
		})
	}
}
