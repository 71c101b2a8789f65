// Package jwt reads the claims of Cognito's tokens. It doesn't verify
// signatures: the agent gets its tokens from Cognito itself over TLS, and the
// services that they are shown to verify them.
package jwt

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"
)

// MaxSize is the longest token that Decode takes, in bytes.
const MaxSize = 128 << 10

// Claims are the claims that cogtok acts on, and all of them in Raw.
// https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-with-identity-providers.html
type Claims struct {
	Issuer   string
	Subject  string
	TokenUse string // "id" or "access"
	ClientID string // `client_id`, or the ID token's `aud`
	Username string // `username`, or the ID token's `cognito:username`
	Expires  time.Time
	IssuedAt time.Time
	AuthTime time.Time // zero if absent
	Raw      map[string]any
}

// ErrMalformed means that a string is no JWT with the claims that every
// Cognito token has. It never quotes the string.
var ErrMalformed = errors.New("not a JSON Web Token of a user pool")

// Decode returns the claims of token. It fails with ErrMalformed.
func Decode(token string) (Claims, error) {
	if len(token) > MaxSize {
		return Claims{}, ErrMalformed
	}
	payload, ok := split(token)
	if !ok {
		return Claims{}, ErrMalformed
	}
	var raw map[string]any
	if json.Unmarshal(payload, &raw) != nil || raw == nil {
		return Claims{}, ErrMalformed
	}
	c := Claims{
		Issuer:   text(raw, "iss"),
		Subject:  text(raw, "sub"),
		TokenUse: text(raw, "token_use"),
		ClientID: firstText(raw, "client_id", "aud"),
		Username: firstText(raw, "username", "cognito:username"),
		Expires:  instant(raw, "exp"),
		IssuedAt: instant(raw, "iat"),
		AuthTime: instant(raw, "auth_time"),
		Raw:      raw,
	}
	if c.Expires.IsZero() || c.IssuedAt.IsZero() || !c.Expires.After(c.IssuedAt) {
		return Claims{}, ErrMalformed
	}
	return c, nil
}

// split returns the payload. All three parts have to be base64url without
// padding (RFC 7515, section 7.1), also those that nobody reads here: a token
// is put in a header, and must not bring a line of its own.
func split(token string) (payload []byte, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, false
	}
	for i, part := range parts {
		// Go's decoder passes over line breaks.
		data, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || len(data) == 0 || strings.ContainsAny(part, "\r\n") {
			return nil, false
		}
		if i == 1 {
			payload = data
		}
	}
	return payload, true
}

func text(raw map[string]any, name string) string {
	s, _ := raw[name].(string)
	return s
}

func firstText(raw map[string]any, names ...string) string {
	for _, n := range names {
		if s := text(raw, n); s != "" {
			return s
		}
	}
	return ""
}

// instant reads a NumericDate (RFC 7519, section 2). What is out of the range
// of years 1970 to 9999 counts as absent.
func instant(raw map[string]any, name string) time.Time {
	f, ok := raw[name].(float64)
	if !ok || math.IsNaN(f) || f <= 0 || f > 253402300799 {
		return time.Time{}
	}
	return time.Unix(int64(f), 0).UTC()
}
