package cognito

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/cognito/oauth"
	"github.com/cogtok/cogtok/profiles"
)

// credentials gets an access token for the app client itself. There is no user,
// no ID token and no refresh token, and AWS bills each request.
// https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html
func (p *Provider) credentials(ctx context.Context, profile profiles.Profile, clientSecret agent.Secret) (session.Grant, error) {
	if clientSecret.Empty() {
		return session.Grant{}, errorf(profile, agent.KindClientSecret, "`auth: %s` needs the app client's secret, and none is stored", shown(profile.Auth)).
			WithHint("run: cogtok secret set %s client-secret", shown(profile.Name))
	}
	client, err := p.appClient(ctx, profile, clientSecret)
	if err != nil {
		return session.Grant{}, err
	}
	result, at, err := client.tokens(ctx, opCredentials, nil, func(ctx context.Context) (oauth.Tokens, error) {
		return client.oauth.Credentials(ctx, profile.Scopes, profile.ClientMetadata)
	})
	if err != nil {
		return session.Grant{}, err
	}
	grant := session.Grant{AccessToken: aws.ToString(result.AccessToken), ServerTime: at, SignedInAt: p.config.Now()}
	if _, err := checkToken(client.there(), grant.AccessToken, agent.TypeAccess); err != nil {
		return session.Grant{}, err
	}
	return grant, nil
}
