package userpool

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// codeLife is how long an authorization code is good:
// https://docs.aws.amazon.com/cognito/latest/developerguide/authorization-endpoint.html
const codeLife = 5 * time.Minute

// authRequest is an authorization request. It travels in the address of all
// pages of a sign-in and is read anew on each.
type authRequest struct {
	client      *Client
	redirectURI string
	state       string
	nonce       string
	challenge   string // PKCE; "" for none
	hint        string // login_hint
	provider    string // the identity provider that is asked for; "" for none
	scopes      []string
	prompts     []string
}

// authorizationCode is a code that was given out.
type authorizationCode struct {
	authRequest
	user     *user
	authTime time.Time // when the user signed in
	created  time.Time
	family   *family // what it was exchanged for; nil: not used yet
}

// readAuthorization reads the request in the address. Without a good client and
// redirect_uri there is nowhere to send an error: the browser gets a page.
func (v *visit) readAuthorization() (*authRequest, *reply) {
	id, address := v.query.Get("client_id"), v.query.Get("redirect_uri")
	client := v.pool.clients[id]
	if client == nil || !slices.Contains(client.CallbackURLs, address) || len(v.query["client_id"]) > 1 || len(v.query["redirect_uri"]) > 1 {
		r := v.errorRedirect("redirect_mismatch", id)
		return nil, &r
	}
	a := &authRequest{
		client: client, redirectURI: address, state: v.query.Get("state"), nonce: v.query.Get("nonce"),
		challenge: v.query.Get("code_challenge"), hint: v.query.Get("login_hint"),
		prompts: strings.Fields(v.query.Get("prompt")),
	}
	for _, check := range []func(*visit, *authRequest) *oauthError{
		checkRepeated, checkResponseType, checkChallenge, checkScopes, checkProvider, checkPrompt,
	} {
		if refusal := check(v, a); refusal != nil {
			r := a.refuse(refusal.word, refusal.description)
			return nil, &r
		}
	}
	return a, nil
}

// errorRedirect sends the browser to the domain's own error page.
func (v *visit) errorRedirect(word, clientID string) reply {
	r := redirect("/error?" + url.Values{"error": {word}, "client_id": {clientID}}.Encode())
	r.word = word
	return r
}

// refuse sends an error back to the app (RFC 6749, section 4.1.2.1).
func (a *authRequest) refuse(word, description string) reply {
	parameters := url.Values{"error": {word}}
	if description != "" {
		parameters.Set("error_description", description)
	}
	r := a.back(parameters)
	r.word = word
	return r
}

// back returns to the app. What its URL has as a query stays as it is.
func (a *authRequest) back(parameters url.Values) reply {
	if a.state != "" {
		parameters.Set("state", a.state)
	}
	separator := "?"
	if strings.Contains(a.redirectURI, "?") {
		separator = "&"
	}
	return redirect(a.redirectURI + separator + parameters.Encode())
}

func checkRepeated(v *visit, _ *authRequest) *oauthError {
	if name := repeated(v.query); name != "" {
		return &oauthError{word: "invalid_request", description: "repeated parameter " + name}
	}
	return nil
}

// checkResponseType takes codes alone: no client here has the implicit flow.
func checkResponseType(v *visit, a *authRequest) *oauthError {
	switch v.query.Get("response_type") {
	case "":
		return &oauthError{word: "invalid_request", description: "response_type is missing"}
	case "code":
		if a.client.hasFlow(codeFlow) {
			return nil
		}
		return &oauthError{word: "unauthorized_client"}
	case "token":
		return &oauthError{word: "unauthorized_client"}
	}
	return &oauthError{word: "unsupported_response_type"}
}

// challengePattern is what BASE64URL(SHA-256) looks like (RFC 7636, section 4.2).
func challengePattern() *regexp.Regexp { return whole(`[A-Za-z0-9_-]{43}`) }

func checkChallenge(v *visit, a *authRequest) *oauthError {
	method := v.query.Get("code_challenge_method")
	switch {
	case method == "" && a.challenge == "":
		return nil
	case method == "":
		return &oauthError{word: "invalid_request", description: "code_challenge_method is missing"}
	case a.challenge == "":
		return &oauthError{word: "invalid_request", description: "code_challenge is missing"}
	case method != "S256":
		return &oauthError{word: "invalid_request", description: "code_challenge_method must be S256"}
	case !challengePattern().MatchString(a.challenge):
		return &oauthError{word: "invalid_request", description: "malformed code_challenge"}
	}
	return nil
}

