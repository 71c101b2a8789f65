//go:build !windows

package compat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/cogtok/cogtok/internal/cogtoktest"
	"github.com/cogtok/cogtok/internal/jwt"
)

// cognitoLocal is a running cognito-local with one pool and one app client.
type cognitoLocal struct {
	t            *testing.T
	url          string
	pool, client string
}

func startCognitoLocal(t *testing.T) *cognitoLocal {
	t.Helper()
	cogtoktest.Tool(t, "node", "nodejs")
	modules(t)
	program, err := filepath.Abs("node_modules/.bin/cognito-local")
	if err != nil {
		t.Fatal(err)
	}
	dir, port := t.TempDir(), freePort(t)
	s := &cognitoLocal{t: t, url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	if err := os.Mkdir(filepath.Join(dir, ".cognito"), 0o700); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`{"UserPoolDefaults":{"UsernameAttributes":[]},"TokenConfig":{"IssuerDomain":%q}}`, s.url)
	if err := os.WriteFile(filepath.Join(dir, ".cognito/config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", program)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOST=127.0.0.1", fmt.Sprintf("PORT=%d", port), "CODE=123456")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("cognito-local:\n%s", log.Bytes())
		}
	})
	s.waitUntilUp()
	s.createPool()
	return s
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (s *cognitoLocal) waitUntilUp() {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if resp, err := http.Get(s.url); err == nil {
			resp.Body.Close()
			return
		}
	}
	s.t.Fatal("cognito-local does not answer")
}

func (s *cognitoLocal) createPool() {
	s.t.Helper()
	s.pool = s.call("CreateUserPool", map[string]any{"PoolName": "test"})["UserPool"].(map[string]any)["Id"].(string)
	client := s.call("CreateUserPoolClient", map[string]any{
		"UserPoolId": s.pool, "ClientName": "test",
		"ExplicitAuthFlows": []string{"ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
	})
	s.client = client["UserPoolClient"].(map[string]any)["ClientId"].(string)
}

// call calls one of Cognito's operations.
func (s *cognitoLocal) call(operation string, request map[string]any) map[string]any {
	s.t.Helper()
	body, err := json.Marshal(request)
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+operation)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s: %s", operation, resp.Status, answer)
	}
	var result map[string]any
	if err := json.Unmarshal(answer, &result); err != nil {
		s.t.Fatalf("%s: %v: %s", operation, err, answer)
	}
	return result
}

// addUser makes a user who has to change the password at the first sign-in.
func (s *cognitoLocal) addUser(name, temporaryPassword string) {
	s.t.Helper()
	s.call("AdminCreateUser", map[string]any{
		"UserPoolId": s.pool, "Username": name, "TemporaryPassword": temporaryPassword, "MessageAction": "SUPPRESS",
		"UserAttributes":         []map[string]string{{"Name": "email", "Value": name + "@example.com"}},
		"DesiredDeliveryMediums": []string{"EMAIL"},
	})
}

// setPassword gives the user a password for good.
func (s *cognitoLocal) setPassword(name, password string) {
	s.t.Helper()
	s.call("AdminSetUserPassword", map[string]any{
		"UserPoolId": s.pool, "Username": name, "Password": password, "Permanent": true,
	})
}

// user returns a user of cogtok whose profile "local" signs in to the pool.
func (s *cognitoLocal) user(t *testing.T, name, auth string) *cogtoktest.User {
	t.Helper()
	u := cogtoktest.NewUser(t)
	u.Env = append(u.Env, "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local")
	u.WriteConfig(fmt.Sprintf(`version: 1
store: memory
profiles:
  local:
    user_pool_id: %s
    client_id: %s
    username: %s
    auth: %s
    endpoint: %s
    region: us-east-1
`, s.pool, s.client, name, auth, s.url))
	return u
}

const (
	password    = "Correct-Horse-9!"
	newPassword = "Battery-Staple-7?"
)

// checkTokens gets both tokens and looks at their claims.
func checkTokens(t *testing.T, u *cogtoktest.User, s *cognitoLocal) {
	t.Helper()
	for _, use := range []string{"id", "access"} {
		before := u.Must("", "token", "local", "--type", use)
		claims, err := jwt.Decode(before)
		if err != nil {
			t.Fatal(err)
		}
		if claims.TokenUse != use || claims.ClientID != s.client || !strings.HasSuffix(claims.Issuer, s.pool) {
			t.Errorf("claims of the %s token: %v", use, claims.Raw)
		}
		if again := u.Must("", "token", "local", "--type", use); again != before {
			t.Errorf("a second call gave another %s token", use)
		}
	}
}

