package oauth

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// serve answers every request with a status, a type and a body.
func serve(t *testing.T, status int, contentType, body string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return server
}

const cognitosDocument = `{
	"authorization_endpoint": "https://demo.auth.us-east-1.amazoncognito.com/oauth2/authorize",
	"end_session_endpoint": "https://demo.auth.us-east-1.amazoncognito.com/logout",
	"id_token_signing_alg_values_supported": ["RS256"],
	"issuer": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEf123",
	"revocation_endpoint": "https://demo.auth.us-east-1.amazoncognito.com/oauth2/revoke",
	"token_endpoint": "https://demo.auth.us-east-1.amazoncognito.com/oauth2/token",
	"userinfo_endpoint": "https://demo.auth.us-east-1.amazoncognito.com/oauth2/userInfo"}`

func TestDiscover(t *testing.T) {
	for name, c := range map[string]struct {
		status   int
		body     string
		want     error // nil: sound, whether complete or not
		complete bool
	}{
		"cognito":             {200, cognitosDocument, nil, true},
		"without a domain":    {200, `{"issuer":"https://x/us-east-1_AbCdEf123","jwks_uri":"https://x/jwks"}`, nil, false},
		"as cognito-local's":  {200, `{"issuer":"http://localhost:9229/p","jwks_uri":"http://localhost:9229/p/jwks"}`, nil, false},
		"loopback":            {200, `{"authorization_endpoint":"http://localhost:1/a","token_endpoint":"http://[::1]:1/t"}`, nil, true},
		"http elsewhere":      {200, strings.Replace(cognitosDocument, "https://demo", "http://demo", 1), ErrUnsafe, false},
		"http token endpoint": {200, `{"authorization_endpoint":"https://a/a","token_endpoint":"http://evil.example/t"}`, ErrUnsafe, false},
		"like loopback":       {200, `{"token_endpoint":"http://localhost.evil.example/t"}`, ErrUnsafe, false},
		"user":                {200, `{"token_endpoint":"https://cognito@evil.example/t"}`, ErrUnsafe, false},
		"fragment":            {200, `{"token_endpoint":"https://evil.example/t#x"}`, ErrUnsafe, false},
		"empty fragment":      {200, `{"token_endpoint":"https://evil.example/t#"}`, ErrUnsafe, false},
		"script":              {200, `{"authorization_endpoint":"javascript:alert(1)"}`, ErrUnsafe, false},
		"file":                {200, `{"authorization_endpoint":"file:///etc/passwd"}`, ErrUnsafe, false},
		"option":              {200, `{"authorization_endpoint":"--new-window"}`, ErrUnsafe, false},
		"line break":          {200, `{"authorization_endpoint":"https://a/\nb"}`, ErrUnsafe, false},
		"empty":               {200, `{"authorization_endpoint":""}`, ErrUnsafe, false},
		"number":              {200, `{"token_endpoint":7}`, ErrUnsafe, false},
		"list":                {200, `[]`, ErrNotUnderstood, false},
		"null":                {200, `null`, ErrNotUnderstood, false},
		"page":                {200, `<html>`, ErrNotUnderstood, false},
		"long":                {200, strings.Repeat(" ", MaxAnswer+1), ErrTooLong, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, c.status, "application/json", c.body)
			got, err := Discover(t.Context(), server.Client(), Issuer(server.URL+"/", "us-east-1_AbCdEf123"))
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if err == nil && (got.Complete() == nil) != c.complete {
				t.Errorf("complete: %v", got.Complete())
			}
		})
	}
}

func TestDiscoverWithoutDocument(t *testing.T) {
	target := serve(t, 200, "application/json", cognitosDocument)
	moved := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusFound))
	defer moved.Close()
	gone := serve(t, 404, "text/html", "<html>")
	for status, url := range map[int]string{302: moved.URL, 404: gone.URL, 0: "http://127.0.0.1:1"} {
		_, err := Discover(t.Context(), http.DefaultClient, Issuer(url, "p"))
		var e *Error
		if !errors.As(err, &e) || e.Status != status || status != 0 && e.Err != nil {
			t.Errorf("%d: got %#v", status, err)
		}
	}
}

func TestAtDomain(t *testing.T) {
	known := Endpoints{Issuer: "i", Authorize: "https://other.example/a/authorize?x=1", Token: "https://other.example/"}
	got, err := known.At("http://localhost:99/")
	want := Endpoints{"i", "http://localhost:99/a/authorize", "http://localhost:99/oauth2/token", "http://localhost:99/oauth2/revoke", "http://localhost:99/logout", "http://localhost:99/oauth2/userInfo"}
	if got != want || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, domain := range []string{"", "login.example.com", "http://login.example.com", "https://u@login.example.com", "https://login.example.com/x", "https://login.example.com?x", "https://login.example.com#"} {
		if got, err := known.At(domain); err == nil {
			t.Errorf("%q: got %+v", domain, got)
		}
	}
}
