package profiles

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const oauthSample = `version: 1
profiles:
  choice: {user_pool_id: us-east-1_A, client_id: c, username: u, auth: choice, preferred_challenge: EMAIL_OTP}
  custom: {extends: choice, auth: custom, custom_srp: true, totp_command: [pass, otp, ""]}
  plain: {extends: custom, auth: password}
  sso:
    extends: custom
    auth: browser
    domain: HTTPS://Login.Example.com:8443/
    redirect_urls:
      - http://localhost:8400/callback
      - http://[::1]:1
    scopes: [openid, orders/read]
    identity_provider: Google
    prompt: select_account
  sso-admin: {extends: sso, username: admin, login_hint: "a b@example.com"}
  anyone: {user_pool_id: us-east-1_A, client_id: c, auth: browser, domain: login.example.com}
  ci: {extends: sso, auth: client-credentials, scopes: [orders/read]}
  ci2: {extends: ci, token: access}
  person: {extends: ci, auth: srp, username: p, token: id}
`

// What is inherited without an effect is dropped, and the defaults go with auth.
func TestParseAuths(t *testing.T) {
	config, err := Parse("c.yaml", []byte(oauthSample))
	if err != nil {
		t.Fatal(err)
	}
	plain := Profile{Region: "us-east-1", UserPoolID: "us-east-1_A", ClientID: "c", Token: "id", Scheme: SchemeNone, Store: StoreKeychain}
	urls, totp := []string{"http://localhost:8400/callback", "http://[::1]:1"}, []string{"pass", "otp", ""}
	for name, change := range map[string]func(p *Profile){
		"choice": func(p *Profile) { p.Auth, p.Username, p.PreferredChallenge = AuthChoice, "u", ChallengeEmailOTP },
		"custom": func(p *Profile) { p.Auth, p.Username, p.CustomSRP, p.TOTPCommand = AuthCustom, "u", true, totp },
		"plain":  func(p *Profile) { p.Auth, p.Username, p.TOTPCommand = AuthPassword, "u", totp },
		"sso": func(p *Profile) {
			p.Auth, p.Username, p.LoginHint, p.Domain, p.RedirectURLs = AuthBrowser, "u", "u", "https://login.example.com:8443", urls
			p.Scopes, p.IdentityProvider, p.Prompt = []string{"openid", "orders/read"}, "Google", "select_account"
		},
		"sso-admin": func(p *Profile) {
			p.Auth, p.Username, p.LoginHint, p.Domain, p.RedirectURLs = AuthBrowser, "admin", "a b@example.com", "https://login.example.com:8443", urls
			p.Scopes, p.IdentityProvider, p.Prompt = []string{"openid", "orders/read"}, "Google", "select_account"
		},
		"anyone": func(p *Profile) {
			p.Auth, p.Domain, p.RedirectURLs = AuthBrowser, "https://login.example.com", []string{"http://localhost:8400/callback"}
		},
		"ci": func(p *Profile) {
			p.Auth, p.Token, p.Domain, p.Scopes = AuthClientCredentials, "access", "https://login.example.com:8443", []string{"orders/read"}
		},
		"ci2": func(p *Profile) {
			p.Auth, p.Token, p.Domain, p.Scopes = AuthClientCredentials, "access", "https://login.example.com:8443", []string{"orders/read"}
		},
		"person": func(p *Profile) { p.Auth, p.Username, p.TOTPCommand = AuthSRP, "p", totp },
	} {
		got := config.Profiles[name]
		want := plain
		want.Name, want.Extends = name, got.Extends
		change(&want)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, want)
		}
	}
}

// Each key has an effect with some values of auth, and is an error with others.
func TestKeysWithoutEffect(t *testing.T) {
	for _, k := range Keys {
		for _, auth := range auths {
			text := fmt.Sprintf("%s    auth: %s\n    %s: %s\n", nobody, auth, k.Name, k.Example)
			want := fmt.Sprintf("c.yaml:7:%d: %s of profile \"p\" has no effect with auth: %s", len(k.Name)+7, k.Name, auth)
			_, err := Parse("c.yaml", []byte(text))
			if got := err != nil && strings.Contains(err.Error(), want); got == k.hasEffect(auth) {
				t.Errorf("%s with %s: %v", k.Name, auth, err)
			}
		}
	}
}