// checkRenewal renews both tokens. cognito-local doesn't know
// GetTokensFromRefreshToken: this is the fallback.
func checkRenewal(t *testing.T, u *cogtoktest.User) {
	t.Helper()
	for _, use := range []string{"id", "access"} {
		before := u.Must("", "token", "local", "--type", use)
		if renewed := u.Must("", "token", "local", "--type", use, "--force"); renewed == before {
			t.Errorf("--force gave the same %s token", use)
		}
	}
}

// checkRefusedRenewal is for sign-ins with a challenge: cognito-local keeps
// the refresh tokens of none, and refuses them. The person is told to sign in.
func checkRefusedRenewal(t *testing.T, u *cogtoktest.User) {
	t.Helper()
	if r := u.Run("", "token", "local", "--force"); r.Code != 3 || r.Stdout != "" || !strings.Contains(r.Stderr, "cogtok login local") {
		t.Errorf("renewing with a refresh token that is refused: %s", r)
	}
}

func TestCognitoLocalPassword(t *testing.T) {
	s := startCognitoLocal(t)
	s.addUser("rob", "Temp-1234!")
	s.setPassword("rob", password)
	for _, auth := range []string{"password", "admin-password"} {
		t.Run(auth, func(t *testing.T) {
			u := s.user(t, "rob", auth)
			if r := u.Run("wrong-"+password, "login", "local", "--password-stdin"); r.Code != 7 {
				t.Errorf("wrong password: %s", r)
			}
			u.Must(password, "login", "local", "--password-stdin")
			checkTokens(t, u, s)
			checkRenewal(t, u)
			if who := u.Must("", "whoami", "local"); !strings.Contains(who, "rob@example.com") {
				t.Errorf("whoami: %s", who)
			}
			u.Must("", "logout", "local", "--revoke")
			if r := u.Run("", "token", "local"); r.Code != 3 || r.Stdout != "" {
				t.Errorf("after logout: %s", r)
			}
		})
	}
}

func TestCognitoLocalUnknownUser(t *testing.T) {
	s := startCognitoLocal(t)
	if r := s.user(t, "nobody", "password").Run(password, "login", "local", "--password-stdin"); r.Code != 7 {
		t.Errorf("unknown user: %s", r)
	}
}

// (Its AdminInitiateAuth asks for no new password.)
func TestCognitoLocalNewPassword(t *testing.T) {
	s := startCognitoLocal(t)
	s.addUser("rob", "Temp-1234!")
	u := s.user(t, "rob", "password")
	term := u.Terminal("login", "local")
	term.Answer("Password for rob", "Temp-1234!")
	term.Answer("ew password", newPassword)
	term.Answer("gain", newPassword)
	if r := term.Wait(); r.Code != 0 {
		t.Fatal(r)
	}
	checkTokens(t, u, s)
	checkRefusedRenewal(t, u)
	u.Must(newPassword, "login", "local", "--password-stdin")
	checkRenewal(t, u)
}

func TestCognitoLocalTOTP(t *testing.T) {
	s := startCognitoLocal(t)
	s.addUser("rob", "Temp-1234!")
	s.setPassword("rob", password)
	seed := s.enableTOTP("rob")
	u := s.user(t, "rob", "password")

	if r := u.Run(password, "login", "local", "--password-stdin", "--no-input"); r.Code != 3 {
		t.Errorf("without anybody to type the code: %s", r)
	}
	term := u.Terminal("login", "local")
	term.Answer("Password for rob", password)
	term.Answer("ode", "000000") // wrong
	code, err := totp.GenerateCode(seed, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	term.Answer("ode", code)
	if r := term.Wait(); r.Code != 0 {
		t.Fatal(r)
	}
	checkTokens(t, u, s)
	checkRefusedRenewal(t, u)
}

// enableTOTP registers an authenticator app for the user and returns its seed.
func (s *cognitoLocal) enableTOTP(name string) string {
	s.t.Helper()
	result := s.call("InitiateAuth", map[string]any{
		"ClientId": s.client, "AuthFlow": "USER_PASSWORD_AUTH",
		"AuthParameters": map[string]string{"USERNAME": name, "PASSWORD": password},
	})
	s.call("SetUserPoolMfaConfig", map[string]any{
		"UserPoolId": s.pool, "MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": map[string]bool{"Enabled": true},
	})
	access := result["AuthenticationResult"].(map[string]any)["AccessToken"]
	seed := s.call("AssociateSoftwareToken", map[string]any{"AccessToken": access})["SecretCode"].(string)
	code, err := totp.GenerateCode(seed, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	s.call("VerifySoftwareToken", map[string]any{"AccessToken": access, "UserCode": code})
	s.call("SetUserMFAPreference", map[string]any{
		"AccessToken": access, "SoftwareTokenMfaSettings": map[string]bool{"Enabled": true, "PreferredMfa": true},
	})
	return seed
}
