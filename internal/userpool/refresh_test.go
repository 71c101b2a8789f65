package userpool_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/userpool"
)

const revoked = "Refresh Token has been revoked"

func refreshWorld(t *testing.T, client userpool.Client) *world {
	w := newWorld(t, userpool.PoolConfig{})
	client.ID = "main"
	if client.Flows == nil {
		client.Flows = []string{"ALLOW_USER_PASSWORD_AUTH"}
	}
	w.pool.AddClient(client)
	w.pool.AddClient(userpool.Client{ID: "other", Flows: allFlows()})
	w.pool.AddUser(userpool.User{Username: "rob", Password: password})
	return w
}

// tokens signs rob in and returns refresh and access token.
func (w *world) tokens() (refresh, access string) {
	w.t.Helper()
	r := w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password).result(w.t)
	return r["RefreshToken"].(string), r["AccessToken"].(string)
}

func (w *world) refresh(token string) answer {
	w.t.Helper()
	return w.call("GetTokensFromRefreshToken", object{"ClientId": "main", "RefreshToken": token})
}

// rotated refreshes and returns the new refresh token.
func (w *world) rotated(token string) string {
	w.t.Helper()
	next, _ := w.refresh(token).result(w.t)["RefreshToken"].(string)
	if next == "" || next == token {
		w.t.Fatal("no new refresh token")
	}
	return next
}

func TestRefreshTokenLooks(t *testing.T) {
	w := refreshWorld(t, userpool.Client{})
	token, _ := w.tokens()
	if !strings.HasPrefix(token, "eyJjdHki") || strings.Count(token, ".") != 4 || len(token) < 1700 || len(token) > 1900 {
		t.Errorf("%d characters: %.30s…", len(token), token)
	}
}

func TestRotation(t *testing.T) {
	w := refreshWorld(t, userpool.Client{Rotation: true})
	first, _ := w.tokens()
	w.signIn("main", "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN", first).
		refused(t, "UnsupportedOperationException", "This API does not support refresh token rotation")
	second := w.rotated(first)
	w.refresh(first).refused(t, "RefreshTokenReuseException", "Refresh token reuse detected")
	third := w.rotated(second) // a replay doesn't end the family
	w.refresh(second).refused(t, "RefreshTokenReuseException", "Refresh token reuse detected")
	w.rotated(third)
}

func TestRotationGrace(t *testing.T) {
	w := refreshWorld(t, userpool.Client{Rotation: true, RetryGrace: 10 * time.Second})
	first, _ := w.tokens()
	lost := w.rotated(first)
	w.clock.advance(9 * time.Second)
	second := w.rotated(first) // a retry after a lost answer
	w.refresh(lost).refused(t, "RefreshTokenReuseException", "Refresh token reuse detected")
	third := w.rotated(second)
	w.clock.advance(time.Second)
	w.refresh(first).refused(t, "RefreshTokenReuseException", "Refresh token reuse detected")
	w.clock.advance(8 * time.Second)
	w.rotated(second) // in its own grace
	w.refresh(third).refused(t, "RefreshTokenReuseException", "Refresh token reuse detected")
}

func TestRotationKeepsTheEnd(t *testing.T) {
	w := refreshWorld(t, userpool.Client{Rotation: true, RefreshTokenLife: 3 * time.Hour})
	token, _ := w.tokens()
	for range 2 {
		w.clock.advance(time.Hour)
		token = w.rotated(token)
	}
	w.clock.advance(time.Hour)
	w.refresh(token).refused(t, notAuthorized, "Refresh Token has expired")
}

func TestRevokeInAFamily(t *testing.T) {
	revoke := func(w *world, token string) {
		t.Helper()
		if a := w.call("RevokeToken", object{"ClientId": "main", "Token": token}); a.errType != "" {
			t.Errorf("%s %s", a.errType, a.message)
		}
	}
	t.Run("the first ends all", func(t *testing.T) {
		w := refreshWorld(t, userpool.Client{Rotation: true})
		first, access := w.tokens()
		last := w.rotated(w.rotated(first))
		revoke(w, first)
		w.refresh(last).refused(t, notAuthorized, revoked)
		w.call("GetUser", object{"AccessToken": access}).refused(t, notAuthorized, "Access Token has been revoked")
	})
	t.Run("a middle one only itself", func(t *testing.T) {
		w := refreshWorld(t, userpool.Client{Rotation: true})
		first, access := w.tokens()
		middle := w.rotated(first)
		last := w.rotated(middle)
		revoke(w, middle)
		w.refresh(middle).refused(t, notAuthorized, revoked)
		w.rotated(last)
		if a := w.call("GetUser", object{"AccessToken": access}); a.text("Username") != "rob" {
			t.Error(a.body)
		}
	})
	t.Run("other sign-ins live", func(t *testing.T) {
		w := refreshWorld(t, userpool.Client{})
		one, _ := w.tokens()
		two, _ := w.tokens()
		revoke(w, one)
		revoke(w, one)
		revoke(w, "unknown")
		w.refresh(one).refused(t, notAuthorized, revoked)
		w.refresh(two).result(t)
	})
}

