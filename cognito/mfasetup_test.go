package cognito_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/internal/userpool"
	"github.com/cogtok/cogtok/profiles"
)

// mustSetUp makes a pool that requires MFA, for users who have none.
func mustSetUp(s setup, factors ...string) setup {
	s.pool.MFA, s.pool.MFASetup = userpool.MFARequired, factors
	return s
}

// qr reads the address of the QR code that was shown last.
func qr(p *person) *url.URL {
	p.t.Helper()
	address, err := url.Parse(p.last(agent.PromptNotice).URL)
	if err != nil || address.Scheme != "otpauth" || address.Host != "totp" {
		p.t.Fatalf("the QR code is %q, %v", p.last(agent.PromptNotice).URL, err)
	}
	return address
}

// appCode is what the authenticator app shows now that scanned the last QR code.
func appCode(now func() time.Time) func(*person) string {
	return func(p *person) string {
		code, err := totp.GenerateCode(qr(p).Query().Get("secret"), now())
		if err != nil {
			p.t.Error(err)
		}
		return code
	}
}

func wrongAppCode(p *person) string { return different(appCode(time.Now)(p)) }

func TestMFASetup(t *testing.T) {
	eachKind(t, func(t *testing.T, s setup) {
		w := newWorldWithAWS(t, mustSetUp(s))
		in, who, err := w.login(goodPassword, wrongAppCode, appCode(time.Now))
		if err != nil {
			t.Fatalf("%v, asked %s", err, who.texts())
		}
		notice, seed := who.last(agent.PromptNotice), qr(who).Query().Get("secret")
		if !strings.Contains(strings.ReplaceAll(notice.Text, " ", ""), seed) || qr(who).Query().Get("issuer") != "Cognito "+poolID {
			t.Errorf("shown %+v", notice)
		}
		if qr(who).Path != "/Cognito "+poolID+":"+w.profile.Username || strings.Contains(notice.URL, "+") {
			t.Errorf("the label is %s", notice.URL)
		}
		if who.kinds()[agent.PromptNotice] != 1 || !strings.Contains(who.texts(), "That code was wrong") {
			t.Errorf("asked %s", who.texts())
		}
		w.wantTries(1, 0)
		if strings.Contains(w.log.text(), seed) {
			t.Error("the seed is in the log")
		}
		if _, err := w.refresh(in.Grant); err != nil {
			t.Errorf("refresh: %v", err)
		}
		// From now on the app is asked for.
		_, _, err = w.login(goodPassword, func() string {
			code, _ := totp.GenerateCode(seed, time.Now().Add(30*time.Second))
			return code
		})
		if err != nil {
			t.Errorf("the next sign-in: %v", err)
		}
	})
}

// The label of the QR code is the user's name, whatever is in it.
func TestMFASetupLabel(t *testing.T) {
	s := mustSetUp(setup{})
	s.pool.AliasAttributes = []string{"preferred_username"}
	s.user.Attributes = map[string]string{"preferred_username": "rob+test é/?&#%41"}
	w := newWorld(t, s)
	w.profile.Username = "rob+test é/?&#%41"
	_, who, err := w.login(goodPassword, appCode(time.Now))
	if err != nil || qr(who).Path != "/Cognito "+poolID+":"+w.profile.Username {
		t.Errorf("%v: %s", err, who.last(agent.PromptNotice).URL)
	}
}

// Who takes long to find the app gets a new QR code: the first is void.
func TestSlowMFASetup(t *testing.T) {
	c := newClock()
	w := newWorld(t, c.by(mustSetUp(setup{})))
	var first string
	_, who, err := w.login(goodPassword, func(p *person) string {
		first = qr(p).Query().Get("secret")
		return c.late(func() string { return appCode(c.now)(p) })()
	}, appCode(c.now))
	if err != nil || who.kinds()[agent.PromptNotice] != 2 || qr(who).Query().Get("secret") == first {
		t.Errorf("%v, asked %s", err, who.texts())
	}
	// Once: who is slow again is told so.
	c = newClock()
	w = newWorld(t, c.by(mustSetUp(setup{})))
	slow := func(p *person) string { return c.late(func() string { return appCode(c.now)(p) })() }
	_, _, err = w.login(goodPassword, slow, slow, appCode(c.now))
	wantKind(t, err, agent.KindCodeExpired, "took too long", "cogtok login prod")
}

