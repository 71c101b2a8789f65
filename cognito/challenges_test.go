package cognito_test

import (
	"context"
	"encoding/json"
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

func contextWithCancel(t *testing.T) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx, cancel
}

func TestTOTP(t *testing.T) {
	eachKind(t, func(t *testing.T, s setup) {
		s.user.TOTPSeed = totpSeed
		w := newWorldWithAWS(t, s)
		in, who, err := w.login(goodPassword, func() string { c := totpCode(t, time.Now()); return c[:3] + " " + c[3:] + " " })
		if err != nil {
			t.Fatal(err)
		}
		if len(who.asked) != 1 || who.asked[0].Kind != agent.PromptMFA || !who.asked[0].Echo {
			t.Errorf("asked %+v", who.asked)
		}
		if _, err := w.refresh(in.Grant); err != nil {
			t.Errorf("refresh: %v", err)
		}
	})
}

// After a wrong code the next one is taken, whether or not Cognito's session
// outlives the wrong one; and no code is sent twice.
func TestWrongTOTP(t *testing.T) {
	for _, keeps := range []bool{false, true} {
		eachKind(t, func(t *testing.T, s setup) {
			s.user.TOTPSeed, s.pool.WrongCodeKeepsSession = totpSeed, keeps
			w := newWorldWithAWS(t, s)
			_, who, err := w.login(goodPassword, "000000", "000000", func() string { return totpCode(t, time.Now()) })
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(who.texts(), "That code was wrong") || !strings.Contains(who.texts(), "tried already") {
				t.Errorf("asked %s", who.texts())
			}
			if n := w.pool.CodeAttempts(w.profile.Username); n.Total > 2 {
				t.Errorf("%d codes were sent, want 2", n.Total)
			}
		})
	}
}

func TestThreeWrongCodes(t *testing.T) {
	w := newWorld(t, setup{user: userpool.User{TOTPSeed: totpSeed}})
	_, who, err := w.login(goodPassword, "000001", "000002", "000003", "000004")
	wantKind(t, err, agent.KindCodeWrong, "cogtok login prod")
	if len(who.asked) != 3 {
		t.Errorf("asked %d times", len(who.asked))
	}
	if a := w.pool.PasswordAttempts("rob"); a.Failures > 0 {
		t.Errorf("wrong codes cost %d failures of the password", a.Failures)
	}
}

// A code that Cognito took before is told from a wrong one by its message only.
func TestCodeUsedBefore(t *testing.T) {
	w := newWorld(t, setup{user: userpool.User{TOTPSeed: totpSeed}})
	now := time.Now()
	w.signedIn(totpCode(t, now))
	_, who, err := w.login(goodPassword, totpCode(t, now), totpCode(t, now.Add(30*time.Second)))
	if err != nil || len(who.asked) != 2 {
		t.Errorf("%v after %s", err, who.texts())
	}
}

func TestSMS(t *testing.T) {
	for _, keeps := range []bool{true, false} {
		t.Run(fmt.Sprint("keeps session ", keeps), func(t *testing.T) {
			w := newWorld(t, setup{
				pool: userpool.PoolConfig{WrongCodeKeepsSession: keeps},
				user: userpool.User{SMSMFA: true, Phone: "+15550001234"},
			})
			code := func() string { return w.pool.LastCode("rob") }
			answers := []any{func() string { return different(code()) }, code}
			wantAsked, wantSent := 2, 1
			if !keeps { // the second code meets a spent session, so a new message goes out
				answers = append(answers, code)
				wantAsked, wantSent = 3, 2
			}
			_, who, err := w.login(goodPassword, answers...)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(who.asked[0].Text, "+*******1234") || !strings.Contains(who.asked[1].Text, "wrong") {
				t.Errorf("asked %s", who.texts())
			}
			if !keeps && !strings.Contains(who.asked[2].Text, "new code") {
				t.Errorf("asked %s", who.texts())
			}
			if len(who.asked) != wantAsked || len(w.pool.Messages()) != wantSent {
				t.Errorf("%d questions, %d messages", len(who.asked), len(w.pool.Messages()))
			}
		})
	}
}

