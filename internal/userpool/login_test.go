package userpool_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/userpool"
)

const (
	callback  = "http://localhost:8400/callback"
	verifier  = "abcdefghijklmnopqrstuvwxyz-0123456789._~ABCDEF"
	incorrect = "Incorrect username or password."
)

// challenge is the code_challenge of verifier.
func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// loginPool is a pool with all that a domain can have.
func loginPool() userpool.PoolConfig {
	return userpool.PoolConfig{
		ResourceServers: map[string][]string{"https://api.example.com": {"read", "write"}},
		IdentityProviders: []userpool.IdentityProvider{
			{Name: "Google"}, {Name: "MySAML", Identifiers: []string{"corp.example.com"}}, {Name: "Unused"},
		},
	}
}

func loginClient() userpool.Client {
	return userpool.Client{
		ID: "main", Flows: allFlows(), OAuthFlows: []string{"code"},
		OAuthScopes:       []string{"openid", "email", "phone", "profile", "aws.cognito.signin.user.admin", "https://api.example.com/read"},
		CallbackURLs:      []string{callback, "https://app.example.com/?keep=1", "myapp://callback"},
		LogoutURLs:        []string{"http://localhost:8400/bye"},
		IdentityProviders: []string{"COGNITO", "Google", "MySAML"},
	}
}

// domain is a pool's domain, seen from one browser.
type domain struct {
	*world
	url    string
	client *http.Client
}

