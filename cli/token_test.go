package cli

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
)

func TestTokenOutputs(t *testing.T) {
	w := newWorld(t)
	w.serve(&scripted{tokens: twoTokens()})
	for _, tt := range []struct{ output, want string }{
		{"token", "eyJ.id.sig\n"},
		{"bearer", "Bearer eyJ.id.sig\n"},
		{"header", "Authorization: Bearer eyJ.id.sig\n"},
		{"json", `{"version":1,"profile":"prod","type":"id","token":"eyJ.id.sig","header":"Authorization","value":"Bearer eyJ.id.sig",` +
			`"expires_at":"2126-11-22T19:00:00Z","expires_in":3600,"issued_at":"2126-11-22T18:00:00Z","username":"rob","sub":"s-1"}` + "\n"},
		{"exec-credential", `{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false},` +
			`"status":{"expirationTimestamp":"2126-11-22T19:00:00Z","token":"eyJ.id.sig"}}` + "\n"},
		{"env", "export COGTOK_TOKEN='eyJ.id.sig'\nexport COGTOK_ID_TOKEN='eyJ.id.sig'\n" +
			"export COGTOK_ACCESS_TOKEN='eyJ.access.sig'\nexport COGTOK_EXPIRES_AT='2126-11-22T19:00:00Z'\n"},
	} {
		w.expect(result{tt.want, "", 0}, "token", "prod", "--output", tt.output)
	}
	w.expect(result{"eyJ.id.sig\n", "", 0}, "token", "prod")
	w.expect(result{`{"Authorization":"Bearer eyJ.id.sig"}` + "\n", "", 0}, "headers", "prod")
	w.env["SHELL"] = "/usr/bin/fish"
	if got := w.run("token", "--output=env", "--type=access").stdout; !strings.HasPrefix(got, "set -gx COGTOK_TOKEN 'eyJ.access.sig';\nset -gx COGTOK_ID_TOKEN 'eyJ.id.sig';\n") {
		t.Errorf("fish, access: %s", got)
	}
}

// What `aws cognito-idp initiate-auth` prints, byte for byte, but for the
// refresh token.
func TestCredsAreThoseOfTheAWSCLI(t *testing.T) {
	all := twoTokens()
	now := all["access"].ExpiresAt.Add(-1801 * time.Second)
	got, err := printCreds(tokens{asked: all["id"], id: all["id"], access: all["access"], now: now})
	want := `{
    "ChallengeParameters": {},
    "AuthenticationResult": {
        "AccessToken": "eyJ.access.sig",
        "ExpiresIn": 1801,
        "TokenType": "Bearer",
        "IdToken": "eyJ.id.sig"
    }
}
`
	if err != nil || got != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
	w := newWorld(t)
	w.serve(&scripted{tokens: all})
	r := w.run("token", "--output", "creds", "--force", "--min-ttl", "90s")
	var parsed struct {
		AuthenticationResult map[string]any
	}
	if err := json.Unmarshal([]byte(r.stdout), &parsed); err != nil || len(parsed.AuthenticationResult) != 4 {
		t.Errorf("creds: %v: %s", err, r)
	}
	// Forced once: the second token is of the same renewal.
	want2 := []string{
		"token profile= type= min_ttl=90 force=true asks=false",
		"token profile=prod type=access min_ttl=90 force=false asks=false",
	}
	if !slices.Equal(w.agent.calls, want2) {
		t.Errorf("calls: %q", w.agent.calls)
	}
}

func TestTokenErrors(t *testing.T) {
	w := newWorld(t)
	s := w.serve(&scripted{})
	for _, kind := range []agent.Kind{agent.KindInternal, agent.KindUsage, agent.KindLoginRequired, agent.KindHung,
		agent.KindLocked, agent.KindNetwork, agent.KindWrongPassword, agent.KindStore} {
		e := agent.Errorf(kind, "prod: it went wrong").WithHint("run: cogtok login prod")
		s.err = e
		for _, output := range formatNames() {
			w.expect(result{"", "cogtok: prod: it went wrong\ncogtok: hint: run: cogtok login prod\n", int(e.Code)}, "token", "-o", output)
		}
	}
}

func TestTokenWarning(t *testing.T) {
	w := newWorld(t)
	token := tokenOf("id", "eyJ.id.sig")
	token.Warning = "the token is good for 40s only\x1b[2J"
	w.serve(&scripted{tokens: map[string]agent.Token{"": token}})
	w.expect(result{"eyJ.id.sig\n", "cogtok: the token is good for 40s only�[2J\n", 0}, "token")
	w.expect(result{"eyJ.id.sig\n", "", 0}, "token", "-q")
	w.env["COGTOK_QUIET"] = "1"
	w.expect(result{"eyJ.id.sig\n", "", 0}, "token")
}

// A server behind an endpoint may be anybody's, and its "token" anything.
func TestTokenThatIsNone(t *testing.T) {
	for name, bad := range map[string]string{
		"header injection": "eyJ.id.sig\r\nX-Admin: 1",
		"escape sequence":  "eyJ\x1b]52;c;ZXZpbA==\x07",
		"empty":            "",
	} {
		w := newWorld(t)
		token := tokenOf("id", bad)
		w.serve(&scripted{tokens: map[string]agent.Token{"": token}})
		for _, args := range [][]string{{"token"}, {"token", "-o", "header"}, {"token", "-o", "json"}, {"headers"}, {"whoami"}} {
			if r := w.run(args...); r.stdout != "" || r.code != 6 {
				t.Errorf("%s: %s: %s", name, args, r)
			}
		}
	}
}

