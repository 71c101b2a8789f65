package cognito_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/internal/userpool"
	"github.com/cogtok/cogtok/profiles"
)

// The hash goes over the name as it is typed, in every operation on an account.
func (w *world) wantHashOfTypedName(operation string) {
	w.t.Helper()
	calls := w.parameters(operation)
	if len(calls) == 0 {
		w.t.Errorf("%s was not called", operation)
	}
	for _, p := range calls {
		hash, sent := p["SecretHash"]
		if p["Username"] != w.profile.Username || sent == w.secret.Empty() ||
			sent && hash != cognitoHash(clientSecret, w.profile.Username+w.client.ID) {
			w.t.Errorf("%s: %v", operation, p["Username"])
		}
	}
}

func TestResetOnRequest(t *testing.T) {
	eachKind(t, func(t *testing.T, s setup) {
		w := newWorldWithAWS(t, s)
		in, who, err := w.loginWith(session.Login{Reset: true, Password: notAsked(t)}, w.wrongCode, newPassword, newPassword, w.code)
		if err != nil {
			t.Fatalf("%v, asked %s", err, who.texts())
		}
		if in.NewPassword.Reveal() != newPassword {
			t.Error("the new password is not told")
		}
		// The password isn't asked for again because the code was wrong.
		if n := who.kinds(); n[agent.PromptNewPassword] != 2 || n[agent.PromptMFA] != 2 || !strings.Contains(who.texts(), "by email to r***@e***") || !strings.Contains(who.texts(), "The code was wrong") {
			t.Errorf("asked %s", who.texts())
		}
		w.wantMessages(1)
		w.wantTries(1, 0)
		w.wantHashOfTypedName("ForgotPassword")
		w.wantHashOfTypedName("ConfirmForgotPassword")
		if _, _, err := w.login(newPassword); err != nil {
			t.Errorf("the next sign-in: %v", err)
		}
	})
}

// An administrator has reset the password, in the middle of things: the code is
// on its way already.
func TestResetByAdministrator(t *testing.T) {
	eachKind(t, func(t *testing.T, s setup) {
		w := newWorldWithAWS(t, s)
		w.pool.ResetPassword(w.user.Username)
		in, who, err := w.login(goodPassword, w.code, newPassword, newPassword)
		if err != nil || in.NewPassword.Reveal() != newPassword {
			t.Fatalf("%v, asked %s", err, who.texts())
		}
		w.wantMessages(1)
		if w.server.Count("ForgotPassword") != 0 || !strings.Contains(who.asked[0].Text, "has to be reset") {
			t.Errorf("asked %s", who.texts())
		}
		w.wantTries(1, 0)
	})
}

func TestResetSendsANewCode(t *testing.T) {
	w := newWorld(t, setup{})
	w.pool.ResetPassword("rob")
	_, who, err := w.login(goodPassword, "", w.code, newPassword, newPassword)
	if err != nil || w.server.Count("ForgotPassword") != 1 {
		t.Errorf("%v, asked %s", err, who.texts())
	}
	w.wantMessages(2)
}

func TestResetWithoutPerson(t *testing.T) {
	w := newWorld(t, setup{})
	_, err := w.loginBy(session.Login{Reset: true, Password: notAsked(t)})
	wantKind(t, err, agent.KindPromptNeeded, "takes a person", "cogtok login prod --reset")
	w.wantMessages(0)
	w.pool.ResetPassword("rob")
	_, err = w.loginBy(session.Login{})
	wantKind(t, err, agent.KindPasswordReset, "cogtok login prod --reset")
	_, _, err = w.login(goodPassword) // who doesn't answer
	wantKind(t, err, agent.KindPasswordReset, "cogtok login prod --reset")
}

func TestResetCodes(t *testing.T) {
	reset := session.Login{Reset: true}
	t.Run("expired", func(t *testing.T) {
		c := newClock()
		w := newWorld(t, c.by(setup{}))
		hours := func() string { c.at = c.at.Add(2 * time.Hour); return w.code() }
		in, who, err := w.loginWith(reset, hours, newPassword, newPassword, "", w.code)
		if err != nil || in.NewPassword.Reveal() != newPassword || !strings.Contains(who.texts(), "The code has expired") {
			t.Fatalf("%v, asked %s", err, who.texts())
		}
		w.wantMessages(2)
	})
	t.Run("three wrong", func(t *testing.T) {
		w := newWorld(t, setup{})
		in, who, err := w.loginWith(reset, "1", newPassword, newPassword, "2", "3", "4")
		wantKind(t, err, agent.KindCodeWrong, "the code was wrong")
		if n := who.kinds(); n[agent.PromptMFA] != 3 || !in.NewPassword.Empty() {
			t.Errorf("asked %s", who.texts())
		}
		w.wantTries(0, 0)
	})
	t.Run("limit", func(t *testing.T) {
		w := newWorld(t, setup{})
		for range 2 {
			_, _, err := w.loginWith(reset, "", "", "", "", "", "")
			if kind := agent.KindOf(err); kind != agent.KindCodeWrong && kind != agent.KindTooManyAttempts {
				t.Fatal(err)
			}
		}
		_, _, err := w.loginWith(reset, "")
		wantKind(t, err, agent.KindTooManyAttempts, "a few minutes")
	})
	t.Run("limit of tries", func(t *testing.T) {
		s := newWorld(t, setup{})
		for range 2 {
			_, _, _ = s.loginWith(reset, "1", newPassword, newPassword, "2")
		}
		_, _, err := s.loginWith(reset, s.code, newPassword, newPassword)
		wantKind(t, err, agent.KindTooManyAttempts)
	})
}

