package userpool_test

import (
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/userpool"
)

const (
	lockedOut      = "Too many invalid credentials attempts. User temporarily locked. Please try again after few seconds."
	expiredSession = "Invalid session for the user, session is expired."
)

// emailWorld is mfaWorld with users who have email MFA.
func emailWorld(t *testing.T, config userpool.PoolConfig) *world {
	w := mfaWorld(t, config)
	w.pool.AddUser(userpool.User{Username: "mail", Email: "mail@example.com", Password: password, EmailMFA: true})
	w.pool.AddUser(userpool.User{
		Username: "all", Email: "all@example.com", Phone: "+15555550125", Password: password,
		EmailMFA: true, SMSMFA: true, TOTPSeed: seed,
	})
	return w
}

func (w *world) answerEmail(session, username, code string) answer {
	w.t.Helper()
	return w.respond("open", "EMAIL_OTP", session, "USERNAME", username, "EMAIL_OTP_CODE", code)
}

func TestEmailMFA(t *testing.T) {
	w := emailWorld(t, userpool.PoolConfig{})
	a := w.begin("mail", "EMAIL_OTP")
	p := a.parameters()
	if p["CODE_DELIVERY_DELIVERY_MEDIUM"] != "EMAIL" || p["CODE_DELIVERY_DESTINATION"] != "m***@e***" || p["USER_ID_FOR_SRP"] != "mail" {
		t.Errorf("parameters: %v", p)
	}
	sent := w.pool.Messages()
	if len(sent) != 1 || sent[0].Medium != "EMAIL" || sent[0].Destination != "mail@example.com" || sent[0].Code != w.pool.LastCode("mail") {
		t.Errorf("messages: %+v", sent)
	}
	w.respond("open", "EMAIL_OTP", a.text("Session"), "USERNAME", "mail", "EMAIL_MFA_CODE", w.pool.LastCode("mail")).
		refused(t, invalidParameter, "Missing required parameter EMAIL_OTP_CODE")
	w.answerEmail(a.text("Session"), "mail", w.pool.LastCode("mail")).result(t)
	w.answerEmail(a.text("Session"), "mail", w.pool.LastCode("mail")).refused(t, notAuthorized, usedSession)

	a = w.begin("mail", "EMAIL_OTP")
	w.clock.advance(3*time.Minute + time.Second)
	w.answerEmail(a.text("Session"), "mail", w.pool.LastCode("mail")).refused(t, notAuthorized, expiredSession)
}

func TestWrongEmailCodesLock(t *testing.T) {
	w := emailWorld(t, userpool.PoolConfig{})
	for range 5 {
		session := w.begin("mail", "EMAIL_OTP").text("Session")
		w.answerEmail(session, "mail", wrong(w.pool.LastCode("mail"))).refused(t, "CodeMismatchException", badCode)
		w.answerEmail(session, "mail", w.pool.LastCode("mail")).refused(t, notAuthorized, usedSession)
	}
	w.answerEmail(w.begin("mail", "EMAIL_OTP").text("Session"), "mail", w.pool.LastCode("mail")).refused(t, notAuthorized, lockedOut)
	w.clock.advance(time.Second)
	w.answerEmail(w.begin("mail", "EMAIL_OTP").text("Session"), "mail", w.pool.LastCode("mail")).result(t)
}

func TestSelectAmongThree(t *testing.T) {
	for parameter, config := range map[string]userpool.PoolConfig{
		"MFAS_CAN_CHOOSE": {}, "MFAS_CAN_SELECT": {MFAsCanSelect: true},
	} {
		w := emailWorld(t, config)
		a := w.begin("all", "SELECT_MFA_TYPE")
		if got := a.parameters()[parameter]; got != `["SMS_MFA","SOFTWARE_TOKEN_MFA","EMAIL_OTP"]` {
			t.Errorf("%s: %v", parameter, a.parameters())
		}
		a = w.respond("open", "SELECT_MFA_TYPE", a.text("Session"), "USERNAME", "all", "ANSWER", "EMAIL_OTP")
		if a.text("ChallengeName") != "EMAIL_OTP" {
			t.Fatal(a.body)
		}
		w.answerEmail(a.text("Session"), "all", w.pool.LastCode("all")).result(t)
		a = w.begin("all", "SELECT_MFA_TYPE")
		w.respond("open", "SELECT_MFA_TYPE", a.text("Session"), "USERNAME", "all", "ANSWER", "EMAIL_MFA").
			refused(t, invalidParameter, "Invalid MFA type EMAIL_MFA")
	}
}

func TestSetUpEmailMFA(t *testing.T) {
	w := emailWorld(t, userpool.PoolConfig{MFA: userpool.MFARequired, MFASetup: []string{"SOFTWARE_TOKEN_MFA", "EMAIL_OTP"}})
	setUp := func(email string) answer {
		t.Helper()
		a := w.begin("plain", "MFA_SETUP")
		if a.parameters()["MFAS_CAN_SETUP"] != `["SOFTWARE_TOKEN_MFA","EMAIL_OTP"]` {
			t.Errorf("parameters: %v", a.parameters())
		}
		return w.respond("open", "MFA_SETUP", a.text("Session"), "USERNAME", "plain", "EMAIL", email)
	}
	setUp("plain").refused(t, invalidParameter, "Invalid email address format.")
	a := setUp("plain@example.com")
	if a.text("ChallengeName") != "EMAIL_OTP" || a.parameters()["CODE_DELIVERY_DESTINATION"] != "p***@e***" {
		t.Fatal(a.body)
	}
	w.answerEmail(a.text("Session"), "plain", wrong(w.pool.LastCode("plain"))).refused(t, "CodeMismatchException", badCode)
	w.begin("plain", "MFA_SETUP") // nothing was set up
	a = setUp("plain@example.com")
	access := w.answerEmail(a.text("Session"), "plain", w.pool.LastCode("plain")).result(t)["AccessToken"]
	if factors := w.call("GetUser", object{"AccessToken": access}).body["UserMFASettingList"]; len(factors.([]any)) != 1 {
		t.Errorf("factors: %v", factors)
	}
	a = w.begin("plain", "EMAIL_OTP")
	w.answerEmail(a.text("Session"), "plain", w.pool.LastCode("plain")).result(t)
}

func TestSetUpWhatIsNotOffered(t *testing.T) {
	w := emailWorld(t, userpool.PoolConfig{MFA: userpool.MFARequired})
	a := w.begin("plain", "MFA_SETUP")
	w.respond("open", "MFA_SETUP", a.text("Session"), "USERNAME", "plain", "EMAIL", "plain@example.com").
		refused(t, invalidParameter, "Email MFA has not been enabled by the userPool")

	w = emailWorld(t, userpool.PoolConfig{MFA: userpool.MFARequired, MFASetup: []string{"EMAIL_OTP"}})
	a = w.begin("plain", "MFA_SETUP")
	w.call("AssociateSoftwareToken", object{"Session": a.text("Session")}).
		refused(t, "SoftwareTokenMFANotFoundException", "Software Token MFA has not been enabled by the userPool")
}
