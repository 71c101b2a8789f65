package cognito_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/internal/userpool"
	"github.com/cogtok/cogtok/profiles"
)

var everyFactor = []string{"PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"}

// choosing makes a pool whose users choose among factors.
func choosing(s setup, factors ...string) setup {
	s.auth, s.pool.FirstFactors = profiles.AuthChoice, factors
	s.client.Flows = []string{"ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
	s.user.Phone = "+15550001234"
	return s
}

// sentPasswords counts the requests with a password in them, and those with a
// proof of one.
func (w *world) sentPasswords() (plain, proofs int) {
	for _, c := range w.server.Calls() {
		sent := fmt.Sprint(c.Parameters)
		if strings.Contains(sent, goodPassword) {
			plain++
		}
		if strings.Contains(sent, "PASSWORD_CLAIM_SIGNATURE") {
			proofs++
		}
	}
	return plain, proofs
}

func TestChoiceByPreference(t *testing.T) {
	for factor, want := range map[string]struct{ plain, proofs, messages int }{
		profiles.ChallengePassword:    {1, 0, 0},
		profiles.ChallengePasswordSRP: {0, 1, 0},
		profiles.ChallengeEmailOTP:    {0, 0, 1},
		profiles.ChallengeSMSOTP:      {0, 0, 1},
	} {
		t.Run(factor, func(t *testing.T) {
			inEachPool(t, func(t *testing.T, s setup) {
				w := newWorld(t, choosing(s, everyFactor...))
				w.profile.PreferredChallenge = factor
				var answers []any
				if want.messages > 0 {
					answers = append(answers, w.code)
				}
				in, who, err := w.login(goodPassword, answers...)
				if err != nil {
					t.Fatal(err)
				}
				if plain, proofs := w.sentPasswords(); plain != want.plain || proofs != want.proofs {
					t.Errorf("%d passwords and %d proofs were sent", plain, proofs)
				}
				w.wantMessages(want.messages)
				if n := who.kinds(); n[agent.PromptChoice] > 0 || len(who.asked) != len(answers) {
					t.Errorf("asked %s", who.texts())
				}
				if _, err := w.refresh(in.Grant); err != nil {
					t.Errorf("refresh: %v", err)
				}
			})
		})
	}
}

// The menu has what a terminal can serve. A password goes by SRP: nobody is
// asked which way it shall take.
func TestChoiceByMenu(t *testing.T) {
	for label, want := range map[string]struct{ proofs, messages int }{
		"Password": {1, 0}, "email": {0, 1}, "SMS": {0, 1},
	} {
		t.Run(label, func(t *testing.T) {
			inEachPool(t, func(t *testing.T, s setup) {
				s.user.Passkey = true
				w := newWorld(t, choosing(s, everyFactor...))
				answers := []any{pick(label)}
				if want.messages > 0 {
					answers = append(answers, w.code)
				}
				_, who, err := w.login(goodPassword, answers...)
				if err != nil {
					t.Fatal(err)
				}
				menu := who.last(agent.PromptChoice)
				if len(menu.Choices) != 3 || strings.Contains(fmt.Sprint(menu.Choices), "asskey") {
					t.Errorf("the menu is %q", menu.Choices)
				}
				if plain, proofs := w.sentPasswords(); plain != 0 || proofs != want.proofs {
					t.Errorf("%d passwords and %d proofs were sent", plain, proofs)
				}
				w.wantMessages(want.messages)
			})
		})
	}
}

func TestOneFactorIsNotAskedFor(t *testing.T) {
	for _, factor := range []string{"PASSWORD", "EMAIL_OTP", "SMS_OTP"} {
		w := newWorld(t, choosing(setup{}, factor))
		var answers []any
		if factor != "PASSWORD" {
			answers = append(answers, w.code)
		}
		_, who, err := w.login(goodPassword, answers...)
		if err != nil || who.kinds()[agent.PromptChoice] > 0 {
			t.Errorf("%s: %v, asked %s", factor, err, who.texts())
		}
	}
}

// Where nobody can be asked, the password signs in and no code goes to anybody.
func TestChoiceWithoutPerson(t *testing.T) {
	inEachPool(t, func(t *testing.T, s setup) {
		w := newWorld(t, choosing(s, everyFactor...))
		if _, err := w.loginBy(session.Login{}); err != nil {
			t.Fatal(err)
		}
		w.wantMessages(0)
		w.wantTries(1, 0)
	})
	t.Run("only codes", func(t *testing.T) {
		w := newWorld(t, choosing(setup{}, "EMAIL_OTP", "SMS_OTP"))
		_, err := w.loginBy(session.Login{Password: notAsked(t)})
		wantKind(t, err, agent.KindPromptNeeded, "cogtok login prod")
		w.wantMessages(0)
	})
	t.Run("a code preferred", func(t *testing.T) {
		w := newWorld(t, choosing(setup{}, everyFactor...))
		w.profile.PreferredChallenge = profiles.ChallengeSMSOTP
		_, err := w.loginBy(session.Login{Password: notAsked(t)})
		wantKind(t, err, agent.KindPromptNeeded, "a code that it sends")
		if n := len(w.server.Calls()); n > 0 {
			t.Errorf("%d requests", n)
		}
	})
}

func notAsked(t *testing.T) func(context.Context) (agent.Secret, error) {
	return func(context.Context) (agent.Secret, error) {
		t.Error("the password was asked for")
		return agent.Secret{}, nil
	}
}

// A factor that the user hasn't got leads to the menu of those that there are.
func TestPreferenceThatIsNotThere(t *testing.T) {
	s := choosing(setup{}, "PASSWORD", "EMAIL_OTP", "SMS_OTP")
	s.user.Phone = ""
	w := newWorld(t, s)
	w.profile.PreferredChallenge = profiles.ChallengeSMSOTP
	_, who, err := w.login(goodPassword, pick("email"), w.code)
	if err != nil || slices.ContainsFunc(who.last(agent.PromptChoice).Choices, func(c string) bool { return strings.Contains(c, "SMS") }) {
		t.Errorf("%v, asked %+v", err, who.asked)
	}
	w.profile.PreferredChallenge = "PIGEON"
	_, _, err = w.login(goodPassword)
	wantKind(t, err, agent.KindConfig, "PIGEON")
}

func TestNothingChosen(t *testing.T) {
	w := newWorld(t, choosing(setup{}, everyFactor...))
	_, _, err := w.login(goodPassword, "something else")
	wantKind(t, err, agent.KindPromptUnanswered, "nothing was chosen")
	w.wantMessages(0)
}

func TestPasskeyOnly(t *testing.T) {
	s := choosing(setup{}, "WEB_AUTHN")
	s.user.Passkey = true
	w := newWorld(t, s)
	_, _, err := w.loginWith(session.Login{Password: notAsked(t)})
	wantKind(t, err, agent.KindPasskey, "`auth: browser`", "cogtok login prod")

	direct := newStage(t, profiles.AuthChoice, func(_ string, _ map[string]any, w http.ResponseWriter) {
		fmt.Fprint(w, `{"ChallengeName":"WEB_AUTHN","Session":"marker-session-marker-session","ChallengeParameters":{"CREDENTIAL_REQUEST_OPTIONS":"{}"}}`)
	})
	_, _, err = direct.login(goodPassword)
	wantKind(t, err, agent.KindPasskey, "`auth: browser`")
}

func TestFactorsOfTheFuture(t *testing.T) {
	s := newStage(t, profiles.AuthChoice, func(_ string, _ map[string]any, w http.ResponseWriter) {
		fmt.Fprint(w, `{"ChallengeName":"SELECT_CHALLENGE","AvailableChallenges":["PIGEON"],"ChallengeParameters":{}}`)
	})
	_, _, err := s.login(goodPassword)
	wantKind(t, err, agent.KindUnknownChallenge, "SELECT_CHALLENGE")
}

func TestMFAAfterChoice(t *testing.T) {
	inEachPool(t, func(t *testing.T, s setup) {
		s.user.EmailMFA = true
		w := newWorld(t, choosing(s, everyFactor...))
		_, who, err := w.login(goodPassword, w.wrongCode, w.code, w.code)
		if err != nil || who.kinds()[agent.PromptChoice] > 0 {
			t.Fatalf("%v, asked %s", err, who.texts())
		}
		if a := w.pool.PasswordAttempts(w.user.Username); a.Failures > 0 {
			t.Errorf("%+v", a)
		}
	})
}

func TestWrongPasswordInChoice(t *testing.T) {
	for _, preferred := range []string{"", profiles.ChallengePassword, profiles.ChallengePasswordSRP} {
		inEachPool(t, func(t *testing.T, s setup) {
			w := newWorld(t, choosing(s, "PASSWORD"))
			w.profile.PreferredChallenge = preferred
			_, _, err := w.login("marker-wrong")
			wantKind(t, err, agent.KindWrongPassword)
			w.wantTries(1, 1)
		})
	}
}

// Who is slow at the menu, or with the password after it, isn't asked again.
func TestSlowAtTheMenu(t *testing.T) {
	for _, label := range []string{"Password", "email"} {
		c := newClock()
		w := newWorld(t, c.by(choosing(setup{}, everyFactor...)))
		answers := []any{func(p *person) string { return c.late(func() string { return pick(label)(p) })() }}
		if label == "email" {
			answers = append(answers, w.code)
		}
		_, who, err := w.login(goodPassword, answers...)
		if err != nil || who.kinds()[agent.PromptChoice] != 1 {
			t.Errorf("%s: %v, asked %s", label, err, who.texts())
		}
	}
	c, asked := newClock(), 0
	w := newWorld(t, c.by(choosing(setup{}, everyFactor...)))
	_, who, err := w.loginWith(session.Login{Password: func(context.Context) (agent.Secret, error) {
		asked++
		return agent.NewSecret(c.late(func() string { return goodPassword })()), nil
	}}, pick("Password"))
	if err != nil || asked != 1 || len(who.asked) != 1 {
		t.Errorf("%v, the password was asked for %d times, and asked %s", err, asked, who.texts())
	}
	w.wantTries(1, 0)
}

func TestChoiceOfUnknownUser(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		s := choosing(setup{}, "PASSWORD")
		s.client.PreventUserExistenceErrors = hidden
		w := newWorld(t, s)
		w.profile.Username = "nobody"
		_, _, err := w.login(goodPassword)
		if want := map[bool]agent.Kind{false: agent.KindUserNotFound, true: agent.KindWrongPassword}[hidden]; agent.KindOf(err) != want {
			t.Errorf("hidden %v: %v", hidden, err)
		}
	}
	// A code that can't come looks like one that is late.
	s := choosing(setup{}, "EMAIL_OTP")
	s.client.PreventUserExistenceErrors = true
	w := newWorld(t, s)
	for i := range 20 {
		w.profile.Username = fmt.Sprint("nobody", i)
		_, who, err := w.login(goodPassword, "000000", "000001", "000002")
		if agent.KindOf(err) == agent.KindUnknownChallenge {
			continue // nothing was made up for this name
		}
		wantKind(t, err, agent.KindCodeWrong)
		w.wantMessages(0)
		if len(who.asked) != 3 {
			t.Errorf("asked %s", who.texts())
		}
		return
	}
	t.Error("none of 20 unknown users was asked for a code")
}

func TestChoiceIsNotEnabled(t *testing.T) {
	w := newWorld(t, setup{auth: profiles.AuthChoice, client: userpool.Client{Flows: []string{"ALLOW_REFRESH_TOKEN_AUTH"}}})
	_, _, err := w.loginWith(session.Login{Password: notAsked(t)})
	wantKind(t, err, agent.KindFlowNotEnabled, "ALLOW_USER_AUTH", "`auth: choice`")
}
