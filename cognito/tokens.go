package cognito

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/internal/jwt"
	"github.com/cogtok/cogtok/profiles"
)

// finish makes the grant of the tokens that a sign-in ends with. at is the
// server's time.
func (s *signIn) finish(ctx context.Context, result *types.AuthenticationResultType, at time.Time) (session.Grant, error) {
	grant := session.Grant{
		ServerTime:        at,
		IDToken:           aws.ToString(result.IdToken),
		AccessToken:       aws.ToString(result.AccessToken),
		RefreshToken:      agent.NewSecret(aws.ToString(result.RefreshToken)),
		FirstRefreshToken: agent.NewSecret(aws.ToString(result.RefreshToken)),
	}
	if grant.IDToken == "" {
		return session.Grant{}, senseless(s.profile, "there is no ID token in it")
	}
	access, err := checkTokens(s.profile, grant)
	if err != nil {
		return session.Grant{}, err
	}
	grant.Username = access.Username
	grant.SignedInAt = access.AuthTime
	if grant.SignedInAt.IsZero() {
		grant.SignedInAt = s.provider.config.Now()
	}
	grant.DeviceKey = s.device.Key
	if device := result.NewDeviceMetadata; device != nil {
		grant.DeviceKey = s.confirmDevice(ctx, grant.AccessToken, grant.Username, device)
	}
	return grant, nil
}

// checkTokens decodes the tokens and refuses those that are not the profile's.
// An ID token may be missing: some servers renew the access token alone. It
// returns the access token's claims. The signatures are left to those whom the
// tokens are shown to: these came from the pool itself, over TLS.
func checkTokens(profile profiles.Profile, g session.Grant) (jwt.Claims, error) {
	access, err := checkToken(profile, g.AccessToken, agent.TypeAccess)
	if err != nil {
		return jwt.Claims{}, err
	}
	if access.Username == "" {
		return jwt.Claims{}, senseless(profile, "the access token names no user")
	}
	if g.IDToken == "" {
		return access, nil
	}
	id, err := checkToken(profile, g.IDToken, agent.TypeID)
	if err != nil {
		return jwt.Claims{}, err
	}
	if id.Subject != access.Subject {
		return jwt.Claims{}, errorf(profile, agent.KindUnexpectedIdentity, "the ID token and the access token are not of the same user")
	}
	return access, nil
}

func checkToken(profile profiles.Profile, token, use string) (jwt.Claims, error) {
	claims, err := jwt.Decode(token)
	switch {
	case token == "":
		return claims, senseless(profile, "there is no %s token in it", use)
	case err != nil || claims.TokenUse != use:
		return claims, senseless(profile, "what should be the %s token is none", use)
	case !strings.HasSuffix(claims.Issuer, "/"+profile.UserPoolID):
		return claims, errorf(profile, agent.KindUnexpectedIdentity, "the %s token is not of the user pool %s", use, shown(profile.UserPoolID))
	case claims.ClientID != profile.ClientID:
		return claims, errorf(profile, agent.KindUnexpectedIdentity, "the %s token is not for the app client %s", use, shown(profile.ClientID))
	}
	return claims, nil
}

// senseless returns the error for an answer that can't be Cognito's.
func senseless(profile profiles.Profile, format string, args ...any) *agent.Error {
	return errorf(profile, agent.KindService, "the answer of %s makes no sense: "+format, append([]any{host(profile)}, args...)...)
}
