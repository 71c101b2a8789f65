package userpool_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cogtok/cogtok/internal/userpool"
)

func TestCodeExchange(t *testing.T) {
	d := newLogin(t, loginPool(), loginClient())
	a := d.exchange(d.login()).ok(t)
	if a.body["token_type"] != "Bearer" || a.body["expires_in"] != 3600.0 || a.text("refresh_token") == "" || len(a.body) != 5 {
		t.Errorf("%v", a.body)
	}
	_, access := d.parse(a.text("access_token"))
	if access["scope"] != strings.Join(loginClient().OAuthScopes, " ") || access["version"] != 2.0 || access["username"] != "rob" || access["token_use"] != "access" {
		t.Errorf("access token: %v", access)
	}
	_, id := d.parse(a.text("id_token"))
	sum := sha256.Sum256([]byte(a.text("access_token")))
	if id["at_hash"] != base64.RawURLEncoding.EncodeToString(sum[:16]) || id["nonce"] != "n0nce" || id["aud"] != "main" || id["origin_jti"] != access["origin_jti"] {
		t.Errorf("ID token: %v", id)
	}
	if body := d.call("GetUser", object{"AccessToken": a.text("access_token")}); body.text("Username") != "rob" {
		t.Errorf("%v", body.body)
	}
}

func TestScopesShapeTokens(t *testing.T) {
	d := newLogin(t, loginPool(), loginClient())
	for scope, want := range map[string][]string{
		"openid":               {"email", "email_verified", "phone_number", "phone_number_verified", "name"},
		"openid email":         {"email", "email_verified"},
		"openid phone":         {"phone_number", "phone_number_verified"},
		"openid profile":       {"email", "email_verified", "phone_number", "phone_number_verified", "name"},
		"openid email phone":   {"email", "email_verified", "phone_number", "phone_number_verified"},
		"openid " + adminScope: {"email", "email_verified", "phone_number", "phone_number_verified", "name"},
	} {
		t.Run(scope, func(t *testing.T) {
			d.newBrowser()
			a := d.exchange(d.login("scope", scope)).ok(t)
			_, id := d.parse(a.text("id_token"))
			expectAttributes(t, id, want)
			_, access := d.parse(a.text("access_token"))
			if !sameScopes(access["scope"].(string), scope) {
				t.Errorf("scope %v", access["scope"])
			}
			status, info := d.userInfo("Bearer " + a.text("access_token"))
			if status != http.StatusOK || info["sub"] != id["sub"] || info["username"] != "rob" {
				t.Errorf("userInfo: %d %v", status, info)
			}
			expectAttributes(t, info, want)
		})
	}
}

const adminScope = "aws.cognito.signin.user.admin"

