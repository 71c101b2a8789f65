package userpool_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/cogtok/cogtok/internal/userpool"
)

// signing says how a request is signed, by AWS's own signer.
type signing struct {
	key, secret, token string
	service, region    string
	at                 time.Time
}

func goodSigning() signing {
	c := userpool.TestCredential()
	return signing{c.AccessKeyID, c.SecretAccessKey, c.SessionToken, "cognito-idp", "us-east-1", time.Now()}
}

func (s signing) sign(t *testing.T, r *http.Request) {
	t.Helper()
	body, err := r.GetBody()
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(data)
	credentials := aws.Credentials{AccessKeyID: s.key, SecretAccessKey: s.secret, SessionToken: s.token}
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hex.EncodeToString(hash[:]), s.service, s.region, s.at); err != nil {
		t.Fatal(err)
	}
}

// adminCall sends a signed request.
func (w *world) adminCall(s signing, operation string, body object) answer {
	w.t.Helper()
	r := w.request(operation, body)
	s.sign(w.t, r)
	return w.send(r)
}

func (w *world) adminSignIn(s signing, pool, client, flow string, pairs ...string) answer {
	w.t.Helper()
	return w.adminCall(s, "AdminInitiateAuth", object{"UserPoolId": pool, "ClientId": client, "AuthFlow": flow, "AuthParameters": texts(pairs)})
}

func adminWorld(t *testing.T) *world {
	w := newWorld(t, userpool.PoolConfig{AliasAttributes: []string{"email"}})
	w.pool.AddClient(userpool.Client{ID: "open", Flows: allFlows()})
	w.pool.AddClient(userpool.Client{ID: "standard"})
	w.pool.AddUser(userpool.User{Username: "rob", Email: "rob@example.com", Password: password})
	w.pool.AddUser(userpool.User{Username: "new", Email: "new@example.com", Password: password, Status: userpool.ForceChangePassword})
	second := w.server.AddPool(userpool.PoolConfig{ID: "us-east-1_Second"})
	second.AddClient(userpool.Client{ID: "second", Flows: allFlows()})
	return w
}

func TestAdminSignIn(t *testing.T) {
	w := adminWorld(t)
	s := goodSigning()
	for _, flow := range []string{"ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"} {
		r := w.adminSignIn(s, poolID, "open", flow, "USERNAME", "rob@example.com", "PASSWORD", password).result(t)
		w.adminSignIn(s, poolID, "open", "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN", r["RefreshToken"].(string)).result(t)
		w.call("GetTokensFromRefreshToken", object{"ClientId": "open", "RefreshToken": r["RefreshToken"]}).result(t)
	}
	c := newSRPClient(5)
	first := w.adminSignIn(s, poolID, "open", "USER_SRP_AUTH", "USERNAME", "rob", "SRP_A", c.publicA.Text(16))
	answers := texts(w.verifierAnswer(c, first, password, stamp(w.clock.Now())))
	body := object{"UserPoolId": poolID, "ClientId": "open", "ChallengeName": "PASSWORD_VERIFIER", "ChallengeResponses": answers}
	w.adminCall(s, "AdminRespondToAuthChallenge", body).result(t)
}

func TestAdminRefusals(t *testing.T) {
	w := adminWorld(t)
	s := goodSigning()
	tests := []struct{ name, pool, client, flow, errType, message string }{
		{"password flow", poolID, "open", "USER_PASSWORD_AUTH", invalidParameter, "Initiate Auth method not supported"},
		{"flow off", poolID, "standard", "ADMIN_USER_PASSWORD_AUTH", invalidParameter, "Auth flow not enabled for this client"},
		{"unknown pool", "us-east-1_Nothing", "open", "ADMIN_USER_PASSWORD_AUTH", "ResourceNotFoundException", "User pool us-east-1_Nothing does not exist."},
		{"unknown client", poolID, "nobody", "ADMIN_USER_PASSWORD_AUTH", "ResourceNotFoundException", "User pool client nobody does not exist."},
		{"client of another pool", poolID, "second", "ADMIN_USER_PASSWORD_AUTH", "ResourceNotFoundException", "User pool client second does not exist."},
		{"pool id is none", "nowhere", "open", "ADMIN_USER_PASSWORD_AUTH", invalidParameter, `1 validation error detected: Value at 'userPoolId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w-]+_[0-9a-zA-Z]+`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w.adminSignIn(s, test.pool, test.client, test.flow, "USERNAME", "rob", "PASSWORD", password).refused(t, test.errType, test.message)
		})
	}
}