// newLogin is a world with a domain, an app client "main" and the user rob.
func newLogin(t *testing.T, config userpool.PoolConfig, client userpool.Client) *domain {
	t.Helper()
	w := newWorld(t, config)
	w.pool.AddClient(client)
	w.pool.AddUser(userpool.User{Username: "rob", Password: password, Email: "rob@example.com", Phone: "+15551234567",
		Attributes: map[string]string{"name": "Rob"}})
	address, err := w.pool.StartDomain("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &domain{world: w, url: address}
	d.newBrowser()
	return d
}

func (d *domain) newBrowser() {
	cookies, _ := cookiejar.New(nil)
	d.client = &http.Client{
		Jar:           cookies,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// shown is a page, or a redirect to the app.
type shown struct {
	t        *testing.T
	at       *url.URL // of the page
	status   int
	body     string
	location *url.URL // outside of the domain; nil: a page
	header   http.Header
}

// follow sends a request and follows redirects as long as they stay on the domain.
func (d *domain) follow(r *http.Request) shown {
	d.t.Helper()
	for {
		response, err := d.client.Do(r)
		if err != nil {
			d.t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		s := shown{t: d.t, at: r.URL, status: response.StatusCode, body: string(body), header: response.Header}
		if s.header.Get("Cache-Control") != "no-store" {
			d.t.Errorf("%s: Cache-Control %q", r.URL.Path, s.header.Get("Cache-Control"))
		}
		if response.StatusCode != http.StatusFound {
			return s
		}
		next, err := r.URL.Parse(response.Header.Get("Location"))
		if err != nil {
			d.t.Fatal(err)
		}
		if next.Host != r.URL.Host {
			s.location = next
			return s
		}
		r, _ = http.NewRequestWithContext(d.t.Context(), http.MethodGet, next.String(), nil)
	}
}

func (d *domain) open(path string, pairs ...string) shown {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.url+path+"?"+values(pairs).Encode(), nil)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.follow(r)
}

func values(pairs []string) url.Values {
	v := url.Values{}
	for name, value := range texts(pairs) {
		if value != "-" {
			v.Set(name, value)
		}
	}
	return v
}

// authorize opens an authorization request; pairs change the usual parameters,
// "-" leaves one out.
func (d *domain) authorize(pairs ...string) shown {
	d.t.Helper()
	return d.open("/oauth2/authorize", append([]string{"response_type", "code", "client_id", "main", "redirect_uri", callback,
		"state", "st&te", "nonce", "n0nce", "code_challenge", challenge(), "code_challenge_method", "S256"}, pairs...)...)
}

var (
	formAction = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	hidden     = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
	getForm    = regexp.MustCompile(`(?s)<form method="get" action="([^"]*)">(.*?)</form>`)
)

// submit sends the page's form.
func (d *domain) submit(s shown, pairs ...string) shown {
	d.t.Helper()
	action := formAction.FindStringSubmatch(s.body)
	if action == nil {
		d.t.Fatalf("no form: %d %s", s.status, s.body)
	}
	form := values(pairs)
	for _, field := range hidden.FindAllStringSubmatch(getForm.ReplaceAllString(s.body, ""), -1) {
		if !form.Has(field[1]) {
			form.Set(field[1], html.UnescapeString(field[2]))
		}
	}
	target, err := s.at.Parse(html.UnescapeString(action[1]))
	if err != nil {
		d.t.Fatal(err)
	}
	return d.follow(d.formRequest(target.String(), form))
}

func (d *domain) formRequest(address string, form url.Values) *http.Request {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// press presses a button of the page's form that goes elsewhere.
func (d *domain) press(s shown, name, value string) shown {
	d.t.Helper()
	form := getForm.FindStringSubmatch(s.body)
	if form == nil || !strings.Contains(form[2], `name="`+name+`" value="`+value+`"`) {
		d.t.Fatalf("no such button: %s", s.body)
	}
	query := url.Values{name: {value}}
	for _, field := range hidden.FindAllStringSubmatch(form[2], -1) {
		query.Add(field[1], html.UnescapeString(field[2]))
	}
	target, _ := s.at.Parse(form[1] + "?" + query.Encode())
	r, _ := http.NewRequestWithContext(d.t.Context(), http.MethodGet, target.String(), nil)
	return d.follow(r)
}

// says wants a page with a text.
func (s shown) says(text string) shown {
	s.t.Helper()
	if s.location != nil || s.status != http.StatusOK || !strings.Contains(html.UnescapeString(s.body), text) {
		s.t.Fatalf("no page with %q: %d %v %s", text, s.status, s.location, s.body)
	}
	return s
}

// code wants a return to the app with a code.
func (s shown) code() string {
	s.t.Helper()
	if s.location == nil || s.location.Query().Get("code") == "" {
		s.t.Fatalf("no code: %d %v %s", s.status, s.location, s.body)
	}
	return s.location.Query().Get("code")
}

// failed wants a return to the app with an error.
func (s shown) failed(word string) {
	s.t.Helper()
	if s.location == nil || s.location.Query().Get("error") != word || s.location.Query().Has("code") {
		s.t.Errorf("no %s: %d %v %s", word, s.status, s.location, s.body)
	}
}

// stays wants the domain's error page.
func (s shown) stays(word string) {
	s.t.Helper()
	if s.location != nil || s.status != http.StatusBadRequest || s.at.Path != "/error" || s.at.Query().Get("error") != word {
		s.t.Errorf("no page about %s: %d %s %v", word, s.status, s.at, s.location)
	}
}

// login signs rob in and returns the code.
func (d *domain) login(pairs ...string) string {
	d.t.Helper()
	return d.submit(d.authorize(pairs...), "username", "rob", "password", password).code()
}

// tokenCall posts to the token endpoint; "basic" is the header's content.
func (d *domain) tokenCall(pairs ...string) answer { return d.post("/oauth2/token", pairs...) }

func (d *domain) post(path string, pairs ...string) answer {
	d.t.Helper()
	form := values(pairs)
	basic := form.Get("basic")
	form.Del("basic")
	r := d.formRequest(d.url+path, form)
	if basic != "" {
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(basic)))
	}
	return d.raw(r)
}

func (d *domain) raw(r *http.Request) answer {
	d.t.Helper()
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	data, _ := io.ReadAll(response.Body)
	a := answer{status: response.StatusCode, header: response.Header}
	_ = json.Unmarshal(data, &a.body)
	a.errType, a.message = a.text("error"), a.text("error_description")
	if a.header.Get("Cache-Control") != "no-store" {
		d.t.Errorf("Cache-Control %q", a.header.Get("Cache-Control"))
	}
	return a
}

func (d *domain) exchange(code string, pairs ...string) answer {
	d.t.Helper()
	return d.tokenCall(append([]string{"grant_type", "authorization_code", "client_id", "main", "code", code,
		"redirect_uri", callback, "code_verifier", verifier}, pairs...)...)
}

// ok wants tokens.
func (a answer) ok(t *testing.T) answer {
	t.Helper()
	if a.status != http.StatusOK || a.text("access_token") == "" {
		t.Fatalf("no tokens: %d %v", a.status, a.body)
	}
	return a
}

// wrong wants an OAuth error with HTTP 400.
func (a answer) wrong(t *testing.T, word, description string) {
	t.Helper()
	if a.status != http.StatusBadRequest || a.errType != word || a.message != description {
		t.Errorf("got %d %v, want %s %q", a.status, a.body, word, description)
	}
}

func TestAuthorizeRefusals(t *testing.T) {
	d := newLogin(t, loginPool(), loginClient())
	d.pool.AddClient(userpool.Client{ID: "noflow", CallbackURLs: []string{callback}})
	for name, pairs := range map[string][]string{
		"no client":       {"client_id", "-"},
		"unknown client":  {"client_id", "nobody"},
		"no redirect_uri": {"redirect_uri", "-"},
		"other port":      {"redirect_uri", "http://localhost:8401/callback"},
		"other path":      {"redirect_uri", callback + "/"},
		"other host":      {"redirect_uri", "http://127.0.0.1:8400/callback"},
		"more query":      {"redirect_uri", callback + "?x=1"},
	} {
		t.Run(name, func(t *testing.T) { d.authorize(pairs...).stays("redirect_mismatch") })
	}
	for name, test := range map[string]struct {
		word  string
		pairs []string
	}{
		"no response_type":      {"invalid_request", []string{"response_type", "-"}},
		"implicit":              {"unauthorized_client", []string{"response_type", "token"}},
		"unknown response_type": {"unsupported_response_type", []string{"response_type", "code id_token"}},
		"client without flow":   {"unauthorized_client", []string{"client_id", "noflow"}},
		"no challenge":          {"invalid_request", []string{"code_challenge", "-"}},
		"no method":             {"invalid_request", []string{"code_challenge_method", "-"}},
		"plain":                 {"invalid_request", []string{"code_challenge_method", "plain"}},
		"short challenge":       {"invalid_request", []string{"code_challenge", "abc"}},
		"unknown scope":         {"invalid_scope", []string{"scope", "openid other"}},
		"scope of others":       {"invalid_scope", []string{"scope", "openid https://api.example.com/write"}},
		"email without openid":  {"invalid_scope", []string{"scope", "email"}},
		"unknown provider":      {"invalid_request", []string{"identity_provider", "Facebook"}},
		"provider of others":    {"invalid_request", []string{"identity_provider", "Unused"}},
		"unknown identifier":    {"invalid_request", []string{"idp_identifier", "example.org"}},
		"provider twice":        {"invalid_request", []string{"idp_identifier", "corp.example.com", "identity_provider", "MySAML"}},
		"unknown prompt":        {"invalid_request", []string{"prompt", "create"}},
		"none and login":        {"invalid_request", []string{"prompt", "none login"}},
		"nobody signed in":      {"login_required", []string{"prompt", "none"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := d.authorize(test.pairs...)
			s.failed(test.word)
			if s.location.Query().Get("state") != "st&te" || !strings.HasPrefix(s.location.String(), callback+"?") {
				t.Error(s.location)
			}
		})
	}
	t.Run("repeated", func(t *testing.T) {
		r, _ := http.NewRequest(http.MethodGet, d.url+"/oauth2/authorize?response_type=code&client_id=main&scope=openid&scope=email&redirect_uri="+url.QueryEscape(callback), nil)
		d.follow(r).failed("invalid_request")
	})
	t.Run("POST", func(t *testing.T) {
		if a := d.post("/oauth2/authorize", "client_id", "main"); a.status != http.StatusMethodNotAllowed {
			t.Error(a.status)
		}
	})
	t.Run("unknown path", func(t *testing.T) {
		if s := d.open("/signup"); s.status != http.StatusNotFound {
			t.Error(s.status)
		}
	})
}

func TestAuthorizeReturns(t *testing.T) {
	d := newLogin(t, loginPool(), loginClient())
	for _, address := range loginClient().CallbackURLs {
		d.newBrowser()
		s := d.submit(d.authorize("redirect_uri", address), "username", "rob", "password", password)
		s.code()
		if !strings.HasPrefix(s.location.String(), address) || s.location.Query().Get("state") != "st&te" {
			t.Error(s.location)
		}
	}
	if s := d.authorize("state", "-"); s.location.Query().Has("state") {
		t.Error(s.location)
	}
}

func TestPageHeaders(t *testing.T) {
	d := newLogin(t, loginPool(), loginClient())
	s := d.authorize("login_hint", `"><script>alert(1)</script>`, "state", `"><script>alert(2)</script>`)
	if strings.Contains(s.body, "<script") {
		t.Error(s.body)
	}
	policy := s.header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "script-src") || s.header.Get("X-Frame-Options") != "DENY" {
		t.Error(s.header)
	}
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(s.body)
	sum := sha256.Sum256([]byte(style[1]))
	if !strings.Contains(policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
		t.Errorf("the style sheet isn't the allowed one: %s", policy)
	}
	s = d.open("/error", "error", "<script>", "client_id", "x")
	if strings.Contains(s.body, "<script") || s.status != http.StatusBadRequest {
		t.Error(s.status, s.body)
	}
}

func TestPasswordPage(t *testing.T) {
	d := newLogin(t, loginPool(), loginClient())
	s := d.authorize("login_hint", "rob")
	if !strings.Contains(s.body, `name="username" value="rob"`) {
		t.Error(s.body)
	}
	s = d.submit(s, "username", "rob", "password", "wrong").says(incorrect)
	if a := d.pool.PasswordAttempts("rob"); a.Failures != 1 {
		t.Errorf("%+v", a)
	}
	d.submit(s, "username", "nobody", "password", "wrong").says("User does not exist.")
	d.submit(s, "username", "rob", "password", "").says("Missing required parameter PASSWORD")
	d.submit(s, "username", "rob", "password", password).code()

	client := loginClient()
	client.PreventUserExistenceErrors = true
	d.pool.UpdateClient(client)
	d.submit(s, "username", "nobody", "password", "wrong").says(incorrect)
	for range 5 {
		d.submit(s, "username", "rob", "password", "wrong").says(incorrect)
	}
	d.submit(s, "username", "rob", "password", password).says("Password attempts exceeded")
	d.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password).
		refused(t, notAuthorized, "Password attempts exceeded")
	d.clock.advance(2 * time.Second)
	d.submit(s, "username", "rob", "password", password).code()
}

