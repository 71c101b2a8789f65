package oauth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
)

// What is wrong with a reply, or with what was pasted as one.
var (
	// ErrNotReply means that a text is no reply to the attempt: it has not the
	// attempt's state, or is no address of the right kind at all.
	ErrNotReply = errors.New("it is not the reply to this sign-in")
	// ErrSecondReply means that there was a reply before.
	ErrSecondReply = errors.New("there was a reply already")
	// ErrIssuer means that the reply is another server's.
	ErrIssuer = errors.New("the reply comes from another server")
)

// maxReply is the longest reply that is taken, in bytes.
const maxReply = 8 << 10

// An Attempt is one try to sign in with a browser. It takes one reply.
type Attempt struct {
	redirectURL string
	issuer      string
	state       *string // pointers, since fmt would show the texts
	nonce       *string
	verifier    *string
	replied     atomic.Bool
}

// NewAttempt returns an attempt whose reply comes to redirectURL, from issuer.
func NewAttempt(redirectURL, issuer string) *Attempt {
	return &Attempt{redirectURL: redirectURL, issuer: issuer, state: random(), nonce: random(), verifier: random()}
}

// random returns 256 bits as 43 characters that stand for themselves in URLs.
// This is what RFC 7636, section 4.1, recommends for a verifier; for the state,
// Cognito asks for something that is no encoded JSON.
func random() *string {
	bits := make([]byte, 32)
	_, _ = rand.Read(bits) // never fails
	text := base64.RawURLEncoding.EncodeToString(bits)
	return &text
}

// RedirectURL is where the reply comes to.
func (a *Attempt) RedirectURL() string { return a.redirectURL }

// Verifier proves to the token endpoint that the code is the attempt's (RFC 7636).
func (a *Attempt) Verifier() string { return *a.verifier }

// Nonce is what the ID token has to hold.
func (a *Attempt) Nonce() string { return *a.nonce }

// Secrets are the texts of the attempt that nobody is to see.
func (a *Attempt) Secrets() []string { return []string{*a.state, *a.nonce, *a.verifier} }

// challenge is the S256 of the verifier, the only method that Cognito takes
// (RFC 7636, section 4.2).
func (a *Attempt) challenge() string {
	sum := sha256.Sum256([]byte(*a.verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Wishes are what the sign-in page is told beyond what it has to know. All may
// be empty.
type Wishes struct {
	Scopes           []string // none: all of the app client's
	IdentityProvider string
	LoginHint        string
	Prompt           string
}

// AuthorizeURL is the page that the browser has to open.
// https://docs.aws.amazon.com/cognito/latest/developerguide/authorization-endpoint.html
func (c *Client) AuthorizeURL(a *Attempt, w Wishes) string {
	query := url.Values{
		"response_type": {"code"}, "client_id": {c.id}, "redirect_uri": {a.redirectURL},
		"state": {*a.state}, "nonce": {*a.nonce},
		"code_challenge": {a.challenge()}, "code_challenge_method": {"S256"},
	}
	for name, value := range map[string]string{
		"scope": strings.Join(w.Scopes, " "), "identity_provider": w.IdentityProvider, "login_hint": w.LoginHint, "prompt": w.Prompt,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return withQuery(c.endpoints.Authorize, query)
}

// A Reply is what came back from the sign-in page: a code, or an error (RFC
// 6749, sections 4.1.2 and 4.1.2.1). Error and Description are foreign text.
type Reply struct {
	Code, Error, Description string
}

// Format keeps the code out of whatever is printed.
func (Reply) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[redacted]") }

// Take reads the query of a reply. Whoever knows the state is believed to have
// it from the sign-in page: then the reply is the attempt's only one, even if it
// is of no use. ErrNotReply changes nothing.
func (a *Attempt) Take(query string) (Reply, error) {
	values, err := url.ParseQuery(query)
	if err != nil || len(query) > maxReply || len(values["state"]) != 1 ||
		subtle.ConstantTimeCompare([]byte(values.Get("state")), []byte(*a.state)) != 1 {
		return Reply{}, ErrNotReply
	}
	if !a.replied.CompareAndSwap(false, true) {
		return Reply{}, ErrSecondReply
	}
	for _, name := range []string{"code", "error", "error_description", "iss"} {
		if len(values[name]) > 1 { // RFC 6749, section 3.1
			return Reply{}, ErrNotUnderstood
		}
	}
	// Cognito sends no `iss`; who sends it means it (RFC 9207, section 2.4).
	if values.Has("iss") && values.Get("iss") != a.issuer {
		return Reply{}, ErrIssuer
	}
	reply := Reply{values.Get("code"), values.Get("error"), values.Get("error_description")}
	if (reply.Code == "") == (reply.Error == "") {
		return Reply{}, ErrNotUnderstood
	}
	return reply, nil
}

// TakePasted reads what a person took from the browser's address bar: the whole
// address, with or without "http://", or what stands in it after "?".
func (a *Attempt) TakePasted(text string) (Reply, error) {
	text = strings.Trim(strings.TrimSpace(text), `"'<>`)
	text, _, _ = strings.Cut(text, "#") // some identity providers leave one behind
	address, query, found := strings.Cut(text, "?")
	switch {
	case !found:
		return a.Take(text)
	case address != "" && address != a.redirectURL && "http://"+address != a.redirectURL:
		return Reply{}, ErrNotReply
	}
	return a.Take(query)
}
