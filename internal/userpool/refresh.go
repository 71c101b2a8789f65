package userpool

import (
	"encoding/base64"
	"strings"
	"time"
)

// family is what one sign-in made: its refresh tokens and all tokens made by them.
type family struct {
	originJTI string
	user      *user
	clientID  string
	grant     *grant // of the managed login; nil: signed in by the API
	authTime  time.Time
	expires   time.Time // rotation doesn't move it
	revoked   bool
	newest    *refreshToken
}

type refreshToken struct {
	family  *family
	first   bool // the sign-in's own: revoking it ends the family
	revoked bool
	rotated time.Time // when it was first exchanged for another; zero: never
}

// madeToken is an access token and the refresh token that it hangs on.
type madeToken struct {
	by      *refreshToken
	expires time.Time
}

func (r *refreshToken) dead() bool { return r.revoked || r.family.revoked }

// newRefreshToken adds a token to the family and makes it the newest.
func (p *Pool) newRefreshToken(f *family) (string, *refreshToken) {
	token := &refreshToken{family: f, first: f.newest == nil}
	f.newest = token
	text := opaqueToken()
	p.refresh[text] = token
	return text, token
}

// opaqueToken looks like Cognito's refresh tokens: a JWE of about 1,800
// characters. Its content is random.
func opaqueToken() string {
	part := func(n int) string { return base64.RawURLEncoding.EncodeToString(randomBytes(n)) }
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"cty":"JWT","enc":"A256GCM","alg":"RSA-OAEP"}`))
	return strings.Join([]string{header, part(256), part(12), part(998), part(16)}, ".")
}

// signedIn makes the tokens of a sign-in that is complete.
func (c *call) signedIn(in signIn) *authResult {
	f := &family{
		originJTI: newUUID(), user: in.user, clientID: in.client.ID,
		authTime: c.now, expires: c.now.Add(in.client.RefreshTokenLife),
	}
	text, token := in.pool.newRefreshToken(f)
	result := c.makeTokens(in.pool, in.client, token)
	result.RefreshToken = text
	return result
}

// usable finds a refresh token and refuses what can't refresh any more.
func (c *call) usable(pool *Pool, client *Client, text string) (*refreshToken, *apiError) {
	token := pool.refresh[text]
	if token == nil {
		return nil, notAuthorized("Invalid Refresh Token.")
	}
	u := token.family.user
	switch {
	case token.family.clientID != client.ID:
		return nil, notAuthorized("Refresh Token has different Client")
	case pool.users[pool.fold(u.username)] != u:
		return nil, userNotFound()
	case u.disabled:
		return nil, notAuthorized("User is disabled.")
	case token.dead():
		return nil, notAuthorized("Refresh Token has been revoked")
	case !c.now.Before(token.family.expires):
		return nil, notAuthorized("Refresh Token has expired")
	}
	return token, nil
}

// beginRefresh is REFRESH_TOKEN_AUTH: no new refresh token, no rotation.
func beginRefresh(c *call, pool *Pool, client *Client) (any, *apiError) {
	p := c.params.texts("AuthParameters")
	if client.Rotation {
		return nil, refuse("UnsupportedOperationException", "This API does not support refresh token rotation")
	}
	if p["REFRESH_TOKEN"] == "" {
		return nil, missingParameter("REFRESH_TOKEN")
	}
	if refusal := client.hashExpected(p["SECRET_HASH"]); refusal != nil {
		return nil, refusal
	}
	token, refusal := c.usable(pool, client, p["REFRESH_TOKEN"])
	if refusal != nil {
		return nil, refusal
	}
	if token != token.family.newest {
		return nil, reuse()
	}
	if refusal := client.checkRefreshHash(p["SECRET_HASH"], token.family.user.username); refusal != nil {
		return nil, refusal
	}
	return authAnswer{AuthenticationResult: c.makeTokens(pool, client, token), ChallengeParameters: map[string]string{}}, nil
}

// getTokensFromRefreshToken refreshes with rotation on or off:
// https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-refresh-token.html
func getTokensFromRefreshToken(c *call) (any, *apiError) {
	pool, client, refusal := c.poolAndClient()
	if refusal != nil {
		return nil, refusal
	}
	if refusal := client.checkSecret(c.params.text("ClientSecret")); refusal != nil {
		return nil, refusal
	}
	token, refusal := c.usable(pool, client, c.params.text("RefreshToken"))
	if refusal != nil {
		return nil, refusal
	}
	result, refusal := c.renew(pool, client, token)
	if refusal != nil {
		return nil, refusal
	}
	return struct{ AuthenticationResult *authResult }{result}, nil
}

// renew makes new tokens with a refresh token that is usable, and exchanges it
// if the client rotates.
func (c *call) renew(pool *Pool, client *Client, token *refreshToken) (*authResult, *apiError) {
	c.entry.Username = token.family.user.username
	if !token.mayRefresh(c.now, client.RetryGrace) {
		return nil, reuse()
	}
	result := c.makeTokens(pool, client, token)
	if client.Rotation {
		if token.rotated.IsZero() {
			token.rotated = c.now
		}
		result.RefreshToken, _ = pool.newRefreshToken(token.family)
	}
	return result, nil
}

// mayRefresh says whether the token is the newest of its family, or was
// exchanged so short a time ago that the client may not have got the answer.
// Such a repetition makes a new newest: the child that was made first is dead.
func (r *refreshToken) mayRefresh(now time.Time, grace time.Duration) bool {
	inGrace := !r.rotated.IsZero() && now.Before(r.rotated.Add(grace))
	return r == r.family.newest || inGrace
}

func reuse() *apiError {
	return refuse("RefreshTokenReuseException", "Refresh token reuse detected")
}

// revokeToken ends a refresh token. The sign-in's first one takes its whole
// family with it, one of a rotation only itself. An unknown one is fine, as in
// RFC 7009.
func revokeToken(c *call) (any, *apiError) {
	pool, client, refusal := c.poolAndClient()
	if refusal != nil || client.checkSecret(c.params.text("ClientSecret")) != nil {
		return nil, refuse("UnauthorizedException", "Unauthorized")
	}
	text := c.params.text("Token")
	token := pool.refresh[text]
	switch {
	case client.DisableTokenRevocation:
		return nil, refuse("UnsupportedOperationException", "Revocation is not supported for this app client")
	case strings.Count(text, ".") == 2:
		return nil, refuse("UnsupportedTokenTypeException", "Unsupported token type")
	case token == nil:
		return struct{}{}, nil
	case token.family.clientID != client.ID:
		return nil, refuse("UnauthorizedException", "Unauthorized")
	case token.first:
		token.family.revoked = true
	}
	token.revoked = true
	return struct{}{}, nil
}

// globalSignOut ends all sessions of the user.
func globalSignOut(c *call) (any, *apiError) {
	pool, u, refusal := c.accessTokenUser()
	if refusal != nil {
		return nil, refusal
	}
	pool.revokeAll(u)
	return struct{}{}, nil
}

func (p *Pool) revokeAll(u *user) {
	for _, token := range p.refresh {
		if token.family.user == u {
			token.family.revoked = true
		}
	}
}

// RevokeRefreshToken revokes one refresh token, as RevokeToken does.
func (p *Pool) RevokeRefreshToken(text string) {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	if token := p.refresh[text]; token != nil {
		token.revoked = true
		token.family.revoked = token.family.revoked || token.first
	}
}
