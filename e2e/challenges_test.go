//go:build !windows

package e2e

import (
	"testing"

	"github.com/cogtok/cogtok/internal/userpool"
)

// The questions that many challenges have.
var (
	thePassword = step{
		asks: "Password for ", hidden: true, right: typed(password),
		wrong: ending{typed("Wrong-Passw0rd-82!"), 1, 7, "wrong user name or password for", 0, 0},
		empty: ending{typed(""), 1, 3, "no password was given", 0, 0},
	}
	newPasswordSteps = []step{
		{
			asks: "ew password for ", hidden: true, right: typed(newPassword),
			wrong: ending{twice("weak"), 3, 7, "the new password was refused: ", 0, 0},
			empty: ending{twice(""), 3, 3, "no new password in 3 tries", 0, 0},
		},
		{
			asks: "The new password again: ", hidden: true, right: typed(newPassword), back: 1, mends: 1,
			wrong: ending{typed("Other-Passw0rd-86!"), 3, 3, "no new password in 3 tries", 0, 0},
		},
	}
	mailed = step{
		asks: "(empty: send a new one): ", right: sentCode, mends: 2, resends: 3,
		wrong: ending{wrongCode, 3, 7, "the code was wrong", 1, 0},
		empty: ending{typed(""), 6, 7, "no good code in 3 tries", 3, 0},
	}
	// The new password is asked for before the code can be judged.
	resetCode = mailed.with(func(s *step) { s.mends, s.wrong.sent, s.wrong.then = 1, 0, 2 })
	fromApp   = step{
		asks: "Code from your authenticator app: ", right: appCode(totpSeed), mends: 1,
		wrong: ending{wrongCode, 3, 7, "the code was wrong", 0, 0},
		empty: ending{typed(""), 3, 7, "no good code in 3 tries", 0, 0},
	}
)

// forcedReset is a reset that is told of again whenever it comes to nothing.
func forcedReset() (all []step) {
	for _, st := range append([]step{resetCode}, newPasswordSteps...) {
		st.unanswered = "has to be reset"
		for _, end := range []*ending{&st.wrong, &st.empty} {
			if end.status == 3 {
				end.says = st.unanswered
			}
		}
		all = append(all, st)
	}
	return all
}

// menu is a numbered menu.
func menu(last, choice string) step {
	return step{
		asks: "Number (1-" + last + "): ", right: typed(choice), mends: 1,
		wrong: ending{typed("9"), 3, 3, "the question was not answered", 0, 0},
		empty: ending{typed(""), 3, 3, "the question was not answered", 0, 0},
	}
}

// passed is a step whose trouble is tested elsewhere.
func (s step) passed() step {
	s.elsewhere = true
	return s
}

func (s step) with(change func(*step)) step {
	change(&s)
	return s
}

func steps(first step, more ...[]step) []step {
	all := []step{first}
	for _, list := range more {
		all = append(all, list...)
	}
	return all
}

var (
	email     = userpool.User{Email: "yes"}
	phone     = userpool.User{Phone: "+15555550123", SMSMFA: true}
	everybody = userpool.PoolConfig{FirstFactors: []string{"PASSWORD", "EMAIL_OTP", "SMS_OTP"}}
	reachable = userpool.User{Email: "yes", Phone: "+15555550123"}
)

