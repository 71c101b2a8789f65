package userpool

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// tokenAnswer is a success of the token endpoint (RFC 6749, section 5.1).
type tokenAnswer struct {
	IDToken      string `json:"id_token,omitempty"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitempty"`
	ExpiresIn    int    `json:"expires_in"`
	TokenType    string `json:"token_type"`
}

func newTokenAnswer(r *authResult) *tokenAnswer {
	return &tokenAnswer{
		IDToken: r.IdToken, AccessToken: r.AccessToken, RefreshToken: r.RefreshToken,
		ExpiresIn: r.ExpiresIn, TokenType: r.TokenType,
	}
}

// grantTable lists the values of grant_type.
func grantTable() map[string]func(*visit, *Client) (*tokenAnswer, *oauthError) {
	return map[string]func(*visit, *Client) (*tokenAnswer, *oauthError){
		"authorization_code": exchangeCode,
		"refresh_token":      exchangeRefreshToken,
		"client_credentials": clientCredentials,
	}
}

// token is POST /oauth2/token.
//
// https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html
func token(v *visit) reply {
	if v.form == nil || repeated(v.form) != "" {
		return (&oauthError{word: "invalid_request"}).reply()
	}
	client, refusal := v.authenticateClient(v.form.Get("client_secret"))
	if refusal != nil {
		return refusal.reply()
	}
	name := v.form.Get("grant_type")
	exchange := grantTable()[name]
	switch {
	case name == "":
		return (&oauthError{word: "invalid_request"}).reply()
	case exchange == nil:
		return (&oauthError{word: "unsupported_grant_type"}).reply()
	}
	answer, refusal := exchange(v, client)
	if refusal != nil {
		return refusal.reply()
	}
	return jsonReply(http.StatusOK, answer)
}

// authenticateClient finds the client of a request to the token or revocation
// endpoint. A Basic header wins over a client_id in the body. A public client
// that sends a secret is refused, as in the API.
func (v *visit) authenticateClient(secret string) (*Client, *oauthError) {
	id := v.form.Get("client_id")
	if v.request.Header.Get("Authorization") != "" {
		var isBasic bool
		if id, secret, isBasic = v.request.BasicAuth(); !isBasic {
			return nil, &oauthError{word: "invalid_client"}
		}
	}
	client := v.pool.clients[id]
	switch {
	case id == "":
		return nil, &oauthError{word: "invalid_request"}
	case client == nil:
		return nil, &oauthError{word: "invalid_client"}
	case subtle.ConstantTimeCompare([]byte(secret), []byte(client.Secret)) == 0:
		return nil, &oauthError{word: "invalid_client", description: "invalid_client_secret"}
	}
	return client, nil
}

// exchangeCode is grant_type=authorization_code. A code that was used already
// ends what its first use gave (RFC 6749, section 4.1.2); one that was refused
// stays good, so that whoever stole it without the verifier takes nothing away.
func exchangeCode(v *visit, client *Client) (*tokenAnswer, *oauthError) {
	text, address := v.form.Get("code"), v.form.Get("redirect_uri")
	code := v.pool.login.codes[text]
	switch {
	case !client.hasFlow(codeFlow):
		return nil, &oauthError{word: "unauthorized_client"}
	case text == "" || address == "":
		return nil, &oauthError{word: "invalid_request"}
	case !slices.Contains(client.CallbackURLs, address):
		// https://stackoverflow.com/questions/50264679,
		// https://github.com/aws-amplify/amplify-js/issues/5284
		return nil, &oauthError{word: "unauthorized_client"}
	case code == nil, code.client.ID != client.ID, code.redirectURI != address, !code.proved(v.form.Get("code_verifier")):
		return nil, &oauthError{word: "invalid_grant"}
	case code.family != nil:
		code.family.revoked = true
		return nil, &oauthError{word: "invalid_grant"}
	case v.now.Sub(code.created) >= codeLife, v.pool.users[v.pool.fold(code.user.username)] != code.user, code.user.disabled:
		return nil, &oauthError{word: "invalid_grant"}
	}
	v.entry.Username = code.user.username
	code.family = &family{
		originJTI: newUUID(), user: code.user, clientID: client.ID,
		authTime: code.authTime, expires: v.now.Add(client.RefreshTokenLife),
		grant: &grant{scopes: code.scopes, nonce: code.nonce},
	}
	refreshToken, first := v.pool.newRefreshToken(code.family)
	result := v.makeTokens(v.pool, client, first)
	result.RefreshToken = refreshToken
	// Later ID tokens shouldn't have one: OpenID Connect Core 1.0, section 12.2.
	code.family.grant.nonce = ""
	return newTokenAnswer(result), nil
}

// verifierPattern is a code_verifier (RFC 7636, section 4.1).
func verifierPattern() *regexp.Regexp { return whole(`[A-Za-z0-9._~-]{43,128}`) }

// proved judges the code_verifier. One that comes without a challenge is refused
// too: somebody took the challenge away (RFC 9700, section 4.8.2).
func (c *authorizationCode) proved(verifier string) bool {
	if c.challenge == "" || verifier == "" {
		return c.challenge == verifier
	}
	sum := sha256.Sum256([]byte(verifier))
	made := base64.RawURLEncoding.EncodeToString(sum[:])
	return verifierPattern().MatchString(verifier) && subtle.ConstantTimeCompare([]byte(made), []byte(c.challenge)) == 1
}

// exchangeRefreshToken is grant_type=refresh_token: GetTokensFromRefreshToken in
// other words, for tokens of API sign-ins too. It doesn't need
// ALLOW_REFRESH_TOKEN_AUTH.
func exchangeRefreshToken(v *visit, client *Client) (*tokenAnswer, *oauthError) {
	text := v.form.Get("refresh_token")
	if text == "" {
		return nil, &oauthError{word: "invalid_request", description: "invalid_refresh_token"}
	}
	token, refusal := v.usable(v.pool, client, text)
	if refusal != nil || token.family.bound() {
		return nil, &oauthError{word: "invalid_grant"}
	}
	result, refusal := v.renew(v.pool, client, token)
	if refusal != nil {
		return nil, &oauthError{word: "invalid_grant"}
	}
	return newTokenAnswer(result), nil
}

// bound says whether the family belongs to a remembered device. Its tokens can't
// be refreshed here, where there is no way to name the device.
func (f *family) bound() bool { return f.device != nil }

// clientCredentials is grant_type=client_credentials: an access token for the
// app itself. AWS's page says that scopes which the client doesn't have are
// ignored; they are refused here.
func clientCredentials(v *visit, client *Client) (*tokenAnswer, *oauthError) {
	if !client.hasFlow(credentialsFlow) {
		return nil, &oauthError{word: "unauthorized_client"}
	}
	scopes := strings.Fields(v.form.Get("scope"))
	if len(scopes) == 0 {
		scopes = customScopes(client.OAuthScopes)
	}
	for _, scope := range scopes {
		if !slices.Contains(customScopes(client.OAuthScopes), scope) {
			return nil, &oauthError{word: "invalid_scope"}
		}
	}
	claims := map[string]any{
		"sub": client.ID, "token_use": "access", "scope": strings.Join(scopes, " "), "client_id": client.ID,
		"iss": v.pool.issuer(v.baseURL), "auth_time": v.now.Unix(), "iat": v.now.Unix(),
		"exp": v.now.Add(client.AccessTokenLife).Unix(), "version": 2, "jti": newUUID(),
	}
	return &tokenAnswer{
		AccessToken: v.pool.keys().access.sign(claims),
		ExpiresIn:   int(client.AccessTokenLife / time.Second), TokenType: "Bearer",
	}, nil
}
