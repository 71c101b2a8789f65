package userpool_test

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"math/big"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cogtok/cogtok/internal/userpool"
)

func (w *world) get(path string) (int, object) {
	w.t.Helper()
	response, err := http.Get(w.url + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	var body object
	_ = json.Unmarshal(data, &body)
	return response.StatusCode, body
}

// parse verifies a token with the keys that the server publishes.
func (w *world) parse(token string) (*jwt.Token, jwt.MapClaims) {
	w.t.Helper()
	_, set := w.get("/" + w.pool.ID() + "/.well-known/jwks.json")
	parsed, err := jwt.Parse(token, func(t *jwt.Token) (any, error) {
		for _, each := range set["keys"].([]any) {
			key := each.(object)
			if key["kid"] != t.Header["kid"] {
				continue
			}
			n, err := base64.RawURLEncoding.DecodeString(key["n"].(string))
			if err != nil || key["e"] != "AQAB" || key["kty"] != "RSA" || key["alg"] != "RS256" || key["use"] != "sig" {
				w.t.Fatalf("key %v: %v", key, err)
			}
			return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}, nil
		}
		return nil, jwt.ErrTokenUnverifiable
	}, jwt.WithValidMethods([]string{"RS256"}), jwt.WithTimeFunc(w.clock.Now), jwt.WithExpirationRequired())
	if err != nil {
		w.t.Fatal(err)
	}
	return parsed, parsed.Claims.(jwt.MapClaims)
}

func TestClaims(t *testing.T) {
	w := newWorld(t, userpool.PoolConfig{})
	w.pool.AddClient(userpool.Client{ID: "main", Flows: allFlows(), IDTokenLife: 10 * time.Minute, AccessTokenLife: 20 * time.Minute})
	user := w.pool.AddUser(userpool.User{Username: "rob", Email: "rob@example.com", Password: password,
		Groups: []string{"writers"}, Attributes: map[string]string{"custom:team": "a"}})
	r := w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password).result(t)
	if r["ExpiresIn"] != 1200.0 {
		t.Errorf("ExpiresIn %v", r["ExpiresIn"])
	}
	idToken, id := w.parse(r["IdToken"].(string))
	accessToken, access := w.parse(r["AccessToken"].(string))
	if idToken.Header["kid"] == accessToken.Header["kid"] {
		t.Error("one key for both tokens")
	}
	now := float64(w.clock.Now().Unix())
	common := map[string]any{
		"sub": user.Sub, "iss": "https://cognito-idp.us-east-1.amazonaws.com/" + poolID, "auth_time": now, "iat": now,
		"cognito:groups": []any{"writers"},
	}
	expectClaims(t, "ID", id, common, map[string]any{
		"token_use": "id", "aud": "main", "cognito:username": "rob", "email": "rob@example.com", "email_verified": true,
		"custom:team": "a", "exp": now + 600,
	})
	expectClaims(t, "access", access, common, map[string]any{
		"token_use": "access", "client_id": "main", "username": "rob", "scope": "aws.cognito.signin.user.admin", "exp": now + 1200,
	})
	if id["origin_jti"] != access["origin_jti"] || id["jti"] == access["jti"] || id["event_id"] != access["event_id"] {
		t.Errorf("ids: %v %v", id, access)
	}

	w.clock.advance(5 * time.Minute)
	again := w.signIn("main", "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN", r["RefreshToken"].(string)).result(t)
	_, renewed := w.parse(again["IdToken"].(string))
	if renewed["auth_time"] != now || renewed["iat"] != now+300 || renewed["origin_jti"] != id["origin_jti"] || renewed["jti"] == id["jti"] {
		t.Errorf("renewed: %v", renewed)
	}
	for _, name := range []string{"IdToken", "AccessToken"} {
		if n := len(again[name].(string)); n < 800 || n > 1400 {
			t.Errorf("%s has %d characters", name, n)
		}
	}
}

// expectClaims wants the given claims, and of others the ids alone.
func expectClaims(t *testing.T, token string, got jwt.MapClaims, wants ...map[string]any) {
	t.Helper()
	names := []string{"origin_jti", "jti", "event_id"}
	for _, want := range wants {
		for name, value := range want {
			if !reflect.DeepEqual(got[name], value) {
				t.Errorf("%s token: %s is %v, want %v", token, name, got[name], value)
			}
			names = append(names, name)
		}
	}
	for name := range maps.Keys(got) {
		if !slices.Contains(names, name) {
			t.Errorf("%s token has %s", token, name)
		}
	}
}

