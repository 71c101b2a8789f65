package oauth

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// MaxAnswer is the longest answer that is read, in bytes.
const MaxAnswer = 1 << 20

// A Client is an app client at the domain of its user pool.
type Client struct {
	http      *http.Client
	endpoints Endpoints
	id        string
	secret    *string // a pointer, since fmt would show the text; empty: a public client
}

// NewClient returns the client with an ID, and its secret if it has one. The
// requests go through transport; redirects are not followed, whatever it says.
func NewClient(transport *http.Client, e Endpoints, id, secret string) *Client {
	return &Client{http: transport, endpoints: e, id: id, secret: &secret}
}

// Tokens are the answer of the token endpoint (RFC 6749, section 5.1). All but
// the access token may be missing.
type Tokens struct {
	Access, ID, Refresh string
	Scope               string
	Date                time.Time // the server's clock when it made them; zero if it didn't say
}

// Format keeps the tokens out of whatever is printed.
func (Tokens) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[redacted]") }

// Exchange gets the tokens for an authorization code. redirectURL is the one
// that the code came to, verifier the attempt's.
// https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html
func (c *Client) Exchange(ctx context.Context, code, redirectURL, verifier string) (Tokens, error) {
	return c.token(ctx, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURL}, "code_verifier": {verifier},
	})
}

// Refresh gets new tokens for a refresh token.
func (c *Client) Refresh(ctx context.Context, refreshToken string) (Tokens, error) {
	return c.token(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}})
}

// Credentials gets an access token for the client itself. Without scopes it has
// all of the client's. metadata goes to the user pool's Lambda trigger.
func (c *Client) Credentials(ctx context.Context, scopes []string, metadata map[string]string) (Tokens, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(scopes) > 0 {
		form.Set("scope", strings.Join(scopes, " "))
	}
	if len(metadata) > 0 {
		text, _ := json.Marshal(metadata) // strings can't fail
		form.Set("aws_client_metadata", string(text))
	}
	return c.token(ctx, form)
}

// Revoke ends a refresh token and all that came of it. One that is over already
// is no error (RFC 7009, section 2.2).
// https://docs.aws.amazon.com/cognito/latest/developerguide/revocation-endpoint.html
func (c *Client) Revoke(ctx context.Context, refreshToken string) error {
	if c.endpoints.Revoke == "" {
		return ErrNoDomain
	}
	got, err := c.post(ctx, c.endpoints.Revoke, url.Values{"token": {refreshToken}})
	if err != nil {
		return err
	}
	if got.status != http.StatusOK || got.isHTML() {
		return got.failed(nil)
	}
	return nil
}

// LogoutURL is the page that ends the session that the browser has with the
// domain. Cognito then shows its sign-in page, as if the client had asked for
// it: that takes one of the callback URLs and needs no sign-out URL registered.
// It is empty where the domain has no such page.
// https://docs.aws.amazon.com/cognito/latest/developerguide/logout-endpoint.html
func (c *Client) LogoutURL(redirectURL string, scopes []string) string {
	if c.endpoints.Logout == "" {
		return ""
	}
	query := url.Values{"client_id": {c.id}, "redirect_uri": {redirectURL}, "response_type": {"code"}}
	if len(scopes) > 0 {
		query.Set("scope", strings.Join(scopes, " "))
	}
	return withQuery(c.endpoints.Logout, query)
}

func (c *Client) token(ctx context.Context, form url.Values) (Tokens, error) {
	got, err := c.post(ctx, c.endpoints.Token, form)
	if err != nil {
		return Tokens{}, err
	}
	return got.tokens()
}

// post sends a form. A client with a secret shows it by HTTP Basic, of which
// both halves are encoded as a form is (RFC 6749, section 2.3.1). The ID stands
// in the body all the same: Cognito doesn't mind, and others look there alone.
func (c *Client) post(ctx context.Context, endpoint string, form url.Values) (answer, error) {
	if !isSafe(endpoint) {
		return answer{}, &Error{Err: ErrUnsafe}
	}
	form.Set("client_id", c.id)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, &Error{Err: ErrUnsafe}
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if *c.secret != "" {
		request.SetBasicAuth(url.QueryEscape(c.id), url.QueryEscape(*c.secret))
	}
	return send(c.http, request)
}

// An answer is what a server said, whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send sends a request, once, and follows no redirect: what is in it goes to
// the host that it was meant for or nowhere.
func send(client *http.Client, request *http.Request) (answer, error) {
	once := *client
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	once.Jar = nil
	request.Header.Set("Accept", "application/json")
	response, err := once.Do(request)
	if err != nil {
		return answer{}, &Error{Err: err}
	}
	defer response.Body.Close()
	got := answer{status: response.StatusCode, header: response.Header}
	got.body, err = io.ReadAll(io.LimitReader(response.Body, MaxAnswer+1))
	switch {
	case err != nil:
		return answer{}, &Error{Err: err}
	case len(got.body) > MaxAnswer:
		return answer{}, got.failed(ErrTooLong)
	}
	return got, nil
}

// tokens reads the answer of a token endpoint (RFC 6749, sections 5.1 and 5.2).
// A token of a type that isn't known must not be used (section 7.1).
func (a answer) tokens() (Tokens, error) {
	var body struct {
		Access  string `json:"access_token"`
		ID      string `json:"id_token"`
		Refresh string `json:"refresh_token"`
		Scope   string `json:"scope"`
		Type    string `json:"token_type"`
	}
	switch {
	case a.status != http.StatusOK:
		return Tokens{}, a.failed(nil)
	case a.isHTML() || json.Unmarshal(a.body, &body) != nil,
		body.Access == "", body.Type != "" && !strings.EqualFold(body.Type, "Bearer"):
		return Tokens{}, a.failed(ErrNotUnderstood)
	}
	return Tokens{Access: body.Access, ID: body.ID, Refresh: body.Refresh, Scope: body.Scope, Date: a.date()}, nil
}

// failed returns the error for an answer; why is nil where it may be an OAuth error.
func (a answer) failed(why error) *Error {
	e := &Error{Status: a.status, HTML: a.isHTML(), Date: a.date(), RetryAfter: a.header.Get("Retry-After"), Err: why}
	var body struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	if why == nil && !e.HTML && json.Unmarshal(a.body, &body) == nil {
		e.Code, e.Description = body.Code, body.Description
	}
	return e
}

func (a answer) isHTML() bool {
	mediaType, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	return mediaType == "text/html" || mediaType == "application/xhtml+xml"
}

func (a answer) date() time.Time {
	at, _ := http.ParseTime(a.header.Get("Date"))
	return at
}

// withQuery adds parameters to an address, which may have some. Spaces are
// written %20: a "+" is one in forms only, and not all pages read it so.
func withQuery(address string, query url.Values) string {
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	return address + separator + strings.ReplaceAll(query.Encode(), "+", "%20")
}