func TestRevokeRefusals(t *testing.T) {
	w := refreshWorld(t, userpool.Client{Secret: secret, Flows: allFlows()})
	w.pool.AddClient(userpool.Client{ID: "lasting", DisableTokenRevocation: true})
	r := w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password, "SECRET_HASH", secretHash(secret, "main", "rob")).result(t)
	token := r["RefreshToken"].(string)
	tests := []struct {
		name             string
		body             object
		errType, message string
	}{
		{"access token", object{"ClientId": "main", "ClientSecret": secret, "Token": r["AccessToken"]}, "UnsupportedTokenTypeException", "Unsupported token type"},
		{"no secret", object{"ClientId": "main", "Token": token}, "UnauthorizedException", "Unauthorized"},
		{"wrong secret", object{"ClientId": "main", "ClientSecret": secret + "x", "Token": token}, "UnauthorizedException", "Unauthorized"},
		{"other client", object{"ClientId": "other", "Token": token}, "UnauthorizedException", "Unauthorized"},
		{"unknown client", object{"ClientId": "nobody", "Token": token}, "UnauthorizedException", "Unauthorized"},
		{"revocation off", object{"ClientId": "lasting", "Token": token}, "UnsupportedOperationException", "Revocation is not supported for this app client"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { w.call("RevokeToken", test.body).refused(t, test.errType, test.message) })
	}
	w.call("GetTokensFromRefreshToken", object{"ClientId": "main", "ClientSecret": secret, "RefreshToken": token}).result(t)
}

func TestRefreshRefusals(t *testing.T) {
	w := refreshWorld(t, userpool.Client{Secret: secret, Flows: allFlows(), RefreshTokenLife: time.Hour})
	hash := secretHash(secret, "main", "rob")
	sign := func() string {
		return w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password, "SECRET_HASH", hash).result(t)["RefreshToken"].(string)
	}
	token := sign()
	both := func(name string, errType, message string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			w.call("GetTokensFromRefreshToken", object{"ClientId": "main", "ClientSecret": secret, "RefreshToken": token}).refused(t, errType, message)
			w.signIn("main", "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN", token, "SECRET_HASH", hash).refused(t, errType, message)
		})
	}
	w.call("GetTokensFromRefreshToken", object{"ClientId": "main", "RefreshToken": token}).
		refused(t, notAuthorized, "Client main is configured for secret but secret was not received")
	w.call("GetTokensFromRefreshToken", object{"ClientId": "main", "ClientSecret": secret + "x", "RefreshToken": token}).
		refused(t, notAuthorized, "Unable to verify secret for client main")
	w.call("GetTokensFromRefreshToken", object{"ClientId": "other", "ClientSecret": secret, "RefreshToken": token}).
		refused(t, notAuthorized, "Unable to verify secret for client other")
	w.call("GetTokensFromRefreshToken", object{"ClientId": "other", "RefreshToken": token}).
		refused(t, notAuthorized, "Refresh Token has different Client")
	w.signIn("other", "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN", token).refused(t, notAuthorized, "Refresh Token has different Client")
	w.call("GetTokensFromRefreshToken", object{"ClientId": "nobody", "RefreshToken": token}).
		refused(t, "ResourceNotFoundException", "User pool client nobody does not exist.")

	w.pool.Disable("rob")
	both("disabled", notAuthorized, "User is disabled.")
	w.pool.Enable("rob")
	both("disabled and enabled", notAuthorized, revoked)
	token = sign()
	w.pool.RevokeRefreshToken(token)
	both("revoked", notAuthorized, revoked)
	token = sign()
	w.pool.SignOutEverywhere("rob")
	both("signed out", notAuthorized, revoked)
	token = sign()
	w.clock.advance(time.Hour)
	both("expired", notAuthorized, "Refresh Token has expired")
	token = sign()
	w.pool.DeleteUser("rob")
	both("deleted", "UserNotFoundException", "User does not exist.")
	token = "garbage"
	both("garbage", notAuthorized, "Invalid Refresh Token.")
}

func TestGlobalSignOut(t *testing.T) {
	w := refreshWorld(t, userpool.Client{})
	one, access := w.tokens()
	two, _ := w.tokens()
	if a := w.call("GlobalSignOut", object{"AccessToken": access}); a.errType != "" {
		t.Fatal(a.errType, a.message)
	}
	w.refresh(one).refused(t, notAuthorized, revoked)
	w.refresh(two).refused(t, notAuthorized, revoked)
	for _, operation := range []string{"GetUser", "GlobalSignOut"} {
		w.call(operation, object{"AccessToken": access}).refused(t, notAuthorized, "Access Token has been revoked")
	}
	w.tokens() // signing in goes on
}