func TestPasswordPageRefusesUsers(t *testing.T) {
	d := newLogin(t, loginPool(), loginClient())
	for name, status := range map[string]userpool.Status{"new": userpool.Unconfirmed, "reset": userpool.ResetRequired} {
		d.pool.AddUser(userpool.User{Username: name, Password: password, Status: status})
	}
	d.pool.AddUser(userpool.User{Username: "off", Password: password, Disabled: true})
	for name, text := range map[string]string{
		"new": "User is not confirmed.", "reset": "Password reset required for the user", "off": "User is disabled.",
	} {
		d.submit(d.authorize(), "username", name, "password", password).says(text)
	}
}

func TestForeignForms(t *testing.T) {
	d := newLogin(t, loginPool(), loginClient())
	s := d.authorize()
	if got := d.submit(s, "username", "rob", "password", password, "_csrf", "other"); got.status != http.StatusForbidden {
		t.Error(got.status, got.location)
	}
	d.newBrowser() // without the cookie
	if got := d.submit(s, "username", "rob", "password", password); got.status != http.StatusForbidden {
		t.Error(got.status, got.location)
	}
	if a := d.pool.PasswordAttempts("rob"); a.Total != 0 {
		t.Errorf("%+v", a)
	}
}

func TestBrowserSession(t *testing.T) {
	d := newLogin(t, loginPool(), loginClient())
	d.pool.AddUser(userpool.User{Username: "ann", Password: password})
	d.login()
	d.clock.advance(30 * time.Minute)
	_, claims := d.parse(d.exchange(d.authorize("prompt", "none").code()).ok(t).text("id_token"))
	if claims["auth_time"] != float64(d.clock.Now().Add(-30*time.Minute).Unix()) {
		t.Errorf("auth_time %v", claims["auth_time"])
	}
	d.authorize("login_hint", "rob").code()
	d.authorize("login_hint", "ann").says("Sign in")
	d.authorize("login_hint", "ann", "prompt", "none").failed("login_required")
	d.authorize("prompt", "login").says("Sign in")
	d.authorize("prompt", "consent").code()
	d.authorize("identity_provider", "Google").says("Sign in with Google")
	s := d.authorize("prompt", "select_account").says("Continue as rob")
	d.submit(s, "account", "continue").code()
	link := regexp.MustCompile(`<a href="([^"]*)"`).FindStringSubmatch(s.body)
	r, _ := http.NewRequest(http.MethodGet, d.url+html.UnescapeString(link[1]), nil)
	d.submit(d.follow(r).says("Password"), "username", "ann", "password", password).code()
	d.submit(d.authorize("prompt", "login"), "username", "rob", "password", password).code()
	d.clock.advance(-30 * time.Minute)
	d.submit(d.authorize("prompt", "login"), "username", "rob", "password", password).code()
	d.clock.advance(30 * time.Minute)

	d.pool.SignOutEverywhere("rob") // doesn't end it
	d.authorize().code()
	d.pool.Disable("rob")
	d.authorize().says("Sign in")
	d.pool.Enable("rob")
	d.clock.advance(29 * time.Minute)
	d.authorize().code()
	d.clock.advance(time.Minute) // fixed: use doesn't prolong it
	d.authorize("prompt", "none").failed("login_required")
}