func TestClaimsWithoutRevocation(t *testing.T) {
	w := newWorld(t, userpool.PoolConfig{})
	w.pool.AddClient(userpool.Client{ID: "main", Flows: allFlows(), DisableTokenRevocation: true})
	w.pool.AddUser(userpool.User{Username: "rob", Password: password})
	r := w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password).result(t)
	_, id := w.parse(r["IdToken"].(string))
	if id["origin_jti"] != nil || id["jti"] != nil || id["cognito:groups"] != nil {
		t.Errorf("%v", id)
	}
}

func TestDocuments(t *testing.T) {
	w := newWorld(t, userpool.PoolConfig{Issuer: "self", OwnKeys: true})
	w.pool.AddClient(userpool.Client{ID: "main", Flows: allFlows()})
	w.pool.AddUser(userpool.User{Username: "rob", Password: password})
	status, discovery := w.get("/" + poolID + "/.well-known/openid-configuration")
	if status != 200 || discovery["issuer"] != w.url+"/"+poolID || discovery["jwks_uri"] != w.url+"/"+poolID+"/.well-known/jwks.json" {
		t.Errorf("%d %v", status, discovery)
	}
	r := w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password).result(t)
	if _, id := w.parse(r["IdToken"].(string)); id["iss"] != discovery["issuer"] || w.pool.Issuer() != discovery["issuer"] {
		t.Errorf("iss %v", id["iss"])
	}
	if status, body := w.get("/us-east-1_Nothing/.well-known/jwks.json"); status != 400 || body["message"] != "User pool us-east-1_Nothing does not exist." {
		t.Errorf("%d %v", status, body)
	}
	if status, _ := w.get("/" + poolID + "/.well-known/other"); status != http.StatusNotFound {
		t.Errorf("other document: %d", status)
	}
	if status, _ := w.get("/"); status != http.StatusMethodNotAllowed {
		t.Errorf("GET /: %d", status)
	}
}

func TestGetUser(t *testing.T) {
	w := newWorld(t, userpool.PoolConfig{})
	w.pool.AddClient(userpool.Client{ID: "main", Flows: allFlows()})
	user := w.pool.AddUser(userpool.User{Username: "rob", Email: "rob@example.com", Password: password})
	r := w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password).result(t)
	access := r["AccessToken"].(string)
	got := w.call("GetUser", object{"AccessToken": access})
	want := []any{object{"Name": "sub", "Value": user.Sub}, object{"Name": "email", "Value": "rob@example.com"}, object{"Name": "email_verified", "Value": "true"}}
	if got.text("Username") != "rob" || !reflect.DeepEqual(got.body["UserAttributes"], want) {
		t.Errorf("%v", got.body)
	}
	parts := strings.Split(access, ".")
	for name, token := range map[string]string{
		"ID token": r["IdToken"].(string), "garbage": "abc", "no signature": parts[0] + "." + parts[1] + ".",
		"other payload": parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"username":"amy"}`)) + "." + parts[2],
	} {
		t.Run(name, func(t *testing.T) {
			w.call("GetUser", object{"AccessToken": token}).refused(t, notAuthorized, "Invalid Access Token")
		})
	}
	w.clock.advance(time.Hour)
	w.call("GetUser", object{"AccessToken": access}).refused(t, notAuthorized, "Access Token has expired")
	access = w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password).result(t)["AccessToken"].(string)
	w.pool.Disable("rob")
	w.call("GetUser", object{"AccessToken": access}).refused(t, notAuthorized, "User is disabled.")
	w.pool.DeleteUser("rob")
	w.call("GetUser", object{"AccessToken": access}).refused(t, "UserNotFoundException", "User does not exist.")
}

// TestPoolsDontMix gives one server two pools, and tokens of one to the other.
func TestPoolsDontMix(t *testing.T) {
	w := newWorld(t, userpool.PoolConfig{})
	w.pool.AddClient(userpool.Client{ID: "main", Flows: allFlows()})
	w.pool.AddUser(userpool.User{Username: "rob", Password: password})
	second := w.server.AddPool(userpool.PoolConfig{ID: "eu-west-1_Other"})
	second.AddClient(userpool.Client{ID: "second", Flows: allFlows()})
	r := w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password).result(t)
	w.signIn("second", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password).refused(t, "UserNotFoundException", "User does not exist.")
	w.signIn("second", "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN", r["RefreshToken"].(string)).refused(t, notAuthorized, "Invalid Refresh Token.")
	if got := w.call("GetUser", object{"AccessToken": r["AccessToken"]}); got.text("Username") != "rob" {
		t.Error(got.body)
	}
	if second.Issuer() != "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other" {
		t.Error(second.Issuer())
	}
}