func TestFlagsStandAnywhere(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"token prod", "token profile=prod type= min_ttl=default force=false asks=false"},
		{"token --type access prod", "token profile=prod type=access min_ttl=default force=false asks=false"},
		{"token prod --type access", "token profile=prod type=access min_ttl=default force=false asks=false"},
		{"--quiet token prod --force", "token profile=prod type= min_ttl=default force=true asks=false"},
		{"--profile prod token", "token profile=prod type= min_ttl=default force=false asks=false"},
		{"token --profile=other prod", "token profile=prod type= min_ttl=default force=false asks=false"},
		{"token --min-ttl 1500ms", "token profile= type= min_ttl=2 force=false asks=false"},
		{"token --min-ttl 0s", "token profile= type= min_ttl=0 force=false asks=false"},
		{"headers --min-ttl 10m prod --no-input", "token profile=prod type= min_ttl=600 force=false asks=false"},
	} {
		w := newWorld(t)
		w.serve(&scripted{tokens: twoTokens()})
		if r := w.run(strings.Fields(tt.args)...); r.code != 0 || !slices.Equal(w.agent.calls, []string{tt.want}) {
			t.Errorf("%s: %q: %s", tt.args, w.agent.calls, r)
		}
	}
}

func TestScopes(t *testing.T) {
	w := newWorld(t)
	s := w.serve(&scripted{tokens: twoTokens()})
	for args, want := range map[string]string{
		"token ci --scope api/read":                          `token profile=ci type= min_ttl=default force=false asks=false scopes=["api/read"]`,
		"token --scope api/read,api/write --scope=openid -q": `token profile= type= min_ttl=default force=false asks=false scopes=["api/read" "api/write" "openid"]`,
		"headers ci --scope api/read,,":                      `token profile=ci type= min_ttl=default force=false asks=false scopes=["api/read"]`,
	} {
		s.calls = nil
		if r := w.run(strings.Fields(args)...); r.code != 0 || !slices.Equal(s.calls, []string{want}) {
			t.Errorf("%s: %q: %s", args, s.calls, r)
		}
	}
	s.calls = nil
	w.run("token", "--scope", " api/read\tapi/write ", "-o", "creds")
	want := []string{
		`token profile= type= min_ttl=default force=false asks=false scopes=["api/read" "api/write"]`,
		`token profile=prod type=access min_ttl=default force=false asks=false scopes=["api/read" "api/write"]`,
	}
	if !slices.Equal(s.calls, want) {
		t.Errorf("both tokens: %q", s.calls)
	}
	for _, none := range []string{"", " , "} {
		w.expect(result{"", "cogtok: --scope needs a value\ncogtok: hint: see: cogtok help token\n", 2}, "token", "--scope", none)
	}
	w.env["COGTOK_SCOPE"] = "api/read api/write"
	s.calls = nil
	w.run("token")
	w.run("token", "--scope", "openid")
	want = []string{want[0], `token profile= type= min_ttl=default force=false asks=false scopes=["openid"]`}
	if !slices.Equal(s.calls, want) {
		t.Errorf("COGTOK_SCOPE: %q", s.calls)
	}
}

func TestVariables(t *testing.T) {
	w := newWorld(t)
	w.serve(&scripted{tokens: twoTokens()})
	w.env["COGTOK_PROFILE"] = "staging"
	w.env["COGTOK_NO_INPUT"] = "yes"
	w.env["COGTOK_TIMEOUT"] = "30s"
	for _, tt := range []struct{ args, profile string }{
		{"token", "staging"}, {"token prod", "prod"}, {"token --profile prod", "prod"},
	} {
		w.agent.calls = nil
		r := w.run(strings.Fields(tt.args)...)
		if want := []string{"token profile=" + tt.profile + " type= min_ttl=default force=false asks=false"}; !slices.Equal(w.agent.calls, want) {
			t.Errorf("%s: %q: %s", tt.args, w.agent.calls, r)
		}
	}
	w.env["COGTOK_TYPE"], w.env["COGTOK_MIN_TTL"] = "access", "5m"
	w.agent.calls = nil
	if r := w.run("token"); r.stdout != "eyJ.access.sig\n" || !strings.Contains(w.agent.calls[0], "min_ttl=300") {
		t.Errorf("COGTOK_TYPE, COGTOK_MIN_TTL: %q: %s", w.agent.calls, r)
	}
	w.env["COGTOK_TIMEOUT"] = marker
	w.expect(result{"", "cogtok: COGTOK_TIMEOUT: not a duration such as 90s, 2m or 1h\ncogtok: hint: unset COGTOK_TIMEOUT, or see: cogtok help token\n", 2}, "token")
	w.expect(result{"eyJ.access.sig\n", "", 0}, "token", "--timeout", "9s")
}

func TestTimeout(t *testing.T) {
	w := newWorld(t)
	w.serve(&scripted{tokens: twoTokens()})
	w.agent.mu.Lock() // the agent hangs
	defer w.agent.mu.Unlock()
	w.expect(result{"", "cogtok: no answer within 50ms\ncogtok: hint: that is the limit of --timeout or COGTOK_TIMEOUT\n", 6}, "token", "--timeout", "50ms")
}

func TestOtherConfig(t *testing.T) {
	w := newWorld(t)
	w.serve(&scripted{tokens: twoTokens()})
	r := w.run("token", "--config", w.path("other.yaml"))
	if r.code != 2 || r.stdout != "" || !strings.Contains(r.stderr, "runs on another config") {
		t.Error(r)
	}
	w.env["COGTOK_CONFIG"] = ""
	if r := w.run("token"); r.code != 0 {
		t.Errorf("without --config the agent's own: %s", r)
	}
}
