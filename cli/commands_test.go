package cli

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
)

func TestLogin(t *testing.T) {
	w := newWorld(t)
	s := w.serve(&scripted{})
	for stdin, password := range map[string]string{
		marker: marker, marker + "\n": marker, marker + "\r\n": marker, " " + marker + " \n": " " + marker + " ", "ä日\n": "ä日",
	} {
		w.stdin, s.calls = stdin, nil
		w.expect(result{"", "cogtok: signed in to prod as rob; the token is good for 1h\n", 0}, "login", "prod", "--password-stdin")
		if want := []string{"login profile=prod password=" + password}; !slices.Equal(s.calls, want) {
			t.Errorf("%q: %q", stdin, s.calls)
		}
	}
	s.calls = nil
	for _, bad := range []string{"", "\n", strings.Repeat("x", maxSecret+1)} {
		w.stdin = bad
		if r := w.run("login", "--password-stdin"); r.code != 2 || len(s.calls) != 0 || strings.Contains(r.stderr, "xx") {
			t.Errorf("%.10q: %s", bad, r)
		}
	}
}

// What a login says depends on who it was for.
func TestLoginResults(t *testing.T) {
	w := newWorld(t)
	s := w.serve(&scripted{})
	expires := time.Now().Add(time.Hour + 500*time.Millisecond)
	for want, status := range map[string]agent.ProfileStatus{
		"signed in to sso as rob@example.com": {Profile: "sso", Auth: "browser", SignedInAs: "rob@example.com"},
		"signed in to sso":                    {Profile: "sso", Auth: "browser"},
		"signed in to prod as rob":            {Profile: "prod", Username: "rob", SignedInAs: "5f0c2d7e"},
		"got a token for the app client 1h57kf5cp (profile ci); the token is good for 1h": {Profile: "ci", ClientID: "1h57kf5cp", Auth: "client-credentials", AccessExpiresAt: &expires},
	} {
		s.loggedIn = status
		w.expect(result{"", "cogtok: " + want + "\n", 0}, "login")
	}
}

func TestPasswordReset(t *testing.T) {
	w := newWorld(t)
	s := w.serve(&scripted{})
	w.stdin = marker
	if r := w.run("login", "prod", "--reset", "--password-stdin"); r.code != 2 || strings.Contains(r.stderr, marker) || len(s.calls) != 0 {
		t.Errorf("%q: %s", s.calls, r)
	}
	if r := w.run("login", "prod", "--reset"); r.code != 0 || !slices.Equal(s.calls, []string{"login profile=prod password= reset"}) {
		t.Errorf("%q: %s", s.calls, r)
	}
}

// What can't be a secret isn't kept as another one, and tried in vain.
func TestFlawedSecrets(t *testing.T) {
	w := newWorld(t)
	w.write("config.yaml", goodConfig)
	s := w.serve(&scripted{})
	for stdin, flaw := range map[string]string{
		marker + "\xff": "is not UTF-8 text", "\xed\xa0\x80" + marker: "is not UTF-8 text", "\xfe\xff\x00a": "is not UTF-8 text",
		marker + "\x00": "has a NUL character in it", "\x00\n": "has a NUL character in it",
		marker + "\n\n": "has a line break in it", marker + "\r\nx\r\n": "has a line break in it", "\n" + marker: "has a line break in it", marker + "\r": "has a line break in it",
	} {
		w.stdin = stdin
		for _, args := range []string{"login prod --password-stdin", "secret set prod password", "secret set prod client-secret"} {
			w.expect(result{"", "cogtok: the secret on standard input " + flaw + "\n", 2}, strings.Fields(args)...)
		}
	}
	if len(s.calls) != 0 {
		t.Errorf("%q", s.calls)
	}
}

