package cognito

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

func TestDeviceVerifierVector(t *testing.T) {
	_, v := readVectors(t)
	salt, _ := hexNumber(v["SALT"])
	got := newDeviceVerifier(v["device_group_key"], v["device_key"], v["device_password"], salt.Bytes())
	if *got.Salt != v["Salt_b64"] || *got.PasswordVerifier != v["PasswordVerifier_b64"] {
		t.Errorf("salt %s, verifier %s", *got.Salt, *got.PasswordVerifier)
	}
}

// Made with openssl: printf '%s' rob1h57kf5cpq17m0eml12example | openssl dgst -sha256 -hmac secret -binary | base64
func TestSecretHash(t *testing.T) {
	if got := secretHash(agent.NewSecret("secret"), "rob", "1h57kf5cpq17m0eml12example"); got != "lttRkja6x1L/K64iuIhykWruVKDu/VL1SOymTLytJKc=" {
		t.Errorf("got %s", got)
	}
}

func TestEndpoints(t *testing.T) {
	for name, c := range map[string]struct {
		profile profiles.Profile
		host    string // as the SDK resolves it; "" for an error
	}{
		"aws":          {profiles.Profile{Region: "us-east-1"}, "https://cognito-idp.us-east-1.amazonaws.com"},
		"fips":         {profiles.Profile{Region: "us-east-1", FIPS: true}, "https://cognito-idp-fips.us-east-1.amazonaws.com"},
		"gov":          {profiles.Profile{Region: "us-gov-west-1"}, "https://cognito-idp-fips.us-gov-west-1.amazonaws.com"},
		"europe":       {profiles.Profile{Region: "eusc-de-east-1"}, "https://cognito-idp.eusc-de-east-1.amazonaws.eu"},
		"china":        {profiles.Profile{Region: "cn-north-1"}, ""},
		"no region":    {profiles.Profile{Region: "local"}, ""},
		"evil region":  {profiles.Profile{Region: "us-east-1.evil.example/x-1"}, ""},
		"emulator":     {profiles.Profile{Region: "local", Endpoint: "http://127.0.0.1:9229/"}, "http://127.0.0.1:9229"},
		"by name":      {profiles.Profile{Region: "local", Endpoint: "http://localhost:9229"}, "http://localhost:9229"},
		"ipv6":         {profiles.Profile{Region: "local", Endpoint: "http://[::1]:9229"}, "http://[::1]:9229"},
		"https":        {profiles.Profile{Region: "local", Endpoint: "https://pool.example"}, "https://pool.example"},
		"plain http":   {profiles.Profile{Region: "us-east-1", Endpoint: "http://pool.example"}, ""},
		"like local":   {profiles.Profile{Region: "us-east-1", Endpoint: "http://localhost.example"}, ""},
		"no scheme":    {profiles.Profile{Region: "us-east-1", Endpoint: "pool.example"}, ""},
		"other scheme": {profiles.Profile{Region: "us-east-1", Endpoint: "ftp://127.0.0.1"}, ""},
		"with user":    {profiles.Profile{Region: "us-east-1", Endpoint: "https://u:p@pool.example"}, ""},
		"both":         {profiles.Profile{Region: "us-east-1", Endpoint: "https://pool.example", FIPS: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.profile.Name = "prod"
			var sent urlRecorder
			client, err := NewWithTransport(Config{}, &sent).client(c.profile, nil)
			if c.host == "" {
				if agent.KindOf(err) != agent.KindConfig {
					t.Errorf("got %v, want a config error", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.RevokeToken(t.Context(), &cip.RevokeTokenInput{ClientId: aws.String("c"), Token: aws.String("t")})
			if err == nil || string(sent) != c.host+"/" {
				t.Errorf("goes to %s, want %s: %v", sent, c.host, err)
			}
			if want := strings.TrimPrefix(strings.TrimPrefix(c.host, "https://"), "http://"); host(c.profile) != want {
				t.Errorf("errors name %s, want %s", host(c.profile), want)
			}
		})
	}
}

// A urlRecorder keeps the address of a request and sends nothing.
type urlRecorder string

func (u *urlRecorder) RoundTrip(r *http.Request) (*http.Response, error) {
	*u = urlRecorder(r.URL.String())
	return nil, errors.New("recorded")
}

// A closedBody is what the SDK's request body becomes once an answer has come:
// its WriteTo fails with io.EOF.
type closedBody struct{ *strings.Reader }

func (closedBody) WriteTo(io.Writer) (int64, error) { return 0, io.EOF }
func (closedBody) Close() error                     { return nil }

// An answer that comes before net/http has done with the request's body is read
// to its end: with token rotation, losing it would lose the session.
func TestFastAnswerIsRead(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = http.NewResponseController(w).Flush()
		time.Sleep(20 * time.Millisecond)
		_, _ = io.WriteString(w, "the whole answer")
	}))
	defer server.Close()
	client := newHTTPClient(nil)
	defer client.CloseIdleConnections()
	for range 10 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, closedBody{strings.NewReader("request")})
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = int64(len("request"))
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || string(got) != "the whole answer" {
			t.Fatalf("read %q, %v", got, err)
		}
	}
}

func TestPoolGroup(t *testing.T) {
	for in, want := range map[string]string{"us-east-1_AbC": "AbC", "local_x": "x", "a_b_c": "b_c", "none": "none"} {
		if got := poolGroup(in); got != want {
			t.Errorf("poolGroup(%q) = %q", in, got)
		}
	}
}

func FuzzRequiredAttributes(f *testing.F) {
	f.Add(`["userAttributes.email","name"]`)
	f.Add(`[]`)
	f.Add(`["userAttributes.userAttributes.x","\u001b"]`)
	f.Add(`{"a":[1]}`)
	f.Fuzz(func(t *testing.T, list string) {
		names, err := requiredAttributes(list)
		if err != nil && names != nil || len(names) > maxAttributes {
			t.Fatalf("%d names, %v", len(names), err)
		}
		seen := map[string]bool{}
		for _, n := range names {
			if n == "" || len(n) > 64 || seen[n] {
				t.Errorf("a bad name %q", n)
			}
			seen[n] = true
		}
	})
}