func different(code string) string {
	if code[0] == '9' {
		return "0" + code[1:]
	}
	return string(code[0]+1) + code[1:]
}

func TestTooSlowWithCode(t *testing.T) {
	now := time.Now()
	w := newWorld(t, setup{
		user:   userpool.User{SMSMFA: true, Phone: "+15550001234"},
		server: userpool.Config{Now: func() time.Time { return now }},
	})
	_, who, err := w.login(goodPassword, func() string {
		now = now.Add(4 * time.Minute)
		return w.pool.LastCode("rob")
	}, func() string { return w.pool.LastCode("rob") })
	if err != nil || len(w.pool.Messages()) != 2 || !strings.Contains(who.asked[1].Text, "new code") {
		t.Errorf("%v, %d messages, asked %s", err, len(w.pool.Messages()), who.texts())
	}
}

func TestNobodyToAsk(t *testing.T) {
	for what, user := range map[string]userpool.User{
		"authenticator app": {TOTPSeed: totpSeed},
		"a code that it":    {SMSMFA: true, Phone: "+15550001234"},
		"new password":      {Status: userpool.ForceChangePassword},
	} {
		w := newWorld(t, setup{user: user})
		_, err := w.provider.SignIn(t.Context(), w.profile, session.Login{Password: passwordIs(goodPassword)})
		w.checkError(err)
		wantKind(t, err, agent.KindPromptNeeded, what, "run: cogtok login prod")
	}
}

func TestPersonDeclines(t *testing.T) {
	w := newWorld(t, setup{user: userpool.User{TOTPSeed: totpSeed}})
	_, _, err := w.login(goodPassword)
	wantKind(t, err, agent.KindPromptUnanswered)
	_, _, err = w.login(goodPassword, context.Canceled)
	wantKind(t, err, agent.KindCanceled)
}

func TestNewPassword(t *testing.T) {
	eachKind(t, func(t *testing.T, s setup) {
		s.user.Status, s.user.Password = userpool.ForceChangePassword, tempPassword
		w := newWorldWithAWS(t, s)
		in, who, err := w.login(tempPassword, newPassword, newPassword)
		if err != nil {
			t.Fatal(err)
		}
		if in.NewPassword.Reveal() != newPassword {
			t.Error("the new password is not told")
		}
		for _, prompt := range who.asked {
			if prompt.Kind != agent.PromptNewPassword || prompt.Echo {
				t.Errorf("asked %+v", prompt)
			}
		}
		if in, _, err = w.login(newPassword); err != nil || !in.NewPassword.Empty() {
			t.Errorf("the second sign-in: %v", err)
		}
	})
}

// The pool says which attributes it needs; those and no others are asked for
// and sent. A refused password is asked for again, the attributes aren't.
func TestNewPasswordWithAttributes(t *testing.T) {
	eachKind(t, func(t *testing.T, s setup) {
		s.user.Status, s.user.Password = userpool.ForceChangePassword, tempPassword
		s.user.TOTPSeed = totpSeed
		s.pool.RequiredAttributes = []string{"email", "given_name", "custom:team"}
		s.pool.CustomAttributes = []string{"team"}
		w := newWorldWithAWS(t, s)
		in, who, err := w.login(tempPassword, "Rob", "red",
			"marker-one", "marker-two", // not the same
			"marker", "marker", // refused
			newPassword, newPassword,
			func() string { return totpCode(t, time.Now()) })
		if err != nil {
			t.Fatalf("%v after\n%s", err, who.texts())
		}
		if in.NewPassword.Reveal() != newPassword {
			t.Error("the new password is not told")
		}
		texts := who.texts()
		for _, want := range []string{"given_name", "custom:team", "not the same", "The new password was refused: Password did not conform with policy"} {
			if !strings.Contains(texts, want) {
				t.Errorf("%q is not in\n%s", want, texts)
			}
		}
		if strings.Contains(texts, "email") && !s.byEmail {
			t.Errorf("an attribute that has a value was asked for:\n%s", texts)
		}
		id := claims(t, in.Grant.IDToken)
		if id["given_name"] != "Rob" || id["custom:team"] != "red" {
			t.Errorf("claims: %v", id)
		}
	})
}

