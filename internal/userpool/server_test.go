package userpool_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/userpool"
)

func TestProtocolRefusals(t *testing.T) {
	w := refreshWorld(t, userpool.Client{})
	one := func(constraint string) string { return "1 validation error detected: Value at " + constraint }
	tests := []struct{ name, operation, body, errType, message string }{
		{"unknown operation", "ListUsers", `{}`, "UnknownOperationException", ""},
		{"no JSON", "InitiateAuth", `AuthFlow=x`, "SerializationException", ""},
		{"empty", "InitiateAuth", ``, "SerializationException", ""},
		{"list", "InitiateAuth", `[]`, "SerializationException", ""},
		{"two objects", "InitiateAuth", `{}{}`, "SerializationException", ""},
		{"number for text", "GetUser", `{"AccessToken":1}`, "SerializationException", "NUMBER_VALUE can not be converted to a String"},
		{"bool for text", "GetUser", `{"AccessToken":true}`, "SerializationException", "TRUE_VALUE can not be converted to a String"},
		{"list for text", "GetUser", `{"AccessToken":[]}`, "SerializationException", "Start of list found where not expected"},
		{"text for map", "InitiateAuth", `{"AuthParameters":"USERNAME=rob"}`, "SerializationException", "Unexpected field type"},
		{"list in map", "InitiateAuth", `{"AuthParameters":{"PASSWORD":["p","w"]}}`, "SerializationException", "Start of list found where not expected"},
		{"text for structure", "InitiateAuth", `{"UserContextData":"x"}`, "SerializationException", "Unexpected field type"},
		{"member missing", "InitiateAuth", `{"ClientId":"main"}`, invalidParameter, one("'authFlow' failed to satisfy constraint: Member must not be null")},
		{"null is missing", "GetUser", `{"AccessToken":null}`, invalidParameter, one("'accessToken' failed to satisfy constraint: Member must not be null")},
		{"names have a case", "GetUser", `{"accesstoken":"x"}`, invalidParameter, one("'accessToken' failed to satisfy constraint: Member must not be null")},
		{"all at once", "RevokeToken", `{"Token":"a b","ClientId":""}`, invalidParameter, "2 validation errors detected: Value at 'token' failed to satisfy constraint: Member must satisfy regular expression pattern: [A-Za-z0-9-_=.]+; Value at 'clientId' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"unknown flow", "InitiateAuth", `{"ClientId":"main","AuthFlow":"PASSWORD"}`, invalidParameter, one("'authFlow' failed to satisfy constraint: Member must satisfy enum value set: [USER_SRP_AUTH, REFRESH_TOKEN_AUTH, REFRESH_TOKEN, CUSTOM_AUTH, ADMIN_NO_SRP_AUTH, USER_PASSWORD_AUTH, ADMIN_USER_PASSWORD_AUTH, USER_AUTH]")},
		{"short secret", "GetTokensFromRefreshToken", `{"ClientId":"main","RefreshToken":"x","ClientSecret":"x"}`, invalidParameter, one("'clientSecret' failed to satisfy constraint: Member must have length greater than or equal to 24")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w.call(test.operation, []byte(test.body)).refused(t, test.errType, test.message)
		})
	}
	t.Run("content type", func(t *testing.T) {
		r := w.request("GetUser", object{})
		r.Header.Set("Content-Type", "application/json")
		w.send(r).refused(t, "UnknownOperationException", "")
	})
	t.Run("target of another service", func(t *testing.T) {
		r := w.request("GetUser", object{})
		r.Header.Set("X-Amz-Target", "AWSCognitoIdentityService.GetUser")
		w.send(r).refused(t, "UnknownOperationException", "")
	})
	t.Run("too large", func(t *testing.T) {
		if a := w.call("GetUser", []byte(strings.Repeat(" ", 2<<20))); a.status != http.StatusRequestEntityTooLarge {
			t.Errorf("%d", a.status)
		}
	})
}

func TestUnknownMembersAreIgnored(t *testing.T) {
	w := refreshWorld(t, userpool.Client{})
	w.call("InitiateAuth", object{"ClientId": "main", "AuthFlow": "USER_PASSWORD_AUTH", "Future": object{"a": []int{1}},
		"ClientMetadata": object{"k": "v"}, "UserContextData": object{"EncodedData": "x"},
		"AuthParameters": object{"USERNAME": "rob", "PASSWORD": password}}).result(t)
}

func TestDateIsTheServersClock(t *testing.T) {
	w := refreshWorld(t, userpool.Client{})
	if got := w.call("GetUser", object{}).header.Get("Date"); got != "Thu, 05 Mar 2026 14:07:09 GMT" {
		t.Error(got)
	}
}

// post sends a request that may fail below HTTP.
func (w *world) post(operation string) (status int, body string, err error) {
	w.t.Helper()
	response, err := http.DefaultTransport.RoundTrip(w.request(operation, object{"ClientId": "main", "RefreshToken": "x"}))
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	return response.StatusCode, string(data), err
}

