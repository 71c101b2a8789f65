package userpool

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"time"
)

// signingKey is an RSA key with its id in the JWKS.
type signingKey struct {
	kid string
	key *rsa.PrivateKey
}

// keyPair holds a pool's two keys: ID and access tokens are signed by different
// ones.
type keyPair struct{ id, access signingKey }

// sharedKeys are made when first needed, once a process: making RSA keys is slow.
var sharedKeys = ownKeys()

func ownKeys() func() keyPair {
	return sync.OnceValue(func() keyPair { return keyPair{newSigningKey(), newSigningKey()} })
}

func newSigningKey() signingKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // 2048 is a fine size, and randomness never fails
	}
	return signingKey{kid: base64.StdEncoding.EncodeToString(randomBytes(32)), key: key}
}

// sign makes a JWT (RFC 7519) with RS256.
func (k signingKey) sign(claims map[string]any) string {
	header, _ := json.Marshal(map[string]string{"kid": k.kid, "alg": "RS256"})
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err) // claims are strings, numbers, lists of them
	}
	input := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload)
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(nil, k.key, crypto.SHA256, digest[:])
	if err != nil {
		panic(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// verify returns the payload of a JWT that this key signed.
func (k signingKey) verify(token string) ([]byte, bool) {
	input, signature, ok := cutLast(token)
	if !ok {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		return nil, false
	}
	digest := sha256.Sum256([]byte(input))
	if rsa.VerifyPKCS1v15(&k.key.PublicKey, crypto.SHA256, digest[:], raw) != nil {
		return nil, false
	}
	_, payload, _ := strings.Cut(input, ".")
	claims, err := base64.RawURLEncoding.DecodeString(payload)
	return claims, err == nil
}

func cutLast(token string) (before, after string, found bool) {
	i := strings.LastIndexByte(token, '.')
	if i < 0 {
		return "", "", false
	}
	return token[:i], token[i+1:], true
}

// makeTokens makes the ID and the access token that hang on a refresh token.
// Claims: https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-with-identity-providers.html
func (c *call) makeTokens(pool *Pool, client *Client, by *refreshToken) *authResult {
	common := c.commonClaims(pool, client, by.family)
	jti := newUUID()
	pool.remember(jti, madeToken{by, c.now.Add(client.AccessTokenLife)}, c.now)
	keys := pool.keys()
	result := &authResult{
		AccessToken: keys.access.sign(merge(c.accessClaims(client, by.family, common, jti), by.family.version())),
		ExpiresIn:   int(client.AccessTokenLife / time.Second),
		TokenType:   "Bearer",
	}
	if by.family.openID() {
		claims := merge(c.idClaims(client, by.family, common), by.family.loginClaims(result.AccessToken))
		result.IdToken = keys.id.sign(claims)
	}
	return result
}

func (c *call) commonClaims(pool *Pool, client *Client, f *family) map[string]any {
	claims := map[string]any{
		"sub":       f.user.sub,
		"iss":       pool.issuer(c.baseURL),
		"auth_time": f.authTime.Unix(),
		"iat":       c.now.Unix(),
		"event_id":  newUUID(),
	}
	if len(f.user.groups) > 0 {
		claims["cognito:groups"] = f.user.groups
	}
	if !client.DisableTokenRevocation {
		claims["origin_jti"] = f.originJTI
	}
	return claims
}

func (c *call) accessClaims(client *Client, f *family, common map[string]any, jti string) map[string]any {
	claims := map[string]any{
		"token_use": "access",
		"client_id": client.ID,
		"username":  f.user.username,
		"scope":     f.scope(),
		"jti":       jti,
		"exp":       c.now.Add(client.AccessTokenLife).Unix(),
	}
	return merge(claims, common)
}

func (c *call) idClaims(client *Client, f *family, common map[string]any) map[string]any {
	claims := map[string]any{
		"token_use":        "id",
		"aud":              client.ID,
		"cognito:username": f.user.username,
		"exp":              c.now.Add(client.IDTokenLife).Unix(),
	}
	if !client.DisableTokenRevocation {
		claims["jti"] = newUUID()
	}
	for name, value := range f.user.attributes {
		if f.shows(name) {
			claims[name] = claimValue(name, value)
		}
	}
	return merge(claims, common)
}

func merge(claims, more map[string]any) map[string]any {
	for name, value := range more {
		claims[name] = value
	}
	return claims
}

// remember keeps which refresh token an access token hangs on. Now and then it
// drops those that expired long ago.
func (p *Pool) remember(jti string, token madeToken, now time.Time) {
	p.made[jti] = token
	if len(p.made)%1024 != 0 {
		return
	}
	for old, other := range p.made {
		if now.Sub(other.expires) > 24*time.Hour {
			delete(p.made, old)
		}
	}
}
