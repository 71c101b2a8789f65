package demoapi_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cogtok/cogtok/internal/demoapi"
)

const (
	issuer   = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEf123"
	clientID = "demo"
)

var theKey = sync.OnceValue(func() *rsa.PrivateKey { return newKey() })

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

// fixture is the API, and the issuer that it takes its keys from.
type fixture struct {
	*testing.T
	url     string
	fetches atomic.Int32
	now     atomic.Int64 // seconds after start
}

var start = time.Date(2026, 3, 5, 14, 0, 0, 0, time.UTC)

func newFixture(t *testing.T) *fixture {
	f := &fixture{T: t}
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		f.fetches.Add(1)
		n := base64.RawURLEncoding.EncodeToString(theKey().N.Bytes())
		fmt.Fprintf(w, `{"keys":[{"kid":"k1","kty":"RSA","n":%q,"e":"AQAB"}]}`, n)
	}))
	t.Cleanup(keys.Close)
	api := httptest.NewServer(demoapi.New(demoapi.Config{
		Issuer: issuer, JWKSURL: keys.URL, ClientIDs: []string{clientID},
		Now: func() time.Time { return start.Add(time.Duration(f.now.Load()) * time.Second) },
	}))
	t.Cleanup(api.Close)
	f.url = api.URL + "/graphql"
	return f
}

// idToken makes a good ID token, after change.
func idToken(key any, method jwt.SigningMethod, change func(jwt.MapClaims, map[string]any)) string {
	c := jwt.MapClaims{
		"iss": issuer, "aud": clientID, "token_use": "id", "sub": "s-1", "cognito:username": "rob",
		"email": "rob@example.com", "exp": start.Add(time.Hour).Unix(), "iat": start.Unix(),
	}
	token := jwt.NewWithClaims(method, c)
	token.Header["kid"] = "k1"
	if change != nil {
		change(c, token.Header)
	}
	text, err := token.SignedString(key)
	if err != nil {
		panic(err)
	}
	return text
}

func good() string { return idToken(theKey(), jwt.SigningMethodRS256, nil) }

func (f *fixture) post(authorization string, body any) (int, string) {
	f.Helper()
	data, isRaw := body.([]byte)
	if !isRaw {
		data, _ = json.Marshal(body)
	}
	r, err := http.NewRequestWithContext(f.Context(), http.MethodPost, f.url, bytes.NewReader(data))
	if err != nil {
		f.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		f.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		f.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(answer))
}

func (f *fixture) query(authorization, query string) (int, string) {
	f.Helper()
	return f.post(authorization, map[string]string{"query": query})
}

func TestQueries(t *testing.T) {
	f := newFixture(t)
	for _, header := range []string{good(), "Bearer " + good(), "bearer  " + good()} {
		if status, got := f.query(header, `{ whoami { username email sub } }`); status != 200 ||
			got != `{"data":{"whoami":{"username":"rob","email":"rob@example.com","sub":"s-1"}}}` {
			t.Errorf("whoami: %d %s", status, got)
		}
	}
	status, got := f.post(good(), map[string]any{
		"query": `mutation Write($t: String!) { createPost(title: $t) { id title author } }`, "variables": map[string]string{"t": " Hello "},
	})
	if status != 200 || got != `{"data":{"createPost":{"id":"3","title":"Hello","author":"rob"}}}` {
		t.Errorf("createPost: %d %s", status, got)
	}
	if _, got := f.query(good(), `{ listPosts { id title author } }`); !strings.Contains(got, `{"id":"3","title":"Hello","author":"rob"}]}}`) {
		t.Errorf("listPosts: %s", got)
	}
	for _, title := range []string{" ", strings.Repeat("é", 201)} {
		if _, got := f.query(good(), fmt.Sprintf(`mutation { createPost(title: %q) { id } }`, title)); !strings.Contains(got, "1 to 200 characters") {
			t.Errorf("title of %d bytes: %s", len(title), got)
		}
	}
}

func TestAccessTokenHasNoEmail(t *testing.T) {
	f := newFixture(t)
	token := idToken(theKey(), jwt.SigningMethodRS256, func(c jwt.MapClaims, _ map[string]any) {
		delete(c, "aud")
		delete(c, "cognito:username")
		delete(c, "email")
		c["token_use"], c["client_id"], c["username"] = "access", clientID, "rob"
	})
	if _, got := f.query(token, `{ whoami { username email } }`); got != `{"data":{"whoami":{"username":"rob","email":null}}}` {
		t.Error(got)
	}
}