func TestLogout(t *testing.T) {
	w := newWorld(t)
	soon := time.Now().Add(40*time.Minute + 500*time.Millisecond)
	s := w.serve(&scripted{loggedOut: agent.LogoutResult{Profile: "prod", Ended: true, ValidUntil: &soon, Warning: "Cognito did not answer"}})
	w.expect(result{"", "cogtok: signed out of prod\ncogtok: the secrets that were stored for it are deleted\ncogtok: tokens that were handed out can't be taken back: where they are checked offline they stay valid for 40m\n" +
		"cogtok: Cognito did not answer\n", 0}, "logout", "--revoke", "--everywhere", "--forget")
	s.loggedOut = agent.LogoutResult{Profile: "prod", Ended: true, Also: []string{"api", "ci"}}
	w.expect(result{"", "cogtok: signed out of prod, and so of api, ci: one session for all of them\ncogtok: the refresh token is revoked\n", 0}, "logout", "--revoke")
	w.expect(result{"", "cogtok: signed out of prod, and so of api, ci: one session for all of them\ncogtok: all sessions of the user are ended, on every device\n", 0}, "logout", "--everywhere")
	s.calls = s.calls[:1]
	s.loggedOut = agent.LogoutResult{Profile: "prod"}
	w.expect(result{"", "cogtok: prod was not signed in\n", 0}, "logout", "prod")
	w.expect(result{"", "", 0}, "logout", "prod", "-q")
	if s.calls[0] != "logout profile= revoke=true everywhere=true forget=true" || s.calls[1] != "logout profile=prod revoke=false everywhere=false forget=false" {
		t.Errorf("%q", s.calls)
	}
}

func TestSecrets(t *testing.T) {
	w := newWorld(t)
	s := w.serve(&scripted{})
	w.stdin = marker + "\n"
	w.expect(result{"", "cogtok: the client-secret of prod is kept\n", 0}, "secret", "set", "prod", "client-secret")
	w.expect(result{"", "cogtok: no password of prod is kept\n", 0}, "secret", "delete", "prod", "password")
	w.expect(result{"PROFILE  SECRET    KEPT IN\nprod     password  keychain\n", "", 0}, "secret", "list")
	w.expect(result{"{\n  \"secrets\": [\n    {\n      \"profile\": \"prod\",\n      \"kind\": \"password\",\n      \"store\": \"keychain\"\n    }\n  ]\n}\n", "", 0},
		"secret", "list", "prod", "-o", "json")
	if want := []string{`set prod/client-secret="` + marker + `"`, "delete prod/password", "list ", "list prod"}; !slices.Equal(s.calls, want) {
		t.Errorf("%q", s.calls)
	}
}

// Sites show a seed in groups and in lower case.
func TestTOTPSeed(t *testing.T) {
	w := newWorld(t)
	s := w.serve(&scripted{})
	for _, stdin := range []string{"JBSWY3DPEHPK3PXP", "jbsw y3dp ehpk 3pxp\n", " JBSW-Y3DP\tehpk-3pxp\r\n"} {
		w.stdin, s.calls = stdin, nil
		w.expect(result{"", "cogtok: the totp-seed of prod is kept\n", 0}, "secret", "set", "prod", "totp-seed")
		if !slices.Equal(s.calls, []string{`set prod/totp-seed="JBSWY3DPEHPK3PXP"`}) {
			t.Errorf("%q: %q", stdin, s.calls)
		}
	}
	for _, kind := range agent.SecretKinds {
		if secretWords()[kind] == "" {
			t.Errorf("no word for %s", kind)
		}
	}
}