func TestLogout(t *testing.T) {
	d := newLogin(t, loginPool(), loginClient())
	d.login()
	d.open("/logout", "client_id", "nobody").stays("invalid_request")
	d.open("/logout", "client_id", "main").stays("invalid_request")
	d.open("/logout", "client_id", "main", "logout_uri", "http://localhost:8400/bye/").stays("redirect_mismatch")
	d.open("/logout", "client_id", "main", "redirect_uri", "http://localhost:1/", "response_type", "code").stays("redirect_mismatch")
	d.open("/logout", "client_id", "main", "redirect_uri", callback).failed("invalid_request")
	d.authorize().code() // none of those signed out
	if s := d.open("/logout", "client_id", "main", "logout_uri", "http://localhost:8400/bye"); s.location == nil || s.location.String() != "http://localhost:8400/bye" {
		t.Error(s)
	}
	d.authorize("prompt", "none").failed("login_required")

	d.login()
	s := d.open("/logout", "client_id", "main", "redirect_uri", callback, "response_type", "code", "state", "x").says("Sign in")
	d.authorize("prompt", "none").failed("login_required")
	if s = d.submit(s, "username", "rob", "password", password); s.code() == "" || s.location.Query().Get("state") != "x" {
		t.Error(s.location)
	}
}

func TestMFAPages(t *testing.T) {
	const seed = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	d := newLogin(t, loginPool(), loginClient())
	d.pool.AddUser(userpool.User{Username: "tot", Password: password, TOTPSeed: seed})
	d.pool.AddUser(userpool.User{Username: "sms", Password: password, Phone: "+15557654321", SMSMFA: true})
	d.pool.AddUser(userpool.User{Username: "both", Password: password, Phone: "+15557654321", SMSMFA: true, TOTPSeed: seed})

	s := d.submit(d.authorize(), "username", "tot", "password", password).says("authenticator app")
	s = d.submit(s, "code", "000000").says("Invalid verification code provided, please try again.")
	if a := d.pool.CodeAttempts("tot"); a.Failures != 1 {
		t.Errorf("%+v", a)
	}
	d.submit(s, "code", d.code(seed)).code()
	d.submit(s, "code", d.code(seed)).says("Invalid session for the user.")

	d.newBrowser()
	s = d.submit(d.authorize(), "username", "sms", "password", password).says("+*******4321")
	d.submit(s, "code", d.pool.LastCode("sms")).code()

	d.newBrowser()
	s = d.submit(d.authorize(), "username", "both", "password", password).says("Choose how to get a code")
	s = d.submit(s, "answer", "SMS_MFA").says("text message")
	// What waits on a page is no Session of the API.
	session := regexp.MustCompile(`name="session" value="([^"]*)"`).FindStringSubmatch(s.body)[1]
	d.respond("main", "SMS_MFA", session, "USERNAME", "both", "SMS_MFA_CODE", d.pool.LastCode("both")).
		refused(t, notAuthorized, "Invalid session for the user.")
	d.clock.advance(4 * time.Minute)
	d.submit(s, "code", d.pool.LastCode("both")).says("Invalid session for the user, session is expired.")
}

