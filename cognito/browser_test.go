package cognito_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/cognito"
	"github.com/cogtok/cogtok/internal/jwt"
	"github.com/cogtok/cogtok/internal/userpool"
	"github.com/cogtok/cogtok/profiles"
)

// freeCallback is a callback URL at a port that nobody has.
func freeCallback(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprintf("http://localhost:%d/callback", l.Addr().(*net.TCPAddr).Port)
}

// newBrowserWorld is a pool with a domain and a profile that signs in there.
func newBrowserWorld(t *testing.T, s setup) *world {
	t.Helper()
	s.auth = profiles.AuthBrowser
	if s.client.OAuthScopes == nil {
		s.client.OAuthScopes = []string{"openid", "email", "aws.cognito.signin.user.admin"}
	}
	back := freeCallback(t)
	s.client.OAuthFlows, s.client.CallbackURLs = []string{"code"}, []string{back}
	w := newWorld(t, s)
	if _, err := w.pool.StartDomain("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	w.profile.RedirectURLs = []string{back}
	return w
}

// A visitor opens the sign-in page and goes where it leads. They answer the
// prompt with what answer makes of the last address and page; nil: not at all.
type visitor struct {
	t        *testing.T
	username string
	password string
	provider string // an identity provider, on whose page username is typed
	stay     bool   // doesn't go to the callback
	copied   bool   // opens the address that is shown instead of the start page
	answer   func(address string) (string, error)

	mu      sync.Mutex
	prompts []agent.Prompt
	page    chan string // what the browser shows in the end
	jar     http.CookieJar
}

func newVisitor(t *testing.T) *visitor {
	jar, _ := cookiejar.New(nil)
	return &visitor{t: t, username: "rob", password: goodPassword, page: make(chan string, 10), jar: jar}
}

func (v *visitor) Ask(ctx context.Context, prompt agent.Prompt) (agent.Secret, error) {
	v.mu.Lock()
	v.prompts = append(v.prompts, prompt)
	v.mu.Unlock()
	if prompt.Kind != agent.PromptBrowser || prompt.Profile != "prod" || strings.HasSuffix(prompt.Text, ":") {
		v.t.Errorf("a bad prompt: %+v", prompt)
	}
	last := make(chan string, 1)
	address := prompt.StartURL
	if v.copied || v.provider != "" {
		address = prompt.URL
	}
	go func() { last <- v.visit(address) }()
	if v.answer == nil {
		<-ctx.Done()
		return agent.Secret{}, agent.AsError(ctx.Err())
	}
	answer, err := v.answer(<-last)
	return agent.NewSecret(answer), err
}

var (
	formAction = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	hidden     = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// visit goes through the pages and returns the address where it ends.
func (v *visitor) visit(address string) string {
	if address == "" || v.username == "" {
		return ""
	}
	client := &http.Client{Jar: v.jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if v.stay && strings.HasPrefix(r.URL.Path, "/callback") {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	if v.provider != "" {
		address += "&identity_provider=" + v.provider
	}
	response, err := client.Get(address)
	for ; err == nil; response, err = v.submit(client, response.Request.URL, address) {
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		address = string(body)
		if location := response.Header.Get("Location"); location != "" {
			return location
		}
		if !formAction.MatchString(address) || strings.Contains(address, `role="alert"`) {
			v.page <- address
			return response.Request.URL.String()
		}
	}
	v.t.Errorf("the browser can't go on: %v", err)
	return ""
}

func (v *visitor) submit(client *http.Client, at *url.URL, page string) (*http.Response, error) {
	target, err := at.Parse(html.UnescapeString(formAction.FindStringSubmatch(page)[1]))
	if err != nil {
		return nil, err
	}
	form := url.Values{"username": {v.username}, "password": {v.password}, "user_id": {v.username}, "action": {"continue"}}
	for _, field := range hidden.FindAllStringSubmatch(page, -1) {
		form.Set(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
	}
	return client.PostForm(target.String(), form)
}

func (v *visitor) shows(texts ...string) {
	v.t.Helper()
	select {
	case page := <-v.page:
		for _, text := range texts {
			if !strings.Contains(html.UnescapeString(page), text) {
				v.t.Errorf("%q is not in the page: %s", text, page)
			}
		}
	case <-time.After(5 * time.Second):
		v.t.Error("the browser shows no page")
	}
}

func (w *world) browse(v *visitor) (session.Grant, error) {
	w.t.Helper()
	login := session.Login{ClientSecret: w.secret}
	if v != nil {
		login.Prompter = v
	}
	in, err := w.provider.SignIn(w.t.Context(), w.profile, login)
	w.checkError(err)
	return in.Grant, err
}

// browsed is browse that must succeed.
func (w *world) browsed() session.Grant {
	w.t.Helper()
	g, err := w.browse(newVisitor(w.t))
	if err != nil {
		w.t.Fatal(err)
	}
	return g
}

func claimsOf(t *testing.T, token string) jwt.Claims {
	t.Helper()
	claims, err := jwt.Decode(token)
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestBrowserSignIn(t *testing.T) {
	for name, s := range map[string]setup{
		"public": {}, "copied": {}, "secret": {secret: true}, "by email": {byEmail: true}, "rotation": {client: userpool.Client{Rotation: true}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newBrowserWorld(t, s)
			v := newVisitor(t)
			v.username, v.copied = w.profile.Username, name == "copied"
			g, err := w.browse(v)
			if err != nil {
				t.Fatal(err)
			}
			v.shows("You are signed in to profile prod as rob@example.com. You can close this window.")
			access := claimsOf(t, g.AccessToken)
			if g.Username != access.Username || g.SignedInAt.IsZero() || g.ServerTime.IsZero() || !g.FirstRefreshToken.Equal(g.RefreshToken) {
				t.Errorf("grant %+v", g)
			}
			next, err := w.refresh(g)
			if err != nil {
				t.Fatal(err)
			}
			if rotated := !next.RefreshToken.Equal(g.RefreshToken); rotated != s.client.Rotation || next.IDToken == "" || !next.FirstRefreshToken.Equal(g.FirstRefreshToken) || next.RefreshToken.Empty() {
				t.Errorf("renewed to %+v", next)
			}
			if err := w.provider.Revoke(t.Context(), w.profile, w.secret, next); err != nil {
				t.Fatal(err)
			}
			_, err = w.refresh(next)
			wantKind(t, err, agent.KindLoginRequired, "cogtok login prod")
			if err := w.provider.Revoke(t.Context(), w.profile, w.secret, next); err != nil {
				t.Error(err)
			}
			if len(v.prompts) != 1 {
				t.Errorf("asked %d times", len(v.prompts))
			}
		})
	}
}

func TestBrowserNeedsPerson(t *testing.T) {
	w := newBrowserWorld(t, setup{})
	_, err := w.browse(nil)
	wantKind(t, err, agent.KindPromptNeeded, "cogtok login prod")
	w.profile.RedirectURLs = nil
	_, err = w.browse(newVisitor(t))
	wantKind(t, err, agent.KindConfig, "redirect_urls")
}

func TestBrowserDomain(t *testing.T) {
	w := newBrowserWorld(t, setup{})
	domain := w.pool.DomainURL()
	w.profile.Domain = domain
	w.browsed()
	logout, err := w.provider.LogoutURL(t.Context(), w.profile)
	if want := domain + "/logout?client_id=" + w.profile.ClientID + "&redirect_uri="; err != nil || !strings.HasPrefix(logout, want) {
		t.Errorf("%s, %v", logout, err)
	}
	w.profile.Domain = "http://login.example.com"
	_, err = w.browse(newVisitor(t))
	wantKind(t, err, agent.KindConfig, "`domain`")
	bare := newWorld(t, setup{auth: profiles.AuthBrowser})
	bare.profile.RedirectURLs = []string{freeCallback(t)}
	_, err = bare.browse(newVisitor(t))
	wantKind(t, err, agent.KindConfig, "has no domain", "set `domain`")
	bare.profile.Auth = profiles.AuthSRP
	if logout, err := bare.provider.LogoutURL(t.Context(), bare.profile); logout != "" || err != nil {
		t.Errorf("%q, %v", logout, err)
	}
}

func TestBrowserPasted(t *testing.T) {
	w := newBrowserWorld(t, setup{})
	v := newVisitor(t)
	v.stay = true
	wrong := 0
	var right string
	v.answer = func(address string) (string, error) {
		if address != "" {
			right = address
		}
		if wrong++; wrong < 3 {
			return "http://localhost:1/callback?code=x&state=y", nil
		}
		return right, nil
	}
	if _, err := w.browse(v); err != nil {
		t.Fatal(err)
	}
	if len(v.prompts) != 3 || v.prompts[1].URL+v.prompts[1].StartURL != "" || !strings.Contains(v.prompts[1].Text, w.profile.RedirectURLs[0]) {
		t.Errorf("prompts %+v", v.prompts)
	}
	v = newVisitor(t)
	v.stay, v.answer = true, func(string) (string, error) { return "marker nonsense", nil }
	_, err := w.browse(v)
	wantKind(t, err, agent.KindPromptUnanswered, "pasted")
	if len(v.prompts) != 3 {
		t.Errorf("asked %d times", len(v.prompts))
	}
}

// An empty answer says that nothing will be pasted: the browser comes by itself.
func TestBrowserNothingToPaste(t *testing.T) {
	w := newBrowserWorld(t, setup{})
	v := newVisitor(t)
	started := make(chan string, 1)
	v.stay, v.answer = true, func(address string) (string, error) { started <- address; return "", nil }
	go func() {
		client := &http.Client{Jar: v.jar}
		if response, err := client.Get(<-started); err == nil {
			response.Body.Close()
		}
	}()
	if _, err := w.browse(v); err != nil {
		t.Fatal(err)
	}
}

func TestBrowserDeclined(t *testing.T) {
	w := newBrowserWorld(t, setup{})
	v := newVisitor(t)
	v.stay, v.answer = true, func(string) (string, error) {
		return "", agent.Errorf(agent.KindPromptUnanswered, "profile prod: the question was not answered")
	}
	_, err := w.browse(v)
	wantKind(t, err, agent.KindPromptUnanswered, "not answered")

	ctx, cancel := context.WithCancel(t.Context())
	v.answer = func(string) (string, error) { cancel(); <-ctx.Done(); return "", agent.AsError(ctx.Err()) }
	_, err = w.provider.SignIn(ctx, w.profile, session.Login{Prompter: v})
	wantKind(t, err, agent.KindCanceled)
}

// With a callback URL that isn't registered, Cognito keeps the browser and tells
// nobody else.
func TestBrowserRedirectMismatch(t *testing.T) {
	w := newBrowserWorld(t, setup{provider: cognito.Config{BrowserTimeout: time.Second}})
	w.profile.RedirectURLs = []string{freeCallback(t)}
	v := newVisitor(t)
	_, err := w.browse(v)
	wantKind(t, err, agent.KindPromptUnanswered, "redirect_mismatch", w.profile.RedirectURLs[0])
}

func TestBrowserPortTaken(t *testing.T) {
	w := newBrowserWorld(t, setup{})
	good := w.profile.RedirectURLs[0]
	taken := freeCallback(t)
	u, _ := url.Parse(taken)
	for _, address := range []string{"127.0.0.1:", "[::1]:"} {
		squatter, err := net.Listen("tcp", address+u.Port())
		if err != nil {
			t.Log(err)
			continue
		}
		w.profile.RedirectURLs = []string{taken}
		v := newVisitor(t)
		_, err = w.browse(v)
		wantKind(t, err, agent.KindBusy, taken, "redirect_urls")
		if len(v.prompts) > 0 {
			t.Error("a browser was opened")
		}
		w.profile.RedirectURLs = []string{taken, good}
		if _, err := w.browse(newVisitor(t)); err != nil {
			t.Error(err)
		}
		squatter.Close()
	}
}

func TestBrowserOtherUser(t *testing.T) {
	w := newBrowserWorld(t, setup{
		pool:   userpool.PoolConfig{IdentityProviders: []userpool.IdentityProvider{{Name: "Google"}}},
		client: userpool.Client{IdentityProviders: []string{"COGNITO", "Google"}},
	})
	for _, name := range []string{"", "ROB", "rob@example.com", "Rob@Example.com"} {
		w.profile.Username = name
		w.browsed()
	}
	w.profile.Username = "eve"
	v := newVisitor(t)
	_, err := w.browse(v)
	wantKind(t, err, agent.KindUnexpectedIdentity, "you signed in as rob@example.com, but the profile is for eve", "/logout?")
	v.shows("You are not signed in", "eve")
	if w.server.Count("/oauth2/revoke") == 0 {
		t.Error("the refresh token was not revoked")
	}
	w.profile.Username = "1234567890"
	v = newVisitor(t)
	v.username, v.provider = "1234567890", "Google"
	g, err := w.browse(v)
	if err != nil {
		t.Fatal(err)
	}
	if claims := claimsOf(t, g.IDToken); claims.Raw["identities"] == nil || !strings.EqualFold(g.Username, "Google_1234567890") {
		t.Errorf("username %s, claims %v", g.Username, claims.Raw)
	}
}

func TestBrowserScopes(t *testing.T) {
	w := newBrowserWorld(t, setup{pool: userpool.PoolConfig{ResourceServers: map[string][]string{"api": {"read"}}},
		client: userpool.Client{OAuthScopes: []string{"openid", "email", "api/read"}}})
	w.profile.Scopes = []string{"api/read"}
	g := w.browsed()
	if claims := claimsOf(t, g.AccessToken); g.IDToken != "" || claims.Raw["scope"] != "api/read" {
		t.Errorf("claims %v", claims.Raw)
	}
	if next, err := w.refresh(g); err != nil || next.IDToken != "" {
		t.Errorf("renewed: %v", err)
	}
	w.profile.Username = "rob@example.com"
	_, err := w.browse(newVisitor(t))
	wantKind(t, err, agent.KindUnexpectedIdentity, "openid")
	w.profile.Scopes = []string{"openid", "api/write"}
	_, err = w.browse(newVisitor(t))
	wantKind(t, err, agent.KindScopeRefused, "openid api/write", "`scopes`")
}

// What a browser can bring instead of a code.
func TestBrowserErrors(t *testing.T) {
	for query, c := range map[string]struct {
		kind agent.Kind
		text string
	}{
		"error=access_denied&error_description=no+way%1b%5b31m": {agent.KindRefused, "refused in the browser: no way"},
		"error=access_denied":       {agent.KindRefused, "refused in the browser"},
		"error=login_required":      {agent.KindLoginRequired, "cogtok login prod"},
		"error=invalid_scope":       {agent.KindScopeRefused, "openid other"},
		"error=unauthorized_client": {agent.KindFlowNotEnabled, "Authorization code grant"},
		"error=invalid_request&error_description=Bad+id_token+issuer+STATE":                  {agent.KindRefused, "Bad id_token issuer [redacted]"},
		"error=invalid_request&error_description=PreSignUp+failed+with+error+no+strangers.+": {agent.KindLambda, "the user pool refuses: PreSignUp failed with error no strangers"},
		"error=server_error":                    {agent.KindService, "trouble"},
		"error=marker%1b%5b31m":                 {agent.KindRefused, "an unknown error"},
		"error=something_new":                   {agent.KindRefused, "something_new"},
		"code=a&code=b":                         {agent.KindService, "makes no sense"},
		"nothing=x":                             {agent.KindService, "makes no sense"},
		"code=a&iss=https%3A%2F%2Fevil.example": {agent.KindUnexpectedIdentity, "not of the user pool"},
		"code=marker":                           {agent.KindCodeExpired, "used already"},
	} {
		t.Run(query, func(t *testing.T) {
			w := newBrowserWorld(t, setup{})
			w.profile.Scopes = []string{"openid", "other"}
			v := newVisitor(t)
			v.username = ""
			pasted := func(string) (string, error) {
				u, _ := url.Parse(v.prompts[0].URL)
				state := u.Query().Get("state")
				return strings.ReplaceAll(query, "STATE", state) + "&state=" + state, nil
			}
			v.answer = pasted
			_, err := w.browse(v)
			wantKind(t, err, c.kind, c.text)
		})
	}
}

// A code is good once, and only with the verifier of the sign-in that it is of.
func TestBrowserCodes(t *testing.T) {
	w := newBrowserWorld(t, setup{})
	first := newVisitor(t)
	var code string
	first.stay, first.answer = true, func(address string) (string, error) {
		u, err := url.Parse(address)
		if err != nil {
			return "", err
		}
		code = u.Query().Get("code")
		return "", agent.Errorf(agent.KindPromptUnanswered, "profile prod: no")
	}
	if _, err := w.browse(first); code == "" {
		t.Fatal(err)
	}
	thief := newVisitor(t)
	thief.username = ""
	thief.answer = func(string) (string, error) {
		u, _ := url.Parse(thief.prompts[0].URL)
		return "code=" + code + "&state=" + u.Query().Get("state"), nil
	}
	_, err := w.browse(thief)
	wantKind(t, err, agent.KindCodeExpired)

	// The exchange is not sent again, whatever happens to the answer.
	w.server.Fail("/oauth2/token", userpool.LoseAnswer, 1)
	before := w.server.Count("/oauth2/token")
	_, err = w.browse(newVisitor(t))
	wantKind(t, err, agent.KindNetwork)
	if n := w.server.Count("/oauth2/token") - before; n != 1 {
		t.Errorf("the code was sent %d times", n)
	}
}

func TestBrowserRefreshTrouble(t *testing.T) {
	for fault, kind := range map[userpool.Fault]agent.Kind{
		userpool.Throttle: agent.KindThrottled, userpool.InternalError: agent.KindService, userpool.LoseAnswer: agent.KindNetwork,
	} {
		w := newBrowserWorld(t, setup{})
		g := w.browsed()
		before := w.server.Count("/oauth2/token")
		w.server.Fail("/oauth2/token", fault, 1)
		_, err := w.refresh(g)
		wantKind(t, err, kind)
		if n := w.server.Count("/oauth2/token") - before; n != 1 {
			t.Errorf("the refresh token was sent %d times", n)
		}
	}
	w := newBrowserWorld(t, setup{})
	_, err := w.refresh(session.Grant{})
	wantKind(t, err, agent.KindLoginRequired)
	w.secret = agent.NewSecret(clientSecret)
	_, err = w.refresh(grant())
	wantKind(t, err, agent.KindClientSecret, "client-secret")
	secretive := newBrowserWorld(t, setup{secret: true})
	secretive.secret = agent.Secret{}
	_, err = secretive.refresh(grant())
	wantKind(t, err, agent.KindClientSecret, "none is stored")
}

// A fakeDomain is a user pool's servers, both of them, that answer as a test likes.
type fakeDomain struct {
	world
	document map[string]any
	token    func(w http.ResponseWriter, nonce string)
	nonce    string
}

func newFakeDomain(t *testing.T) *fakeDomain {
	t.Helper()
	noAWSConfig(t)
	f := &fakeDomain{world: world{t: t, log: &logBook{}}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/" + poolID + "/.well-known/openid-configuration":
			_ = json.NewEncoder(w).Encode(f.document)
		case "/token":
			f.token(w, f.nonce)
		case "/authorize":
			f.nonce = r.URL.Query().Get("nonce")
			back := url.Values{"code": {"marker-code"}, "state": {r.URL.Query().Get("state")}}
			http.Redirect(w, r, r.URL.Query().Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
		default:
			w.WriteHeader(404)
		}
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(server.Close)
	f.document = map[string]any{"authorization_endpoint": server.URL + "/authorize", "token_endpoint": server.URL + "/token"}
	f.profile = profiles.Profile{
		Name: "prod", Region: "us-east-1", UserPoolID: poolID, ClientID: "client", Auth: profiles.AuthBrowser,
		Endpoint: server.URL, RedirectURLs: []string{freeCallback(t)},
	}
	f.provider = cognito.New(cognito.Config{Logf: f.log.logf, BrowserTimeout: 10 * time.Second})
	t.Cleanup(func() { f.noMarkers("the log", f.log.text()) })
	return f
}

// fakeToken is a token whose signature nobody checks.
func fakeToken(use string, changes map[string]any) string {
	now := time.Now().Unix()
	claims := map[string]any{"iss": "https://x/" + poolID, "sub": "s", "token_use": use, "exp": now + 3600, "iat": now}
	if use == "id" {
		claims["aud"], claims["cognito:username"] = "client", "rob"
	} else {
		claims["client_id"], claims["username"] = "client", "rob"
	}
	for name, value := range changes {
		claims[name] = value
	}
	text, _ := json.Marshal(claims)
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"RS256"}`)) + "." + part(text) + "." + part([]byte("signature"))
}

func TestBrowserTokens(t *testing.T) {
	for name, c := range map[string]struct {
		access, id map[string]any
		kind       agent.Kind // empty: they are taken
	}{
		"good":              {nil, map[string]any{"nonce": "NONCE"}, ""},
		"no nonce":          {nil, nil, ""}, // of an emulator
		"other nonce":       {nil, map[string]any{"nonce": "x"}, agent.KindUnexpectedIdentity},
		"nonce is a number": {nil, map[string]any{"nonce": 7}, agent.KindUnexpectedIdentity},
		"other issuer":      {map[string]any{"iss": "https://x/us-east-1_Other"}, map[string]any{"nonce": "NONCE"}, agent.KindUnexpectedIdentity},
		"other client":      {map[string]any{"client_id": "other"}, map[string]any{"nonce": "NONCE"}, agent.KindUnexpectedIdentity},
		"other subject":     {nil, map[string]any{"nonce": "NONCE", "sub": "other"}, agent.KindUnexpectedIdentity},
		"swapped":           {map[string]any{"token_use": "id"}, map[string]any{"nonce": "NONCE"}, agent.KindService},
		"no user":           {map[string]any{"username": ""}, map[string]any{"nonce": "NONCE"}, agent.KindService},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeDomain(t)
			f.token = func(w http.ResponseWriter, nonce string) {
				if c.id["nonce"] == "NONCE" {
					c.id["nonce"] = nonce
				}
				_ = json.NewEncoder(w).Encode(map[string]any{
					"access_token": fakeToken("access", c.access), "id_token": fakeToken("id", c.id), "refresh_token": "marker-refresh", "token_type": "Bearer",
				})
			}
			v := newVisitor(t)
			_, err := f.browse(v)
			if c.kind != "" || err != nil {
				wantKind(t, err, c.kind)
			}
		})
	}
}

func TestOAuthStrangeServers(t *testing.T) {
	for name, c := range map[string]struct {
		token    func(w http.ResponseWriter, nonce string)
		document map[string]any // changes
		kind     agent.Kind
		text     string
	}{
		"page": {func(w http.ResponseWriter, _ string) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<html>marker")
		}, nil, agent.KindService, "web page"},
		"redirect": {func(w http.ResponseWriter, _ string) {
			w.Header().Set("Location", "https://evil.example/")
			w.WriteHeader(302)
		}, nil, agent.KindService, "HTTP 302"},
		"502":            {func(w http.ResponseWriter, _ string) { w.WriteHeader(502) }, nil, agent.KindService, "HTTP 502"},
		"429":            {func(w http.ResponseWriter, _ string) { w.WriteHeader(429) }, nil, agent.KindThrottled, "too many"},
		"garbage":        {func(w http.ResponseWriter, _ string) { fmt.Fprint(w, "marker") }, nil, agent.KindService, "no sense"},
		"no tokens":      {func(w http.ResponseWriter, _ string) { fmt.Fprint(w, "{}") }, nil, agent.KindService, "no sense"},
		"bad token":      {func(w http.ResponseWriter, _ string) { fmt.Fprint(w, `{"access_token":"marker"}`) }, nil, agent.KindService, "no sense"},
		"long":           {func(w http.ResponseWriter, _ string) { fmt.Fprint(w, strings.Repeat(" ", 2<<20)) }, nil, agent.KindService, "longer"},
		"cut":            {func(w http.ResponseWriter, _ string) { cutOff(w) }, nil, agent.KindNetwork, "cut"},
		"echo":           {func(w http.ResponseWriter, _ string) { w.WriteHeader(400); fmt.Fprint(w, `{"error":"marker-code"}`) }, nil, agent.KindRefused, "unknown error"},
		"http elsewhere": {nil, map[string]any{"token_endpoint": "http://evil.example/token"}, agent.KindService, "not safe"},
		"user in it":     {nil, map[string]any{"token_endpoint": "https://a@evil.example/token"}, agent.KindService, "not safe"},
		"script":         {nil, map[string]any{"authorization_endpoint": "javascript:alert(1)"}, agent.KindService, "not safe"},
		"no endpoints":   {nil, map[string]any{"token_endpoint": nil}, agent.KindConfig, "has no domain"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeDomain(t)
			f.token = c.token
			for member, value := range c.document {
				f.document[member] = value
			}
			v := newVisitor(t)
			_, err := f.browse(v)
			wantKind(t, err, c.kind, c.text)
			if c.document != nil && len(v.prompts) > 0 {
				t.Error("a browser was opened")
			}
		})
	}
}

// At AWS an ID token without the nonce is refused.
func TestOAuthNonceAtAWS(t *testing.T) {
	f := newFakeDomain(t)
	f.token = func(w http.ResponseWriter, _ string) {
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": fakeToken("access", nil), "id_token": fakeToken("id", nil)})
	}
	f.profile.Domain = strings.TrimSuffix(f.document["token_endpoint"].(string), "/token")
	f.provider = cognito.NewWithTransport(cognito.Config{Logf: f.log.logf, BrowserTimeout: 10 * time.Second}, roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host == "cognito-idp.us-east-1.amazonaws.com" {
			w := httptest.NewRecorder()
			_ = json.NewEncoder(w).Encode(f.document)
			return w.Result(), nil
		}
		return http.DefaultTransport.RoundTrip(r)
	}))
	f.profile.Endpoint = ""
	_, err := f.browse(newVisitor(t))
	wantKind(t, err, agent.KindUnexpectedIdentity, "not made for this sign-in")
}

func TestClientCredentials(t *testing.T) {
	w := newWorld(t, setup{
		auth: profiles.AuthClientCredentials, secret: true, pool: userpool.PoolConfig{ResourceServers: map[string][]string{"api": {"read", "write"}}},
		client: userpool.Client{OAuthFlows: []string{"client_credentials"}, OAuthScopes: []string{"api/read"}},
	})
	domain, err := w.pool.StartDomain("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.profile.Username = ""
	for _, at := range []string{"", domain} {
		w.profile.Domain = at
		g, err := w.browse(nil)
		if err != nil {
			t.Fatal(err)
		}
		if claims := claimsOf(t, g.AccessToken); g.IDToken != "" || !g.RefreshToken.Empty() || g.SignedInAt.IsZero() || claims.Raw["scope"] != "api/read" {
			t.Errorf("grant %+v, claims %v", g, claims.Raw)
		}
		before := w.server.Count("/oauth2/token")
		next, err := w.refresh(g)
		if err != nil || !next.SignedInAt.Equal(g.SignedInAt) || w.server.Count("/oauth2/token") != before+1 {
			t.Errorf("renewed: %+v, %v", next, err)
		}
		if err := w.provider.Revoke(t.Context(), w.profile, w.secret, next); err != nil {
			t.Error(err)
		}
	}
	if url, err := w.provider.LogoutURL(t.Context(), w.profile); url != "" || err != nil {
		t.Errorf("%q, %v", url, err)
	}
	w.profile.Scopes = []string{"api/write"}
	_, err = w.browse(nil)
	wantKind(t, err, agent.KindScopeRefused, "api/write")
	w.secret = agent.NewSecret("marker-wrong")
	_, err = w.browse(nil)
	wantKind(t, err, agent.KindClientSecret, "cogtok secret set prod client-secret")
	w.secret = agent.Secret{}
	_, err = w.browse(nil)
	wantKind(t, err, agent.KindClientSecret, "cogtok secret set prod client-secret")
	other := newBrowserWorld(t, setup{secret: true})
	other.profile.Auth = profiles.AuthClientCredentials
	_, err = other.browse(nil)
	wantKind(t, err, agent.KindFlowNotEnabled, "Client credentials")
}

// Discovery is asked for once, and not having it is no reason to stop where the
// config has the domain.
func TestOAuthDiscoveryKept(t *testing.T) {
	asked := 0
	answer := func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		if strings.HasSuffix(r.URL.Path, "openid-configuration") {
			asked++
			w.WriteHeader(404)
		} else {
			fmt.Fprintf(w, `{"access_token":%q}`, fakeToken("access", map[string]any{"username": ""}))
		}
		return w.Result(), nil
	}
	p := cognito.NewWithTransport(cognito.Config{}, roundTripper(answer))
	profile := profiles.Profile{Name: "prod", Region: "us-east-1", UserPoolID: poolID, ClientID: "client", Auth: profiles.AuthClientCredentials, Domain: "https://login.example.com"}
	for range 3 {
		if _, err := p.SignIn(t.Context(), profile, session.Login{ClientSecret: agent.NewSecret(clientSecret)}); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	profile.Domain = ""
	_, err := p.SignIn(t.Context(), profile, session.Login{ClientSecret: agent.NewSecret(clientSecret)})
	wantKind(t, err, agent.KindClientNotFound, "cognito-idp.us-east-1.amazonaws.com")
}
