package cognito

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/profiles"
)

// Revoke implements session.Provider. It revokes the sign-in's own refresh
// token, which ends all that rotation made of it, and the newest for good measure.
func (p *Provider) Revoke(ctx context.Context, profile profiles.Profile, clientSecret agent.Secret, g session.Grant) error {
	if profile.UsesOAuth() {
		return p.revokeOAuth(ctx, profile, clientSecret, g)
	}
	client, err := p.client(profile, nil)
	if err != nil {
		return err
	}
	var first error
	for _, token := range distinct(g.FirstRefreshToken, g.RefreshToken) {
		if err := p.revoke(ctx, client, profile, clientSecret, token); err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (p *Provider) revoke(ctx context.Context, client *cip.Client, profile profiles.Profile, clientSecret, token agent.Secret) error {
	_, err := call(ctx, p, resendUnsent, client.RevokeToken, &cip.RevokeTokenInput{
		ClientId:     aws.String(profile.ClientID),
		ClientSecret: optional(clientSecret.Reveal()),
		Token:        aws.String(token.Reveal()),
	})
	if err == nil {
		return nil
	}
	failed := p.failure(ctx, attempt{op: opRevoke, profile: profile, clientSecret: clientSecret, secrets: secrets{token.Reveal()}}, err)
	if agent.KindOf(failed) == agent.KindLoginRequired {
		return nil // the token was over already
	}
	return failed
}

func distinct(tokens ...agent.Secret) []agent.Secret {
	var out []agent.Secret
	for _, t := range tokens {
		if t.Empty() || len(out) > 0 && out[0].Equal(t) {
			continue
		}
		out = append(out, t)
	}
	return out
}

// SignOutEverywhere implements session.Provider. It needs an access token that
// has not expired, with the scope aws.cognito.signin.user.admin.
func (p *Provider) SignOutEverywhere(ctx context.Context, profile profiles.Profile, g session.Grant) error {
	if g.AccessToken == "" {
		return errorf(profile, agent.KindLoginRequired, "signing out everywhere needs an access token").
			WithHint("run: cogtok login %s", shown(profile.Name))
	}
	client, err := p.client(profile, nil)
	if err != nil {
		return err
	}
	_, err = call(ctx, p, resendTemporary, client.GlobalSignOut, &cip.GlobalSignOutInput{AccessToken: aws.String(g.AccessToken)})
	if err != nil {
		return p.failure(ctx, attempt{op: opSignOut, profile: profile, secrets: secrets{g.AccessToken}}, err)
	}
	return nil
}
