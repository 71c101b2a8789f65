//go:build !windows

package compat

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/cogtoktest"
	"github.com/cogtok/cogtok/internal/userpool"
)

// cliOutput is what the AWS CLI prints of a sign-in.
type cliOutput struct {
	ChallengeName        string
	Session              string
	AvailableChallenges  []string
	Devices              []any
	AuthenticationResult struct {
		AccessToken, IdToken, RefreshToken string //nolint:revive // their names
		NewDeviceMetadata                  struct{ DeviceKey, DeviceGroupKey string }
	}
}

func (o cliOutput) tokens() tokenPair {
	return tokenPair{o.AuthenticationResult.IdToken, o.AuthenticationResult.AccessToken}
}

func secretHash(username, clientID string) string {
	mac := hmac.New(sha256.New, []byte(clientSecret))
	mac.Write([]byte(username + clientID))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// aws runs `aws cognito-idp` with a JSON input, signed if the operation wants it.
func (p *ownPool) aws(t testing.TB, operation string, input in) (stdout, stderr string) {
	t.Helper()
	path := cogtoktest.Tool(t, "aws", "awscli")
	text, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "cognito-idp", operation, "--endpoint-url", p.url, "--region", "us-east-1", "--output", "json",
		"--cli-input-json", string(text))
	credential := userpool.TestCredential()
	cmd.Env = append(cogtoktest.Environ(t.TempDir()), "AWS_PAGER=",
		"AWS_ACCESS_KEY_ID="+credential.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+credential.SecretAccessKey)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	_ = cmd.Run() // its failures are told by stderr
	return out.String(), errOut.String()
}

// must is aws that has to succeed.
func (p *ownPool) must(t testing.TB, operation string, input in) cliOutput {
	t.Helper()
	out, errOut := p.aws(t, operation, input)
	var answer cliOutput
	if strings.TrimSpace(errOut) != "" {
		t.Fatalf("%s: %s", operation, errOut)
	}
	if out == "" { // nothing to tell
		return answer
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		t.Fatalf("%s: %v\n%s", operation, err, out)
	}
	return answer
}

// begin is the input of initiate-auth; pairs are more parameters.
func (p *ownPool) begin(flow string, pairs ...string) in {
	parameters := map[string]string{"USERNAME": "rob"}
	for i := 0; i < len(pairs); i += 2 {
		parameters[pairs[i]] = pairs[i+1]
	}
	return in{"ClientId": p.open.ID, "AuthFlow": flow, "AuthParameters": parameters}
}

// secret has an input go out for the app client with a secret.
func (p *ownPool) secret(input in) in {
	input["ClientId"] = p.secretly.ID
	input["AuthParameters"].(map[string]string)["SECRET_HASH"] = secretHash("rob", p.secretly.ID)
	return input
}

// answer is the input of respond-to-auth-challenge.
func (p *ownPool) answer(t testing.TB, to cliOutput, challenge string, pairs ...string) in {
	t.Helper()
	if to.ChallengeName != challenge {
		t.Fatalf("challenge %q, not %q", to.ChallengeName, challenge)
	}
	responses := map[string]string{"USERNAME": "rob"}
	for i := 0; i < len(pairs); i += 2 {
		responses[pairs[i]] = pairs[i+1]
	}
	return in{"ClientId": p.open.ID, "ChallengeName": challenge, "Session": to.Session, "ChallengeResponses": responses}
}

// signedIn verifies tokens.
func (p *ownPool) signedIn(t *trial, o cliOutput) {
	t.Helper()
	if o.AuthenticationResult.IdToken == "" {
		t.Fatalf("no tokens, but %+v", o)
	}
	verifyTokens(t, p, o.tokens())
	t.note("signed in")
}

// An awsTrial signs in with the AWS CLI.
type awsTrial struct {
	flow, challenge, outcome string
	setUp                    func(*poolSetup)
	run                      func(*trial, *ownPool)
}

