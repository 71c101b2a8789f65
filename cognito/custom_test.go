package cognito_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/internal/userpool"
	"github.com/cogtok/cogtok/profiles"
)

// customWorld is a pool with triggers. srp says that the password comes first.
func customWorld(t *testing.T, s setup, srp bool, triggers *userpool.CustomAuth) *world {
	s.auth, s.pool.Custom = profiles.AuthCustom, triggers
	s.client.Flows = []string{"ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
	w := newWorld(t, s)
	w.profile.CustomSRP = srp
	return w
}

func inEachCustom(t *testing.T, f func(t *testing.T, s setup, srp bool)) {
	for _, srp := range []bool{false, true} {
		t.Run(fmt.Sprint("srp=", srp), func(t *testing.T) {
			inEachPool(t, func(t *testing.T, s setup) { f(t, s, srp) })
		})
	}
}

var riddles = []userpool.Question{
	{Public: map[string]string{"question": "2 + 2"}, Answer: "four"},
	{Public: map[string]string{"question": "3 + 3", "hint": "it is even"}, Answer: "six"},
}

// Several rounds; a wrong answer is asked for again by the trigger.
func TestCustom(t *testing.T) {
	inEachCustom(t, func(t *testing.T, s setup, srp bool) {
		w := customWorld(t, s, srp, userpool.Ask(1, riddles...))
		in, who, err := w.login(goodPassword, "four", "five", "six")
		if err != nil {
			t.Fatalf("%v, asked %s", err, who.texts())
		}
		texts := who.texts()
		if strings.Count(texts, "question: 2 + 2") != 1 || strings.Count(texts, "question: 3 + 3") != 2 || strings.Count(texts, "hint: it is even") != 2 || strings.Contains(texts, "USERNAME") {
			t.Errorf("asked\n%s", texts)
		}
		if n := who.kinds(); n[agent.PromptNotice] != 3 || n[agent.PromptText] != 3 {
			t.Errorf("asked %v", n)
		}
		w.wantTries(map[bool]int{false: 0, true: 1}[srp], 0)
		if _, err := w.refresh(in.Grant); err != nil {
			t.Errorf("refresh: %v", err)
		}
	})
}

// Who thinks for long starts again, once, and is told why.
func TestSlowCustom(t *testing.T) {
	for _, srp := range []bool{false, true} {
		c := newClock()
		w := customWorld(t, c.by(setup{}), srp, userpool.Ask(0, riddles...))
		four := func() string { return "four" }
		_, who, err := w.login(goodPassword, c.late(four), "four", "six")
		if err != nil || !strings.Contains(who.asked[2].Text, "took too long") || strings.Count(who.texts(), "took too long") != 1 {
			t.Errorf("%v, asked %s", err, who.texts())
		}
		_, _, err = w.login(goodPassword, c.late(four), c.late(four), "four")
		wantKind(t, err, agent.KindCodeExpired, "cogtok login prod")
	}
}

func TestCustomRefusal(t *testing.T) {
	inEachCustom(t, func(t *testing.T, s setup, srp bool) {
		w := customWorld(t, s, srp, userpool.Ask(0, riddles...))
		_, _, err := w.login(goodPassword, "five")
		wantKind(t, err, agent.KindChallengeRefused, "cogtok login prod")
	})
}

// A trigger may refuse before it asks anything. That is no wrong password where
// none was sent.
func TestCustomRefusalAtOnce(t *testing.T) {
	deny := userpool.Ask(0)
	deny.Define = func(userpool.CustomRequest) (userpool.CustomDecision, error) {
		return userpool.CustomDecision{Fail: true}, nil
	}
	w := customWorld(t, setup{}, false, deny)
	_, _, err := w.loginWith(session.Login{Password: notAsked(t)})
	wantKind(t, err, agent.KindChallengeRefused)
}

func TestCustomWrongPassword(t *testing.T) {
	w := customWorld(t, setup{}, true, userpool.Ask(0, riddles...))
	_, who, err := w.login("marker-wrong")
	wantKind(t, err, agent.KindWrongPassword)
	w.wantTries(1, 1)
	if len(who.asked) > 0 {
		t.Errorf("asked %s", who.texts())
	}
}

func TestCustomNoAnswer(t *testing.T) {
	w := customWorld(t, setup{}, false, userpool.Ask(0, riddles...))
	_, _, err := w.login(goodPassword, "")
	wantKind(t, err, agent.KindPromptUnanswered, "no answer")
	_, _, err = w.login(goodPassword)
	wantKind(t, err, agent.KindPromptUnanswered)
}

func TestCustomWithoutTriggers(t *testing.T) {
	for _, srp := range []bool{false, true} {
		w := customWorld(t, setup{}, srp, nil)
		_, _, err := w.login(goodPassword)
		wantKind(t, err, agent.KindFlowNotEnabled, "no Lambda triggers", "`auth: custom`")
		w.wantTries(0, 0)
	}
	w := customWorld(t, setup{client: userpool.Client{}}, false, userpool.Ask(0, riddles...))
	w.pool.UpdateClient(userpool.Client{ID: w.client.ID, Flows: []string{"ALLOW_REFRESH_TOKEN_AUTH"}})
	_, _, err := w.login(goodPassword)
	wantKind(t, err, agent.KindFlowNotEnabled, "ALLOW_CUSTOM_AUTH")
}

func TestCustomLambdaText(t *testing.T) {
	for _, at := range []string{"Define", "Create", "Verify"} {
		triggers := userpool.Ask(0, riddles...)
		failure := errors.New("Not on \x1b[31mSundays")
		switch at {
		case "Define":
			triggers.Define = func(userpool.CustomRequest) (userpool.CustomDecision, error) {
				return userpool.CustomDecision{}, failure
			}
		case "Create":
			triggers.Create = func(userpool.CustomRequest) (userpool.CustomChallenge, error) {
				return userpool.CustomChallenge{}, failure
			}
		case "Verify":
			triggers.Verify = func(userpool.CustomRequest) (bool, error) { return false, failure }
		}
		w := customWorld(t, setup{}, false, triggers)
		_, _, err := w.login(goodPassword, "marker-answer")
		wantKind(t, err, agent.KindLambda, at, "Sundays")
	}
}

// Nothing is begun where nobody can answer: a trigger may send messages.
func TestCustomWithoutPerson(t *testing.T) {
	for _, srp := range []bool{false, true} {
		w := customWorld(t, setup{}, srp, userpool.Ask(0, riddles...))
		_, err := w.loginBy(session.Login{Password: notAsked(t)})
		wantKind(t, err, agent.KindPromptNeeded, "custom challenge", "cogtok login prod")
		if n := len(w.server.Calls()); n > 0 {
			t.Errorf("%d requests", n)
		}
	}
}

func TestCustomOfUnknownUser(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		w := customWorld(t, setup{client: userpool.Client{PreventUserExistenceErrors: hidden}}, false, userpool.Ask(0, riddles...))
		w.profile.Username = "nobody"
		_, _, err := w.login(goodPassword, "four")
		wantKind(t, err, map[bool]agent.Kind{false: agent.KindUserNotFound, true: agent.KindChallengeRefused}[hidden])
	}
}

