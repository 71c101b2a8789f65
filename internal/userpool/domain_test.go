package userpool_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/userpool"
)

func TestDiscoveryOfDomains(t *testing.T) {
	d := newLogin(t, loginPool(), loginClient())
	other := d.server.AddPool(userpool.PoolConfig{ID: "us-east-1_Other"})
	_, document := d.get("/us-east-1_Other/.well-known/openid-configuration")
	if document["authorization_endpoint"] != nil || other.DomainURL() != "" {
		t.Errorf("%v", document)
	}
	address, err := other.StartDomain("127.0.0.1:0")
	if err != nil || address == d.url || address != other.DomainURL() {
		t.Fatal(address, err)
	}
	if _, err := other.StartDomain("127.0.0.1:0"); err == nil {
		t.Error("a second domain")
	}
	for id, domain := range map[string]string{poolID: d.url, "us-east-1_Other": address} {
		_, document := d.get("/" + id + "/.well-known/openid-configuration")
		for name, path := range map[string]string{
			"authorization_endpoint": "/oauth2/authorize", "token_endpoint": "/oauth2/token", "userinfo_endpoint": "/oauth2/userInfo",
			"end_session_endpoint": "/logout", "revocation_endpoint": "/oauth2/revoke",
		} {
			if document[name] != domain+path {
				t.Errorf("%s: %v", name, document[name])
			}
		}
	}
	// A domain knows its own pool's clients alone.
	response, err := http.PostForm(address+"/oauth2/token", values([]string{"client_id", "main", "grant_type", "refresh_token", "refresh_token", "x"}))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); string(body) != `{"error":"invalid_client"}` {
		t.Errorf("%s", body)
	}
	_ = d.server.Close()
	for _, domain := range []string{d.url, address} {
		if _, err := http.Get(domain + "/error"); err == nil {
			t.Error("still served: " + domain)
		}
	}
}

func TestClientDefinitions(t *testing.T) {
	refused := func(change func(*userpool.Client)) (text string) {
		pool := userpool.New(userpool.Config{}).AddPool(loginPool())
		client := loginClient()
		change(&client)
		defer func() { text, _ = recover().(string) }()
		pool.AddClient(client)
		return ""
	}
	for _, address := range []string{
		"https://example.com", "http://localhost:1/x", "http://127.0.0.1:65535/", "http://[::1]:8400/", "myapp://x",
	} {
		if text := refused(func(c *userpool.Client) { c.CallbackURLs = []string{address} }); text != "" {
			t.Errorf("%s: %s", address, text)
		}
	}
	for _, address := range []string{
		"", "http://example.com/", "http://localhost.example.com/", "/callback", "https://example.com/#x", "javascript:alert(1)",
		"http://127.0.0.2/", "https:///x",
	} {
		if refused(func(c *userpool.Client) { c.CallbackURLs = []string{address} }) == "" {
			t.Errorf("callback %q taken", address)
		}
		if refused(func(c *userpool.Client) { c.LogoutURLs = []string{address} }) == "" {
			t.Errorf("logout %q taken", address)
		}
	}
	machine := func(c *userpool.Client) {
		c.OAuthFlows, c.OAuthScopes, c.Secret = []string{"client_credentials"}, []string{"https://api.example.com/read"}, secret
	}
	if text := refused(machine); text != "" {
		t.Error(text)
	}
	for text, change := range map[string]func(*userpool.Client){
		"OAuth flow not known here: implicit": func(c *userpool.Client) { c.OAuthFlows = []string{"implicit"} },
		"client_credentials excludes the code flow": func(c *userpool.Client) {
			machine(c)
			c.OAuthFlows = []string{"code", "client_credentials"}
		},
		"client_credentials needs a client secret": func(c *userpool.Client) {
			machine(c)
			c.Secret = ""
		},
		"client_credentials has custom scopes only, not openid": func(c *userpool.Client) {
			machine(c)
			c.OAuthScopes = append(c.OAuthScopes, "openid")
		},
		"OAuth flows and scopes need each other": func(c *userpool.Client) { c.OAuthScopes = nil },
		"the code flow needs a callback URL":     func(c *userpool.Client) { c.CallbackURLs = nil },
		"no resource server has the scope https://api.example.com/delete": func(c *userpool.Client) {
			c.OAuthScopes = []string{"https://api.example.com/delete"}
		},
		"no resource server has the scope read":      func(c *userpool.Client) { c.OAuthScopes = []string{"read"} },
		"the pool has no identity provider Facebook": func(c *userpool.Client) { c.IdentityProviders = []string{"Facebook"} },
	} {
		if got := refused(change); got != "userpool: app client main: "+text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
}

func TestCallsOfDomains(t *testing.T) {
	d := newLogin(t, loginPool(), loginClient())
	d.submit(d.authorize(), "username", "rob", "password", "wrong").says(incorrect)
	d.exchange("x").wrong(t, "invalid_grant", "")
	var got []string
	for _, c := range d.server.Calls() {
		got = append(got, strings.Join([]string{c.Operation, c.ClientID, c.Username, c.Error}, " "))
	}
	want := "/oauth2/authorize main  ,/login main  ,/login main rob NotAuthorizedException,/oauth2/token main  invalid_grant"
	if strings.Join(got, ",") != want {
		t.Errorf("%q", got)
	}
	calls := d.server.Calls()
	if d.server.Count("/login") != 2 || calls[len(calls)-1].Parameters["code_verifier"] != verifier {
		t.Errorf("%+v", calls)
	}
}

func TestFaultsOfDomains(t *testing.T) {
	d := newLogin(t, loginPool(), loginClient())
	const path = "/oauth2/token"
	token := d.exchange(d.login()).ok(t).text("refresh_token")
	ask := func() (int, string, error) {
		r := d.formRequest(d.url+path, values([]string{"grant_type", "refresh_token", "client_id", "main", "refresh_token", token}))
		response, err := (&http.Transport{}).RoundTrip(r)
		if err != nil {
			return 0, "", err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return response.StatusCode, string(body), err
	}
	for _, test := range []struct {
		fault  userpool.Fault
		status int
		body   string
	}{
		{userpool.Throttle, 429, `"error":"too_many_requests"`},
		{userpool.InternalError, 500, `"error":"server_error"`},
		{userpool.Unavailable, 503, "<html>"},
		{userpool.Garbage, 200, "\x1b[31m"},
		{userpool.HTML, 200, "<html>"},
		{userpool.UnknownOperation, 404, ""},
		{userpool.Reset, 0, ""},
		{userpool.LoseAnswer, 0, ""},
	} {
		d.server.Fail(path, test.fault, 1)
		status, body, err := ask()
		if status != test.status || !strings.Contains(body, test.body) || (err != nil) != (test.status == 0) {
			t.Errorf("%s: %d %q %v", test.fault, status, body, err)
		}
	}
	d.server.Delay(path, 30*time.Millisecond)
	start := time.Now()
	if status, _, _ := ask(); status != http.StatusOK || time.Since(start) < 30*time.Millisecond {
		t.Errorf("%d after %s", status, time.Since(start))
	}
	d.server.Heal()

	client := loginClient()
	client.Flows, client.Rotation = nil, true
	d.pool.UpdateClient(client)
	d.server.Fail(path, userpool.LoseAnswer, 1)
	if _, _, err := ask(); err == nil {
		t.Error("an answer came")
	}
	d.tokenCall("grant_type", "refresh_token", "client_id", "main", "refresh_token", token).wrong(t, "invalid_grant", "")
}