func TestStatus(t *testing.T) {
	now := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
	in := func(d time.Duration) *time.Time { at := now.Add(d); return &at }
	s := agent.Status{Default: "prod", Profiles: []agent.ProfileStatus{
		{Profile: "prod", Username: "rob", State: agent.StateSignedIn, Store: "keychain", IDExpiresAt: in(50 * time.Minute), AccessExpiresAt: in(42 * time.Minute)},
		{Profile: "old", Username: "rob\x1b[31m", State: agent.StateSignedOut, Store: "file", Problem: "sign-in needed"},
		{Profile: "ci", Username: "bot", State: agent.StateSignedIn, Store: "keychain", Unpersisted: true, IDExpiresAt: in(-time.Second)},
		{Profile: "locked", Username: "rob", State: agent.StateLocked, Store: "file"},
		{Profile: "sso", SignedInAs: "rob@x", Auth: "browser", State: agent.StateSignedIn, Store: "keychain", AccessExpiresAt: in(time.Hour)},
		{Profile: "sso2", Auth: "browser", State: agent.StateSignedOut, Store: "keychain"},
		{Profile: "job", Auth: "client-credentials", State: agent.StateSignedIn, Store: "memory", AccessExpiresAt: in(time.Hour)},
		{Profile: "job2", Auth: "client-credentials", State: agent.StateReady, Store: "memory"},
	}}
	want := `PROFILE         USER      STATE         TOKEN FOR  KEPT IN                   PROBLEM
prod (default)  rob       signed in     42m        keychain
old             rob�[31m  signed out    -          file                      sign-in needed
ci              bot       signed in     expired    keychain (not saved yet)
locked          rob       locked        -          file
sso             rob@x     signed in     1h         keychain
sso2            -         signed out    -          keychain
job             -         has a token   1h         memory
job2            -         no token yet  -          memory
`
	if got := statusTable(s, now); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestStatusOfAgent(t *testing.T) {
	w := newWorld(t)
	s := w.serve(&scripted{status: agent.Status{Version: 1, Profiles: []agent.ProfileStatus{{Profile: "prod", State: agent.StateSignedOut, Hint: "run: cogtok login prod"}},
		ConfigError: "/c.yaml:1:1: no"}})
	r := w.run("status")
	if r.code != 0 || r.stderr != "cogtok: the config as it is now isn't in force: /c.yaml:1:1: no\ncogtok: hint: prod: run: cogtok login prod\n" {
		t.Error(r)
	}
	w.env["COGTOK_PROFILE"] = "prod" // says which one is meant by default, and status is about all
	r = w.run("status", "--output", "json")
	var parsed agent.Status
	if err := json.Unmarshal([]byte(r.stdout), &parsed); err != nil || parsed.Profiles[0].Profile != "prod" {
		t.Errorf("%v: %s", err, r)
	}
	w.run("status", "prod")
	w.run("status", "--profile", "prod")
	if want := []string{"status profile=", "status profile=", "status profile=prod", "status profile=prod"}; !slices.Equal(s.calls, want) {
		t.Errorf("%q", s.calls)
	}
}

func TestStatusWithoutAgent(t *testing.T) {
	w := newWorld(t)
	w.write("config.yaml", goodConfig)
	note := "cogtok: no agent is running; the next cogtok token or login starts one\n"
	w.expect(result{"PROFILE         USER               STATE    TOKEN FOR  KEPT IN   PROBLEM\n" +
		"prod (default)  rob@example.com    unknown  -          keychain\n" +
		"admin           admin@example.com  unknown  -          keychain\n", note, 0}, "status")
	if r := w.run("status", "admn"); r.code != 2 || !strings.Contains(r.stderr, "did you mean admin?") {
		t.Error(r)
	}
	w.write("config.yaml", strings.Replace(goodConfig, "    client_id", "    client_secret: "+marker+"\n    client_id", 1))
	r := w.run("status", "-q")
	if r.code != 2 || r.stdout != "" || !strings.Contains(r.stderr, "config.yaml:6:5: ") || !strings.Contains(r.stderr, "cogtok secret set prod client-secret") || strings.Contains(r.stderr, marker) {
		t.Error(r)
	}
}

func TestInstantText(t *testing.T) {
	at := time.Unix(1795374000, 0)
	for after, want := range map[time.Duration]string{
		-time.Minute:            "2026-11-22T19:00:00Z (in 1m)",
		-600 * time.Millisecond: "2026-11-22T19:00:00Z (now)",
		0:                       "2026-11-22T19:00:00Z (now)",
		200 * time.Millisecond:  "2026-11-22T19:00:00Z (now)",
		2 * time.Second:         "2026-11-22T19:00:00Z (2s ago)",
		3 * 24 * time.Hour:      "2026-11-22T19:00:00Z (3d ago)",
	} {
		if got := instantText(at, at.Add(after)); got != want {
			t.Errorf("%s later: %q, want %q", after, got, want)
		}
	}
}

func TestWhoami(t *testing.T) {
	claims := `{"sub":"s-1","cognito:username":"rob","email":"rob@example.com\u001b[2J","cognito:groups":["dev","ops"],"iat":1795374000,"exp":1795377600,
		"custom:tier":7,"address":{"formatted":"x"},"email_verified":true,"iss":"https://cognito-idp.us-east-1.amazonaws.com/us-east-1_A"}`
	var raw map[string]any
	if err := json.Unmarshal([]byte(claims), &raw); err != nil {
		t.Fatal(err)
	}
	want := `sub               s-1
cognito:username  rob
email             rob@example.com�[2J
cognito:groups    dev, ops
iss               https://cognito-idp.us-east-1.amazonaws.com/us-east-1_A
iat               2026-11-22T19:00:00Z (40m ago)
exp               2026-11-22T20:00:00Z (in 20m)
address           {"formatted":"x"}
custom:tier       7
email_verified    true
`
	if got := claimsTable(raw, time.Unix(1795376400, 0)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	want = `app client  1h57kf5cp
sub         1h57kf5cp
scope       api/read
client_id   1h57kf5cp
`
	if got := claimsTable(map[string]any{"sub": "1h57kf5cp", "client_id": "1h57kf5cp", "scope": "api/read"}, time.Now()); got != want {
		t.Errorf("an app client's:\n%s\nwant\n%s", got, want)
	}
	w := newWorld(t)
	jwt := "eyJhbGciOiJSUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
	w.serve(&scripted{tokens: map[string]agent.Token{"": tokenOf("id", jwt)}})
	if r := w.run("whoami"); r.code != 0 || !strings.HasPrefix(r.stdout, "sub               s-1\n") {
		t.Error(r)
	}
	var back map[string]any
	if r := w.run("whoami", "-o", "json"); json.Unmarshal([]byte(r.stdout), &back) != nil || len(back) != len(raw) {
		t.Error(r)
	}
}

func TestVersionAndAgentStatus(t *testing.T) {
	w := newWorld(t)
	w.expect(result{"cogtok 9.9\nagent: none is running\n", "", 0}, "version")
	w.expect(result{"", "cogtok: no agent is running\ncogtok: hint: run: cogtok agent start\n", 4}, "agent", "status")
	w.expect(result{"", "cogtok: no agent was running\n", 0}, "agent", "stop")
	w.expect(result{"", "cogtok: no agent is running; it reads the config when it starts\n", 0}, "agent", "reload")
	w.serve(&scripted{})
	w.expect(result{"cogtok 9.9\nagent 1.2.3\n", "", 0}, "version")
	w.expect(result{"", "cogtok: /c.yaml is in force, with 2 profiles\n", 0}, "agent", "reload")
	if r := w.run("agent", "start"); r.code != 0 || !strings.Contains(r.stderr, "runs already") {
		t.Error(r)
	}
	r := w.run("agent", "status")
	if r.code != 0 || !strings.Contains(r.stdout, "\nconfig    /c.yaml\nsocket    /s\nlog       -\n") {
		t.Error(r)
	}
	var v versions
	if r := w.run("version", "-o", "json"); json.Unmarshal([]byte(r.stdout), &v) != nil || v.Agent == nil || v.Agent.Version != "1.2.3" {
		t.Error(r)
	}
}

func TestProfileCommands(t *testing.T) {
	w := newWorld(t)
	if r := w.run("profile", "list"); r.code != 2 || !strings.Contains(r.stderr, "hint: run: cogtok profile add NAME") {
		t.Error(r)
	}
	w.expect(result{"", "cogtok: profile prod is in " + w.path("config.yaml") + "; now: cogtok login prod\n", 0},
		"profile", "add", "prod", "--user-pool-id", "us-east-1_AbCdEf123", "--client-id", "1h57kf5cpq17m0eml12example", "--username", "rob@example.com",
		"--auth", "password", "--fips", "--client-metadata", "team=blue", "--client-metadata", "a=b", "--default")
	w.expect(result{"", "", 0}, "profile", "add", "admin", "--extends", "prod", "--username", "admin@example.com", "-q")
	w.expect(result{"PROFILE         USER               USER POOL            AUTH      STORE\n" +
		"prod (default)  rob@example.com    us-east-1_AbCdEf123  password  keychain\n" +
		"admin           admin@example.com  us-east-1_AbCdEf123  password  keychain\n", "", 0}, "profile", "list")
	r := w.run("profile", "show")
	if r.code != 0 || !strings.Contains(r.stdout, "client_metadata:  a=b, team=blue\n") || !strings.Contains(r.stdout, "fips:             true\n") {
		t.Error(r)
	}
	if r := w.run("profile", "show", "admin", "-o", "json"); !strings.Contains(r.stdout, `"extends": "prod"`) {
		t.Error(r)
	}
	if r := w.run("profile", "add", "prod", "--extends", "admin"); r.code != 2 || !strings.Contains(r.stderr, "there is a profile") {
		t.Error(r)
	}
	info, err := os.Stat(w.path("config.yaml"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// Lists are given item by item, and a profile without a user needs no username.
func TestProfileAddLists(t *testing.T) {
	w := newWorld(t)
	pool := []string{"--user-pool-id", "us-east-1_AbCdEf123", "--client-id", "1h57kf5cpq17m0eml12example", "--no-input", "-q"}
	w.expect(result{"", "", 0}, append([]string{"profile", "add", "sso", "--auth", "browser", "--scopes", "openid", "--scopes", "orders/read",
		"--redirect-urls", "http://[::1]:8400/", "--redirect-urls", "http://localhost:8401/a,b", "--domain", "Login.Example.com"}, pool...)...)
	w.expect(result{"", "", 0}, append([]string{"profile", "add", "ci", "--auth", "client-credentials", "--scopes", "orders/read"}, pool...)...)
	w.expect(result{"", "", 0}, append([]string{"profile", "add", "app", "--username", "rob", "--totp-command", "pass", "--totp-command", "-a: b, c"}, pool...)...)
	for name, lines := range map[string][]string{
		"sso": {"token:          id", "domain:         https://login.example.com", "redirect_urls:  http://[::1]:8400/ http://localhost:8401/a,b", "scopes:         openid orders/read"},
		"ci":  {"token:         access", "scopes:        orders/read"},
		"app": {"totp_command:  pass -a: b, c"},
	} {
		r := w.run("profile", "show", name)
		for _, line := range lines {
			if r.code != 0 || !strings.Contains(r.stdout, line+"\n") {
				t.Errorf("no %q in %s", line, r)
			}
		}
	}
	if r := w.run("profile", "add", "x", "--extends", "ci", "--redirect-urls", "http://localhost:8400/"); r.code != 2 ||
		!strings.Contains(r.stderr, `redirect_urls of profile "x" has no effect with auth: client-credentials`) {
		t.Error(r)
	}
}

// A removal that is refused costs no secrets, and secrets that can't be
// deleted keep their profile.
func TestProfileRemove(t *testing.T) {
	w := newWorld(t)
	w.write("config.yaml", goodConfig)
	s := w.serve(&scripted{})
	if r := w.run("profile", "remove", "prod"); r.code != 2 || !strings.Contains(r.stderr, "is extended by") || len(s.calls) != 0 {
		t.Errorf("%q: %s", s.calls, r)
	}
	s.err = agent.Errorf(agent.KindStore, "the keychain is locked")
	w.expect(result{"", "cogtok: the secrets of admin could not be deleted, so it stays: the keychain is locked\n" +
		"cogtok: hint: to remove it all the same, run: cogtok profile remove admin --keep-secrets\n", 8}, "profile", "remove", "admin")
	s.err, s.calls = nil, nil
	w.expect(result{"", "cogtok: profile admin is removed\n", 0}, "profile", "remove", "admin")
	if want := []string{"logout profile=admin revoke=false everywhere=false forget=true"}; !slices.Equal(s.calls, want) {
		t.Errorf("%q", s.calls)
	}
	data, err := os.ReadFile(w.path("config.yaml"))
	if err != nil || !strings.Contains(string(data), "# the real one") || strings.Contains(string(data), "admin") {
		t.Errorf("%v: %s", err, data)
	}
	s.calls = nil
	if r := w.run("profile", "remove", "prod", "--keep-secrets"); r.code != 0 || len(s.calls) != 0 {
		t.Errorf("%q: %s", s.calls, r)
	}
}

func TestLog(t *testing.T) {
	w := newWorld(t)
	if r := w.run("agent", "log"); r.code != 2 || !strings.Contains(r.stderr, "there is no log yet at "+w.path("state/cogtok/agent.log")) {
		t.Error(r)
	}
	if err := os.MkdirAll(w.path("state/cogtok"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.write("state/cogtok/agent.log", "one\ntwo\x1b[2J\nthree\n")
	for args, want := range map[string]string{
		"": "one\ntwo�[2J\nthree\n", "-n 2": "two�[2J\nthree\n", "-n 0": "", "-n 3": "one\ntwo�[2J\nthree\n", "-n 9": "one\ntwo�[2J\nthree\n",
	} {
		w.expect(result{want, "", 0}, append([]string{"agent", "log"}, strings.Fields(args)...)...)
	}
}

func TestLastLines(t *testing.T) {
	for _, tt := range []struct {
		text string
		n    int
		want string
	}{
		{"", 3, ""}, {"a", 1, "a"}, {"a\n", 1, "a\n"}, {"a\nb", 1, "b"}, {"a\n\nb\n", 2, "\nb\n"}, {"a\nb\n", 0, ""}, {"\n", 1, "\n"}, {"\na\n", 2, "\na\n"},
	} {
		if got := string(lastLines([]byte(tt.text), tt.n)); got != tt.want {
			t.Errorf("lastLines(%q, %d) = %q, want %q", tt.text, tt.n, got, tt.want)
		}
	}
}

func TestForHowLong(t *testing.T) {
	now := time.Now()
	for d, want := range map[time.Duration]string{
		time.Hour: "; the token is good for 1h", 1<<63 - 1: "; the token is good for more than a year",
		0: "; but its token has expired already", -time.Hour: "; but its token has expired already",
	} {
		expires := now.Add(d)
		if got := forHowLong(agent.ProfileStatus{IDExpiresAt: &expires}, now); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
	if got := forHowLong(agent.ProfileStatus{}, now); got != "" {
		t.Errorf("without a token: %q", got)
	}
}

func TestLeft(t *testing.T) {
	now := time.Now()
	for d, want := range map[time.Duration]string{
		-time.Second: "expired", 0: "expired", 40 * time.Second: "40s", 90 * time.Second: "1m", 59 * time.Minute: "59m",
		time.Hour: "1h", 3599 * time.Second: "1h", 90 * time.Minute: "1h 30m", 47 * time.Hour: "47h", 30 * 24 * time.Hour: "30d",
		366 * 24 * time.Hour: "366d", 367 * 24 * time.Hour: "more than a year", 1<<63 - 1: "more than a year",
	} {
		if got := left(now.Add(d), now); got != want {
			t.Errorf("left(%s) = %s, want %s", d, got, want)
		}
	}
}