func awsTrials() []awsTrial {
	const userPassword, choice = "USER_PASSWORD_AUTH", "USER_AUTH"
	factors := func(s *poolSetup) { s.pool.FirstFactors = []string{"PASSWORD", "EMAIL_OTP"} }
	return []awsTrial{
		{userPassword, "none", whole, nil, func(t *trial, p *ownPool) {
			first := p.must(t, "initiate-auth", p.secret(p.begin(userPassword, "PASSWORD", password)))
			t.note("signed in")
			refresh := first.AuthenticationResult.RefreshToken
			if p.must(t, "initiate-auth", p.secret(p.begin("REFRESH_TOKEN_AUTH", "REFRESH_TOKEN", refresh))).tokens().ID == first.tokens().ID {
				t.Error("renewing gave the same tokens")
			}
			t.note("renewed")
			p.must(t, "revoke-token", in{"ClientId": p.secretly.ID, "ClientSecret": clientSecret, "Token": refresh})
			p.refusesRefresh(t, p.secretly.ID)
			t.note("revoked")
		}},
		{"ADMIN_USER_PASSWORD_AUTH", "none", "signed in, renewed", nil, func(t *trial, p *ownPool) {
			input := p.begin("ADMIN_USER_PASSWORD_AUTH", "PASSWORD", password)
			input["UserPoolId"] = p.pool.ID()
			first := p.must(t, "admin-initiate-auth", input)
			p.signedIn(t, first)
			p.must(t, "initiate-auth", p.begin("REFRESH_TOKEN_AUTH", "REFRESH_TOKEN", first.AuthenticationResult.RefreshToken))
			t.note("renewed")
		}},
		{userPassword, "SOFTWARE_TOKEN_MFA", "signed in, renewed, signed out everywhere", withApp, func(t *trial, p *ownPool) {
			asked := p.must(t, "initiate-auth", p.begin(userPassword, "PASSWORD", password))
			first := p.must(t, "respond-to-auth-challenge", p.answer(t, asked, "SOFTWARE_TOKEN_MFA", "SOFTWARE_TOKEN_MFA_CODE", totpCode(t, totpSeed, 0)))
			p.signedIn(t, first)
			p.getTokens(t, first.AuthenticationResult.RefreshToken)
			t.note("renewed")
			p.must(t, "global-sign-out", in{"AccessToken": first.AuthenticationResult.AccessToken})
			p.refusesRefresh(t, p.open.ID)
			t.note("signed out everywhere")
		}},
		{userPassword, "forgotten password", "signed in", nil, func(t *trial, p *ownPool) {
			p.must(t, "forgot-password", in{"ClientId": p.open.ID, "Username": "rob"})
			p.must(t, "confirm-forgot-password", in{
				"ClientId": p.open.ID, "Username": "rob", "ConfirmationCode": p.pool.LastCode("rob"), "Password": newPassword,
			})
			p.signedIn(t, p.must(t, "initiate-auth", p.begin(userPassword, "PASSWORD", newPassword)))
		}},
		{userPassword, "devices listed", "signed in", func(s *poolSetup) { s.pool.DeviceConfiguration = &userpool.DeviceConfiguration{} }, func(t *trial, p *ownPool) {
			first := p.must(t, "initiate-auth", p.begin(userPassword, "PASSWORD", password))
			p.signedIn(t, first)
			access := first.AuthenticationResult.AccessToken
			p.must(t, "confirm-device", in{
				"AccessToken": access, "DeviceKey": first.AuthenticationResult.NewDeviceMetadata.DeviceKey, "DeviceName": "cli",
				"DeviceSecretVerifierConfig": map[string]string{"PasswordVerifier": "AQIDBAUGBwg=", "Salt": "AQIDBAUGBwg="},
			})
			if n := len(p.must(t, "list-devices", in{"AccessToken": access}).Devices); n != 1 {
				t.Errorf("%d devices", n)
			}
		}},
		{choice, "SELECT_CHALLENGE, PASSWORD", "signed in", factors, func(t *trial, p *ownPool) {
			asked := p.must(t, "initiate-auth", p.begin(choice))
			if got := strings.Join(asked.AvailableChallenges, " "); got != "PASSWORD PASSWORD_SRP EMAIL_OTP" {
				t.Errorf("available: %s", got)
			}
			p.signedIn(t, p.must(t, "respond-to-auth-challenge", p.answer(t, asked, "SELECT_CHALLENGE", "ANSWER", "PASSWORD", "PASSWORD", password)))
		}},
		{choice, "EMAIL_OTP", "signed in", factors, func(t *trial, p *ownPool) {
			asked := p.must(t, "initiate-auth", p.begin(choice, "PREFERRED_CHALLENGE", "EMAIL_OTP"))
			p.signedIn(t, p.must(t, "respond-to-auth-challenge", p.answer(t, asked, "EMAIL_OTP", "EMAIL_OTP_CODE", p.pool.LastCode("rob"))))
		}},
		{"CUSTOM_AUTH", "CUSTOM_CHALLENGE", "signed in", withCustom, func(t *trial, p *ownPool) {
			asked := p.must(t, "initiate-auth", p.begin("CUSTOM_AUTH"))
			p.signedIn(t, p.must(t, "respond-to-auth-challenge", p.answer(t, asked, "CUSTOM_CHALLENGE", "ANSWER", "4")))
		}},
	}
}