func TestNewPasswordRefusedThreeTimes(t *testing.T) {
	w := newWorld(t, setup{user: userpool.User{Status: userpool.ForceChangePassword, Password: tempPassword}})
	_, who, err := w.login(tempPassword, "marker1", "marker1", "marker2", "marker2", "marker3", "marker3", "never", "asked")
	wantKind(t, err, agent.KindPasswordPolicy, "Password did not conform with policy")
	if len(who.asked) != 6 {
		t.Errorf("asked %d times", len(who.asked))
	}
	w2 := newWorld(t, setup{user: userpool.User{Status: userpool.ForceChangePassword, Password: tempPassword}})
	_, _, err = w2.login(tempPassword, "", "", "marker2", "", "marker3", "x")
	wantKind(t, err, agent.KindPromptUnanswered, "no new password")
}

// Who thinks long about a new password isn't asked for it again.
func TestSlowNewPassword(t *testing.T) {
	now := time.Now()
	w := newWorld(t, setup{
		user:   userpool.User{Status: userpool.ForceChangePassword, Password: tempPassword},
		server: userpool.Config{Now: func() time.Time { return now }},
	})
	in, _, err := w.login(tempPassword, newPassword, func() string { now = now.Add(4 * time.Minute); return newPassword })
	if err != nil || in.NewPassword.Reveal() != newPassword {
		t.Errorf("%v", err)
	}
}

// A password that was changed is told even if the sign-in fails later.
func TestNewPasswordThenFailure(t *testing.T) {
	w := newWorld(t, setup{user: userpool.User{Status: userpool.ForceChangePassword, Password: tempPassword, TOTPSeed: totpSeed}})
	in, _, err := w.login(tempPassword, newPassword, newPassword)
	wantKind(t, err, agent.KindPromptUnanswered)
	if in.NewPassword.Reveal() != newPassword {
		t.Error("the new password is lost")
	}
}

func TestExpiredTemporaryPassword(t *testing.T) {
	now := time.Now()
	w := newWorld(t, setup{
		user:     userpool.User{Status: userpool.ForceChangePassword, Password: tempPassword},
		server:   userpool.Config{Now: func() time.Time { return now }},
		auth:     profiles.AuthPassword,
		provider: cognitoClock(func() time.Time { return now }),
	})
	now = now.Add(30 * 24 * time.Hour)
	_, _, err := w.login(tempPassword)
	wantKind(t, err, agent.KindPasswordExpired)
}

func TestUnknownChallenge(t *testing.T) {
	s := newStage(t, profiles.AuthPassword, func(_ string, _ map[string]any, w http.ResponseWriter) {
		fmt.Fprint(w, `{"ChallengeName":"PIGEON_MFA","Session":"marker-session-marker-session","ChallengeParameters":{"COLOUR_OF_PIGEON":"PURPLE"}}`)
	})
	_, _, err := s.login(goodPassword)
	wantKind(t, err, agent.KindUnknownChallenge, "PIGEON_MFA", "COLOUR_OF_PIGEON")
	if strings.Contains(err.Error(), "PURPLE") {
		t.Errorf("values of parameters are shown: %v", err)
	}
}

// Challenges may come after one another without end.
func TestEndlessChallenges(t *testing.T) {
	n := 0
	s := newStage(t, profiles.AuthPassword, func(_ string, _ map[string]any, w http.ResponseWriter) {
		n++
		fmt.Fprintf(w, `{"ChallengeName":"NEW_PASSWORD_REQUIRED","Session":"session-%d-session-session","ChallengeParameters":{}}`, n)
	})
	var answers []any
	for range 100 {
		answers = append(answers, newPassword)
	}
	_, _, err := s.login(goodPassword, answers...)
	wantKind(t, err, agent.KindService, "20 steps")
	if n > 21 {
		t.Errorf("%d requests", n)
	}
}

