package cognito

import (
	"context"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/cognito/oauth"
	"github.com/cogtok/cogtok/profiles"
)

// signInOAuth is SignIn for the profiles whose tokens come from the domain.
func (p *Provider) signInOAuth(ctx context.Context, profile profiles.Profile, login session.Login) (session.Grant, error) {
	if profile.Auth == profiles.AuthClientCredentials {
		return p.credentials(ctx, profile, login.ClientSecret)
	}
	return p.signInWithBrowser(ctx, profile, login)
}

// refreshOAuth is Refresh for them. A refresh token is sent once.
func (p *Provider) refreshOAuth(ctx context.Context, profile profiles.Profile, clientSecret agent.Secret, g session.Grant) (session.Grant, error) {
	if profile.Auth == profiles.AuthClientCredentials {
		next, err := p.credentials(ctx, profile, clientSecret)
		if err == nil && !g.SignedInAt.IsZero() {
			next.SignedInAt = g.SignedInAt
		}
		return next, err
	}
	if g.RefreshToken.Empty() {
		return session.Grant{}, errorf(profile, agent.KindLoginRequired, "there is no refresh token").
			WithHint("run: cogtok login %s", shown(profile.Name))
	}
	client, err := p.appClient(ctx, profile, clientSecret)
	if err != nil {
		return session.Grant{}, err
	}
	token := g.RefreshToken.Reveal()
	result, at, err := client.tokens(ctx, opRenewOAuth, secrets{token}, func(ctx context.Context) (oauth.Tokens, error) {
		return client.oauth.Refresh(ctx, token)
	})
	if err != nil {
		return session.Grant{}, err
	}
	g.ServerTime = at
	return renewed(client.there(), g, result)
}

// revokeOAuth is Revoke for them.
func (p *Provider) revokeOAuth(ctx context.Context, profile profiles.Profile, clientSecret agent.Secret, g session.Grant) error {
	tokens := distinct(g.FirstRefreshToken, g.RefreshToken)
	if len(tokens) == 0 {
		return nil
	}
	client, err := p.appClient(ctx, profile, clientSecret)
	if err != nil {
		return err
	}
	var first error
	for _, token := range tokens {
		if err := client.revoke(ctx, token.Reveal()); err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (c *appClient) revoke(ctx context.Context, token string) error {
	if c.endpoints.Revoke == "" {
		return errorf(c.profile, agent.KindRefused, "the domain of the user pool %s has no endpoint to revoke tokens at", shown(c.profile.UserPoolID))
	}
	_, err := send(ctx, c.provider, resendUnsent, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.oauth.Revoke(ctx, token)
	})
	if err == nil {
		return nil
	}
	failed := c.failed(ctx, opRevokeOAuth, secrets{token}, c.endpoints.Revoke, err)
	if agent.KindOf(failed) == agent.KindLoginRequired {
		return nil // the token was over already
	}
	return failed
}

// LogoutURL implements session.Provider.
func (p *Provider) LogoutURL(ctx context.Context, profile profiles.Profile) (string, error) {
	if profile.Auth != profiles.AuthBrowser || len(profile.RedirectURLs) == 0 {
		return "", nil
	}
	client, err := p.appClient(ctx, profile, agent.Secret{})
	if err != nil {
		return "", err
	}
	return client.logoutURL(), nil
}

func (c *appClient) logoutURL() string {
	return c.oauth.LogoutURL(c.profile.RedirectURLs[0], c.profile.Scopes)
}
