//go:build !windows

package compat

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/cogtok/cogtok/internal/cogtoktest"
	"github.com/cogtok/cogtok/internal/jwt"
	"github.com/cogtok/cogtok/internal/userpool"
)

const clientSecret = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN"

// ownPool is the embedded pool with rob in it, and an app client with a
// secret and one without.
type ownPool struct {
	url            string
	pool           *userpool.Pool
	open, secretly userpool.Client
}

func startOwnPool(t *testing.T, config userpool.PoolConfig) ownPool {
	t.Helper()
	server := userpool.New(userpool.Config{})
	url, err := server.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	config.ID = "us-east-1_AbCdEf123"
	pool := server.AddPool(config)
	flows := []string{"ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
	p := ownPool{
		url: url, pool: pool,
		open:     pool.AddClient(userpool.Client{Flows: flows}),
		secretly: pool.AddClient(userpool.Client{Flows: flows, Secret: clientSecret}),
	}
	user := userpool.User{Username: "rob", Email: "rob@example.com", Password: password}
	if len(config.UsernameAttributes) > 0 {
		user.Username = ""
	}
	pool.AddUser(user)
	return p
}

func secretHash(username, clientID string) string {
	mac := hmac.New(sha256.New, []byte(clientSecret))
	mac.Write([]byte(username + clientID))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// awsCLI runs `aws cognito-idp` with a JSON input, signed if the operation wants it.
func (p ownPool) awsCLI(t *testing.T, operation string, input map[string]any) (stdout, stderr string) {
	t.Helper()
	path := cogtoktest.Tool(t, "aws", "awscli")
	in, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "cognito-idp", operation, "--endpoint-url", p.url, "--region", "us-east-1", "--output", "json",
		"--cli-input-json", string(in))
	credential := userpool.TestCredential()
	cmd.Env = append(cogtoktest.Environ(t.TempDir()), "AWS_PAGER=",
		"AWS_ACCESS_KEY_ID="+credential.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+credential.SecretAccessKey)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	_ = cmd.Run() // its failures are told by stderr
	return out.String(), errOut.String()
}

func TestAWSCLI(t *testing.T) {
	p := startOwnPool(t, userpool.PoolConfig{})
	parameters := func(pairs ...string) map[string]string {
		m := map[string]string{"USERNAME": "rob", "PASSWORD": password}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	hash := secretHash("rob", p.secretly.ID)
	admin := map[string]any{"UserPoolId": p.pool.ID()}
	for _, tt := range []struct {
		name, operation string
		client, flow    string
		parameters      map[string]string
		also            map[string]any
		refusal         string // empty: tokens come
	}{
		{"initiate-auth", "initiate-auth", p.open.ID, "USER_PASSWORD_AUTH", parameters(), nil, ""},
		{"initiate-auth with secret", "initiate-auth", p.secretly.ID, "USER_PASSWORD_AUTH", parameters("SECRET_HASH", hash), nil, ""},
		{"initiate-auth without its hash", "initiate-auth", p.secretly.ID, "USER_PASSWORD_AUTH", parameters(), nil, "SECRET_HASH was not received"},
		{"initiate-auth with another's hash", "initiate-auth", p.secretly.ID, "USER_PASSWORD_AUTH", parameters("SECRET_HASH", secretHash("eve", p.secretly.ID)), nil, "Unable to verify secret hash"},
		{"initiate-auth wrong password", "initiate-auth", p.open.ID, "USER_PASSWORD_AUTH", parameters("PASSWORD", "Wrong-9-Horse!"), nil, "Incorrect username or password"},
		{"admin flow unsigned", "initiate-auth", p.open.ID, "ADMIN_USER_PASSWORD_AUTH", parameters(), nil, "Initiate Auth method not supported"},
		{"admin-initiate-auth", "admin-initiate-auth", p.open.ID, "ADMIN_USER_PASSWORD_AUTH", parameters(), admin, ""},
		{"admin-initiate-auth with secret", "admin-initiate-auth", p.secretly.ID, "ADMIN_USER_PASSWORD_AUTH", parameters("SECRET_HASH", hash), admin, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			input := map[string]any{"ClientId": tt.client, "AuthFlow": tt.flow, "AuthParameters": tt.parameters}
			for k, v := range tt.also {
				input[k] = v
			}
			out, errOut := p.awsCLI(t, tt.operation, input)
			if tt.refusal != "" {
				if !strings.Contains(errOut, tt.refusal) {
					t.Errorf("stderr %q does not say %q", errOut, tt.refusal)
				}
				return
			}
			var answer initiateAuthOutput
			if err := json.Unmarshal([]byte(out), &answer); err != nil {
				t.Fatalf("%v\n%s%s", err, out, errOut)
			}
			if _, err := jwt.Decode(answer.AuthenticationResult.IDToken); err != nil {
				t.Error(err)
			}
		})
	}
}

// initiateAuthOutput is what the AWS CLI prints.
type initiateAuthOutput struct {
	ChallengeParameters  map[string]string
	AuthenticationResult struct {
		AccessToken  string
		ExpiresIn    int
		TokenType    string
		RefreshToken string `json:",omitempty"`
		IDToken      string `json:"IdToken"`
	}
}

// What `--output creds` prints has the members of the AWS CLI's output, less
// the refresh token.
func TestCredsHasTheShapeOfTheAWSCLI(t *testing.T) {
	p := startOwnPool(t, userpool.PoolConfig{})
	theirs, errOut := p.awsCLI(t, "initiate-auth", map[string]any{
		"ClientId": p.open.ID, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": map[string]string{"USERNAME": "rob", "PASSWORD": password},
	})
	u := p.user(t, "password", "rob", p.open)
	u.Must(password, "login", "own", "--password-stdin")
	ours := u.Must("", "token", "own", "--output", "creds")
	want, got := paths(t, theirs+errOut), paths(t, ours)
	delete(want, "AuthenticationResult.RefreshToken string")
	for path := range want {
		if !got[path] {
			t.Errorf("--output creds lacks %s", path)
		}
	}
	for path := range got {
		if !want[path] {
			t.Errorf("--output creds has %s, which the AWS CLI's output has not", path)
		}
	}
}

// paths returns the members of a JSON object with their types.
func paths(t *testing.T, text string) map[string]bool {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	found := map[string]bool{}
	var walk func(prefix string, v any)
	walk = func(prefix string, v any) {
		switch v := v.(type) {
		case map[string]any:
			found[prefix+" object"] = true
			for name, member := range v {
				walk(strings.TrimPrefix(prefix+"."+name, "."), member)
			}
		case string:
			found[prefix+" string"] = true
		case float64:
			found[prefix+" number"] = true
		default:
			found[prefix+" other"] = true
		}
	}
	walk("", object)
	return found
}

// user returns a user of cogtok whose profile "own" signs in to the pool.
func (p ownPool) user(t *testing.T, auth, name string, client userpool.Client) *cogtoktest.User {
	t.Helper()
	u := cogtoktest.NewUser(t)
	credential := userpool.TestCredential()
	u.Env = append(u.Env, "AWS_ACCESS_KEY_ID="+credential.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+credential.SecretAccessKey)
	u.WriteConfig("version: 1\nstore: memory\nprofiles:\n  own:\n    user_pool_id: " + p.pool.ID() + "\n    client_id: " + client.ID +
		"\n    username: " + name + "\n    auth: " + auth + "\n    endpoint: " + p.url + "\n")
	if client.Secret != "" {
		u.Must(client.Secret, "secret", "set", "own", "client-secret")
	}
	return u
}

// tokenPair is what the scripts print of a session.
type tokenPair struct{ ID, Access string }

// signInOutput is what identity.mjs and amplify.mjs print.
type signInOutput struct {
	Wrong          struct{ Name, Message string }
	Error          *struct{ Name, Message string }
	Step           string
	First, Renewed tokenPair
}

func (o signInOutput) check(t *testing.T, p ownPool) {
	t.Helper()
	if o.Error != nil {
		t.Fatalf("%s: %s", o.Error.Name, o.Error.Message)
	}
	if o.First.ID == o.Renewed.ID || o.First.Access == o.Renewed.Access {
		t.Error("renewing gave the same tokens")
	}
	verifyTokens(t, p, o.First, o.Renewed)
}

// verifyTokens verifies tokens with aws-jwt-verify, and that it would notice.
func verifyTokens(t *testing.T, p ownPool, pairs ...tokenPair) {
	t.Helper()
	type use struct {
		Use   string `json:"use"`
		Token string `json:"token"`
	}
	var uses []use
	for _, pair := range pairs {
		uses = append(uses, use{"id", pair.ID}, use{"access", pair.Access})
	}
	broken := pairs[0].ID[:len(pairs[0].ID)-10] + "AAAAAAAAAA"
	uses = append(uses, use{"access", pairs[0].ID}, use{"id", broken})
	var results []string
	node(t, "verify.mjs", map[string]any{
		"pool": p.pool.ID(), "client": p.open.ID, "jwks": json.RawMessage(p.pool.JWKS()), "tokens": uses,
	}, &results)
	for i, r := range results {
		if good := i < len(results)-2; good != (r == "ok") {
			t.Errorf("aws-jwt-verify on token %d (%s): %s", i, uses[i].Use, r)
		}
	}
}

func TestTheirClients(t *testing.T) {
	for _, script := range []string{"identity.mjs", "amplify.mjs"} {
		t.Run(script, func(t *testing.T) {
			t.Run("username pool", func(t *testing.T) {
				p := startOwnPool(t, userpool.PoolConfig{})
				var out signInOutput
				node(t, script, p.input("rob", map[string]string{"wrong": "Wrong-9-Horse!"}), &out)
				if out.Wrong.Name != "NotAuthorizedException" || out.Wrong.Message != "Incorrect username or password." {
					t.Errorf("wrong password: %+v", out.Wrong)
				}
				out.check(t, p)
			})
			t.Run("email pool", func(t *testing.T) {
				p := startOwnPool(t, userpool.PoolConfig{UsernameAttributes: []string{"email"}})
				var out signInOutput
				node(t, script, p.input("rob@example.com", nil), &out)
				out.check(t, p)
			})
			t.Run("TOTP", func(t *testing.T) {
				p := startOwnPool(t, userpool.PoolConfig{})
				const seed = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
				p.pool.SetTOTP("rob", seed)
				code, err := totp.GenerateCode(seed, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				var out signInOutput
				node(t, script, p.input("rob", map[string]string{"code": code}), &out)
				out.check(t, p)
			})
			t.Run("new password", func(t *testing.T) {
				p := startOwnPool(t, userpool.PoolConfig{})
				p.pool.ForceChangePassword("rob", password)
				var out signInOutput
				node(t, script, p.input("rob", map[string]string{"newPassword": newPassword}), &out)
				out.check(t, p)
			})
		})
	}
}

func (p ownPool) input(username string, more map[string]string) map[string]string {
	in := map[string]string{"endpoint": p.url, "pool": p.pool.ID(), "client": p.open.ID, "username": username, "password": password}
	for k, v := range more {
		in[k] = v
	}
	return in
}

// Every flow of ours, with and without a client secret, in both kinds of
// pools, and AWS's own verifier on what comes of it.
func TestOurClient(t *testing.T) {
	for _, kind := range []struct {
		name, user string
		config     userpool.PoolConfig
	}{
		{"username pool", "rob", userpool.PoolConfig{}},
		{"email alias", "rob@example.com", userpool.PoolConfig{AliasAttributes: []string{"email"}}},
		{"email pool", "rob@example.com", userpool.PoolConfig{UsernameAttributes: []string{"email"}}},
	} {
		p := startOwnPool(t, kind.config)
		for _, auth := range []string{"srp", "password", "admin-password"} {
			for _, client := range []userpool.Client{p.open, p.secretly} {
				name := strings.Join([]string{kind.name, auth, map[bool]string{true: "secret", false: "no secret"}[client.Secret != ""]}, "/")
				t.Run(name, func(t *testing.T) {
					u := p.user(t, auth, kind.user, client)
					u.Must(password, "login", "own", "--password-stdin")
					first := tokenPair{u.Must("", "token", "own"), u.Must("", "token", "own", "--type", "access")}
					renewed := tokenPair{u.Must("", "token", "own", "--force"), u.Must("", "token", "own", "--type", "access")}
					if first.ID == renewed.ID || first.Access == renewed.Access {
						t.Error("renewing gave the same tokens")
					}
					if client.ID == p.open.ID {
						verifyTokens(t, p, first, renewed)
					}
				})
			}
		}
	}
}
