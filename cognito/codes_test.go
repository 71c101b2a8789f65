package cognito_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/internal/userpool"
	"github.com/cogtok/cogtok/profiles"
)

// inEachSentCode runs a test for every challenge whose code is sent: as a second
// factor, and as the first.
func inEachSentCode(t *testing.T, f func(t *testing.T, s setup, preferred string)) {
	for name, c := range map[string]struct {
		user      userpool.User
		preferred string
	}{
		"SMS_MFA":                   {userpool.User{SMSMFA: true, Phone: "+15550001234"}, ""},
		"EMAIL_OTP":                 {userpool.User{EmailMFA: true}, ""},
		"SMS_OTP as first factor":   {userpool.User{}, profiles.ChallengeSMSOTP},
		"EMAIL_OTP as first factor": {userpool.User{}, profiles.ChallengeEmailOTP},
	} {
		for _, keeps := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/keeps=%v", name, keeps), func(t *testing.T) {
				s := setup{secret: keeps, byEmail: !keeps, user: c.user}
				if c.preferred != "" {
					s = choosing(s, everyFactor...)
				}
				s.pool.WrongCodeKeepsSession = keeps
				f(t, s, c.preferred)
			})
		}
	}
}

func newSentWorld(t *testing.T, s setup, preferred string) *world {
	w := newWorld(t, s)
	w.profile.PreferredChallenge = preferred
	return w
}

func TestSentCode(t *testing.T) {
	inEachSentCode(t, func(t *testing.T, s setup, preferred string) {
		w := newSentWorld(t, s, preferred)
		in, who, err := w.login(goodPassword, func() string { c := w.code(); return " " + c[:3] + " " + c[3:] })
		if err != nil {
			t.Fatal(err)
		}
		q := who.asked[0]
		if q.Kind != agent.PromptMFA || !q.Echo || len(who.asked) > 1 || !strings.Contains(q.Text, "***") || !strings.Contains(q.Text, "empty: send a new one") {
			t.Errorf("asked %+v", who.asked)
		}
		w.wantMessages(1)
		if _, err := w.refresh(in.Grant); err != nil {
			t.Errorf("refresh: %v", err)
		}
	})
}

// A wrong code is asked for again. Where the session is spent with it, a new
// code goes out, and the one that was typed last isn't sent twice.
func TestWrongSentCode(t *testing.T) {
	inEachSentCode(t, func(t *testing.T, s setup, preferred string) {
		w := newSentWorld(t, s, preferred)
		answers := []any{w.wrongCode, w.code}
		messages := 1
		if !s.pool.WrongCodeKeepsSession {
			answers = append(answers, w.code)
			messages = 2
		}
		_, who, err := w.login(goodPassword, answers...)
		if err != nil {
			t.Fatalf("%v, asked %s", err, who.texts())
		}
		if !strings.Contains(who.asked[1].Text, "That code was wrong") {
			t.Errorf("asked %s", who.texts())
		}
		w.wantMessages(messages)
		if a := w.pool.CodeAttempts(w.user.Username); a.Total != 2 || a.Failures != 0 {
			t.Errorf("codes: %+v", a)
		}
		if a := w.pool.PasswordAttempts(w.user.Username); a.Failures != 0 {
			t.Errorf("password: %+v", a)
		}
	})
}

func TestNewSentCode(t *testing.T) {
	inEachSentCode(t, func(t *testing.T, s setup, preferred string) {
		w := newSentWorld(t, s, preferred)
		_, who, err := w.login(goodPassword, "", w.code)
		if err != nil || !strings.Contains(who.asked[1].Text, "A new code is on its way") {
			t.Fatalf("%v, asked %s", err, who.texts())
		}
		w.wantMessages(2)
		if a := w.pool.CodeAttempts(w.user.Username); a.Total != 1 {
			t.Errorf("codes: %+v", a)
		}
	})
}

func TestSlowSentCode(t *testing.T) {
	inEachSentCode(t, func(t *testing.T, s setup, preferred string) {
		c := newClock()
		w := newSentWorld(t, c.by(s), preferred)
		_, who, err := w.login(goodPassword, c.late(w.code), w.code)
		if err != nil || !strings.Contains(who.asked[1].Text, "A new code is on its way") {
			t.Fatalf("%v, asked %s", err, who.texts())
		}
		w.wantMessages(2)
	})
}

func TestSentCodeIsNotSentTwice(t *testing.T) {
	inEachSentCode(t, func(t *testing.T, s setup, preferred string) {
		s.pool.WrongCodeKeepsSession = true
		w := newSentWorld(t, s, preferred)
		_, who, err := w.login(goodPassword, w.wrongCode, w.wrongCode, w.code)
		if err != nil || !strings.Contains(who.asked[2].Text, "tried already") {
			t.Fatalf("%v, asked %s", err, who.texts())
		}
		if a := w.pool.CodeAttempts(w.user.Username); a.Total != 2 {
			t.Errorf("codes: %+v", a)
		}
	})
}