func sameScopes(a, b string) bool {
	count := map[string]int{}
	for _, scope := range strings.Fields(a) {
		count[scope]++
	}
	for _, scope := range strings.Fields(b) {
		count[scope]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

func expectAttributes[M ~map[string]any](t *testing.T, claims M, want []string) {
	t.Helper()
	for _, name := range []string{"email", "email_verified", "phone_number", "phone_number_verified", "name"} {
		_, has := claims[name]
		wanted := strings.Contains(" "+strings.Join(want, " ")+" ", " "+name+" ")
		if has != wanted {
			t.Errorf("%s: %v, want %v", name, has, wanted)
		}
	}
}

func TestTokensWithoutScopes(t *testing.T) {
	d := newLogin(t, loginPool(), loginClient())
	a := d.exchange(d.login("scope", "https://api.example.com/read")).ok(t)
	if a.text("id_token") != "" {
		t.Error("an ID token without openid")
	}
	token := object{"AccessToken": a.text("access_token")}
	for _, operation := range []string{"GetUser", "GlobalSignOut", "AssociateSoftwareToken"} {
		d.call(operation, token).refused(t, notAuthorized, "Access Token does not have required scopes")
	}
	if status, _ := d.userInfo("Bearer " + a.text("access_token")); status != http.StatusUnauthorized {
		t.Error(status)
	}
	again := d.tokenCall("grant_type", "refresh_token", "client_id", "main", "refresh_token", a.text("refresh_token")).ok(t)
	if again.text("id_token") != "" {
		t.Error("a refresh made an ID token without openid")
	}
	r := d.refresh(a.text("refresh_token")).result(t)
	if _, has := r["IdToken"]; has {
		t.Error("GetTokensFromRefreshToken made an ID token without openid")
	}
}

func TestCodeRefusals(t *testing.T) {
	d := newLogin(t, loginPool(), loginClient())
	other := loginClient()
	other.ID = "other"
	d.pool.AddClient(other)
	d.pool.AddClient(userpool.Client{ID: "noflow"})
	code := d.login()
	for name, test := range map[string]struct {
		word  string
		pairs []string
	}{
		"no code":              {"invalid_request", []string{"code", "-"}},
		"no redirect_uri":      {"invalid_request", []string{"redirect_uri", "-"}},
		"no client":            {"invalid_request", []string{"client_id", "-"}},
		"no grant_type":        {"invalid_request", []string{"grant_type", "-"}},
		"unknown grant_type":   {"unsupported_grant_type", []string{"grant_type", "password"}},
		"unknown client":       {"invalid_client", []string{"client_id", "nobody"}},
		"client without flow":  {"unauthorized_client", []string{"client_id", "noflow"}},
		"unknown code":         {"invalid_grant", []string{"code", "x"}},
		"other client":         {"invalid_grant", []string{"client_id", "other"}},
		"unknown redirect_uri": {"unauthorized_client", []string{"redirect_uri", callback + "/"}},
		"other redirect_uri":   {"invalid_grant", []string{"redirect_uri", "myapp://callback"}},
		"no verifier":          {"invalid_grant", []string{"code_verifier", "-"}},
		"wrong verifier":       {"invalid_grant", []string{"code_verifier", "x" + verifier}},
	} {
		t.Run(name, func(t *testing.T) { d.exchange(code, test.pairs...).wrong(t, test.word, "") })
	}
	d.exchange(code).ok(t) // none of those used it up

	t.Run("verifier without challenge", func(t *testing.T) {
		bare := d.authorize("code_challenge", "-", "code_challenge_method", "-").code()
		d.exchange(bare).wrong(t, "invalid_grant", "")
		d.exchange(bare, "code_verifier", "-").ok(t)
	})
	t.Run("short verifier", func(t *testing.T) {
		sum := sha256.Sum256([]byte("short"))
		weak := d.authorize("code_challenge", base64.RawURLEncoding.EncodeToString(sum[:])).code()
		d.exchange(weak, "code_verifier", "short").wrong(t, "invalid_grant", "")
	})
	t.Run("used", func(t *testing.T) {
		code := d.authorize().code()
		first := d.exchange(code).ok(t)
		d.exchange(code).wrong(t, "invalid_grant", "")
		d.refresh(first.text("refresh_token")).refused(t, notAuthorized, revoked)
		d.call("GetUser", object{"AccessToken": first.text("access_token")}).refused(t, notAuthorized, "Access Token has been revoked")
	})
	t.Run("in time", func(t *testing.T) {
		early, late := d.authorize().code(), d.authorize().code()
		d.clock.advance(5*time.Minute - time.Second)
		d.exchange(early).ok(t)
		d.clock.advance(time.Second)
		d.exchange(late).wrong(t, "invalid_grant", "")
	})
	t.Run("disabled user", func(t *testing.T) {
		code := d.authorize().code()
		d.pool.Disable("rob")
		d.exchange(code).wrong(t, "invalid_grant", "")
		d.pool.Enable("rob")
	})
}

func TestTokenRequestForm(t *testing.T) {
	d := newLogin(t, loginPool(), loginClient())
	form := url.Values{"grant_type": {"refresh_token"}, "client_id": {"main"}, "refresh_token": {"x"}}
	r := d.formRequest(d.url+"/oauth2/token", form)
	r.Header.Set("Content-Type", "application/json")
	d.raw(r).wrong(t, "invalid_request", "")
	form.Add("client_id", "main")
	d.raw(d.formRequest(d.url+"/oauth2/token", form)).wrong(t, "invalid_request", "")
	r, _ = http.NewRequest(http.MethodGet, d.url+"/oauth2/token?"+form.Encode(), nil)
	if a := d.raw(r); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != http.MethodPost {
		t.Errorf("%d", a.status)
	}
	r = d.formRequest(d.url+"/oauth2/token?"+form.Encode(), nil) // nothing in the body
	d.raw(r).wrong(t, "invalid_request", "")
}

func TestClientSecretAtTokenEndpoint(t *testing.T) {
	client := loginClient()
	client.Secret = secret
	d := newLogin(t, loginPool(), client)
	code := d.login()
	public := loginClient()
	public.ID = "public"
	d.pool.AddClient(public)
	const word, text = "invalid_client", "invalid_client_secret"
	d.exchange(code).wrong(t, word, text)
	d.exchange(code, "client_secret", secret+"x").wrong(t, word, text)
	d.exchange(code, "basic", "main:"+secret+"x", "client_secret", secret).wrong(t, word, text)
	d.exchange(code, "basic", "nobody:"+secret).wrong(t, word, "")
	d.exchange(code, "client_id", "public", "client_secret", secret).wrong(t, word, text)
	r := d.formRequest(d.url+"/oauth2/token", url.Values{"grant_type": {"authorization_code"}})
	r.Header.Set("Authorization", "Bearer x")
	d.raw(r).wrong(t, word, "")

	d.exchange(code, "client_secret", secret).ok(t)
	d.exchange(d.authorize().code(), "basic", "main:"+secret, "client_id", "-").ok(t)
	d.exchange(d.authorize().code(), "basic", "main:"+secret, "client_id", "public").ok(t)
}

func TestRefreshGrant(t *testing.T) {
	client := loginClient()
	client.Flows = []string{"ALLOW_USER_PASSWORD_AUTH"}
	d := newLogin(t, loginPool(), client)
	first := d.exchange(d.login("scope", "openid email")).ok(t)
	refresh := func(token string) answer {
		return d.tokenCall("grant_type", "refresh_token", "client_id", "main", "refresh_token", token)
	}
	d.clock.advance(10 * time.Minute)
	again := refresh(first.text("refresh_token")).ok(t)
	_, id := d.parse(again.text("id_token"))
	_, before := d.parse(again.text("access_token"))
	if again.text("refresh_token") != "" || id["nonce"] != nil || id["at_hash"] == nil || id["email"] == nil || id["name"] != nil ||
		before["scope"] != "email openid" || id["auth_time"] != float64(d.clock.Now().Add(-10*time.Minute).Unix()) {
		t.Errorf("%v %v", again.body, id)
	}
	r := d.refresh(first.text("refresh_token")).result(t) // through the API
	if _, claims := d.parse(r["AccessToken"].(string)); claims["scope"] != "email openid" {
		t.Errorf("%v", claims)
	}

	api, _ := d.tokens() // of an API sign-in
	_, claims := d.parse(refresh(api).ok(t).text("access_token"))
	if claims["scope"] != adminScope {
		t.Errorf("%v", claims)
	}
	refresh("").wrong(t, "invalid_request", "invalid_refresh_token")
	refresh("garbage").wrong(t, "invalid_grant", "")
	d.pool.RevokeRefreshToken(api)
	refresh(api).wrong(t, "invalid_grant", "")
	d.pool.Disable("rob")
	refresh(first.text("refresh_token")).wrong(t, "invalid_grant", "")
}

func TestRefreshGrantRotates(t *testing.T) {
	client := loginClient()
	client.Flows, client.Rotation, client.RetryGrace = nil, true, 10*time.Second
	d := newLogin(t, loginPool(), client)
	refresh := func(token string) answer {
		return d.tokenCall("grant_type", "refresh_token", "client_id", "main", "refresh_token", token)
	}
	first := d.exchange(d.login()).ok(t).text("refresh_token")
	second := refresh(first).ok(t).text("refresh_token")
	d.clock.advance(9 * time.Second)
	third := refresh(first).ok(t).text("refresh_token") // in grace
	refresh(second).wrong(t, "invalid_grant", "")
	d.clock.advance(time.Second)
	refresh(first).wrong(t, "invalid_grant", "")
	fourth := d.rotated(third)
	refresh(fourth).ok(t)
}

func TestClientCredentials(t *testing.T) {
	d := newLogin(t, loginPool(), loginClient())
	d.pool.AddClient(userpool.Client{ID: "machine", Secret: secret, OAuthFlows: []string{"client_credentials"},
		OAuthScopes: []string{"https://api.example.com/read", "https://api.example.com/write"}})
	ask := func(pairs ...string) answer {
		return d.tokenCall(append([]string{"grant_type", "client_credentials", "basic", "machine:" + secret}, pairs...)...)
	}
	a := ask().ok(t)
	if len(a.body) != 3 || a.body["expires_in"] != 3600.0 {
		t.Errorf("%v", a.body)
	}
	_, claims := d.parse(a.text("access_token"))
	expectClaims(t, "access", claims, jwt.MapClaims{
		"token_use": "access", "sub": "machine", "client_id": "machine", "version": 2.0,
		"scope": "https://api.example.com/read https://api.example.com/write", "iss": d.pool.Issuer(),
		"iat": float64(d.clock.Now().Unix()), "auth_time": float64(d.clock.Now().Unix()), "exp": float64(d.clock.Now().Add(time.Hour).Unix()),
	})
	_, claims = d.parse(ask("scope", "https://api.example.com/write").ok(t).text("access_token"))
	if claims["scope"] != "https://api.example.com/write" {
		t.Errorf("%v", claims)
	}
	ask("scope", "openid").wrong(t, "invalid_scope", "")
	ask("scope", "https://api.example.com/delete").wrong(t, "invalid_scope", "")
	ask("basic", "machine:"+secret+"x").wrong(t, "invalid_client", "invalid_client_secret")
	d.tokenCall("grant_type", "client_credentials", "client_id", "main").wrong(t, "unauthorized_client", "")
	ask("grant_type", "authorization_code", "code", "x", "redirect_uri", callback).wrong(t, "unauthorized_client", "")
	d.call("GetUser", object{"AccessToken": a.text("access_token")}).refused(t, notAuthorized, "Invalid Access Token")
	d.authorize("client_id", "machine").stays("redirect_mismatch")
}

func TestRevokeEndpoint(t *testing.T) {
	client := loginClient()
	client.Secret = secret
	d := newLogin(t, loginPool(), client)
	public := loginClient()
	public.ID = "public"
	d.pool.AddClient(public)
	public.ID, public.DisableTokenRevocation = "lasting", true
	d.pool.AddClient(public)
	r := d.exchange(d.login(), "client_secret", secret).ok(t)
	token := r.text("refresh_token")
	for name, test := range map[string]struct {
		status int
		word   string
		pairs  []string
	}{
		"no secret":        {401, "invalid_client", []string{"client_id", "main", "token", token}},
		"secret in body":   {401, "invalid_client", []string{"client_id", "main", "client_secret", secret, "token", token}},
		"wrong secret":     {401, "invalid_client", []string{"basic", "main:" + secret + "x", "token", token}},
		"no token":         {400, "invalid_request", []string{"basic", "main:" + secret}},
		"no client":        {400, "invalid_request", []string{"token", token}},
		"revocation off":   {400, "invalid_request", []string{"client_id", "lasting", "token", "x"}},
		"an access token":  {400, "unsupported_token_type", []string{"basic", "main:" + secret, "token", r.text("access_token")}},
		"of other clients": {400, "unauthorized_client", []string{"client_id", "public", "token", token}},
	} {
		t.Run(name, func(t *testing.T) {
			if a := d.post("/oauth2/revoke", test.pairs...); a.status != test.status || a.errType != test.word {
				t.Errorf("%d %v", a.status, a.body)
			}
		})
	}
	for range 2 {
		for _, each := range []string{token, "unknown"} {
			if a := d.post("/oauth2/revoke", "basic", "main:"+secret, "token", each); a.status != http.StatusOK || len(a.body) != 0 {
				t.Errorf("%d %v", a.status, a.body)
			}
		}
	}
	d.call("GetUser", object{"AccessToken": r.text("access_token")}).refused(t, notAuthorized, "Access Token has been revoked")
	if status, _ := d.userInfo("Bearer " + r.text("access_token")); status != http.StatusUnauthorized {
		t.Error(status)
	}
	d.tokenCall("grant_type", "refresh_token", "basic", "main:"+secret, "refresh_token", token).wrong(t, "invalid_grant", "")
}

func TestRevokeTokenOfLogin(t *testing.T) {
	d := newLogin(t, loginPool(), loginClient())
	r := d.exchange(d.login()).ok(t)
	if a := d.call("RevokeToken", object{"ClientId": "main", "Token": r.text("refresh_token")}); a.errType != "" {
		t.Error(a.errType)
	}
	d.refresh(r.text("refresh_token")).refused(t, notAuthorized, revoked)
}

// userInfo asks the endpoint with an Authorization header.
func (d *domain) userInfo(authorization string) (int, object) {
	d.t.Helper()
	r, _ := http.NewRequest(http.MethodGet, d.url+"/oauth2/userInfo", nil)
	r.Header.Set("Authorization", authorization)
	a := d.raw(r)
	if a.status != http.StatusOK && !strings.Contains(a.header.Get("WWW-Authenticate"), `error="`+a.errType+`"`) {
		d.t.Errorf("WWW-Authenticate %q", a.header.Get("WWW-Authenticate"))
	}
	return a.status, a.body
}

func TestUserInfoRefusals(t *testing.T) {
	d := newLogin(t, loginPool(), loginClient())
	r := d.exchange(d.login()).ok(t)
	_, api := d.tokens()
	for authorization, want := range map[string]int{
		"":                             http.StatusBadRequest,
		"Basic x":                      http.StatusBadRequest,
		"Bearer x":                     http.StatusUnauthorized,
		"Bearer " + r.text("id_token"): http.StatusUnauthorized,
		"Bearer " + api:                http.StatusUnauthorized, // without openid
	} {
		if status, body := d.userInfo(authorization); status != want {
			t.Errorf("%.20s: %d %v", authorization, status, body)
		}
	}
	d.clock.advance(time.Hour)
	if status, _ := d.userInfo("Bearer " + r.text("access_token")); status != http.StatusUnauthorized {
		t.Error(status)
	}
}
