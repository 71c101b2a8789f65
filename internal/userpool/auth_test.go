package userpool_test

import (
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/userpool"
)

func TestPasswordSignInAndRefresh(t *testing.T) {
	w := newWorld(t, userpool.PoolConfig{})
	client := w.pool.AddClient(userpool.Client{Flows: allFlows()})
	w.pool.AddUser(userpool.User{Username: "rob", Email: "rob@example.com", Password: password})

	first := w.signIn(client.ID, "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password).result(t)
	refresh, _ := first["RefreshToken"].(string)
	if refresh == "" || first["TokenType"] != "Bearer" || first["ExpiresIn"] != 3600.0 {
		t.Fatalf("sign-in: %v", first)
	}
	for _, flow := range []string{"REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"} {
		again := w.signIn(client.ID, flow, "REFRESH_TOKEN", refresh).result(t)
		if _, given := again["RefreshToken"]; given {
			t.Errorf("%s gave a refresh token", flow)
		}
	}
	got := w.call("GetTokensFromRefreshToken", object{"ClientId": client.ID, "RefreshToken": refresh}).result(t)
	if _, given := got["RefreshToken"]; given {
		t.Error("a refresh token without rotation")
	}
	if n := w.server.Count("InitiateAuth"); n != 3 {
		t.Errorf("InitiateAuth counted %d times", n)
	}
}

func TestSRPSignIn(t *testing.T) {
	w := newWorld(t, userpool.PoolConfig{AliasAttributes: []string{"email"}})
	client := w.pool.AddClient(userpool.Client{})
	w.pool.AddUser(userpool.User{Username: "rob", Email: "rob@example.com", Password: password})
	for seed := range int64(40) { // odd lengths of A, B, S and salt come up
		w.srpSignIn(client.ID, "rob@example.com", password, seed).result(t)
	}
	w.srpSignIn(client.ID, "rob", "wrong", 1).refused(t, "NotAuthorizedException", "Incorrect username or password.")
}

func TestSecretHashAndExpiry(t *testing.T) {
	w := newWorld(t, userpool.PoolConfig{})
	client := w.pool.AddClient(userpool.Client{Secret: secret, Flows: allFlows(), RefreshTokenLife: time.Hour})
	w.pool.AddUser(userpool.User{Username: "rob", Email: "rob@example.com", Password: password})
	hash := secretHash(secret, client.ID, "rob")
	refresh := w.signIn(client.ID, "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password, "SECRET_HASH", hash).result(t)["RefreshToken"].(string)
	w.clock.advance(time.Hour - time.Second)
	w.signIn(client.ID, "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN", refresh, "SECRET_HASH", hash).result(t)
	w.clock.advance(time.Second)
	w.signIn(client.ID, "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN", refresh, "SECRET_HASH", hash).
		refused(t, "NotAuthorizedException", "Refresh Token has expired")
}