// nobody is a profile without a user; its next line is the sixth.
const nobody = "version: 1\nprofiles:\n  p:\n    user_pool_id: us-east-1_A\n    client_id: c\n"

func TestParseAuthErrors(t *testing.T) {
	const browser, machine = nobody + "    auth: browser\n", nobody + "    auth: client-credentials\n"
	many := func(n int, item string) string {
		var items []string
		for i := range n {
			items = append(items, fmt.Sprintf(item, i))
		}
		return "[" + strings.Join(items, ", ") + "]\n"
	}
	scope := `must be scopes such as openid or orders/read: ASCII without spaces, quotes and \`
	provider := "must be the name of a provider: 1 to 32 characters, not with _ or a space at the beginning"
	for _, c := range []struct{ text, want string }{
		// Who needs a username.
		{nobody, `3:3: profile "p" has no username`},
		{nobody + "    auht: browser\n", `6:5: unknown key "auht" in profile "p"; did you mean "auth"?`},
		{nobody + "    auth: browsr\n", `6:11: auth of profile "p" must be srp, password, admin-password, choice, custom, browser or client-credentials; did you mean "browser"?`},
		{nobody + "    auth: choice\n", `3:3: profile "p" has no username`},
		{browser, ""},
		{machine, ""},
		{machine + "  q: {extends: p, auth: srp}\n", `7:3: profile "q" has no username`},
		{machine + "  q: {extends: p, auth: srp, usernme: u}\n", `7:30: unknown key "usernme" in profile "q"; did you mean "username"?`},
		{nobody + "  q: {extends: p, auth: password}\n", `3:3: profile "p" has no username`},
		{nobody + "  q: {extends: p, auth: browser}\n", `3:3: profile "p" has no username`},
		{machine + "    username: u\n", `7:15: username of profile "p" has no effect with auth: client-credentials`},
		// The token.
		{machine + "    token: id\n", `7:12: token of profile "p" must be access: client-credentials gives no ID token`},
		{machine + "    scopes: [openid]\n", ""},
		{browser + "    scopes: [a/b, openid]\n", ""},
		{browser + "    scopes: [a/b]\n    token: access\n", ""},
		{browser + "    scopes: [a/b]\n", `7:13: scopes of profile "p" must have openid in them: without it there is no ID token`},
		{browser + "    scopes: [a/b]\n    token: access\n  q: {extends: p, token: id}\n", `9:26: scopes of profile "q" must have openid in them: without it there is no ID token`},
		{machine + "    scopes: [a/b]\n  q: {extends: p, auth: browser}\n", `8:25: scopes of profile "q" must have openid in them: without it there is no ID token`},
		{browser + "    scopes: [a/b]\n  q: {extends: p}\n", `7:13: scopes of profile "p" must have openid in them: without it there is no ID token`},
		// Choices without a default.
		{head + "    auth: choice\n    preferred_challenge: EMAIL\n", `8:26: preferred_challenge of profile "p" must be PASSWORD_SRP, PASSWORD, EMAIL_OTP or SMS_OTP`},
		{head + "    auth: choice\n    preferred_challenge: email_otp\n", `8:26: preferred_challenge of profile "p" must be PASSWORD_SRP, PASSWORD, EMAIL_OTP or SMS_OTP; did you mean "EMAIL_OTP"?`},
		{browser + "    prompt: none\n", `7:13: prompt of profile "p" must be login, select_account or consent`},
		{head + "    auth: custom\n    custom_srp: yes\n", `8:17: custom_srp of profile "p" must be true or false, without quotes`},
		// Lists.
		{head + "    totp_command: pass otp\n", `7:19: totp_command of profile "p" must be a list, such as [pass, otp, cognito]`},
		{head + "    totp_command: ['', x]\n", `7:19: totp_command of profile "p" must begin with the name of a program`},
		{browser + "    redirect_urls: http://localhost:8400/callback\n", `7:20: redirect_urls of profile "p" must be a list, such as [http://localhost:8400/callback]`},
		{browser + "    redirect_urls: []\n", `7:20: redirect_urls of profile "p" must be a list, such as [http://localhost:8400/callback]`},
		{browser + "    redirect_urls:\n    - http://localhost:1\n    - http://localhost\n", `9:7: redirect_urls of profile "p" must have a port from 1 to 65535, such as http://localhost:8400/callback`},
		{browser + "    redirect_urls: [http://localhost:1, http://localhost:1]\n", `7:20: redirect_urls of profile "p" must not hold the same twice`},
		{browser + "    redirect_urls: [http://localhost:1, http://localhost:1/]\n", ""},
		{browser + "    redirect_urls: " + many(20, "http://localhost:1/%d"), ""},
		{browser + "    redirect_urls: " + many(21, "http://localhost:1/%d"), `7:20: redirect_urls of profile "p" must be at most 20`},
		{machine + "    scopes: " + many(50, "a/%d"), ""},
		{machine + "    scopes: " + many(51, "a/%d"), `7:13: scopes of profile "p" must be at most 50`},
		{machine + "    scopes: [a/b, 'openid email']\n", `7:19: scopes of profile "p" ` + scope},
		{machine + "    scopes: ['a\"']\n", `7:14: scopes of profile "p" ` + scope},
		{machine + "    scopes: ['a\\']\n", `7:14: scopes of profile "p" ` + scope},
		{machine + "    scopes: [é]\n", `7:14: scopes of profile "p" ` + scope},
		{machine + "    scopes: ['']\n", `7:14: scopes of profile "p" ` + scope},
		{machine + "    scopes: [" + strings.Repeat("a", 257) + "]\n", `7:14: scopes of profile "p" ` + scope},
		{machine + "    scopes: [https://api.example.com/orders!#$&'()*+]\n", ""},
		{machine + "    scopes: [a/b, a/b]\n", `7:13: scopes of profile "p" must not hold the same twice`},
		{machine + "    scopes: [a, ~]\n", `7:13: scopes of profile "p" must be a list of texts`},
		// Texts.
		{browser + "    identity_provider: My IdP (é)\n", ""},
		{browser + "    identity_provider: _x\n", `7:24: identity_provider of profile "p" ` + provider},
		{browser + "    identity_provider: ' x'\n", `7:24: identity_provider of profile "p" ` + provider},
		{browser + "    identity_provider: " + strings.Repeat("é", 33) + "\n", `7:24: identity_provider of profile "p" ` + provider},
		{browser + "    identity_provider: \"a\\nb\"\n", `7:24: identity_provider of profile "p" holds a line break or another control character`},
		{browser + "    login_hint: " + strings.Repeat("é", 256) + "\n", ""},
		{browser + "    login_hint: " + strings.Repeat("é", 257) + "\n", `7:17: login_hint of profile "p" must be 1 to 256 characters`},
		{browser + "    login_hint: \"a\\tb\"\n", `7:17: login_hint of profile "p" holds a line break or another control character`},
		{machine + "    domain: myapp\n", `7:13: domain of profile "p" must be the whole host, such as myapp.auth.us-east-1.amazoncognito.com`},
	} {
		_, err := Parse("c.yaml", []byte(c.text))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%q: %v", c.text, err)
		case c.want != "" && (err == nil || err.Error() != "c.yaml:"+c.want):
			t.Errorf("%q\ngot  %v\nwant c.yaml:%s", c.text, err, c.want)
		}
	}
}

