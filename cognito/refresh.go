package cognito

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/internal/jwt"
	"github.com/cogtok/cogtok/profiles"
)

// Refresh implements session.Provider. It never sends a refresh token twice
// over one of these operations: with rotation, a second use ends in an error.
func (p *Provider) Refresh(ctx context.Context, profile profiles.Profile, clientSecret agent.Secret, g session.Grant) (session.Grant, error) {
	if profile.UsesOAuth() {
		return p.refreshOAuth(ctx, profile, clientSecret, g)
	}
	if g.RefreshToken.Empty() {
		return session.Grant{}, errorf(profile, agent.KindLoginRequired, "there is no refresh token").
			WithHint("run: cogtok login %s", shown(profile.Name))
	}
	client, err := p.client(profile, nil)
	if err != nil {
		return session.Grant{}, err
	}
	result, at, err := p.refresh(ctx, client, profile, clientSecret, g)
	if err != nil {
		return session.Grant{}, p.failure(ctx, attempt{
			op: opRefresh, profile: profile, box: "ALLOW_REFRESH_TOKEN_AUTH", clientSecret: clientSecret,
			secrets: secrets{g.RefreshToken.Reveal(), secretHash(clientSecret, g.Username, profile.ClientID)},
		}, err)
	}
	g.ServerTime = at
	return renewed(profile, g, result)
}

// refresh uses GetTokensFromRefreshToken, which works with token rotation on or
// off and needs no user name. Servers of others that don't know it get
// REFRESH_TOKEN_AUTH; AWS's own never do.
func (p *Provider) refresh(
	ctx context.Context, client *cip.Client, profile profiles.Profile, clientSecret agent.Secret, g session.Grant,
) (result *types.AuthenticationResultType, at time.Time, err error) {
	if !p.knowsOnlyOld(profile.Endpoint) {
		result, at, err = getTokens(ctx, p, client, profile, clientSecret, g)
		if err == nil || profile.Endpoint == "" || ctx.Err() != nil || !readAnswer(err).unknownOperation() {
			return result, at, err
		}
	}
	result, at, err = initiateRefresh(ctx, p, client, profile, clientSecret, g)
	if err == nil { // else it may have been the server's bad moment
		p.rememberOld(profile.Endpoint)
	}
	return result, at, err
}

func (p *Provider) knowsOnlyOld(endpoint string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.oldRefresh[endpoint]
}

func (p *Provider) rememberOld(endpoint string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.oldRefresh[endpoint] = true
}

func getTokens(
	ctx context.Context, p *Provider, client *cip.Client, profile profiles.Profile, clientSecret agent.Secret, g session.Grant,
) (result *types.AuthenticationResultType, at time.Time, err error) {
	out, err := call(ctx, p, resendUnsent, client.GetTokensFromRefreshToken, &cip.GetTokensFromRefreshTokenInput{
		ClientId:       aws.String(profile.ClientID),
		RefreshToken:   aws.String(g.RefreshToken.Reveal()),
		ClientSecret:   optional(clientSecret.Reveal()),
		DeviceKey:      optional(g.DeviceKey),
		ClientMetadata: profile.ClientMetadata,
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	return out.AuthenticationResult, serverTime(out.ResultMetadata), nil
}

// initiateRefresh hashes g.Username, which is what Cognito checks here, and not
// what the user typed at sign-in.
func initiateRefresh(
	ctx context.Context, p *Provider, client *cip.Client, profile profiles.Profile, clientSecret agent.Secret, g session.Grant,
) (result *types.AuthenticationResultType, at time.Time, err error) {
	parameters := map[string]string{"REFRESH_TOKEN": g.RefreshToken.Reveal()}
	if !clientSecret.Empty() {
		parameters["SECRET_HASH"] = secretHash(clientSecret, g.Username, profile.ClientID)
	}
	if g.DeviceKey != "" {
		parameters["DEVICE_KEY"] = g.DeviceKey
	}
	out, err := call(ctx, p, resendUnsent, client.InitiateAuth, &cip.InitiateAuthInput{
		AuthFlow:       types.AuthFlowTypeRefreshTokenAuth,
		ClientId:       aws.String(profile.ClientID),
		AuthParameters: parameters,
		ClientMetadata: profile.ClientMetadata,
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	return out.AuthenticationResult, serverTime(out.ResultMetadata), nil
}

// renewed merges the answer into g. What it doesn't carry stays: the refresh
// token where there is no rotation, the ID token where the server renews the
// access token alone (it serves until it expires), and always the time and the
// first token of the sign-in.
func renewed(profile profiles.Profile, g session.Grant, result *types.AuthenticationResultType) (session.Grant, error) {
	if result == nil {
		return session.Grant{}, senseless(profile, "there are no tokens in it")
	}
	before := subjectOf(g)
	next := g
	next.AccessToken = aws.ToString(result.AccessToken)
	if id := aws.ToString(result.IdToken); id != "" {
		next.IDToken = id
	}
	access, err := checkTokens(profile, next)
	if err != nil {
		return session.Grant{}, err
	}
	if before != "" && access.Subject != before || g.Username != "" && access.Username != g.Username {
		return session.Grant{}, errorf(profile, agent.KindUnexpectedIdentity, "the renewed tokens are of another user").
			WithHint("run: cogtok login %s", shown(profile.Name))
	}
	next.Username = access.Username
	if token := aws.ToString(result.RefreshToken); token != "" {
		next.RefreshToken = agent.NewSecret(token)
	}
	if next.FirstRefreshToken.Empty() {
		next.FirstRefreshToken = g.RefreshToken
	}
	return next, nil
}

// subjectOf returns the `sub` of a grant's tokens; empty if it has none, as
// after a restart of the agent.
func subjectOf(g session.Grant) string {
	for _, token := range []string{g.AccessToken, g.IDToken} {
		if claims, err := jwt.Decode(token); err == nil && strings.TrimSpace(claims.Subject) != "" {
			return claims.Subject
		}
	}
	return ""
}
