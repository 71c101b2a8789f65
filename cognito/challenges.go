package cognito

import (
	"context"
	"errors"
	"sort"
	"strings"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/internal/printable"
)

// maxSteps bounds a sign-in: no sane one has as many challenges.
const maxSteps = 20

// maxNames is how many of a challenge's parameters are named.
const maxNames = 20

// maxSession is far above the 2,048 bytes of the API's SessionType.
const maxSession = 8 << 10

// An answerer answers one kind of challenge and returns Cognito's next step. It
// may ask the person and may return errStartAgain.
type answerer func(ctx context.Context, s *signIn, st step) (step, error)

// answerers are the challenges that can be answered, by ChallengeName.
var answerers = map[string]answerer{
	"SELECT_CHALLENGE":         answerSelectChallenge,
	"PASSWORD":                 answerFactor,
	"PASSWORD_SRP":             answerFactor,
	"PASSWORD_VERIFIER":        answerPasswordVerifier,
	"WEB_AUTHN":                answerPasskey,
	"EMAIL_OTP":                answerSentCode,
	"SMS_OTP":                  answerSentCode,
	"SMS_MFA":                  answerSentCode,
	"SOFTWARE_TOKEN_MFA":       answerSoftwareToken,
	"SELECT_MFA_TYPE":          answerSelectMFA,
	"MFA_SETUP":                answerMFASetup,
	"NEW_PASSWORD_REQUIRED":    answerNewPassword,
	"CUSTOM_CHALLENGE":         answerCustom,
	"DEVICE_SRP_AUTH":          answerDeviceSRP,
	"DEVICE_PASSWORD_VERIFIER": answerDeviceVerifier,
}

// errStartAgain means that Cognito's session for the challenge is spent, and
// that the sign-in goes on from its beginning with the password at hand, which
// Cognito has taken before.
var errStartAgain = errors.New("start the sign-in again")

// run signs in: it answers whatever challenge comes, after any other, until
// there are tokens.
func (s *signIn) run(ctx context.Context) (session.Grant, error) {
	st, err := s.begin(ctx)
	for range maxSteps {
		switch {
		case errors.Is(err, errStartAgain):
			st, err = s.start(ctx)
		case err != nil && s.canMend(err):
			err = s.mend(ctx, err)
		case err != nil:
			return session.Grant{}, err
		case st.result != nil:
			return s.finish(ctx, st.result, st.at)
		default:
			st, err = s.answer(ctx, st)
		}
	}
	return session.Grant{}, errorf(s.profile, agent.KindService, "the sign-in came to no end within %d steps", maxSteps)
}

// begin is the first start, after the password was reset if that is wanted.
func (s *signIn) begin(ctx context.Context) (step, error) {
	if s.login.Reset {
		if err := s.resetPassword(ctx, false); err != nil {
			return step{}, err
		}
	}
	return s.start(ctx)
}

// A mending puts right what keeps a user from signing in, and returns nil or
// what is in the way of that.
type mending struct {
	person bool // it takes one
	do     func(context.Context, *signIn) error
}

// mendings are what can be put right during a sign-in, by what it fails with.
var mendings = map[agent.Kind]mending{
	agent.KindDeviceUnknown:    {false, forgetDevice},
	agent.KindPasswordReset:    {true, func(ctx context.Context, s *signIn) error { return s.resetPassword(ctx, true) }},
	agent.KindUserNotConfirmed: {true, confirmSignUp},
}

// canMend reports whether what a sign-in failed with can be put right. Each kind
// is put right once.
func (s *signIn) canMend(err error) bool {
	m, ok := mendings[agent.KindOf(err)]
	return ok && !s.once[string(agent.KindOf(err))] && (!m.person || s.login.Prompter != nil)
}

func (s *signIn) mend(ctx context.Context, err error) error {
	s.once[string(agent.KindOf(err))] = true
	failed := mendings[agent.KindOf(err)].do(ctx, s)
	switch agent.KindOf(failed) {
	case "":
		return errStartAgain
	case agent.KindPromptUnanswered:
		return err // which says what is to be done
	}
	return failed
}

func (s *signIn) answer(ctx context.Context, st step) (step, error) {
	if len(st.session) > maxSession {
		return step{}, senseless(s.profile, "its session is longer than %d bytes", maxSession)
	}
	s.secrets = append(s.secrets, st.session)
	if st.challenge == "" {
		return step{}, errorf(s.profile, agent.KindService, "the answer of %s makes no sense: neither tokens nor a challenge", host(s.profile))
	}
	answer, ok := answerers[st.challenge]
	if !ok {
		return step{}, s.unknownChallenge(st)
	}
	for _, key := range []string{"USERNAME", "USER_ID_FOR_SRP"} {
		if name := st.parameters[key]; name != "" {
			s.username = name
			s.useDevice(ctx, name)
			break
		}
	}
	return answer(ctx, s, st)
}

// respond sends the answer to a challenge. USERNAME, and SECRET_HASH over
// it, are those that Cognito has told, not what the user typed.
func (s *signIn) respond(ctx context.Context, op operation, st step, responses map[string]string) (step, error) {
	responses["USERNAME"] = s.username
	s.addSecretHash(responses)
	s.addDevice(responses)
	s.remember(responses)
	next, err := s.api.respond(ctx, st.challenge, st.session, responses)
	s.noteTry(responses, err)
	if err != nil {
		return step{}, s.failed(ctx, op, err)
	}
	return next, nil
}

// unknownChallenge names the challenge and its parameters. The values are not
// shown: a Lambda may have put anything there.
func (s *signIn) unknownChallenge(st step) error {
	challenge := s.secrets.name(st.challenge)
	if challenge == "" {
		return errorf(s.profile, agent.KindUnknownChallenge, "Cognito asks for a challenge that cogtok doesn't know")
	}
	var names []string
	for name := range st.parameters {
		if len(names) == maxNames {
			break
		}
		if name = s.secrets.name(name); name != "" {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	with := ""
	if len(names) > 0 {
		with = " (with " + printable.Limit(strings.Join(names, ", "), 200) + ")"
	}
	return errorf(s.profile, agent.KindUnknownChallenge, "Cognito asks for %s%s, which cogtok can't answer", challenge, with)
}