func TestFaults(t *testing.T) {
	w := refreshWorld(t, userpool.Client{})
	const op = "GetTokensFromRefreshToken"
	tests := []struct {
		fault  userpool.Fault
		status int
		body   string
	}{
		{userpool.Throttle, 400, `"__type":"TooManyRequestsException"`},
		{userpool.InternalError, 500, `"__type":"InternalErrorException"`},
		{userpool.Unavailable, 503, "<html>"},
		{userpool.Garbage, 200, "\x1b[31m"},
		{userpool.HTML, 200, "<html>"},
		{userpool.UnknownOperation, 400, `"__type":"UnknownOperationException"`},
		{userpool.Reset, 0, ""},
		{userpool.LoseAnswer, 0, ""},
	}
	for _, test := range tests {
		t.Run(test.fault.String(), func(t *testing.T) {
			w.server.Fail(op, test.fault, 2)
			for range 2 {
				status, body, err := w.post(op)
				if status != test.status || !strings.Contains(body, test.body) || (err != nil) != (test.status == 0) {
					t.Errorf("%d %q %v", status, body, err)
				}
			}
			if _, body, _ := w.post(op); !strings.Contains(body, "Invalid Refresh Token.") {
				t.Errorf("afterwards: %q", body)
			}
		})
	}
}

func TestFaultsInOrder(t *testing.T) {
	w := refreshWorld(t, userpool.Client{})
	w.server.Fail("", userpool.Throttle, userpool.Always)
	w.server.Fail("GetUser", userpool.HTML, 1)
	w.server.Fail("GetUser", userpool.InternalError, 1)
	for _, want := range []int{200, 500, 400, 400} {
		if status, _, _ := w.post("GetUser"); status != want {
			t.Errorf("%d, want %d", status, want)
		}
	}
	w.server.Heal()
	if _, body, _ := w.post("GetTokensFromRefreshToken"); !strings.Contains(body, "NotAuthorizedException") {
		t.Error(body)
	}
	errors := []string{}
	for _, call := range w.server.Calls() {
		errors = append(errors, call.Error)
	}
	if got := strings.Join(errors, " "); got != "html internal-error throttle throttle NotAuthorizedException" {
		t.Error(got)
	}
}

func TestLostAnswerRotates(t *testing.T) {
	w := refreshWorld(t, userpool.Client{Rotation: true})
	token, _ := w.tokens()
	w.server.Fail("GetTokensFromRefreshToken", userpool.LoseAnswer, 1)
	if _, err := http.DefaultTransport.RoundTrip(w.request("GetTokensFromRefreshToken", object{"ClientId": "main", "RefreshToken": token})); err == nil {
		t.Fatal("an answer came")
	}
	w.refresh(token).refused(t, "RefreshTokenReuseException", "Refresh token reuse detected")
}

func TestHangAndDelayEndWithTheClient(t *testing.T) {
	w := refreshWorld(t, userpool.Client{})
	w.server.Fail("GetUser", userpool.Hang, 1)
	w.server.Delay("RevokeToken", time.Hour)
	client := http.Client{Timeout: 200 * time.Millisecond}
	for _, operation := range []string{"GetUser", "RevokeToken"} {
		if _, err := client.Do(w.request(operation, object{})); err == nil {
			t.Errorf("%s was answered", operation)
		}
	}
	w.server.Delay("", time.Millisecond)
	if _, body, _ := w.post("GetTokensFromRefreshToken"); !strings.Contains(body, "NotAuthorizedException") {
		t.Error(body)
	}
	if n := w.server.Count("RevokeToken"); n != 0 {
		t.Errorf("a call that nobody waited for was carried out %d times", n)
	}
}

func TestCallsAreRecorded(t *testing.T) {
	w := refreshWorld(t, userpool.Client{})
	w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", "x")
	calls := w.server.Calls()
	if len(calls) != 1 {
		t.Fatalf("%d calls", len(calls))
	}
	c := calls[0]
	if c.Operation != "InitiateAuth" || c.ClientID != "main" || c.Username != "rob" || c.Error != notAuthorized || !c.Time.Equal(w.clock.Now()) {
		t.Errorf("%+v", c)
	}
	if p, _ := json.Marshal(c.Parameters["AuthParameters"]); string(p) != `{"PASSWORD":"x","USERNAME":"rob"}` {
		t.Errorf("%s", p)
	}
	w.server.ResetCalls()
	if w.server.Count("") != 0 || len(w.server.Calls()) != 0 {
		t.Error("calls are left")
	}
}