func TestAdminChallenge(t *testing.T) {
	w := adminWorld(t)
	s := goodSigning()
	first := w.adminSignIn(s, poolID, "open", "ADMIN_USER_PASSWORD_AUTH", "USERNAME", "new@example.com", "PASSWORD", password)
	session := first.text("Session")
	answer := func(username string) object {
		return object{"UserPoolId": poolID, "ClientId": "open", "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": session,
			"ChallengeResponses": object{"USERNAME": username, "NEW_PASSWORD": newPassword}}
	}
	w.respond("open", "NEW_PASSWORD_REQUIRED", session, "USERNAME", "new", "NEW_PASSWORD", newPassword).refused(t, notAuthorized, badSession)
	w.call("AdminRespondToAuthChallenge", answer("new")).refused(t, "MissingAuthenticationTokenException", "Missing Authentication Token")
	w.adminCall(s, "AdminRespondToAuthChallenge", answer("new@example.com")).refused(t, notAuthorized, badSession)
	w.adminCall(s, "AdminRespondToAuthChallenge", answer("new")).result(t)
}

const badSignature = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

func TestSignatures(t *testing.T) {
	w := adminWorld(t)
	body := object{"UserPoolId": poolID, "ClientId": "open", "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
		"AuthParameters": object{"USERNAME": "rob", "PASSWORD": password}}
	tests := []struct {
		name             string
		signing          func(*signing)
		after            func(*http.Request)
		errType, message string // a message that ends in … is a beginning
	}{
		{"unknown key", func(s *signing) { s.key = "AKIAUNKNOWN" }, nil, "UnrecognizedClientException", "The security token included in the request is invalid."},
		{"session token without need", func(s *signing) { s.token = "x" }, nil, "UnrecognizedClientException", "The security token included in the request is invalid."},
		{"wrong secret", func(s *signing) { s.secret += "x" }, nil, "InvalidSignatureException", badSignature},
		{"other service", func(s *signing) { s.service = "sts" }, nil, "InvalidSignatureException", "Credential should be scoped to correct service: 'cognito-idp'. "},
		{"other region", func(s *signing) { s.region = "eu-west-1" }, nil, "InvalidSignatureException", "Credential should be scoped to a valid region. "},
		{"old", func(s *signing) { s.at = s.at.Add(-6 * time.Minute) }, nil, "InvalidSignatureException", "Signature expired: …"},
		{"from the future", func(s *signing) { s.at = s.at.Add(6 * time.Minute) }, nil, "InvalidSignatureException", "Signature not yet current: …"},
		{"no header", nil, func(r *http.Request) { r.Header.Del("Authorization") }, "MissingAuthenticationTokenException", "Missing Authentication Token"},
		{"bearer", nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, "IncompleteSignatureException", "Authorization header requires …"},
		{"no date", nil, func(r *http.Request) { r.Header.Del("X-Amz-Date") }, "InvalidSignatureException", "Date in Credential scope …"},
		{"target changed", nil, func(r *http.Request) {
			r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.AdminRespondToAuthChallenge")
		}, "InvalidSignatureException", badSignature},
		{"body changed", nil, func(r *http.Request) {
			data, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(strings.Replace(string(data), "rob", "new", 1)))
		}, "InvalidSignatureException", badSignature},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := goodSigning()
			if test.signing != nil {
				test.signing(&s)
			}
			r := w.request("AdminInitiateAuth", body)
			s.sign(t, r)
			if test.after != nil {
				test.after(r)
			}
			got := w.send(r)
			want := test.message
			if start, open := strings.CutSuffix(want, "…"); open && strings.HasPrefix(got.message, start) {
				want = got.message
			}
			got.refused(t, test.errType, want)
		})
	}
	if n := w.pool.PasswordAttempts("rob").Total; n != 0 {
		t.Errorf("%d passwords were looked at", n)
	}
}

func TestCredentials(t *testing.T) {
	server := userpool.New(userpool.Config{Credentials: []userpool.Credential{
		{AccessKeyID: "LIMITED", SecretAccessKey: "s", Actions: []string{"AdminRespondToAuthChallenge"}},
		{AccessKeyID: "ROLE", SecretAccessKey: "s", SessionToken: "the+token/"},
		{AccessKeyID: "OVER", SecretAccessKey: "s", SessionToken: "t", Expires: time.Now().Add(-time.Minute)},
	}})
	pool := server.AddPool(userpool.PoolConfig{ID: poolID})
	pool.AddClient(userpool.Client{ID: "open", Flows: allFlows()})
	pool.AddUser(userpool.User{Username: "rob", Password: password})
	url, err := server.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	w := &world{t: t, server: server, pool: pool, url: url}
	try := func(key, token string) answer {
		return w.adminSignIn(signing{key, "s", token, "cognito-idp", "us-east-1", time.Now()}, poolID, "open", "ADMIN_USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password)
	}
	try("ROLE", "the+token/").result(t)
	try("ROLE", "").refused(t, "UnrecognizedClientException", "The security token included in the request is invalid.")
	try("OVER", "t").refused(t, "ExpiredTokenException", "The security token included in the request is expired")
	try("LIMITED", "").refused(t, "AccessDeniedException", "User: arn:aws:iam::123456789012:user/LIMITED is not authorized to perform: cognito-idp:AdminInitiateAuth"+
		" on resource: arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_AbCdEf123 because no identity-based policy allows the cognito-idp:AdminInitiateAuth action")
}
