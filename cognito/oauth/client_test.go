package oauth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// testClient has all its endpoints at one address.
func testClient(base, secret string) *Client {
	endpoints, err := Endpoints{Issuer: "issuer"}.At(base)
	if err != nil {
		panic(err)
	}
	return NewClient(http.DefaultClient, endpoints, "client", secret)
}

func TestRequests(t *testing.T) {
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = append(seen, fmt.Sprintf("%s %s %s %s %s", r.Method, r.URL.Path, r.Header.Get("Content-Type"), body, r.Header.Get("Authorization")))
		fmt.Fprint(w, `{"access_token":"a","token_type":"bearer"}`)
	}))
	defer server.Close()
	const form = "application/x-www-form-urlencoded"
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("client:s+%2B%3A%C3%A9%25"))
	public, private := testClient(server.URL, ""), testClient(server.URL, "s +:é%")
	ctx := t.Context()
	for i, c := range []struct {
		run  func() error
		want string
	}{
		{func() error { _, err := public.Exchange(ctx, "c&d", "http://localhost:8400/cb", "v"); return err },
			"POST /oauth2/token " + form + " client_id=client&code=c%26d&code_verifier=v&grant_type=authorization_code&redirect_uri=http%3A%2F%2Flocalhost%3A8400%2Fcb "},
		{func() error { _, err := private.Refresh(ctx, "r"); return err },
			"POST /oauth2/token " + form + " client_id=client&grant_type=refresh_token&refresh_token=r " + basic},
		{func() error { _, err := private.Credentials(ctx, []string{"api/read", "api/write"}, nil); return err },
			"POST /oauth2/token " + form + " client_id=client&grant_type=client_credentials&scope=api%2Fread+api%2Fwrite " + basic},
		{func() error { _, err := private.Credentials(ctx, nil, map[string]string{"k": "v"}); return err },
			"POST /oauth2/token " + form + " aws_client_metadata=%7B%22k%22%3A%22v%22%7D&client_id=client&grant_type=client_credentials " + basic},
		{func() error { return public.Revoke(ctx, "r") }, "POST /oauth2/revoke " + form + " client_id=client&token=r "},
	} {
		if err := c.run(); err != nil {
			t.Fatal(err)
		}
		if seen[i] != c.want {
			t.Errorf("got  %s\nwant %s", seen[i], c.want)
		}
	}
}

func TestTokenAnswers(t *testing.T) {
	const good = `{"access_token":"a","id_token":"i","refresh_token":"r","token_type":"Bearer","expires_in":3600}`
	for name, c := range map[string]struct {
		status      int
		contentType string
		body        string
		want        Error
	}{
		"good":            {200, "application/json;charset=UTF-8", good, Error{}},
		"no type":         {200, "application/json", `{"access_token":"a"}`, Error{}},
		"invalid grant":   {400, "application/json", `{"error":"invalid_grant"}`, Error{Status: 400, Code: "invalid_grant"}},
		"description":     {400, "application/json", `{"error":"invalid_client","error_description":"invalid_client_secret"}`, Error{Status: 400, Code: "invalid_client", Description: "invalid_client_secret"}},
		"throttled":       {429, "application/json", `{"error":"too_many_requests"}`, Error{Status: 429, Code: "too_many_requests"}},
		"trouble":         {500, "text/html", `<html>`, Error{Status: 500, HTML: true}},
		"portal":          {200, "text/html; charset=utf-8", good, Error{Status: 200, HTML: true, Err: ErrNotUnderstood}},
		"error in a page": {400, "text/html", `{"error":"invalid_grant"}`, Error{Status: 400, HTML: true}},
		"other type":      {200, "application/json", `{"access_token":"a","token_type":"mac"}`, Error{Status: 200, Err: ErrNotUnderstood}},
		"no token":        {200, "application/json", `{}`, Error{Status: 200, Err: ErrNotUnderstood}},
		"not text":        {200, "application/json", `{"access_token":7}`, Error{Status: 200, Err: ErrNotUnderstood}},
		"null":            {200, "application/json", `null`, Error{Status: 200, Err: ErrNotUnderstood}},
		"list":            {200, "application/json", `[]`, Error{Status: 200, Err: ErrNotUnderstood}},
		"error of 200":    {200, "application/json", `{"error":"invalid_grant"}`, Error{Status: 200, Err: ErrNotUnderstood}},
		"strange error":   {400, "application/json", `{"error":["x"]}`, Error{Status: 400}},
		"long":            {200, "application/json", good + strings.Repeat(" ", MaxAnswer), Error{Status: 200, Err: ErrTooLong}},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, c.status, c.contentType, c.body)
			_, err := testClient(server.URL, "").Refresh(t.Context(), "r")
			if err == nil {
				if c.want != (Error{}) {
					t.Error("it was taken")
				}
				return
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("it is a %T", err)
			}
			if e.Date.IsZero() != (c.want.Err == nil && c.want.Status == 0) {
				t.Error("no date")
			}
			got := *e
			got.Date = c.want.Date
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestBrokenAnswers(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "500")
		fmt.Fprint(w, `{"access_token":"a"`)
	}))
	defer server.Close()
	_, err := testClient(server.URL, "").Refresh(t.Context(), "r")
	var e *Error
	if !errors.As(err, &e) || e.Status != 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %+v", err)
	}
}