func TestThreeSentCodes(t *testing.T) {
	inEachSentCode(t, func(t *testing.T, s setup, preferred string) {
		w := newSentWorld(t, s, preferred)
		twice := func() string { return different(w.wrongCode()) }
		_, who, err := w.login(goodPassword, w.wrongCode, twice, func() string { return different(twice()) }, w.code)
		wantKind(t, err, agent.KindCodeWrong, "cogtok login prod")
		if len(who.asked) != 3 {
			t.Errorf("asked %s", who.texts())
		}
		w = newSentWorld(t, s, preferred)
		_, who, err = w.login(goodPassword, "", "", "", "", "", "", "")
		wantKind(t, err, agent.KindCodeWrong, "no good code")
		if len(who.asked) != 6 || strings.Contains(who.asked[3].Text, "empty:") {
			t.Errorf("asked %s", who.texts())
		}
		w.wantMessages(4)
	})
}

// Five wrong codes lock the user; the lock is told from a wrong code.
func TestLockOutByCodes(t *testing.T) {
	inEachSentCode(t, func(t *testing.T, s setup, preferred string) {
		s.pool.WrongCodeKeepsSession = true
		w := newSentWorld(t, newClock().by(s), preferred)
		for range 2 {
			_, _, err := w.login(goodPassword, w.wrongCode, func() string { return different(w.wrongCode()) })
			wantKind(t, err, agent.KindPromptUnanswered)
		}
		_, who, err := w.login(goodPassword, w.wrongCode, w.code)
		wantKind(t, err, agent.KindTooManyAttempts, "15 minutes")
		if len(who.asked) != 2 {
			t.Errorf("asked %s", who.texts())
		}
	})
}

func TestSelectMFA(t *testing.T) {
	for _, canSelect := range []bool{false, true} {
		for label, factor := range map[string]string{"app": "SOFTWARE_TOKEN_MFA", "email": "EMAIL_OTP", "SMS": "SMS_MFA"} {
			t.Run(fmt.Sprint(factor, " ", canSelect), func(t *testing.T) {
				w := newWorld(t, setup{
					secret: canSelect, byEmail: canSelect,
					pool: userpool.PoolConfig{MFAsCanSelect: canSelect},
					user: userpool.User{TOTPSeed: totpSeed, EmailMFA: true, SMSMFA: true, Phone: "+15550001234"},
				})
				good := w.code
				if factor == "SOFTWARE_TOKEN_MFA" {
					good = func() string { return totpCode(t, time.Now()) }
				}
				// After a wrong code the sign-in begins anew, but not the choice.
				wrong, lost := func() string { return different(good()) }, []any{}
				if factor != "SOFTWARE_TOKEN_MFA" {
					lost = append(lost, good) // meets the spent session
				}
				_, who, err := w.login(goodPassword, append([]any{pick(label), wrong}, append(lost, good)...)...)
				if err != nil || len(who.asked[0].Choices) != 3 || who.kinds()[agent.PromptChoice] != 1 {
					t.Fatalf("%v, asked %+v", err, who.asked)
				}
			})
		}
	}
}

// Where nobody can be asked, an entrusted code is chosen and no other is sent.
func TestSelectMFAWithoutPerson(t *testing.T) {
	w := newWorld(t, setup{user: userpool.User{TOTPSeed: totpSeed, EmailMFA: true}})
	if _, err := w.loginBy(session.Login{Code: codeOf(t, totpSeed)}); err != nil {
		t.Error(err)
	}
	_, err := w.loginBy(session.Login{})
	wantKind(t, err, agent.KindPromptNeeded, "which second factor")
	w.wantMessages(0)
}

func TestSlowSelectMFA(t *testing.T) {
	c := newClock()
	w := newWorld(t, c.by(setup{user: userpool.User{EmailMFA: true, SMSMFA: true, Phone: "+15550001234"}}))
	_, who, err := w.login(goodPassword, func(p *person) string { return c.late(func() string { return pick("email")(p) })() }, w.code)
	if err != nil || len(who.asked) != 2 {
		t.Errorf("%v, asked %s", err, who.texts())
	}
}