func TestMFASetupWrongThreeTimes(t *testing.T) {
	w := newWorld(t, mustSetUp(setup{}))
	_, who, err := w.login(goodPassword, "000000", "no code", "000001", "000002")
	wantKind(t, err, agent.KindCodeWrong, "the code was wrong")
	if who.kinds()[agent.PromptMFA] != 3 {
		t.Errorf("asked %s", who.texts())
	}
}

func TestMFASetupByEmail(t *testing.T) {
	inEachPool(t, func(t *testing.T, s setup) {
		w := newWorld(t, mustSetUp(s, "EMAIL_OTP"))
		_, who, err := w.login(goodPassword, " new@example.org ", w.code)
		if err != nil {
			t.Fatalf("%v, asked %s", err, who.texts())
		}
		if m := w.pool.Messages()[0]; m.Destination != "new@example.org" || who.asked[0].Kind != agent.PromptText {
			t.Errorf("%+v, asked %s", m, who.texts())
		}
	})
	t.Run("by menu", func(t *testing.T) {
		w := newWorld(t, mustSetUp(setup{}, "SMS_MFA", "SOFTWARE_TOKEN_MFA", "EMAIL_OTP"))
		// A mistyped address: no code comes, so a new start asks for it again.
		_, who, err := w.login(goodPassword, pick("email"), "old@example.org", "", "new@example.org", w.code)
		if err != nil || len(who.asked[0].Choices) != 2 || who.kinds()[agent.PromptChoice] != 1 {
			t.Errorf("%v, asked %+v", err, who.asked)
		}
	})
	t.Run("bad", func(t *testing.T) {
		w := newWorld(t, mustSetUp(setup{}, "EMAIL_OTP"))
		_, _, err := w.login(goodPassword, " ")
		wantKind(t, err, agent.KindPromptUnanswered, "no email address")
		_, _, err = w.login(goodPassword, "no address")
		wantKind(t, err, agent.KindRefused)
	})
}

func TestMFASetupElsewhere(t *testing.T) {
	w := newWorld(t, mustSetUp(setup{}, "SMS_MFA"))
	_, who, err := w.login(goodPassword)
	wantKind(t, err, agent.KindRefused, "no phone number", "cogtok login prod")
	if len(who.asked) > 0 {
		t.Errorf("asked %s", who.texts())
	}
	w = newWorld(t, mustSetUp(setup{}, "PIGEON"))
	_, _, err = w.login(goodPassword)
	wantKind(t, err, agent.KindUnknownChallenge, "none of the second factors")
	w = newWorld(t, mustSetUp(setup{}))
	_, err = w.loginBy(session.Login{})
	wantKind(t, err, agent.KindPromptNeeded, "second factor to be set up")
	if w.server.Count("AssociateSoftwareToken") > 0 {
		t.Error("a seed was made for nobody")
	}
}

// A seed, and the sessions between the steps, come back in no error.
func TestMFASetupOfStrangeServers(t *testing.T) {
	for name, c := range map[string]struct {
		seed, verify string
		kind         agent.Kind
	}{
		"no seed":         {"", ``, agent.KindService},
		"seed of no kind": {"\x1b[31m", ``, agent.KindService},
		"an error":        {totpSeed, `{"Status":"ERROR"}`, agent.KindService},
		"seed echoed":     {totpSeed, ``, agent.KindLambda},
		"padded":          {totpSeed + "GE======", `{"Status":"SUCCESS"}`, agent.KindLambda},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, profiles.AuthPassword, func(operation string, body map[string]any, w http.ResponseWriter) {
				switch {
				case operation == "InitiateAuth":
					fmt.Fprint(w, `{"ChallengeName":"MFA_SETUP","Session":"marker-session-marker-session","ChallengeParameters":{"MFAS_CAN_SETUP":"[\"SOFTWARE_TOKEN_MFA\"]"}}`)
				case operation == "AssociateSoftwareToken":
					fmt.Fprintf(w, `{"SecretCode":%s,"Session":"marker-session-marker-session"}`, quoted(c.seed))
				case operation == "VerifySoftwareToken" && c.verify != "":
					fmt.Fprint(w, c.verify)
				default:
					refused(w, 400, "UserLambdaValidationException", fmt.Sprint("not with ", c.seed, " ", strings.ToLower(c.seed), " ", body["UserCode"], " ", body["Session"]))
				}
			})
			_, _, err := s.login(goodPassword, "817263")
			wantKind(t, err, c.kind)
			if strings.Contains(err.Error(), "817263") {
				t.Errorf("the code is in %v", err)
			}
		})
	}
}
