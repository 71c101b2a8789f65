package demoapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cogtok/cogtok/internal/demoapi"
	"github.com/cogtok/cogtok/internal/userpool"
)

// TestTokensOfThePool takes both tokens of a real sign-in to the API, and those
// of an app client that it doesn't know.
func TestTokensOfThePool(t *testing.T) {
	server := userpool.New(userpool.Config{})
	url, err := server.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	pool := server.AddPool(userpool.PoolConfig{})
	flows := []string{"ALLOW_USER_PASSWORD_AUTH"}
	known, other := pool.AddClient(userpool.Client{Flows: flows}), pool.AddClient(userpool.Client{Flows: flows})
	user := pool.AddUser(userpool.User{Username: "rob", Email: "rob@example.com", Password: "Correct horse 9"})
	api := httptest.NewServer(demoapi.New(demoapi.Config{
		Issuer: pool.Issuer(), JWKSURL: url + "/" + pool.ID() + "/.well-known/jwks.json", ClientIDs: []string{known.ID},
	}))
	t.Cleanup(api.Close)
	f := &fixture{T: t, url: api.URL + "/graphql"}

	id, access := signIn(t, url, known.ID)
	want := map[string]string{
		id:     `{"data":{"whoami":{"username":"rob","email":"rob@example.com","sub":"` + user.Sub + `"}}}`,
		access: `{"data":{"whoami":{"username":"rob","email":null,"sub":"` + user.Sub + `"}}}`,
	}
	for token, answer := range want {
		if status, got := f.query(token, `{ whoami { username email sub } }`); status != http.StatusOK || got != answer {
			t.Errorf("%d %s", status, got)
		}
	}
	foreignID, foreignAccess := signIn(t, url, other.ID)
	for _, token := range []string{foreignID, foreignAccess} {
		if status, got := f.query(token, `{ whoami { sub } }`); status != http.StatusUnauthorized {
			t.Errorf("another client's token: %d %s", status, got)
		}
	}
}

// signIn returns the ID and the access token.
func signIn(t *testing.T, url, clientID string) (id, access string) {
	t.Helper()
	body, _ := json.Marshal(map[string]any{"ClientId": clientID, "AuthFlow": "USER_PASSWORD_AUTH",
		"AuthParameters": map[string]string{"USERNAME": "rob", "PASSWORD": "Correct horse 9"}})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.InitiateAuth")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		AuthenticationResult struct{ IdToken, AccessToken string }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.AuthenticationResult.IdToken == "" {
		t.Fatalf("HTTP %d %v", response.StatusCode, err)
	}
	return answer.AuthenticationResult.IdToken, answer.AuthenticationResult.AccessToken
}