// A password that the policy refuses leaves the code good.
func TestResetPolicy(t *testing.T) {
	w := newWorld(t, setup{})
	in, who, err := w.loginWith(session.Login{Reset: true}, w.code, "marker", "marker", newPassword, newPassword)
	if err != nil || in.NewPassword.Reveal() != newPassword || !strings.Contains(who.texts(), "Password did not conform with policy") {
		t.Fatalf("%v, asked %s", err, who.texts())
	}
	w.wantMessages(1)
	if n := who.kinds(); n[agent.PromptMFA] != 1 {
		t.Errorf("asked %s", who.texts())
	}
	in, _, err = w.loginWith(session.Login{Reset: true}, w.code, "marker1", "marker1", "marker2", "marker2", "marker3", "marker3", "never")
	wantKind(t, err, agent.KindPasswordPolicy)
	if !in.NewPassword.Empty() {
		t.Error("a password is told that wasn't set")
	}
}

func TestResetRefused(t *testing.T) {
	for name, c := range map[string]struct {
		s     setup
		user  string
		kind  agent.Kind
		texts []string
	}{
		"temporary password": {setup{user: userpool.User{Status: userpool.ForceChangePassword}}, "", agent.KindRefused, []string{"sign in with the temporary password"}},
		"unknown":            {setup{}, "nobody", agent.KindUserNotFound, []string{"nobody", "`username`"}},
		"no address":         {setup{user: userpool.User{Attributes: map[string]string{"email_verified": "false"}}}, "", agent.KindRefused, []string{"verified"}},
		"channel of MFA":     {setup{user: userpool.User{EmailMFA: true}}, "", agent.KindRefused, []string{"verified email"}},
		"disabled":           {setup{user: userpool.User{Disabled: true}}, "", agent.KindUserDisabled, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.s)
			if c.user != "" {
				w.profile.Username = c.user
			}
			_, who, err := w.loginWith(session.Login{Reset: true, Password: notAsked(t)})
			wantKind(t, err, c.kind, c.texts...)
			w.wantMessages(0)
			if len(who.asked) > 0 {
				t.Errorf("asked %s", who.texts())
			}
		})
	}
	// A user who doesn't exist isn't told from one whose code is late.
	w := newWorld(t, setup{client: userpool.Client{PreventUserExistenceErrors: true}})
	w.profile.Username = "nobody"
	_, _, err := w.loginWith(session.Login{Reset: true, Password: notAsked(t)}, "1", newPassword, newPassword, "2", "3")
	wantKind(t, err, agent.KindCodeWrong)
	w.wantMessages(0)
}

// A changed password is told even if the sign-in fails later.
func TestResetThenFailure(t *testing.T) {
	w := newWorld(t, setup{user: userpool.User{TOTPSeed: totpSeed}})
	in, _, err := w.loginWith(session.Login{Reset: true}, w.code, newPassword, newPassword)
	wantKind(t, err, agent.KindPromptUnanswered)
	if in.NewPassword.Reveal() != newPassword {
		t.Error("the new password is lost")
	}
}

// A user who never gave the code of the sign-up gives it now. Cognito says so
// after it has taken the password, which is then sent once more.
func TestUnconfirmedUser(t *testing.T) {
	inEachPool(t, func(t *testing.T, s setup) {
		for _, auth := range []string{profiles.AuthSRP, profiles.AuthPassword} {
			s.auth, s.user.Status = auth, userpool.Unconfirmed
			w := newWorld(t, s)
			asked := 0
			in, who, err := w.loginWith(session.Login{Password: func(context.Context) (agent.Secret, error) {
				asked++
				return agent.NewSecret(goodPassword), nil
			}}, "", w.wrongCode, w.code)
			if err != nil || asked != 1 || !in.NewPassword.Empty() {
				t.Fatalf("%v, asked for the password %d times, and %s", err, asked, who.texts())
			}
			if !strings.Contains(who.asked[0].Text, "not confirmed yet") || !strings.Contains(who.asked[1].Text, "by email") || len(who.asked) != 3 {
				t.Errorf("asked %s", who.texts())
			}
			w.wantMessages(1)
			w.wantTries(2, 0)
			w.wantHashOfTypedName("ConfirmSignUp")
			w.wantHashOfTypedName("ResendConfirmationCode")
		}
	})
}

func TestUnconfirmedUserStays(t *testing.T) {
	w := newWorld(t, setup{user: userpool.User{Status: userpool.Unconfirmed}})
	_, err := w.loginBy(session.Login{})
	wantKind(t, err, agent.KindUserNotConfirmed, "cogtok login prod")
	_, _, err = w.login(goodPassword)
	wantKind(t, err, agent.KindUserNotConfirmed, "cogtok login prod")
	twice := func() string { return different(w.wrongCode()) }
	_, who, err := w.login(goodPassword, "", w.wrongCode, twice, func() string { return different(twice()) })
	wantKind(t, err, agent.KindCodeWrong)
	if len(who.asked) != 4 {
		t.Errorf("asked %s", who.texts())
	}
	w.wantTries(3, 0)
}
