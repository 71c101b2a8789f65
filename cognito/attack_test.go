package cognito_test

import (
	"context"
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

// What a server may answer to have the password itself, and not a proof of it.
var downgrades = []string{
	`{"ChallengeName":"PASSWORD","Session":"marker-session-marker","ChallengeParameters":{}}`,
	`{"ChallengeName":"SELECT_CHALLENGE","AvailableChallenges":["PASSWORD"],"Session":"marker-session-marker","ChallengeParameters":{}}`,
	`{"ChallengeName":"SELECT_CHALLENGE","AvailableChallenges":["PASSWORD","EMAIL_OTP"],"Session":"marker-session-marker","ChallengeParameters":{}}`,
}

// The password leaves this machine only where the config says so.
func TestNoServerGetsThePasswordByAsking(t *testing.T) {
	for name, change := range map[string]func(*profiles.Profile){
		"srp":                      func(*profiles.Profile) {},
		"custom with srp":          func(p *profiles.Profile) { p.Auth, p.CustomSRP = profiles.AuthCustom, true },
		"choice":                   func(p *profiles.Profile) { p.Auth = profiles.AuthChoice },
		"choice, preferring srp":   func(p *profiles.Profile) { p.Auth, p.PreferredChallenge = profiles.AuthChoice, "PASSWORD_SRP" },
		"choice, preferring email": func(p *profiles.Profile) { p.Auth, p.PreferredChallenge = profiles.AuthChoice, "EMAIL_OTP" },
	} {
		for _, answer := range downgrades {
			s := newStage(t, profiles.AuthSRP, func(_ string, _ map[string]any, w http.ResponseWriter) { fmt.Fprint(w, answer) })
			change(&s.profile)
			_, _, err := s.login(goodPassword, "Password", "Code by email")
			if err == nil {
				t.Errorf("%s: signed in", name)
			}
			for _, call := range s.sent() {
				if strings.Contains(fmt.Sprint(call.body), goodPassword) {
					t.Errorf("%s: the password was sent after %s", name, answer)
				}
			}
		}
	}
}

// SRP falls through to USER_AUTH; that is no way to the password either.
func TestNoPasswordAfterFallingThrough(t *testing.T) {
	for _, answer := range downgrades {
		n := 0
		s := newStage(t, profiles.AuthSRP, func(_ string, _ map[string]any, w http.ResponseWriter) {
			if n++; n == 1 {
				refused(w, 400, "InvalidParameterException", "USER_SRP_AUTH is not enabled for the client.")
				return
			}
			fmt.Fprint(w, answer)
		})
		_, _, err := s.login(goodPassword)
		if err == nil || strings.Contains(fmt.Sprint(s.sent()), goodPassword) {
			t.Errorf("%s: %v, or the password was sent", answer, err)
		}
	}
}

// A server that asks for a factor again and again gets one answer.
func TestAFactorIsAnsweredOnce(t *testing.T) {
	s := newStage(t, profiles.AuthChoice, func(_ string, _ map[string]any, w http.ResponseWriter) { fmt.Fprint(w, downgrades[0]) })
	s.profile.PreferredChallenge = profiles.ChallengePassword
	_, _, err := s.login(goodPassword)
	wantKind(t, err, agent.KindService)
	if n := strings.Count(fmt.Sprint(s.sent()), goodPassword); n > 2 {
		t.Errorf("the password was sent %d times", n)
	}
}

// What has to be hidden costs time to look for: no server can make it much.
func TestLongChallengesAreCheap(t *testing.T) {
	long := strings.Repeat("marker-session-", 500)
	var parameters []string
	for i := range 2000 {
		parameters = append(parameters, fmt.Sprintf(`"P%d":"%s"`, i, strings.Repeat("x", 300)))
	}
	for _, challenge := range []string{"CUSTOM_CHALLENGE", "PIGEON_MFA"} {
		s := newStage(t, profiles.AuthPassword, func(_ string, _ map[string]any, w http.ResponseWriter) {
			fmt.Fprintf(w, `{"ChallengeName":%q,"Session":%q,"ChallengeParameters":{%s}}`, challenge, long, strings.Join(parameters, ","))
		})
		began := time.Now()
		_, _, err := s.login(goodPassword, "one", "two")
		if took := time.Since(began); err == nil || took > 10*time.Second {
			t.Errorf("%s: %v after %s", challenge, err, took)
		}
	}
	s := newStage(t, profiles.AuthPassword, func(_ string, _ map[string]any, w http.ResponseWriter) {
		fmt.Fprintf(w, `{"ChallengeName":"SMS_MFA","Session":%q,"ChallengeParameters":{}}`, strings.Repeat(long, 10))
	})
	_, _, err := s.login(goodPassword, "123456")
	wantKind(t, err, agent.KindService, "session is longer")
}

func TestSeedsHaveALimit(t *testing.T) {
	s := newStage(t, profiles.AuthPassword, func(operation string, _ map[string]any, w http.ResponseWriter) {
		if operation == "AssociateSoftwareToken" {
			fmt.Fprintf(w, `{"SecretCode":%q,"Session":"marker-session-marker"}`, strings.Repeat("A", 100_000))
			return
		}
		fmt.Fprint(w, `{"ChallengeName":"MFA_SETUP","Session":"marker-session-marker","ChallengeParameters":{"MFAS_CAN_SETUP":"[\"SOFTWARE_TOKEN_MFA\"]"}}`)
	})
	_, who, err := s.login(goodPassword, "")
	wantKind(t, err, agent.KindService, "seed")
	if len(who.asked) > 0 {
		t.Errorf("asked %s", who.texts())
	}
}

// Another agent has used the code that is made now: the next one is good.
func TestMadeCodeThatWasUsed(t *testing.T) {
	w := newWorld(t, setup{user: userpool.User{TOTPSeed: totpSeed}})
	now := time.Now()
	w.signedIn(totpCode(t, now))
	codes := []string{totpCode(t, now), totpCode(t, now.Add(30*time.Second))}
	made := 0
	in, err := w.loginBy(session.Login{Code: codeFrom(func() string { made++; return codes[min(made, 2)-1] })})
	if err != nil || made != 2 || in.CodeRefused {
		t.Errorf("%v after %d codes, refused %t", err, made, in.CodeRefused)
	}
}

func codeFrom(next func() string) func(context.Context) (agent.Secret, error) {
	return func(context.Context) (agent.Secret, error) { return agent.NewSecret(next()), nil }
}
