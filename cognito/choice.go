package cognito

import (
	"context"
	"slices"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

// A factor is a first factor of USER_AUTH: how it is named to people, and what
// goes with its choice. See
// https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flows-selection-sdk.html
type factor struct {
	challenge  string
	label      string
	person     bool // it sends a code, which somebody has to type
	parameters func(context.Context, *signIn) (map[string]string, error)
}

// factors are those that a terminal can serve, in the order of the menu.
var factors = []factor{
	{profiles.ChallengePasswordSRP, "Password", false, srpParametersOf},
	{profiles.ChallengePassword, "Password", false, passwordParameters},
	{profiles.ChallengeEmailOTP, "Code by email", true, noParameters},
	{profiles.ChallengeSMSOTP, "Code by SMS", true, noParameters},
}

// challengeWords are values of the API that stand in answers and are no secrets.
var challengeWords = map[string]bool{
	"PASSWORD_SRP": true, "PASSWORD": true, "EMAIL_OTP": true, "SMS_OTP": true, "SMS_MFA": true, "SOFTWARE_TOKEN_MFA": true, "SRP_A": true,
}

func noParameters(context.Context, *signIn) (map[string]string, error) {
	return map[string]string{}, nil
}

// choiceParameters begins USER_AUTH. Without a factor that was chosen before, here or
// in the config, Cognito lists what there is and sends no code to anybody.
func choiceParameters(ctx context.Context, s *signIn) (map[string]string, error) {
	if s.factor == "" {
		s.factor = s.profile.PreferredChallenge
	}
	if s.factor == "" {
		return map[string]string{}, nil
	}
	parameters, err := s.factorParameters(ctx)
	if err == nil {
		parameters["PREFERRED_CHALLENGE"] = s.factor
	}
	return parameters, err
}

// factorParameters gets what the chosen factor takes.
func (s *signIn) factorParameters(ctx context.Context) (map[string]string, error) {
	i := slices.IndexFunc(factors, func(f factor) bool { return f.challenge == s.factor })
	if i < 0 {
		return nil, errorf(s.profile, agent.KindConfig, "`preferred_challenge: %s` is not known", shown(s.factor))
	}
	if factors[i].person {
		if err := s.needPerson("a code that it sends"); err != nil {
			return nil, err // before anything is sent to a phone
		}
	}
	return factors[i].parameters(ctx, s)
}

// usableFactors are those of a list that a terminal can serve. A password goes by
// SRP where it can, so that it never leaves this machine; nobody is asked which way.
func usableFactors(available []challengeName) (usable []factor) {
	for _, f := range factors {
		switch {
		case !slices.Contains(available, challengeName(f.challenge)):
		case f.challenge == profiles.ChallengePassword && slices.Contains(available, profiles.ChallengePasswordSRP):
		default:
			usable = append(usable, f)
		}
	}
	return usable
}

// mayUse refuses a factor that nobody has decided for. A server that asks for the
// password itself gets it from those alone whose config says so: with SRP, and
// that is what `auth: srp` promises, it never leaves this machine. Nor does a
// sign-in that didn't begin with USER_AUTH answer with a factor of it.
func (s *signIn) mayUse(challenge string) error {
	switch {
	case s.flow.name != "USER_AUTH", s.factorSent:
		return errorf(s.profile, agent.KindService, "Cognito asks for a first factor that nothing led up to")
	case challenge != profiles.ChallengePassword || s.profile.PreferredChallenge == challenge:
		return nil
	}
	e := errorf(s.profile, agent.KindFlowNotEnabled, "the user pool wants the password itself and not a proof that you know it, so nothing was sent")
	if s.profile.Auth != profiles.AuthChoice {
		return e
	}
	return e.WithHint("if that is meant to be, set `preferred_challenge: PASSWORD` in the profile, then: cogtok login %s", shown(s.profile.Name))
}

// answerSelectChallenge chooses one of the factors that the user has.
func answerSelectChallenge(ctx context.Context, s *signIn, st step) (step, error) {
	usable := usableFactors(st.available)
	if s.profile.Auth != profiles.AuthChoice { // SRP goes through USER_AUTH, and nothing else
		usable = slices.DeleteFunc(usable, func(f factor) bool { return f.challenge != profiles.ChallengePasswordSRP })
	}
	if len(usable) == 0 {
		if slices.Contains(st.available, "WEB_AUTHN") {
			return answerPasskey(ctx, s, st)
		}
		return step{}, s.unknownChallenge(st)
	}
	chosen, err := s.chooseFactor(ctx, usable)
	if err != nil {
		return step{}, err
	}
	s.factor = chosen
	return answerFactor(ctx, s, st)
}

// chooseFactor asks for the factor. There is nothing to ask where there is one,
// nor where nobody can be asked and a password will do.
func (s *signIn) chooseFactor(ctx context.Context, usable []factor) (string, error) {
	if len(usable) == 1 || s.login.Prompter == nil && !usable[0].person {
		return usable[0].challenge, nil
	}
	var labels []string
	for _, f := range usable {
		labels = append(labels, f.label)
	}
	text := "How do you want to sign in?"
	if s.factor != "" {
		text = "The user pool doesn't offer " + s.factor + " to " + shown(s.profile.Username) + ". " + text
	}
	i, err := s.choose(ctx, "how to sign in", text, labels)
	if err != nil {
		return "", err
	}
	return usable[i].challenge, nil
}

// answerFactor goes on with the chosen factor. The person may have been too slow
// with the menu, or with the password: then the sign-in begins anew with the choice.
func answerFactor(ctx context.Context, s *signIn, st step) (step, error) {
	responses := map[string]string{}
	if st.challenge == "SELECT_CHALLENGE" {
		responses["ANSWER"] = s.factor
	} else {
		s.factor = st.challenge
	}
	if err := s.mayUse(s.factor); err != nil {
		return step{}, err
	}
	parameters, err := s.factorParameters(ctx)
	if err != nil {
		return step{}, err
	}
	s.factorSent = true
	for key, value := range parameters {
		responses[key] = value
	}
	next, err := s.respond(ctx, opFactor, st, responses)
	if agent.KindOf(err) == agent.KindCodeExpired && s.first("slow choice") {
		return step{}, errStartAgain
	}
	return next, err
}

// answerPasskey: a passkey is bound to the domain of managed login, so no other
// program than a browser on its page can use it.
func answerPasskey(_ context.Context, s *signIn, _ step) (step, error) {
	return step{}, errorf(s.profile, agent.KindPasskey, "the user signs in with a passkey, which works in a browser only").
		WithHint("set `auth: browser` in the profile, then: cogtok login %s", shown(s.profile.Name))
}