// What a server puts in a challenge is not trusted.
func TestHostileChallenges(t *testing.T) {
	for name, c := range map[string]struct {
		challenge string
		kind      agent.Kind
	}{
		"SRP without a start":     {`{"ChallengeName":"PASSWORD_VERIFIER","ChallengeParameters":{"SALT":"1","SRP_B":"2","SECRET_BLOCK":"AAAA"}}`, agent.KindService},
		"attributes are no list":  {`{"ChallengeName":"NEW_PASSWORD_REQUIRED","ChallengeParameters":{"requiredAttributes":"{}"}}`, agent.KindService},
		"attributes are no JSON":  {`{"ChallengeName":"NEW_PASSWORD_REQUIRED","ChallengeParameters":{"requiredAttributes":"["}}`, agent.KindService},
		"too many attributes":     {`{"ChallengeName":"NEW_PASSWORD_REQUIRED","ChallengeParameters":{"requiredAttributes":` + quoted("["+strings.Repeat(`"a",`, 60)+`"a"]`) + `}}`, agent.KindService},
		"an attribute of no name": {`{"ChallengeName":"NEW_PASSWORD_REQUIRED","ChallengeParameters":{"requiredAttributes":"[\"userAttributes.\"]"}}`, agent.KindService},
		"escape in the name":      {`{"ChallengeName":"\u001b[2JX","ChallengeParameters":{"\u001b]52;c;A":"v"}}`, agent.KindUnknownChallenge},
		"escape in a destination": {`{"ChallengeName":"SMS_MFA","ChallengeParameters":{"CODE_DELIVERY_DESTINATION":"\u001b[31m\u202e` + strings.Repeat("x", 500) + `"}}`, agent.KindPromptUnanswered},
		"escape in an attribute":  {`{"ChallengeName":"NEW_PASSWORD_REQUIRED","ChallengeParameters":{"requiredAttributes":"[\"\\u001b[31m\"]"}}`, agent.KindPromptUnanswered},
		"escape in a device name": {`{"ChallengeName":"SOFTWARE_TOKEN_MFA","ChallengeParameters":{"FRIENDLY_DEVICE_NAME":"\u001b[31m\r\n"}}`, agent.KindPromptUnanswered},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, profiles.AuthPassword, func(_ string, _ map[string]any, w http.ResponseWriter) { fmt.Fprint(w, c.challenge) })
			_, who, err := s.login(goodPassword)
			wantKind(t, err, c.kind)
			for _, prompt := range who.asked {
				if len([]rune(prompt.Text)) > 300 {
					t.Errorf("a prompt of %d runes", len([]rune(prompt.Text)))
				}
			}
		})
	}
}

// A server that replays a good SRP start with numbers of its own gets no proof.
func TestHostileSRP(t *testing.T) {
	for _, b := range []string{"00", "zz", ""} {
		s := newStage(t, profiles.AuthSRP, func(operation string, _ map[string]any, w http.ResponseWriter) {
			fmt.Fprintf(w, `{"ChallengeName":"PASSWORD_VERIFIER","ChallengeParameters":{"SALT":"1","SRP_B":%q,"SECRET_BLOCK":"AAAA","USER_ID_FOR_SRP":"rob"}}`, b)
		})
		_, _, err := s.login(goodPassword)
		wantKind(t, err, agent.KindService, "SRP")
		if n := s.requests.Load(); n != 1 {
			t.Errorf("%d requests", n)
		}
	}
}

// Names for the user: what Cognito tells wins over what the user typed, and the
// session is sent if there was one.
func TestAnswersUseCognitosName(t *testing.T) {
	s := newStage(t, profiles.AuthPassword, func(operation string, _ map[string]any, w http.ResponseWriter) {
		if operation == "InitiateAuth" {
			fmt.Fprint(w, `{"ChallengeName":"SMS_MFA","ChallengeParameters":{"USER_ID_FOR_SRP":"canonical"}}`)
			return
		}
		refused(w, 400, "NotAuthorizedException", "Invalid session for the user.")
	})
	_, _, err := s.login(goodPassword, "123456")
	wantKind(t, err, agent.KindPromptUnanswered) // a new code was on its way
	last := s.sent()[1].body
	if _, sent := last["Session"]; sent {
		t.Error("a session was sent that nobody gave")
	}
	responses := last["ChallengeResponses"].(map[string]any)
	if responses["USERNAME"] != "canonical" || responses["SECRET_HASH"] != cognitoHash(clientSecret, "canonical"+"client") {
		t.Errorf("responses: %v", responses["USERNAME"])
	}
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}