// A redirect is not followed, whatever the transport would do.
func TestNoRedirects(t *testing.T) {
	var elsewhere atomic.Int32
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer target.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := httptest.NewServer(http.RedirectHandler(target.URL, status))
		client := testClient(server.URL, "secret")
		_, err := client.Exchange(t.Context(), "c", "u", "v")
		var e *Error
		if !errors.As(err, &e) || e.Status != status {
			t.Errorf("%d: %v", status, err)
		}
		if err := client.Revoke(t.Context(), "r"); err == nil {
			t.Errorf("%d: revoked", status)
		}
		server.Close()
	}
	if elsewhere.Load() > 0 {
		t.Error("a redirect was followed")
	}
}

func TestAddresses(t *testing.T) {
	client := testClient("https://login.example.com", "marker")
	attempt := NewAttempt("http://localhost:8400/callback", "issuer")
	text := client.AuthorizeURL(attempt, Wishes{Scopes: []string{"openid", "api/read"}, LoginHint: "a+b@example.com"})
	u, err := url.Parse(text)
	if err != nil || strings.Contains(text, "+") || u.Host != "login.example.com" || u.Path != "/oauth2/authorize" {
		t.Fatal(text, err)
	}
	query := u.Query()
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "client", "redirect_uri": "http://localhost:8400/callback", "scope": "openid api/read",
		"login_hint": "a+b@example.com", "code_challenge_method": "S256", "nonce": attempt.Nonce(), "state": *attempt.state,
	} {
		if query.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, query.Get(name), want)
		}
	}
	if query.Has("prompt") || query.Has("identity_provider") || strings.Contains(text, attempt.Verifier()) {
		t.Error(text)
	}
	want := "https://login.example.com/logout?client_id=client&redirect_uri=http%3A%2F%2Flocalhost%3A8400%2Fcallback&response_type=code&scope=openid%20email"
	if got := client.LogoutURL("http://localhost:8400/callback", []string{"openid", "email"}); got != want {
		t.Errorf("got %s", got)
	}
	for _, shown := range []string{fmt.Sprintf("%+v %#v", client, client), fmt.Sprintf("%+v %v", attempt, Tokens{Access: "marker"})} {
		if strings.Contains(shown, "marker") || strings.Contains(shown, attempt.Verifier()) {
			t.Errorf("a secret is shown: %s", shown)
		}
	}
}

func FuzzTokenAnswer(f *testing.F) {
	for _, body := range []string{`{"access_token":"a"}`, `{"error":"invalid_grant"}`, `[]`, "\xff", `{"access_token":{}}`} {
		f.Add(200, "application/json", []byte(body))
		f.Add(400, "text/html", []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		a := answer{status: status, header: http.Header{"Content-Type": {contentType}}, body: body}
		got, err := a.tokens()
		if err == nil && (got.Access == "" || status != 200) || err != nil && got != (Tokens{}) {
			t.Errorf("%v, %v", got, err)
		}
		if err != nil && len(err.Error()) > 60 {
			t.Errorf("an error with foreign text: %s", err)
		}
	})
}