// checkScopes takes the client's scopes, all if none is asked for. AWS's pages
// contradict each other on scopes that the client doesn't have: ignored, or
// invalid_scope. The strict one is followed. email, phone and profile are
// refused without openid.
func checkScopes(v *visit, a *authRequest) *oauthError {
	a.scopes = strings.Fields(v.query.Get("scope"))
	if len(a.scopes) == 0 {
		a.scopes = a.client.OAuthScopes
		return nil
	}
	for _, scope := range a.scopes {
		needsOpenID := slices.Contains([]string{"email", "phone", "profile"}, scope)
		if !slices.Contains(a.client.OAuthScopes, scope) || needsOpenID && !slices.Contains(a.scopes, "openid") {
			return &oauthError{word: "invalid_scope"}
		}
	}
	slices.Sort(a.scopes)
	a.scopes = slices.Compact(a.scopes)
	return nil
}

// checkProvider finds the identity provider that is asked for by name or by
// identifier. What AWS says about an unknown one, or about both, isn't documented.
func checkProvider(v *visit, a *authRequest) *oauthError {
	name, identifier := v.query.Get("identity_provider"), v.query.Get("idp_identifier")
	switch {
	case name != "" && identifier != "":
		return &oauthError{word: "invalid_request", description: "identity_provider and idp_identifier exclude each other"}
	case identifier != "":
		for _, provider := range v.pool.config.IdentityProviders {
			if slices.Contains(provider.Identifiers, identifier) {
				name = provider.Name
			}
		}
		name = firstOf(name, identifier)
	}
	if name != "" && !a.client.hasProvider(name) {
		return &oauthError{word: "invalid_request", description: "the app client has no identity provider of this name"}
	}
	a.provider = name
	return nil
}

// checkPrompt follows OpenID Connect Core 1.0, section 3.1.2.1.
func checkPrompt(_ *visit, a *authRequest) *oauthError {
	for _, prompt := range a.prompts {
		if !slices.Contains([]string{"none", "login", "select_account", "consent"}, prompt) {
			return &oauthError{word: "invalid_request", description: "unknown prompt"}
		}
	}
	if len(a.prompts) > 1 && a.prompted("none") {
		return &oauthError{word: "invalid_request", description: "prompt=none excludes others"}
	}
	return nil
}

func (a *authRequest) prompted(prompt string) bool { return slices.Contains(a.prompts, prompt) }

// authorize is GET /oauth2/authorize: who is signed in in this browser already
// goes through, others go to a page.
//
// https://docs.aws.amazon.com/cognito/latest/developerguide/authorization-endpoint.html
func authorize(v *visit) reply {
	a, refusal := v.readAuthorization()
	if refusal != nil {
		return *refusal
	}
	session := v.browser()
	if session != nil && v.fits(session, a) && !a.prompted("login") && !a.prompted("select_account") {
		return v.giveCode(a, session)
	}
	if a.prompted("none") {
		return a.refuse("login_required", "")
	}
	page := "/login"
	if a.provider != "" && a.provider != ownUsers {
		page = "/idp"
	}
	return redirect(page + "?" + v.query.Encode())
}

// fits says whether the request can be about the user who is signed in: it
// hints at nobody else, asks for no other identity provider, and the client
// takes users of that provider.
func (v *visit) fits(session *browserSession, a *authRequest) bool {
	switch {
	case a.hint != "" && v.pool.find(a.hint) != session.user:
		return false
	case a.provider != "" && a.provider != session.provider:
		return false
	}
	return a.client.hasProvider(session.provider)
}

// giveCode returns to the app with a code for who is signed in.
func (v *visit) giveCode(a *authRequest, session *browserSession) reply {
	codes := v.pool.login.codes
	forget(codes, v.now, 24*time.Hour, func(c *authorizationCode) time.Time { return c.created })
	code := newUUID()
	codes[code] = &authorizationCode{authRequest: *a, user: session.user, authTime: session.since, created: v.now}
	v.entry.Username = session.user.username
	return a.back(url.Values{"code": {code}})
}

// logout is GET /logout: it ends the browser's session and returns to the app,
// or shows sign-in again. Refused requests end nothing.
//
// https://docs.aws.amazon.com/cognito/latest/developerguide/logout-endpoint.html
func logout(v *visit) reply {
	id := v.query.Get("client_id")
	client := v.pool.clients[id]
	if client == nil {
		return v.errorRedirect("invalid_request", id)
	}
	address, given := v.query.Get("logout_uri"), v.query.Has("logout_uri")
	switch {
	case given && !slices.Contains(client.LogoutURLs, address):
		return v.errorRedirect("redirect_mismatch", id)
	case given:
		v.endBrowser()
		return redirect(address)
	case !v.query.Has("redirect_uri"):
		return v.errorRedirect("invalid_request", id)
	}
	if _, refusal := v.readAuthorization(); refusal != nil {
		return *refusal
	}
	v.endBrowser()
	return redirect("/login?" + v.query.Encode())
}

// errorPage is where the browser stays when there is no app to return to.
func errorPage(v *visit) reply {
	word := firstOf(v.query.Get("error"), "invalid_request")
	r := v.page("error", page{Title: "An error was encountered with the requested page.", Error: word})
	r.status, r.word = http.StatusBadRequest, word
	return r
}