// What a trigger publishes is shown harmless and without what was sent to it.
func TestCustomParametersAreNotTrusted(t *testing.T) {
	public := map[string]string{
		"color\x1b[2J": "\x1b[31mred\u202e\r\nProfile: other", "echo": "you are " + goodPassword + "?", "USERNAME": "rob",
		goodPassword: "a name", "long": strings.Repeat("x", 5000), "empty": "",
	}
	w := customWorld(t, setup{}, true, userpool.Ask(1, userpool.Question{Public: public, Answer: "marker-answer"}))
	_, who, err := w.login(goodPassword, "marker-wrong-answer", "marker-answer")
	if err != nil {
		t.Fatal(err)
	}
	text := who.asked[0].Text
	w.noMarkers("a prompt", who.texts())
	if !strings.Contains(text, "echo: you are [redacted]?") || strings.ContainsAny(text, "\x1b\r\u202e") || strings.Count(text, "\n") != 5 || len(text) > 1000 {
		t.Errorf("shown: %q", text)
	}
}

func TestCustomManyParameters(t *testing.T) {
	public := map[string]string{}
	for i := range 500 {
		public[fmt.Sprintf("p%03d", i)] = "v"
	}
	w := customWorld(t, setup{}, false, userpool.Ask(0, userpool.Question{Public: public, Answer: "four"}))
	_, who, err := w.login(goodPassword, "four")
	if text := who.asked[0].Text; err != nil || strings.Count(text, "\n") != 21 || !strings.HasSuffix(text, "…") {
		t.Errorf("%v: %s", err, text)
	}
	w = customWorld(t, setup{}, false, userpool.Ask(0, userpool.Question{Answer: "four"}))
	_, who, err = w.login(goodPassword, "four")
	if err != nil || !strings.Contains(who.asked[0].Text, "says no more") {
		t.Errorf("%v: %s", err, who.asked[0].Text)
	}
}

// An answer of an earlier round isn't shown by a later one, nor by an error.
func TestCustomEchoOfAnswers(t *testing.T) {
	n := 0
	s := newStage(t, profiles.AuthCustom, func(_ string, body map[string]any, w http.ResponseWriter) {
		if n++; n == 3 {
			refused(w, 400, "UserLambdaValidationException", "VerifyAuthChallengeResponse failed with error "+fmt.Sprint(body["ChallengeResponses"]))
			return
		}
		answers, _ := body["ChallengeResponses"].(map[string]any)
		fmt.Fprintf(w, `{"ChallengeName":"CUSTOM_CHALLENGE","Session":"marker-session-%d-marker","ChallengeParameters":{"you":%q}}`, n, fmt.Sprint("said ", answers["ANSWER"]))
	})
	_, who, err := s.login(goodPassword, "marker-one", "marker-two")
	wantKind(t, err, agent.KindLambda, "[redacted]")
	s.noMarkers("a prompt", who.texts())
	if !strings.Contains(who.texts(), "said [redacted]") {
		t.Errorf("asked %s", who.texts())
	}
}