// The model's prose says EMAIL_MFA; what is sent is the API's word.
func TestSelectEmailMFA(t *testing.T) {
	for list, want := range map[string]agent.Kind{
		`["EMAIL_MFA"]`:           agent.KindPromptUnanswered, // the code is asked for
		`["EMAIL_OTP"]`:           agent.KindPromptUnanswered,
		`["EMAIL_MFA","PIGEON"]`:  agent.KindPromptUnanswered,
		`["PIGEON"]`:              agent.KindUnknownChallenge,
		`[]`:                      agent.KindUnknownChallenge,
		``:                        agent.KindService,
		`{"EMAIL_OTP":1}`:         agent.KindService,
		`["EMAIL_OTP","SMS_MFA"]`: agent.KindPromptUnanswered, // the menu
	} {
		s := newStage(t, profiles.AuthPassword, func(operation string, _ map[string]any, w http.ResponseWriter) {
			if operation == "InitiateAuth" {
				fmt.Fprintf(w, `{"ChallengeName":"SELECT_MFA_TYPE","Session":"marker-session-marker-session","ChallengeParameters":{"MFAS_CAN_CHOOSE":%s}}`, quoted(list))
				return
			}
			fmt.Fprint(w, `{"ChallengeName":"EMAIL_OTP","Session":"marker-session-marker-session","ChallengeParameters":{}}`)
		})
		_, _, err := s.login(goodPassword)
		wantKind(t, err, want)
		if len(s.sent()) > 1 && s.sent()[1].body["ChallengeResponses"].(map[string]any)["ANSWER"] != "EMAIL_OTP" {
			t.Errorf("%s: sent %v", list, s.sent()[1].body)
		}
	}
}

func codeOf(t *testing.T, seed string) func(context.Context) (agent.Secret, error) {
	return func(context.Context) (agent.Secret, error) {
		if seed == "" {
			return agent.Secret{}, nil
		}
		code := totpCode(t, time.Now())
		if seed != totpSeed {
			code = different(code)
		}
		return agent.NewSecret(code), nil
	}
}

// A code that is made from what the user has entrusted signs in silently.
func TestEntrustedCode(t *testing.T) {
	eachKind(t, func(t *testing.T, s setup) {
		s.user.TOTPSeed = totpSeed
		w := newWorldWithAWS(t, s)
		if _, err := w.loginBy(session.Login{Code: codeOf(t, totpSeed)}); err != nil {
			t.Fatal(err)
		}
		w.wantTries(1, 0)
	})
}

func TestEntrustedCodeIsWrong(t *testing.T) {
	for _, keeps := range []bool{false, true} {
		s := setup{user: userpool.User{TOTPSeed: totpSeed}, pool: userpool.PoolConfig{WrongCodeKeepsSession: keeps}}
		w := newWorld(t, s)
		_, err := w.loginBy(session.Login{Code: codeOf(t, "another")})
		wantKind(t, err, agent.KindCodeWrong, "totp-seed", "clock", "cogtok login prod")
		w.wantTries(1, 0)
		if a := w.pool.CodeAttempts(w.user.Username); a.Total != 1 {
			t.Errorf("codes: %+v", a)
		}

		w = newWorld(t, s)
		_, who, err := w.loginWith(session.Login{Code: codeOf(t, "another")}, func() string { return totpCode(t, time.Now()) })
		if err != nil || len(who.asked) != 1 || !strings.Contains(who.asked[0].Text, "made from the stored seed, or by totp_command, was refused") {
			t.Errorf("%v, asked %s", err, who.texts())
		}
		if a := w.pool.CodeAttempts(w.user.Username); a.Total != 2 {
			t.Errorf("codes: %+v", a)
		}
	}
}

func TestNoEntrustedCode(t *testing.T) {
	mine := agent.Errorf(agent.KindPromptNeeded, "profile prod: the store is locked")
	fails := func(context.Context) (agent.Secret, error) { return agent.Secret{}, mine }
	w := newWorld(t, setup{user: userpool.User{TOTPSeed: totpSeed}})
	_, err := w.loginBy(session.Login{Code: fails})
	if !errors.Is(err, mine) {
		t.Errorf("got %v", err)
	}
	_, err = w.loginBy(session.Login{Code: codeOf(t, "")})
	wantKind(t, err, agent.KindPromptNeeded, "authenticator app")
	_, who, err := w.loginWith(session.Login{Code: fails}, func() string { return totpCode(t, time.Now()) })
	if err != nil || len(who.asked) != 1 {
		t.Errorf("%v, asked %s", err, who.texts())
	}
	// A code is made for an authenticator app alone.
	w = newWorld(t, setup{user: userpool.User{EmailMFA: true}})
	_, err = w.loginBy(session.Login{Code: func(context.Context) (agent.Secret, error) {
		t.Error("a code was made for another factor")
		return agent.Secret{}, nil
	}})
	wantKind(t, err, agent.KindPromptNeeded)
}