var challenges = []challenge{
	{name: "PASSWORD_VERIFIER", steps: []step{thePassword}},
	{name: "password, kept in a file", store: "file", steps: []step{thePassword, {
		asks: "[y/N] ", right: typed("n"), signedIn: true, empty: ending{typed(""), 1, 0, "signed in", 0, 0},
	}}},
	{
		name: "NEW_PASSWORD_REQUIRED", pool: userpool.PoolConfig{RequiredAttributes: []string{"name"}},
		user: userpool.User{Status: userpool.ForceChangePassword},
		steps: steps(thePassword.passed(), []step{{
			asks: "Value of your attribute name: ", right: typed("Rob"),
			empty: ending{typed(""), 3, 3, "no value was given for the attribute name", 0, 0},
		}}, newPasswordSteps),
	},
	{name: "SMS_MFA", user: phone, steps: []step{thePassword.passed(), mailed}},
	{name: "SMS_MFA in a file", user: phone, store: "file", steps: []step{thePassword.passed(), mailed, {
		asks: "[y/N] ", elsewhere: true, right: typed("n"),
	}}},
	{
		name: "SMS_MFA, where a wrong code leaves the session good", pool: userpool.PoolConfig{WrongCodeKeepsSession: true}, user: phone,
		steps: []step{thePassword.passed(), mailed.with(func(s *step) { s.answered, s.mends, s.wrong.sent = true, 1, 0 })},
	},
	{name: "EMAIL_OTP", user: userpool.User{Email: "yes", EmailMFA: true}, steps: []step{thePassword.passed(), mailed}},
	{name: "SOFTWARE_TOKEN_MFA", user: userpool.User{TOTPSeed: totpSeed}, steps: []step{thePassword.passed(), fromApp}},
	{
		name: "SELECT_MFA_TYPE", user: userpool.User{Phone: "+15555550123", SMSMFA: true, TOTPSeed: totpSeed},
		steps: []step{thePassword.passed(), menu("2", "1"), fromApp.passed()},
	},
	{
		name: "SELECT_MFA_TYPE by SMS", user: userpool.User{Phone: "+15555550123", SMSMFA: true, TOTPSeed: totpSeed},
		steps: []step{thePassword.passed(), menu("2", "2").passed(), mailed.with(func(s *step) { s.answered = true })},
	},
	{
		name: "MFA_SETUP", pool: userpool.PoolConfig{MFA: userpool.MFARequired},
		steps: []step{thePassword.passed(), {
			asks: "Code that the app shows now: ", right: newApp, mends: 1,
			wrong: ending{wrongCode, 3, 7, "the code was wrong", 0, 0},
			empty: ending{typed(""), 3, 7, "no good code in 3 tries", 0, 0},
		}},
	},
	{
		name: "MFA_SETUP by email", pool: userpool.PoolConfig{MFA: userpool.MFARequired, MFASetup: []string{"SOFTWARE_TOKEN_MFA", "EMAIL_OTP"}},
		steps: []step{thePassword.passed(), menu("2", "2"), {
			asks: "Email address for codes: ", right: typed("case@example.com"),
			wrong: ending{typed("nonsense"), 1, 7, "email", 0, 0},
			empty: ending{typed(""), 1, 3, "no email address was given", 0, 0},
		}, mailed.passed()},
	},
	{name: "SELECT_CHALLENGE", pool: everybody, user: reachable, keys: "auth: choice\n", steps: []step{menu("3", "1"), thePassword}},
	{name: "PASSWORD", pool: everybody, user: reachable, keys: "auth: choice\npreferred_challenge: PASSWORD\n", steps: []step{thePassword}},
	{name: "EMAIL_OTP as first factor", pool: everybody, user: reachable, keys: "auth: choice\n", steps: []step{menu("3", "2").passed(), mailed}},
	{name: "SMS_OTP", pool: everybody, user: reachable, keys: "auth: choice\npreferred_challenge: SMS_OTP\n", steps: []step{mailed}},
	{
		name: "CUSTOM_CHALLENGE", pool: userpool.PoolConfig{Custom: userpool.Ask(0, userpool.Question{Public: map[string]string{"riddle": "What walks on four legs?"}, Answer: "marker-answer"})},
		keys: "auth: custom\n",
		steps: []step{{
			asks: "Answer: ", right: typed("marker-answer"),
			wrong: ending{typed("marker-guess"), 1, 7, "the user pool refuses the answer to its challenge", 0, 0},
			empty: ending{typed(""), 1, 3, "no answer was given", 0, 0},
		}},
	},
	{
		name: "CUSTOM_CHALLENGE after SRP", pool: userpool.PoolConfig{Custom: userpool.Ask(1, userpool.Question{Answer: "marker-answer"})},
		keys: "auth: custom\ncustom_srp: true\n",
		steps: []step{thePassword, {
			asks: "Answer: ", right: typed("marker-answer"), mends: 1,
			wrong: ending{typed("marker-guess"), 2, 7, "the user pool refuses the answer to its challenge", 0, 0},
			empty: ending{typed(""), 1, 3, "no answer was given", 0, 0},
		}},
	},
	{
		name: "device", user: phone,
		pool: userpool.PoolConfig{DeviceConfiguration: &userpool.DeviceConfiguration{ChallengeRequiredOnNewDevice: true, DeviceOnlyRememberedOnUserPrompt: true}},
		steps: []step{thePassword.passed(), mailed.passed(), {
			asks: "may need no second factor? [y/N] ", right: typed("n"), signedIn: true,
			empty: ending{typed(""), 1, 0, "signed in", 0, 0},
		}},
	},
	{
		name: "login --reset", user: email, args: []string{"--reset"},
		steps: []step{resetCode, newPasswordSteps[0].passed(), newPasswordSteps[1].passed()},
	},
	{
		name: "forced reset", user: email, prepare: func(s *sitting) { s.w.pool.ResetPassword(s.name) },
		steps: steps(thePassword.passed(), forcedReset()),
	},
	{
		name: "unconfirmed user", signUp: true,
		steps: []step{thePassword.passed(), mailed.with(func(s *step) {
			s.mends, s.wrong.sent = 1, 0
			s.unanswered = "is not confirmed yet"
		})},
	},
}

// Every question is answered rightly, wrongly and not at all, and left in every
// way that there is to leave a terminal. Nothing is half done then.
func TestChallenges(t *testing.T) {
	for _, c := range challenges {
		t.Run(c.name, c.run)
	}
}
