package cognito

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/profiles"
)

// A flow is one way to begin a sign-in.
type flow struct {
	name types.AuthFlowType
	box  string // what has to be ticked on the app client
	// connect returns the API that the flow goes through.
	connect func(context.Context, *Provider, profiles.Profile) (authAPI, error)
	// parameters returns the AuthParameters beside USERNAME and SECRET_HASH.
	parameters func(*signIn) (map[string]string, error)
	// again says when the first request may be sent again.
	again resend
}

// flows are the values of a profile's `auth` that can sign in.
var flows = map[string]flow{
	profiles.AuthSRP:           {"USER_SRP_AUTH", "ALLOW_USER_SRP_AUTH", unsigned, srpParametersOf, resendTemporary},
	profiles.AuthPassword:      {"USER_PASSWORD_AUTH", "ALLOW_USER_PASSWORD_AUTH", unsigned, passwordParameters, resendUnsent},
	profiles.AuthAdminPassword: {"ADMIN_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", signed, passwordParameters, resendUnsent},
}

// A signIn is one sign-in under way, from the first request to the tokens.
type signIn struct {
	provider *Provider
	profile  profiles.Profile
	login    session.Login
	flow     flow
	api      authAPI

	password agent.Secret
	secrets  secrets // of all its requests until now
	// changedPassword is the new password, once Cognito has taken it.
	changedPassword agent.Secret
	// username is what challenges are answered with: Cognito's name for the
	// user as soon as it has told it, which is not always what the user typed.
	username string
	srp      *srpExchange // of the PASSWORD_VERIFIER to come

	codes       codes
	newPassword newPassword
}

// newSignIn gathers all that a sign-in needs before its first request: the
// user is locked for a while after five failures, so nothing that can fail
// without Cognito may come between the password and the wire.
func (p *Provider) newSignIn(ctx context.Context, profile profiles.Profile, login session.Login) (*signIn, error) {
	f, ok := flows[profile.Auth]
	if !ok {
		return nil, errorf(profile, agent.KindConfig, "`auth: %s` is not known", shown(profile.Auth))
	}
	if profile.Username == "" {
		return nil, errorf(profile, agent.KindConfig, "`username` is missing")
	}
	api, err := f.connect(ctx, p, profile)
	if err != nil {
		return nil, err
	}
	password, err := login.Password(ctx)
	if err != nil {
		return nil, err
	}
	if password.Empty() {
		return nil, errorf(profile, agent.KindPromptUnanswered, "no password was given").
			WithHint("run: cogtok login %s", shown(profile.Name))
	}
	return &signIn{
		provider: p, profile: profile, login: login, flow: f, api: api, password: password,
		secrets: secrets{password.Reveal(), login.ClientSecret.Reveal()},
	}, nil
}

// start sends the flow's first request. A sign-in that has to begin anew calls
// it again, with the password that Cognito has taken before.
func (s *signIn) start(ctx context.Context) (step, error) {
	s.username = s.profile.Username
	parameters, err := s.flow.parameters(s)
	if err != nil {
		return step{}, err
	}
	parameters["USERNAME"] = s.username
	s.addSecretHash(parameters)
	s.remember(parameters)
	next, err := s.api.initiate(ctx, s.flow, parameters)
	if err != nil {
		return step{}, s.failed(ctx, opStart, err)
	}
	return next, nil
}

// remember adds what is about to be sent to the secrets, but for the person's
// name and attributes.
func (s *signIn) remember(sent map[string]string) {
	for key, value := range sent {
		if key != "USERNAME" && !strings.HasPrefix(key, attributePrefix) {
			s.secrets = append(s.secrets, value)
		}
	}
}

// foreign makes a short text of Cognito's fit to be shown.
func (s *signIn) foreign(text string) string { return s.secrets.redact(text, 100) }
