package cognito

import (
	"context"
	"slices"
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
	// parameters returns the AuthParameters beside USERNAME, SECRET_HASH and
	// DEVICE_KEY. It gets the password first where the flow has one.
	parameters func(context.Context, *signIn) (map[string]string, error)
	// again says when the first request may be sent again.
	again resend
}

// flows are the values of a profile's `auth` that can sign in.
var flows = map[string]flow{
	profiles.AuthSRP:           {"USER_SRP_AUTH", "ALLOW_USER_SRP_AUTH", unsigned, srpParametersOf, resendTemporary},
	profiles.AuthPassword:      {"USER_PASSWORD_AUTH", "ALLOW_USER_PASSWORD_AUTH", unsigned, passwordParameters, resendUnsent},
	profiles.AuthAdminPassword: {"ADMIN_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", signed, passwordParameters, resendUnsent},
	profiles.AuthChoice:        {"USER_AUTH", "ALLOW_USER_AUTH", unsigned, choiceParameters, resendUnsent},
	profiles.AuthCustom:        {"CUSTOM_AUTH", "ALLOW_CUSTOM_AUTH", unsigned, customParameters, resendUnsent},
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
	// tried says that a password, or a proof of it, has been sent.
	tried bool
	// changedPassword is the new password, once Cognito has taken it.
	changedPassword agent.Secret
	// username is what challenges are answered with: Cognito's name for the
	// user as soon as it has told it, which is not always what the user typed.
	username  string
	srp       *srpExchange // of the PASSWORD_VERIFIER to come
	deviceSRP *srpExchange // of the DEVICE_PASSWORD_VERIFIER to come

	factor       string         // the first factor that was chosen, of USER_AUTH
	secondFactor string         // the second one that was chosen
	device       session.Device // that this machine is to the user pool; zero: none is known
	// remembered says that the device stands for a second factor from now on.
	remembered bool
	// once are the new starts that a sign-in makes by itself, each at most once.
	once map[string]bool

	codes       codes
	newPassword newPassword
}

// newSignIn makes sure of all that can fail without Cognito, before the
// password is asked for.
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
	s := &signIn{
		provider: p, profile: profile, login: login, flow: f, api: api,
		secrets: secrets{login.ClientSecret.Reveal()}, once: map[string]bool{},
	}
	s.useDevice(ctx, login.KnownAs)
	return s, nil
}

// needPassword makes sure that the password is at hand. The user is locked for
// a while after five failures, so nothing that can fail without Cognito may come
// between this and the wire.
func (s *signIn) needPassword(ctx context.Context) error {
	if !s.password.Empty() {
		return nil
	}
	password, err := s.login.Password(ctx)
	if err != nil {
		return err
	}
	if password.Empty() {
		return errorf(s.profile, agent.KindPromptUnanswered, "no password was given").
			WithHint("run: cogtok login %s", shown(s.profile.Name))
	}
	s.password = password
	s.secrets = append(s.secrets, password.Reveal())
	return nil
}

// first reports whether what is named is done for the first time in this
// sign-in.
func (s *signIn) first(what string) bool {
	again := s.once[what]
	s.once[what] = true
	return !again
}

// start sends the flow's first request. A sign-in that has to begin anew calls
// it again, with the password that Cognito has taken before.
func (s *signIn) start(ctx context.Context) (step, error) {
	s.username = s.profile.Username
	parameters, err := s.flow.parameters(ctx, s)
	if err != nil {
		return step{}, err
	}
	parameters["USERNAME"] = s.username
	s.addSecretHash(parameters)
	s.addDevice(parameters)
	s.remember(parameters)
	next, err := s.api.initiate(ctx, s.flow, parameters)
	if err != nil {
		return step{}, s.fallThrough(ctx, s.failed(ctx, opStart, err))
	}
	return next, nil
}

// openAnswers are what a request may hold that isn't kept from being shown.
var openAnswers = []string{"USERNAME", "EMAIL", "DEVICE_KEY", "PREFERRED_CHALLENGE", "CHALLENGE_NAME"}

// remember adds what is about to be sent to the secrets, but for the person's
// name and attributes, and for the words of the API.
func (s *signIn) remember(sent map[string]string) {
	for key, value := range sent {
		if slices.Contains(openAnswers, key) || strings.HasPrefix(key, attributePrefix) || challengeWords[value] {
			continue
		}
		s.tried = s.tried || key == "PASSWORD" || key == "PASSWORD_CLAIM_SIGNATURE"
		s.secrets = append(s.secrets, value)
	}
}

// foreign makes a short text of Cognito's fit to be shown.
func (s *signIn) foreign(text string) string { return s.secrets.redact(text, 100) }
