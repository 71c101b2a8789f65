package cognito

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/cognito/oauth"
	"github.com/cogtok/cogtok/profiles"
)

// How long the endpoints of a domain are kept, those that are a guess for less,
// and how long a guess is put off.
const (
	domainLife      = time.Hour
	guessLife       = time.Minute
	domainPatience  = 3 * time.Second
	grantCode       = "Authorization code grant"
	grantOfMachines = "Client credentials"
)

// A knownDomain is the endpoints that a Provider remembers.
type knownDomain struct {
	endpoints oauth.Endpoints
	until     time.Time
}

// An appClient is a profile's app client at the domain of its user pool.
type appClient struct {
	provider  *Provider
	profile   profiles.Profile
	secret    agent.Secret
	endpoints oauth.Endpoints
	oauth     *oauth.Client
}

func (p *Provider) appClient(ctx context.Context, profile profiles.Profile, clientSecret agent.Secret) (*appClient, error) {
	endpoints, err := p.endpoints(ctx, profile)
	if err != nil {
		return nil, err
	}
	return &appClient{
		provider: p, profile: profile, secret: clientSecret, endpoints: endpoints,
		oauth: oauth.NewClient(p.http, endpoints, profile.ClientID, clientSecret.Reveal()),
	}, nil
}

// endpoints returns where a profile's OAuth requests go.
func (p *Provider) endpoints(ctx context.Context, profile profiles.Profile) (oauth.Endpoints, error) {
	if err := checkEndpoint(profile); err != nil {
		return oauth.Endpoints{}, err
	}
	issuer := oauth.Issuer(apiURL(profile), profile.UserPoolID)
	key := issuer + "\n" + profile.Domain
	now := p.config.Now()
	p.mu.Lock()
	known, ok := p.domains[key]
	p.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.endpoints, nil
	}
	endpoints, life, err := p.findEndpoints(ctx, profile, issuer)
	if err != nil {
		return oauth.Endpoints{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.domains[key] = knownDomain{endpoints, now.Add(life)}
	return endpoints, nil
}

// findEndpoints asks the user pool. Where the config has the domain, not having
// an answer is no reason to stop: then the paths are those that Cognito documents.
func (p *Provider) findEndpoints(ctx context.Context, profile profiles.Profile, issuer string) (oauth.Endpoints, time.Duration, error) {
	found, err := p.discover(ctx, profile, issuer)
	if profile.Domain == "" {
		if err != nil {
			return oauth.Endpoints{}, 0, p.discoveryFailure(ctx, profile, err)
		}
		if found.Complete() != nil {
			return oauth.Endpoints{}, 0, errorf(profile, agent.KindConfig, "the user pool %s has no domain, and `auth: %s` needs one",
				shown(profile.UserPoolID), shown(profile.Auth)).WithHint("set `domain` in the config, or give the user pool a domain")
		}
		return found, domainLife, nil
	}
	life := domainLife
	switch {
	case ctx.Err() != nil, errors.Is(err, oauth.ErrUnsafe):
		return oauth.Endpoints{}, 0, p.discoveryFailure(ctx, profile, err)
	case err != nil:
		p.config.Logf("profile %s: the user pool doesn't tell its endpoints: %s", shown(profile.Name), readAnswer(err).summary(nil))
		found, life = oauth.Endpoints{Issuer: issuer}, guessLife
	}
	moved, err := found.At(profile.Domain)
	if err != nil {
		return oauth.Endpoints{}, 0, errorf(profile, agent.KindConfig, "`domain` must be https and a host, such as https://login.example.com: http is for servers on this machine")
	}
	return moved, life, nil
}

func (p *Provider) discover(ctx context.Context, profile profiles.Profile, issuer string) (oauth.Endpoints, error) {
	again := resendTemporary
	if profile.Domain != "" {
		limited, cancel := context.WithTimeout(ctx, domainPatience)
		defer cancel()
		ctx, again = limited, resendUnsent
	}
	return send(ctx, p, again, func(ctx context.Context) (oauth.Endpoints, error) { return oauth.Discover(ctx, p.http, issuer) })
}

// discoveryFailure returns the error for a document that can't be had or used.
func (p *Provider) discoveryFailure(ctx context.Context, profile profiles.Profile, err error) error {
	a := attempt{op: opDiscover, profile: profile}
	switch answer := readAnswer(err); {
	case ctx.Err() != nil, answer.status == 0, answer.status >= 500, answer.html, answer.tooLong:
		return p.oauthFailure(ctx, a, apiURL(profile), err)
	case errors.Is(err, oauth.ErrUnsafe):
		return errorf(profile, agent.KindService, "%s names OAuth endpoints that are not safe to use: they must be https", host(profile))
	case profile.Endpoint != "" && answer.status == 404:
		return errorf(profile, agent.KindConfig, "%s tells no OAuth endpoints", host(profile)).WithHint("set `domain` in the config")
	case answer.status == 404 || answer.status == 400:
		return errorf(profile, agent.KindClientNotFound, "%s knows no user pool %s", host(profile), shown(profile.UserPoolID)).WithHint(hintIDs)
	}
	return p.oauthFailure(ctx, a, apiURL(profile), err)
}

// apiURL is the base URL of a profile's user pools API.
func apiURL(profile profiles.Profile) string {
	if profile.Endpoint != "" {
		return profile.Endpoint
	}
	return "https://" + host(profile)
}

// send is call for what is no operation of the API.
func send[Out any](ctx context.Context, p *Provider, again resend, request func(context.Context) (Out, error)) (Out, error) {
	out, err := call(ctx, p, again, func(ctx context.Context, _ *struct{}, _ ...func(*cip.Options)) (*Out, error) {
		out, err := request(ctx)
		return &out, err
	}, nil)
	return *out, err
}

// tokens gets tokens. The request goes out once: it has a code or a refresh
// token that is good for one use, or is billed. sent are the secrets in it.
func (c *appClient) tokens(
	ctx context.Context, op operation, sent secrets, request func(context.Context) (oauth.Tokens, error),
) (*types.AuthenticationResultType, time.Time, error) {
	got, err := send(ctx, c.provider, resendUnsent, request)
	if err != nil {
		return nil, time.Time{}, c.failed(ctx, op, sent, c.endpoints.Token, err)
	}
	return &types.AuthenticationResultType{
		AccessToken: aws.String(got.Access), IdToken: optional(got.ID), RefreshToken: optional(got.Refresh),
	}, got.Date, nil
}

// there is the profile with the token endpoint for its server: that is the host
// that errors have to name.
func (c *appClient) there() profiles.Profile { return at(c.profile, c.endpoints.Token) }

func at(profile profiles.Profile, endpoint string) profiles.Profile {
	profile.Endpoint = endpoint
	return profile
}

// failed returns the error of a request to one of the domain's endpoints, or of
// a reply that came by the browser.
func (c *appClient) failed(ctx context.Context, op operation, sent secrets, endpoint string, err error) error {
	box := grantCode
	if c.profile.Auth == profiles.AuthClientCredentials {
		box = grantOfMachines
	}
	return c.provider.oauthFailure(ctx, attempt{op: op, profile: c.profile, box: box, clientSecret: c.secret, secrets: sent}, endpoint, err)
}