func TestRefusals(t *testing.T) {
	f := newFixture(t)
	claim := func(name string, value any) string {
		return idToken(theKey(), jwt.SigningMethodRS256, func(c jwt.MapClaims, _ map[string]any) { c[name] = value })
	}
	const no = "You are not authorized to make this call."
	stranger := newKey()
	unsigned := idToken(jwt.UnsafeAllowNoneSignatureType, jwt.SigningMethodNone, nil)
	parts := strings.Split(good(), ".")
	tests := []struct{ name, header, message string }{
		{"none", "", "Valid authorization header not provided."},
		{"empty bearer", "Bearer  ", "Valid authorization header not provided."},
		{"garbage", "abc", "Unable to parse JWT token."},
		{"two words", "Token " + good(), "Unable to parse JWT token."},
		{"expired", claim("exp", start.Unix()-1), "Token has expired."},
		{"without exp", claim("exp", nil), no},
		{"other pool", claim("iss", issuer+"x"), no},
		{"other client", claim("aud", "another"), no},
		{"access token by aud", claim("token_use", "access"), no},
		{"no token_use", claim("token_use", ""), no},
		{"refresh", claim("token_use", "refresh"), no},
		{"other key", idToken(stranger, jwt.SigningMethodRS256, nil), no},
		{"alg none", unsigned, no},
		{"alg HS256", idToken(theKey().N.Bytes(), jwt.SigningMethodHS256, nil), no},
		{"alg RS512", idToken(theKey(), jwt.SigningMethodRS512, nil), no},
		{"signature cut off", parts[0] + "." + parts[1] + ".", no},
		{"unknown kid", idToken(theKey(), jwt.SigningMethodRS256, func(_ jwt.MapClaims, h map[string]any) { h["kid"] = "k2" }), no},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := `{"errors":[{"errorType":"UnauthorizedException","message":"` + test.message + `"}]}`
			if status, got := f.query(test.header, `{ listPosts { id } }`); status != http.StatusUnauthorized || got != want {
				t.Errorf("%d %s", status, got)
			}
		})
	}
}

func TestUnknownKeysAreFetchedSeldom(t *testing.T) {
	f := newFixture(t)
	f.query(good(), `{ listPosts { id } }`)
	for i := range 20 {
		f.query(idToken(theKey(), jwt.SigningMethodRS256, func(_ jwt.MapClaims, h map[string]any) { h["kid"] = fmt.Sprint(i) }), `{ listPosts { id } }`)
	}
	if n := f.fetches.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
	f.now.Store(11)
	f.query(idToken(theKey(), jwt.SigningMethodRS256, func(_ jwt.MapClaims, h map[string]any) { h["kid"] = "new" }), `{ listPosts { id } }`)
	if n := f.fetches.Load(); n != 2 {
		t.Errorf("%d fetches after the pause", n)
	}
}

func TestLimits(t *testing.T) {
	f := newFixture(t)
	deep := strings.Repeat("{ a ", 50) + strings.Repeat("}", 50)
	tests := []struct {
		name   string
		body   any
		status int
		want   string
	}{
		{"too large", bytes.Repeat([]byte(" "), 70<<10), http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException"},
		{"no JSON", []byte("query"), http.StatusBadRequest, "MalformedHttpRequestException"},
		{"no query", []byte("{}"), http.StatusBadRequest, "MalformedHttpRequestException"},
		{"long query", map[string]string{"query": "{ listPosts { id " + strings.Repeat(" ", 17<<10) + "} }"}, 200, "errors"},
		{"deep query", map[string]string{"query": deep}, 200, "errors"},
		{"unknown field", map[string]string{"query": "{ secrets }"}, 200, `Cannot query field \"secrets\"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status, got := f.post(good(), test.body)
			if status != test.status || !strings.Contains(got, test.want) || strings.Contains(got, `"data"`) {
				t.Errorf("%d %.200s", status, got)
			}
		})
	}
}

func TestIntrospectionAndMethods(t *testing.T) {
	f := newFixture(t)
	if _, got := f.query(good(), `{ __schema { queryType { fields { name type { ofType { ofType { ofType { name } } } } } } } }`); !strings.Contains(got, "listPosts") {
		t.Error(got)
	}
	response, err := http.Get(f.url)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", response.StatusCode)
	}
}
