package userpool

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
)

// adminScope lets an access token act on its user through the JSON API. It is
// all that tokens of API sign-ins have.
const adminScope = "aws.cognito.signin.user.admin"

// grant is what a sign-in on the domain was allowed.
type grant struct {
	scopes []string
	nonce  string // for the first ID token
}

// systemScopes are the scopes that every pool has:
// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-define-resource-servers.html
func systemScopes() []string {
	return []string{"openid", "email", "phone", "profile", adminScope}
}

// customScopes are the scopes among the given ones that belong to resource servers.
func customScopes(scopes []string) []string {
	var custom []string
	for _, scope := range scopes {
		if !slices.Contains(systemScopes(), scope) {
			custom = append(custom, scope)
		}
	}
	return custom
}

// scope is the `scope` of the family's access tokens.
func (f *family) scope() string {
	if f.grant == nil {
		return adminScope
	}
	return strings.Join(f.grant.scopes, " ")
}

func (f *family) hasScope(scope string) bool {
	return slices.Contains(strings.Fields(f.scope()), scope)
}

// openID says whether the family has ID tokens.
func (f *family) openID() bool { return f.grant == nil || f.hasScope("openid") }

// shows says whether an attribute may be told. With openid alone all may, with
// email, phone or profile beside it what they stand for; profile stands for all
// that the app client can read:
// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-define-resource-servers.html
func (f *family) shows(attribute string) bool {
	email, phone := f.hasScope("email"), f.hasScope("phone")
	switch {
	case f.grant == nil, f.hasScope("profile"), !email && !phone, attribute == "identities":
		return true
	case attribute == "email" || attribute == "email_verified":
		return email
	case attribute == "phone_number" || attribute == "phone_number_verified":
		return phone
	}
	return false
}

// claimValue is an attribute as the ID token has it.
func claimValue(name, value string) any {
	switch {
	case name == "identities":
		return json.RawMessage(value)
	case strings.HasSuffix(name, "_verified"):
		return value == "true"
	}
	return value
}

// version is what access tokens of the managed login have more.
func (f *family) version() map[string]any {
	if f.grant == nil {
		return nil
	}
	return map[string]any{"version": 2}
}

// loginClaims are what ID tokens of the managed login have more: at_hash (OpenID
// Connect Core 1.0, section 3.1.3.6) and nonce.
func (f *family) loginClaims(accessToken string) map[string]any {
	if f.grant == nil {
		return nil
	}
	sum := sha256.Sum256([]byte(accessToken))
	claims := map[string]any{"at_hash": base64.RawURLEncoding.EncodeToString(sum[:16])}
	if f.grant.nonce != "" {
		claims["nonce"] = f.grant.nonce
	}
	return claims
}