// TestPasswordsAreNotRecorded plants a marker and looks for it in the log of a
// server that wasn't told to keep parameters.
func TestPasswordsAreNotRecorded(t *testing.T) {
	server := userpool.New(userpool.Config{})
	server.AddPool(userpool.PoolConfig{ID: poolID}).AddClient(userpool.Client{ID: "main", Flows: allFlows()})
	url, err := server.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	w := &world{t: t, server: server, url: url}
	w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", "planted-marker")
	if text := fmt.Sprintf("%+v", server.Calls()); strings.Contains(text, "planted-marker") || !strings.Contains(text, "rob") {
		t.Error(text)
	}
}

func TestStartOnceAndClose(t *testing.T) {
	w := refreshWorld(t, userpool.Client{})
	if _, err := w.server.Start("127.0.0.1:0"); err == nil {
		t.Error("started twice")
	}
	if w.server.URL() != w.url {
		t.Error(w.server.URL())
	}
	if err := w.server.Close(); err != nil {
		t.Error(err)
	}
	if _, _, err := w.post("GetUser"); err == nil {
		t.Error("serves after Close")
	}
	if err := userpool.New(userpool.Config{}).Close(); err != nil {
		t.Error(err)
	}
}

func TestDefinitionsThatPanic(t *testing.T) {
	w := newWorld(t, userpool.PoolConfig{AliasAttributes: []string{"email"}})
	w.pool.AddClient(userpool.Client{ID: "main"})
	w.pool.AddUser(userpool.User{Username: "rob", Email: "rob@example.com"})
	emails := w.server.AddPool(userpool.PoolConfig{UsernameAttributes: []string{"email"}})
	definitions := map[string]func(){
		"pool twice":             func() { w.server.AddPool(userpool.PoolConfig{ID: poolID}) },
		"pool id":                func() { w.server.AddPool(userpool.PoolConfig{ID: "nonsense"}) },
		"client twice":           func() { w.pool.AddClient(userpool.Client{ID: "main"}) },
		"client in another pool": func() { emails.AddClient(userpool.Client{ID: "main"}) },
		"short secret":           func() { w.pool.AddClient(userpool.Client{Secret: "abc"}) },
		"flow":                   func() { w.pool.AddClient(userpool.Client{Flows: []string{"USER_PASSWORD_AUTH"}}) },
		"rotation and refresh":   func() { w.pool.AddClient(userpool.Client{Rotation: true, Flows: allFlows()}) },
		"grace":                  func() { w.pool.AddClient(userpool.Client{Rotation: true, RetryGrace: time.Hour}) },
		"update of nothing":      func() { w.pool.UpdateClient(userpool.Client{ID: "x"}) },
		"user twice":             func() { w.pool.AddUser(userpool.User{Username: "ROB"}) },
		"alias twice":            func() { w.pool.AddUser(userpool.User{Username: "bob", Email: "rob@example.com"}) },
		"no username":            func() { w.pool.AddUser(userpool.User{}) },
		"username in email pool": func() { emails.AddUser(userpool.User{Username: "rob"}) },
		"SMS without phone":      func() { w.pool.AddUser(userpool.User{Username: "x", SMSMFA: true}) },
		"seed":                   func() { w.pool.SetTOTP("rob", "!") },
		"unknown user":           func() { w.pool.Disable("nobody") },
	}
	for name, define := range definitions {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("taken")
				}
			}()
			define()
		})
	}
	w.pool.AddUser(userpool.User{Username: "still", Password: password}) // no lock is left held
}

// TestConcurrentUse has many clients at once at everything; -race looks on.
func TestConcurrentUse(t *testing.T) {
	w := refreshWorld(t, userpool.Client{Rotation: true, Flows: []string{"ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH"}})
	var group sync.WaitGroup
	for i := range 12 {
		group.Go(func() {
			token, access := w.tokens()
			w.srpSignIn("main", "rob", password, int64(i)).result(t)
			for range 3 {
				token = w.rotated(token)
			}
			w.call("GetUser", object{"AccessToken": access})
			w.server.Fail("RevokeToken", userpool.Throttle, 1)
			w.call("RevokeToken", object{"ClientId": "main", "Token": token})
			w.pool.SetGroups("rob", fmt.Sprint(i))
			w.server.Calls()
			w.pool.PasswordAttempts("rob")
		})
	}
	group.Wait()
	if n := w.server.Count("GetTokensFromRefreshToken"); n != 36 {
		t.Errorf("%d refreshes", n)
	}
}

// TestOneRotationWins has many clients exchange one token at once: without a
// grace period only one may.
func TestOneRotationWins(t *testing.T) {
	w := refreshWorld(t, userpool.Client{Rotation: true})
	token, _ := w.tokens()
	var group sync.WaitGroup
	var mu sync.Mutex
	got := map[string]int{}
	for range 10 {
		group.Go(func() {
			a := w.refresh(token)
			mu.Lock()
			defer mu.Unlock()
			got[a.errType]++
		})
	}
	group.Wait()
	if got[""] != 1 || got["RefreshTokenReuseException"] != 9 {
		t.Errorf("%v", got)
	}
}