// The hint says what the key is for.
func TestHintWithoutEffect(t *testing.T) {
	for line, want := range map[string]string{
		"aws_profile: x": "delete it, or set auth: admin-password",
		"scopes: [x]":    "delete it, or set auth: browser or client-credentials",
	} {
		_, err := Parse("c.yaml", []byte(head+"    "+line+"\n"))
		var first *Error
		if !errors.As(err, &first) || first.Hint != want {
			t.Errorf("%s: %+v", line, first)
		}
	}
}

func TestDomain(t *testing.T) {
	for domain, want := range map[string]string{
		"myapp.auth.us-east-1.amazoncognito.com":     "https://myapp.auth.us-east-1.amazoncognito.com",
		"https://Login.Example.com/":                 "https://login.example.com",
		"HTTPS://login.example.com:8443":             "https://login.example.com:8443",
		"login.example.com:8443":                     "https://login.example.com:8443",
		"http://localhost:9229":                      "http://localhost:9229",
		"http://[::1]:9229/":                         "http://[::1]:9229",
		"localhost:9229":                             "https://localhost:9229",
		"https://intranet":                           "https://intranet",
		"myapp":                                      "must be the whole host",
		"myapp:443":                                  "must be the whole host",
		"http://login.example.com":                   "must be https",
		"ftp://login.example.com":                    "must be a host or a URL",
		"https://":                                   "must be a host or a URL",
		"//x.example":                                "must be a host or a URL",
		"login.example.com/login":                    "must not hold a path",
		"https://login.example.com/oauth2/authorize": "must not hold a path",
		"rob:hunter2@login.example.com":              "must not hold a user name",
		"login.example.com?x=y":                      "must not hold a query",
		"login.example.com#x":                        "must not hold a query",
		"login.example.com:0":                        "must have a plain host name",
		"login_x.example.com":                        "must have a plain host name",
		"login example.com":                          "must be a host or a URL",
	} {
		got := checkDomain(domain)
		if got == "" {
			got = normalEndpoint(domainURL(domain))
		}
		if !strings.HasPrefix(got, want) || strings.Contains(got, "hunter2") || strings.HasPrefix(want, "http") && got != want {
			t.Errorf("%s: %s, want %s", domain, got, want)
		}
	}
}