func TestMFASetupPage(t *testing.T) {
	config := loginPool()
	config.MFA = userpool.MFARequired
	d := newLogin(t, config, loginClient())
	s := d.submit(d.authorize(), "username", "rob", "password", password).says("Set up an authenticator app")
	seed := regexp.MustCompile(`<code id="secret">([A-Z2-7]+)</code>`).FindStringSubmatch(s.body)[1]
	s = d.submit(s, "code", "000000").says("Code mismatch")
	if !strings.Contains(s.body, seed) {
		t.Error("another key after a wrong code")
	}
	d.submit(s, "code", d.code(seed)).code()
	d.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password)
}

func TestNewPasswordPage(t *testing.T) {
	config := loginPool()
	config.RequiredAttributes = []string{"name"}
	d := newLogin(t, config, loginClient())
	d.pool.AddUser(userpool.User{Username: "ann", Password: password, Status: userpool.ForceChangePassword})
	s := d.submit(d.authorize(), "username", "ann", "password", password).says("Set a new password")
	s = d.submit(s, "new_password", "short", "userAttributes.name", "Ann").says("Password not long enough")
	s = d.submit(s, "new_password", "Another horse 1").says("name is missing")
	d.submit(s, "new_password", "Another horse 1", "userAttributes.name", "Ann").code()
	d.newBrowser()
	d.submit(d.authorize(), "username", "ann", "password", "Another horse 1").code()
}

