package oauth

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Endpoints are the addresses of a user pool's domain.
type Endpoints struct {
	Issuer    string // who the tokens are of; the one member that is no endpoint
	Authorize string
	Token     string
	Revoke    string
	Logout    string
	UserInfo  string
}

// member is one of the members of Endpoints: its name in the discovery document
// (OpenID Connect Discovery 1.0, section 3; RFC 8414, section 2) and the path
// that Cognito documents for it.
type member struct {
	name, path string
	of         func(*Endpoints) *string
}

var members = []member{
	{"authorization_endpoint", "/oauth2/authorize", func(e *Endpoints) *string { return &e.Authorize }},
	{"token_endpoint", "/oauth2/token", func(e *Endpoints) *string { return &e.Token }},
	{"revocation_endpoint", "/oauth2/revoke", func(e *Endpoints) *string { return &e.Revoke }},
	{"end_session_endpoint", "/logout", func(e *Endpoints) *string { return &e.Logout }},
	{"userinfo_endpoint", "/oauth2/userInfo", func(e *Endpoints) *string { return &e.UserInfo }},
}

// Issuer returns what a user pool's tokens and its discovery document go by:
// base is the address of the user pools API.
func Issuer(base, poolID string) string {
	return strings.TrimRight(base, "/") + "/" + url.PathEscape(poolID)
}

// Discover gets the endpoints that the user pool itself tells. It fails with an
// *Error: for one without a document with its Status alone, and with ErrUnsafe
// for one with an endpoint that secrets may not go to. Endpoints may be missing.
// https://docs.aws.amazon.com/cognito/latest/developerguide/federation-endpoints.html
func Discover(ctx context.Context, client *http.Client, issuer string) (Endpoints, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, issuer+"/.well-known/openid-configuration", nil)
	if err != nil {
		return Endpoints{}, &Error{Err: ErrUnsafe}
	}
	got, err := send(client, request)
	if err != nil {
		return Endpoints{}, err
	}
	if got.status != http.StatusOK {
		return Endpoints{}, got.failed(nil)
	}
	var document map[string]any
	if json.Unmarshal(got.body, &document) != nil || document == nil {
		return Endpoints{}, got.failed(ErrNotUnderstood)
	}
	endpoints := Endpoints{Issuer: issuer}
	if text, ok := document["issuer"].(string); ok && text != "" {
		endpoints.Issuer = text
	}
	for _, m := range members {
		text, ok := document[m.name].(string)
		if !ok && document[m.name] != nil || ok && !isSafe(text) {
			return Endpoints{}, got.failed(ErrUnsafe)
		}
		*m.of(&endpoints) = text
	}
	return endpoints, nil
}

// At returns the endpoints at a domain of the person's choice. The paths are
// those of e where it has them, else those that Cognito documents.
func (e Endpoints) At(domain string) (Endpoints, error) {
	at, err := url.Parse(domain)
	if err != nil || !isSafe(domain) || strings.Trim(at.Path, "/") != "" || at.RawQuery != "" {
		return Endpoints{}, &Error{Err: ErrUnsafe}
	}
	moved := e
	for _, m := range members {
		path := m.path
		if known, err := url.Parse(*m.of(&e)); err == nil && strings.Trim(known.Path, "/") != "" {
			path = known.EscapedPath()
		}
		*m.of(&moved) = at.Scheme + "://" + at.Host + path
	}
	return moved, nil
}

// Complete reports whether there is what a sign-in needs, and fails with
// ErrNoDomain if not. What is less important may be missing.
func (e Endpoints) Complete() error {
	if e.Authorize == "" || e.Token == "" {
		return ErrNoDomain
	}
	return nil
}

// isSafe accepts https anywhere, and http where nobody can listen in.
func isSafe(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Opaque != "" || u.Hostname() == "" || u.User != nil || strings.Contains(address, "#") {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname())
}

// isLoopback judges the name alone: what a resolver answers could change.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
