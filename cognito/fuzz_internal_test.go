package cognito

import (
	"context"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/profiles"
)

// A chooser takes the first of every menu, and keeps what it was asked.
type chooser struct{ asked []agent.Prompt }

func (c *chooser) Ask(_ context.Context, p agent.Prompt) (agent.Secret, error) {
	c.asked = append(c.asked, p)
	if p.Kind == agent.PromptChoice {
		return agent.NewSecret(p.Choices[0]), nil
	}
	return agent.Secret{}, nil
}

func fuzzed(c *chooser, sent ...string) *signIn {
	return &signIn{
		provider: New(Config{}), profile: profiles.Profile{Name: "prod", UserPoolID: "us-east-1_x"},
		login: session.Login{Prompter: c}, secrets: sent, once: map[string]bool{},
	}
}

// harmless fails on what a terminal would act on; lines are for notices.
func harmless(t *testing.T, text string) {
	t.Helper()
	if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
		t.Errorf("not fit to be shown: %q", text)
	}
}

// FuzzSecondFactors: MFAS_CAN_CHOOSE, MFAS_CAN_SELECT and MFAS_CAN_SETUP are
// JSON of somebody else's in a string.
func FuzzSecondFactors(f *testing.F) {
	f.Add(`["SMS_MFA","SOFTWARE_TOKEN_MFA","EMAIL_OTP"]`)
	f.Add(`["EMAIL_MFA"]`)
	f.Add(`["SMS_MFA"]`)
	f.Add(`[null,"\u001b"]`)
	f.Add(`{"a":[]}`)
	f.Fuzz(func(t *testing.T, list string) {
		for _, usable := range []func(secondFactor) bool{
			func(secondFactor) bool { return true }, func(f secondFactor) bool { return f.setUp != nil },
		} {
			c := &chooser{}
			chosen, err := fuzzed(c).chooseSecondFactor(t.Context(), list, "Which?", usable)
			if err != nil {
				harmless(t, agent.AsError(err).Message+agent.AsError(err).Hint)
				if len(c.asked) > 0 {
					t.Errorf("asked, and then %v", err)
				}
				continue
			}
			if !usable(chosen) || !strings.Contains(list, "MFA") && !strings.Contains(list, "OTP") && !strings.Contains(list, `\`) {
				t.Errorf("%q has no %s", list, chosen.name)
			}
			if len(c.asked) > 1 || len(c.asked) == 1 && len(c.asked[0].Choices) < 2 {
				t.Errorf("asked %+v", c.asked)
			}
		}
	})
}

// FuzzMenu: of whatever Cognito offers, the menu has what can be served, and one
// way for a password.
func FuzzMenu(f *testing.F) {
	f.Add("PASSWORD,PASSWORD_SRP,EMAIL_OTP,SMS_OTP,WEB_AUTHN")
	f.Add("PASSWORD,PASSWORD")
	f.Add("\x1b,EMAIL_OTP")
	f.Fuzz(func(t *testing.T, list string) {
		var available []challengeName
		for name := range strings.SplitSeq(list, ",") {
			available = append(available, challengeName(name))
		}
		passwords := 0
		seen := map[string]bool{}
		for _, factor := range usableFactors(available) {
			if !slices.Contains(available, challengeName(factor.challenge)) || seen[factor.label] {
				t.Errorf("%q has no %s, or twice", list, factor.challenge)
			}
			seen[factor.label] = true
			if strings.HasPrefix(factor.challenge, "PASSWORD") {
				passwords++
			}
		}
		if passwords > 1 {
			t.Errorf("%d passwords", passwords)
		}
	})
}

// FuzzCustomText: what a Lambda trigger publishes is shown line by line,
// harmless, and without what was sent.
func FuzzCustomText(f *testing.F) {
	f.Add("question", "2 + 2?", "Secret-1")
	f.Add("\x1b[2J", "a\r\nb\u202e", "a\r\nb")
	f.Add("USERNAME", "", "Secret-1")
	f.Add("Secret-1", "you are Secret-1", "Secret-1")
	f.Fuzz(func(t *testing.T, name, value, secret string) {
		text := fuzzed(&chooser{}, secret).customText(map[string]string{name: value, "b": "c"})
		harmless(t, text)
		if n := strings.Count(text, "\n"); n > 2 || len([]rune(text)) > 1000 {
			t.Errorf("%d lines: %q", n, text)
		}
		shown := strings.TrimPrefix(text, "The user pool asks:")
		known := strings.Contains("  b: c\n  "+redacted+": ", strings.TrimSpace(secret))
		if len(strings.TrimSpace(secret)) >= minEncoded && !known && strings.Contains(shown, secret) {
			t.Errorf("%q is shown in %q", secret, text)
		}
	})
}