func TestRedirectURL(t *testing.T) {
	for url, want := range map[string]string{
		"http://localhost:8400/callback":                    "",
		"http://localhost:8400":                             "",
		"http://localhost:8400/":                            "",
		"http://127.0.0.1:1/a/b":                            "",
		"http://[::1]:65535/":                               "",
		"https://localhost:8400/callback":                   "must begin with http://",
		"HTTP://localhost:8400/callback":                    "must begin with http://",
		"myapp://callback":                                  "must begin with http://",
		"localhost:8400":                                    "must begin with http://",
		"http:///callback":                                  "must begin with http://",
		"http://localhost:x/":                               "must begin with http://",
		"http://LOCALHOST:8400/":                            "must be on this machine",
		"http://127.0.0.2:8400/":                            "must be on this machine",
		"http://0.0.0.0:8400/":                              "must be on this machine",
		"http://[0:0:0:0:0:0:0:1]:8400/":                    "must be on this machine",
		"http://localhost.example.com:1/":                   "must be on this machine",
		"http://localhost/callback":                         "must have a port",
		"http://localhost:/callback":                        "must have a port",
		"http://localhost:0/":                               "must have a port",
		"http://localhost:65536/":                           "must have a port",
		"http://rob:hunter2@localhost:1/":                   "must not hold a user name",
		"http://localhost:1/?x=y":                           "must not hold a query",
		"http://localhost:1/?":                              "must not hold a query",
		"http://localhost:1/#":                              "must not hold a query",
		"http://localhost:1/a b":                            "must be at most 1024 characters",
		"http://localhost:1/" + strings.Repeat("a", 1024):   "must be at most 1024 characters",
		"http://localhost:8400@evil.example:8400/callback/": "must not hold a user name",
	} {
		got := checkRedirectURL(url)
		if (want == "") != (got == "") || !strings.HasPrefix(got, want) || strings.Contains(got, "hunter2") {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
}

func TestRequiredWith(t *testing.T) {
	username, _ := find(Keys, keyUsername)
	pool, _ := find(Keys, keyUserPoolID)
	for _, auth := range append(auths, "") {
		if want := auth != AuthBrowser && auth != AuthClientCredentials; username.RequiredWith(auth) != want || !pool.RequiredWith(auth) {
			t.Errorf("%q: a username is required: %v", auth, !want)
		}
	}
}
