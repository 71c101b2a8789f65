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

// An answerer answers one kind of challenge and returns Cognito's next step. It
// may ask the person and may return errStartAgain.
type answerer func(ctx context.Context, s *signIn, st step) (step, error)

// answerers are the challenges that can be answered, by ChallengeName.
var answerers = map[string]answerer{
	"PASSWORD_VERIFIER":     answerPasswordVerifier,
	"NEW_PASSWORD_REQUIRED": answerNewPassword,
	"SOFTWARE_TOKEN_MFA":    answerSoftwareToken,
	"SMS_MFA":               answerSMS,
}

// errStartAgain means that Cognito's session for the challenge is spent, and
// that the sign-in goes on from its beginning with the password at hand, which
// Cognito has taken before.
var errStartAgain = errors.New("start the sign-in again")

// run signs in: it answers whatever challenge comes, after any other, until
// there are tokens.
func (s *signIn) run(ctx context.Context) (session.Grant, error) {
	st, err := s.start(ctx)
	for range maxSteps {
		switch {
		case errors.Is(err, errStartAgain):
			st, err = s.start(ctx)
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

func (s *signIn) answer(ctx context.Context, st step) (step, error) {
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
	s.remember(responses)
	next, err := s.api.respond(ctx, st.challenge, st.session, responses)
	if err != nil {
		return step{}, s.failed(ctx, op, err)
	}
	return next, nil
}

// ask puts a question to the person. what names the thing that is asked for,
// for the error when there is nobody to ask.
func (s *signIn) ask(ctx context.Context, what string, prompt agent.Prompt) (agent.Secret, error) {
	if s.login.Prompter == nil {
		return agent.Secret{}, errorf(s.profile, agent.KindPromptNeeded, "Cognito asks for %s, and nobody can be asked here", what).
			WithHint("run: cogtok login %s", shown(s.profile.Name))
	}
	prompt.Profile = s.profile.Name
	prompt.Text = printable.Limit(prompt.Text, 300)
	answer, err := s.login.Prompter.Ask(ctx, prompt)
	if err != nil {
		return agent.Secret{}, agent.AsError(err)
	}
	return answer, nil
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