func TestFederation(t *testing.T) {
	d := newLogin(t, loginPool(), loginClient())
	s := d.press(d.authorize("scope", "openid email"), "identity_provider", "Google").says("Sign in with Google")
	s = d.submit(s, "user_id", "", "action", "continue").says("Enter a user id.")
	s = d.submit(s, "user_id", "1234", "email", "rob@example.com", "action", "continue")
	r := d.exchange(s.code()).ok(t)
	_, id := d.parse(r.text("id_token"))
	identity := id["identities"].([]any)[0].(object)
	if id["cognito:username"] != "Google_1234" || identity["userId"] != "1234" || identity["providerName"] != "Google" ||
		identity["providerType"] != "Google" || identity["primary"] != "true" || id["email"] != "rob@example.com" || id["email_verified"] != false {
		t.Errorf("%v", id)
	}
	if groups := id["cognito:groups"].([]any); groups[0] != poolID+"_Google" {
		t.Errorf("%v", groups)
	}
	d.authorize().code() // signed in
	d.authorize("identity_provider", "COGNITO").says("Password")

	d.newBrowser()
	s = d.authorize("idp_identifier", "corp.example.com").says("Sign in with MySAML")
	_, again := d.parse(d.exchange(d.submit(s, "user_id", "jane@corp", "action", "continue").code()).ok(t).text("access_token"))
	if again["username"] != "MySAML_jane@corp" {
		t.Errorf("%v", again)
	}
	d.newBrowser()
	s = d.submit(d.authorize("identity_provider", "Google"), "user_id", "1234", "action", "continue")
	if _, same := d.parse(d.exchange(s.code()).ok(t).text("id_token")); same["sub"] != id["sub"] {
		t.Error("another user at the second sign-in")
	}
	d.newBrowser()
	s = d.submit(d.authorize("identity_provider", "Google"), "action", "cancel")
	s.failed("invalid_request")
	if !strings.Contains(s.location.Query().Get("error_description"), "access_denied") {
		t.Error(s.location)
	}
	d.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "Google_1234", "PASSWORD", password).refused(t, notAuthorized, incorrect)
	d.pool.Disable("Google_1234")
	d.submit(d.authorize("identity_provider", "Google"), "user_id", "1234", "action", "continue").failed("invalid_request")
}

func TestClientWithoutOwnUsers(t *testing.T) {
	client := loginClient()
	client.IdentityProviders = []string{"Google"}
	d := newLogin(t, loginPool(), client)
	s := d.authorize().says("Continue with Google")
	if strings.Contains(s.body, "password") {
		t.Error(s.body)
	}
	d.authorize("identity_provider", "COGNITO").failed("invalid_request")
}