// getTokens renews with get-tokens-from-refresh-token, or as it was done before
// where the AWS CLI is too old to know that.
func (p *ownPool) getTokens(t testing.TB, refresh string) {
	t.Helper()
	input := in{"ClientId": p.open.ID, "RefreshToken": refresh}
	out, errOut := p.aws(t, "get-tokens-from-refresh-token", input)
	if strings.Contains(strings.ToLower(errOut), "invalid choice") {
		p.must(t, "initiate-auth", p.begin("REFRESH_TOKEN_AUTH", "REFRESH_TOKEN", refresh))
		return
	}
	if !strings.Contains(out, "AccessToken") {
		t.Errorf("get-tokens-from-refresh-token: %s%s", out, errOut)
	}
}

func awsCLIOnOwnPool() []combination {
	var all []combination
	for _, a := range awsTrials() {
		all = append(all, combination{awsCLI, embedded, a.flow, a.challenge, a.outcome, func(t *trial) {
			var setup poolSetup
			if a.setUp != nil {
				a.setUp(&setup)
			}
			a.run(t, startOwnPool(t, setup))
		}})
	}
	return all
}

// What the embedded pool says to the AWS CLI when it refuses.
func TestAWSCLIRefusals(t *testing.T) {
	t.Parallel()
	p := startOwnPool(t, poolSetup{})
	for name, tt := range map[string]struct {
		flow, password, hash string
		refusal              string
	}{
		"without its hash":    {"USER_PASSWORD_AUTH", password, "", "SECRET_HASH was not received"},
		"another's hash":      {"USER_PASSWORD_AUTH", password, secretHash("eve", p.secretly.ID), "Unable to verify secret hash"},
		"wrong password":      {"USER_PASSWORD_AUTH", wrongPassword, secretHash("rob", p.secretly.ID), "Incorrect username or password"},
		"admin flow unsigned": {"ADMIN_USER_PASSWORD_AUTH", password, secretHash("rob", p.secretly.ID), "Initiate Auth method not supported"},
	} {
		t.Run(name, func(t *testing.T) {
			input := p.begin(tt.flow, "PASSWORD", tt.password)
			input["ClientId"] = p.secretly.ID
			if tt.hash != "" {
				input["AuthParameters"].(map[string]string)["SECRET_HASH"] = tt.hash
			}
			if out, errOut := p.aws(t, "initiate-auth", input); out != "" || !strings.Contains(errOut, tt.refusal) {
				t.Errorf("not refused with %q: %s%s", tt.refusal, out, errOut)
			}
		})
	}
}

// What `--output creds` prints has the members of the AWS CLI's output, less
// the refresh token.
func TestCredsHasTheShapeOfTheAWSCLI(t *testing.T) {
	t.Parallel()
	p := startOwnPool(t, poolSetup{})
	theirs, errOut := p.aws(t, "initiate-auth", p.begin("USER_PASSWORD_AUTH", "PASSWORD", password))
	u := p.person(&trial{T: t}, p.open, "username: rob; auth: password").u
	u.Must(password, "login", "p", "--password-stdin")
	ours := u.Must("", "token", "p", "--output", "creds")
	want, got := paths(t, theirs+errOut), paths(t, ours)
	delete(want, "AuthenticationResult.RefreshToken string")
	if !maps.Equal(want, got) {
		t.Errorf("--output creds has %v, the AWS CLI's output %v", got, want)
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
