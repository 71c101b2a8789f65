package profiles

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const sample = `# the config of the manual
version: 1
default: prod
profiles:
  prod:
    user_pool_id: us-east-1_AbCdEf123
    client_id: 1h57kf5cpq17m0eml12example
    username: rob@example.com
    auth: admin-password
    aws_profile: ops
    token: access
    scheme: bearer
    min_ttl: 10m
    client_metadata: {team: blue, n: 1}
    store: file
  admin:
    extends: prod
    username: "admin@example.com"
    auth: srp
    client_metadata: {x: y}
  # a pool of cognito-local
  local:
    user_pool_id: local_6zZQCjzx
    client_id: "123456789012345678901234567890"
    username: 0123
    endpoint: HTTP://LOCALHOST:9229/
  replica: {extends: admin, region: us-west-2}
  gov: {user_pool_id: us-gov-west-1_A, client_id: a+_b, username: é-x}
  "1": {extends: gov, fips: false}
store: memory
passphrase_command: [pass, show, "cogtok"]
agent: {idle_exit: 8h, refresh: on-demand, allow_root: true}
`

func sampleConfig() Config {
	prod := Profile{Name: "prod", Region: "us-east-1", UserPoolID: "us-east-1_AbCdEf123", ClientID: "1h57kf5cpq17m0eml12example",
		Username: "rob@example.com", Auth: AuthAdminPassword, Token: "access", Scheme: SchemeBearer, MinTTL: 10 * time.Minute,
		AWSProfile: "ops", Store: StoreFile, ClientMetadata: map[string]string{"team": "blue", "n": "1"}}
	admin := prod
	admin.Name, admin.Extends, admin.Username = "admin", []string{"prod"}, "admin@example.com"
	admin.Auth, admin.AWSProfile, admin.ClientMetadata = AuthSRP, "", map[string]string{"x": "y"}
	replica := admin
	replica.Name, replica.Extends, replica.Region = "replica", []string{"admin", "prod"}, "us-west-2"
	plain := Profile{Auth: AuthSRP, Token: "id", Scheme: SchemeNone, Store: StoreMemory}
	local := plain
	local.Name, local.Region, local.UserPoolID, local.ClientID = "local", "local", "local_6zZQCjzx", "123456789012345678901234567890"
	local.Username, local.Endpoint = "0123", "http://localhost:9229"
	gov := plain
	gov.Name, gov.Region, gov.UserPoolID, gov.ClientID = "gov", "us-gov-west-1", "us-gov-west-1_A", "a+_b"
	gov.Username, gov.FIPS = "é-x", true
	one := gov
	one.Name, one.Extends, one.FIPS = "1", []string{"gov"}, false
	return Config{Path: "c.yaml", Default: "prod", Names: []string{"prod", "admin", "local", "replica", "gov", "1"},
		Profiles: map[string]Profile{"prod": prod, "admin": admin, "local": local, "replica": replica, "gov": gov, "1": one},
		Store:    StoreMemory, PassphraseCommand: []string{"pass", "show", "cogtok"}, IdleExit: 8 * time.Hour, AllowRoot: true}
}

func TestParse(t *testing.T) {
	for name, text := range map[string]string{
		"as it is":          sample,
		"windows line ends": strings.ReplaceAll(sample, "\n", "\r\n"),
		"byte order mark":   "\ufeff" + sample,
		"document markers":  "---\n" + sample + "...\n# end\n",
	} {
		got, err := Parse("c.yaml", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if want := sampleConfig(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, want)
		}
	}
}

func TestParseDefaults(t *testing.T) {
	for _, text := range []string{"version: 1\n", "version: 1\nprofiles:\nagent:\n", "version: 1\nprofiles: {}", Template} {
		got, err := Parse("c.yaml", []byte(text))
		if err != nil || got.Store != StoreKeychain || len(got.Profiles) != 0 || got.IdleExit != 0 || got.AllowRoot {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

// head and p make a profile of the lines: the first stands in line 7, column 5.
const head = "version: 1\nprofiles:\n  p:\n    user_pool_id: us-east-1_A\n    client_id: c\n    username: u\n"

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		// The file.
		{"", "1:1: the config is empty"},
		{"# nothing\n", "1:1: the config is empty"},
		{"- a\n", "1:1: a config is made of lines of the form key: value"},
		{"hello\n", "1:1: a config is made of lines of the form key: value"},
		{"profiles: {}\n", "1:1: version is missing"},
		{"version: 2\n", "1:10: version must be 1"},
		{"version:\n", "1:9: version has no value"},
		{"version: [1]\n", "1:10: version must be text, not a list"},
		{"version: 1\n---\nversion: 1\n", `2:1: a second document begins here; a config is one, without "---" in it`},
		{"version: 1\nversion: 1\n", `2:1: "version" stands here twice; the first is in line 1`},
		{"version: 1\nstoer: file\n", `2:1: unknown key "stoer"; did you mean "store"?`},
		{"version: 1\nPROFILES: {}\n", `2:1: unknown key "PROFILES"; did you mean "profiles"?`},
		{"version: 1\nsomething: {}\n", `2:1: unknown key "something"`},
		{"version: 1\nstore: cloud\n", "2:8: store must be keychain, file or memory"},
		{"version: 1\nstore: keychian\n", `2:8: store must be keychain, file or memory; did you mean "keychain"?`},
		{"version: 1\ndefault: p\n", `2:10: the default is "p", but there is no such profile`},
		{"version: 1\ndefault: a b\n", "2:10: default must be the name of a profile"},
		{head + "default: q\n", `7:10: the default is "q", but there is no such profile`},
		{"version: 1\nprofiles: [a]\n", "2:11: profiles must be names and values, not a list"},
		{"version: 1\nprofiles: x\n", "2:11: profiles must be names and values, not text"},
		{"version: 1\nagent: on\n", "2:8: agent must be names and values, not text"},
		{"version: 1\nagent: {idle_exit: 5}\n", "2:20: idle_exit of agent must be a number with a unit, such as 90s, 2m or 1h"},
		{"version: 1\nagent: {idle_exit: -5s}\n", "2:20: idle_exit of agent must not be negative"},
		{"version: 1\nagent: {refresh: always}\n", "2:18: refresh of agent must be on-demand"},
		{"version: 1\nagent: {allow_root: yes}\n", "2:21: allow_root of agent must be true or false, without quotes"},
		{"version: 1\nagent: {idle: 1}\n", `2:9: unknown key "idle" in agent`},
		{"version: 1\npassphrase_command: pass show\n", "2:21: passphrase_command must be a list, such as [pass, show, cogtok]"},
		{"version: 1\npassphrase_command: []\n", "2:21: passphrase_command must be a list, such as [pass, show, cogtok]"},
		{"version: 1\npassphrase_command: [[a]]\n", "2:21: passphrase_command must be a list of texts"},
		{"version: 1\npassphrase_command: ['']\n", "2:21: passphrase_command must begin with the name of a program"},
		// Profiles.
		{"version: 1\nprofiles:\n  p:\n", `3:3: profile "p" has no user_pool_id`},
		{"version: 1\nprofiles:\n  p: x\n", `3:6: profile "p" must be keys and values, not text`},
		{"version: 1\nprofiles:\n  p q: {}\n", `3:3: "p q" can't be the name of a profile: ` + nameRule},
		{"version: 1\nprofiles:\n  -p: {}\n", `3:3: "-p" can't be the name of a profile: ` + nameRule},
		{"version: 1\nprofiles:\n  " + strings.Repeat("x", 65) + ": {}\n", `3:3: "` + strings.Repeat("x", 63) + `…" can't be the name of a profile: ` + nameRule},
		{"version: 1\nprofiles:\n  é\u202e: {}\n", `3:3: "é�" can't be the name of a profile: ` + nameRule},
		{head + "  p: {}\n", `7:3: "p" stands here twice; the first is in line 3`},
		{head + "    usernme: x\n", `7:5: unknown key "usernme" in profile "p"; did you mean "username"?`},
		{head + "    userPoolId: x\n", `7:5: unknown key "userPoolId" in profile "p"; did you mean "user_pool_id"?`},
		{head + "    clinet-id: x\n", `7:5: unknown key "clinet-id" in profile "p"; did you mean "client_id"?`},
		{head + "    domian: x\n", `7:5: unknown key "domian" in profile "p"; did you mean "domain"?`},
		{head + "    \"a\\e[31m\": x\n", `7:5: unknown key "a�[31m" in profile "p"`},
		{head + "    auth: sso\n", "7:11: auth of profile \"p\" must be srp, password, admin-password, choice, custom, browser or client-credentials"},
		{head + "    auth: {a: b}\n", `7:11: auth of profile "p" must be text, not names and values`},
		{head + "    token: ID\n", `7:12: token of profile "p" must be id or access; did you mean "id"?`},
		{head + "    scheme: Bearer\n", `7:13: scheme of profile "p" must be none or bearer; did you mean "bearer"?`},
		{head + "    min_ttl: 5\n", `7:14: min_ttl of profile "p" must be a number with a unit, such as 90s, 2m or 1h`},
		{head + "    min_ttl: 25h\n", `7:14: min_ttl of profile "p" must be at most 24h`},
		{head + "    fips: \"true\"\n", `7:11: fips of profile "p" must be true or false, without quotes`},
		{head + "    fips: 1\n", `7:11: fips of profile "p" must be true or false, without quotes`},
		{head + "    region:\n", `7:12: region of profile "p" has no value`},
		{head + "    region: ''\n", `7:13: region of profile "p" is empty`},
		{head + "    region: useast1\n", `7:13: region of profile "p" must be an AWS region such as us-east-1`},
		{head + "    region: cn-north-1\n", `7:13: region of profile "p" is in AWS China, where Cognito has no user pools`},
		{head + "    aws_profile: x\n", `7:18: aws_profile of profile "p" has no effect with auth: srp`},
		{head + "    client_metadata: x\n", `7:22: client_metadata of profile "p" must be pairs of name and text, such as {team: blue}`},
		{head + "    client_metadata: {a: [b]}\n", `7:22: client_metadata of profile "p" must have a text for each name`},
		{head + "    client_metadata: {a: }\n", `7:22: client_metadata of profile "p" must have a text for each name`},
		{head + "    fips: true\n    endpoint: https://x.example\n", `7:11: profile "p" has both fips and endpoint`},
		{strings.Replace(head, "us-east-1_A", "us-east-1", 1), `4:19: user_pool_id of profile "p" must look like us-east-1_AbCdEf123`},
		{strings.Replace(head, "us-east-1_A", "us-east-1_A-b", 1), `4:19: user_pool_id of profile "p" must look like us-east-1_AbCdEf123`},
		{strings.Replace(head, "us-east-1_A", "us-east-1_"+strings.Repeat("A", 46), 1), `4:19: user_pool_id of profile "p" must look like us-east-1_AbCdEf123`},
		{strings.Replace(head, "us-east-1_A", "local_A", 1), `4:19: user_pool_id of profile "p" doesn't begin with an AWS region, so region is needed`},
		{strings.Replace(head, "us-east-1_A", "cn-north-1_A", 1), `4:19: user_pool_id of profile "p" is in AWS China, where Cognito has no user pools`},
		{strings.Replace(head, "client_id: c", "client_id: c-d", 1), `5:16: client_id of profile "p" must be letters and digits, at most 128 of them`},
		{strings.Replace(head, "username: u", "username: u v", 1), `6:15: username of profile "p" must be 1 to 128 characters without spaces`},
		{strings.Replace(head, "username: u", `username: "u\nv"`, 1), `6:15: username of profile "p" holds a line break or another control character`},
		{strings.Replace(head, "username: u", "username: ~", 1), `6:15: username of profile "p" has no value`},
		// extends.
		{head + "  q: {extends: pp}\n", `7:16: profile "q" extends "pp", but there is no such profile`},
		{head + "  q: {extends: q}\n", `7:16: profile "q" extends itself: q → q`},
		{head + "  q: {extends: [p]}\n", `7:16: extends of profile "q" must be text, not a list`},
		{head + "  q: {extends: p, auth: x}\n", `7:25: auth of profile "q" must be srp, password, admin-password, choice, custom, browser or client-credentials`},
		{head + "  q: {extends: p, aws_profile: x}\n", `7:32: aws_profile of profile "q" has no effect with auth: srp`},
		// YAML.
		{"version: 1\nprofiles:\n\tp: {}\n", "3:1: a tab can't indent a line"},
		{"version: 1\nstore: *x\n", "2:1: " + anchorMessage},
		{"version: 1\nstore: &x file\n", "2:8: " + anchorMessage},
		{"version: 1\n<<: {}\n", "2:1: " + anchorMessage},
		{"version: 1\nstore: !!str file\n", "2:8: tags (words that begin with !) have no meaning in a config"},
		{"version: 1\nstore: !file x\n", "2:8: tags (words that begin with !) have no meaning in a config"},
		{"version: 1\n? [a]\n: b\n", "2:3: a key must be a word, not a list"},
		{"version: 1\nstore: a: b\n", `2:1: a ": " where none can be`},
		{"version: 1\nstore: \"file\n", "2:1: a quote or bracket that is not closed"},
		{"version: 1\npassphrase_command: [a, b\nstore: file\n", "2:1: a bracket that is not closed, or a missing comma"},
		{head + "   auth: srp\n", "7:4: a key is expected here"},
		{"version: 1\nstore\ndefault: x\n", `2:1: a key without a ":"`},
		{"version: 1\nstore: @x\n", "2:1: a value can't begin with this character"},
		{"version: 1\nstore: \"\\q\"\n", `2:1: an unknown escape sequence after \`},
		{"version: 1\nstore: \xff\n", "2:8: this is not UTF-8 text"},
		{"\xff\xfev\x00", "1:1: this is not UTF-8 text"},
		{"version: 1\rstore: file\n", "1:11: an invisible character (U+000D) stands here"},
		{"version: 1\nstoré: \x1b\n", "2:8: an invisible character (U+001B) stands here"},
		{"version: 1\u2028store: file\n", "1:11: an invisible character (U+2028) stands here"},
		{"version: 1\u0085", "1:11: an invisible character (U+0085) stands here"},
	} {
		config, err := Parse("c.yaml", []byte(c.text))
		first, _, _ := strings.Cut(fmt.Sprint(err), "\n")
		if first != "c.yaml:"+c.want {
			t.Errorf("%q\ngot  %s\nwant c.yaml:%s", c.text, first, c.want)
		}
		if !reflect.DeepEqual(config, Config{}) {
			t.Errorf("%q: a broken config gave %+v", c.text, config)
		}
	}
}

func TestParseEndpoint(t *testing.T) {
	for endpoint, want := range map[string]string{
		"https://cognito.example.com":  "",
		"https://cognito.example.com/": "",
		"https://10.1.2.3:8443":        "",
		"https://[2001:db8::1]:8443":   "",
		"http://localhost:9229":        "",
		"http://127.0.0.1":             "",
		"http://127.8.8.8:1/":          "",
		"http://[::1]:9229":            "",
		"http://cognito.example.com":   "must be https",
		"http://localhost.example.com": "must be https",
		"http://127.0.0.1.example.com": "must be https",
		"http://127.1":                 "must be https",
		"http://0.0.0.0:80":            "must be https",
		"http://2130706433":            "must be https",
		"http://[::ffff:8.8.8.8]":      "must be https",
		"http://localhost@evil.com":    "user name",
		"https://u:hunter2@x.example":  "user name",
		"https://x.example/path":       "path",
		"https://x.example?x=1":        "query",
		"https://x.example?":           "query",
		"https://x.example#":           "query",
		"https://${HOST}":              "must",
		"https://x example":            "must",
		"https://x.example:0":          "port",
		"https://x.example:":           "port",
		"https://x.example:65536":      "port",
		"https://[fe80::1%25eth0]":     "plain host",
		"ftp://x.example":              "URL",
		"x.example":                    "URL",
		"//x.example":                  "URL",
		"https:x.example":              "URL",
		"https://":                     "URL",
		"file:///etc/passwd":           "URL",
	} {
		got := checkEndpoint(endpoint)
		if (want == "") != (got == "") || !strings.Contains(got, want) || strings.Contains(got, "hunter2") {
			t.Errorf("%s: %q, want %q", endpoint, got, want)
		}
	}
}

// All problems are told at once, in the order of the file, but not without end.
func TestManyErrors(t *testing.T) {
	_, err := Parse("c.yaml", []byte("default: x\nprofiles:\n  a: {}\n  b: {username: u}\n"))
	want := `c.yaml:1:1: version is missing
c.yaml:1:10: the default is "x", but there is no such profile
c.yaml:3:3: profile "a" has no user_pool_id
c.yaml:3:3: profile "a" has no client_id
c.yaml:3:3: profile "a" has no username
c.yaml:4:3: profile "b" has no user_pool_id
c.yaml:4:3: profile "b" has no client_id`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	var first *Error
	if !errors.As(err, &first) || first.Hint != "begin the file with: version: 1" || first.Line != 1 || first.Path != "c.yaml" {
		t.Errorf("first: %+v", first)
	}
	_, err = Parse("c.yaml", []byte("version: 1\n"+strings.Repeat("  x:\n", 0)+manyLines(50)))
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 11 || lines[10] != "and 40 more" {
		t.Errorf("got %d lines:\n%v", len(lines), err)
	}
}

func manyLines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "wrong%d: 1\n", i)
	}
	return b.String()
}

// A fault of a parent is told once, where it stands.
func TestNoEcho(t *testing.T) {
	_, err := Parse("c.yaml", []byte("version: 1\nprofiles:\n  a: {user_pool_id: x, client_id: c, username: u}\n  b: {extends: a}\n  c: {extends: b}\n"))
	if want := `c.yaml:3:21: user_pool_id of profile "a" must look like us-east-1_AbCdEf123`; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestExtendsLoops(t *testing.T) {
	_, err := Parse("c.yaml", []byte("version: 1\nprofiles:\n  a: {extends: b}\n  b: {extends: c}\n  c: {extends: a}\n  d: {extends: a}\n"))
	want := `c.yaml:3:16: profile "a" extends itself: a → b → c → a
c.yaml:4:16: profile "b" extends itself: b → c → a → b
c.yaml:5:16: profile "c" extends itself: c → a → b → c`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	chain := head
	for i := range 40 {
		chain += fmt.Sprintf("  x%d: {extends: x%d}\n", i+1, i)
	}
	_, err = Parse("c.yaml", []byte(chain+"  x0: {extends: p}\n"))
	if err == nil || !strings.Contains(err.Error(), `profile "x32" extends more than 32 others in a row`) {
		t.Errorf("got %v", err)
	}
}

// Secrets are refused wherever they stand, with what to do instead, and neither
// they nor any other value is repeated.
func TestSecretsRefused(t *testing.T) {
	const marker = "hunter2-MARKER"
	for text, hint := range map[string]string{
		head + "    password: " + marker + "\n":                        "secret set p password",
		head + "    Password: {x: " + marker + "}\n":                   "secret set p password",
		head + "    client-secret: " + marker + "\n":                   "secret set p client-secret",
		head + "    clientSecret: [" + marker + "]\n":                  "secret set p client-secret",
		head + "    secret: |\n      " + marker + "\n":                 "secret set p password",
		head + "    refresh_token: " + marker + "\n":                   "cogtok login p",
		head + "    totp_seed: " + marker + "\n":                       "secret set p totp-seed",
		head + "    totp_secret: " + marker + "\n":                     "secret set p totp-seed",
		head + "    totpSecret: [" + marker + "]\n":                    "secret set p totp-seed",
		head + "    otp-seed: " + marker + "\n":                        "secret set p totp-seed",
		head + "    MFA_SECRET: " + marker + "\n":                      "secret set p totp-seed",
		head + "    client_metadata: {password: " + marker + "}\n":     "secret set p password",
		head + "    nested: [{deeper: {password: " + marker + "}}]\n":  "secret set p password",
		"version: 1\npassword: " + marker + "\n":                       "secret set NAME password",
		"version: 1\npassphrase: " + marker + "\n":                     "passphrase_command",
		"version: 1\nagent: {aws_secret_access_key: " + marker + "}\n": "~/.aws",
		"version: 1\nprofiles:\n  'a;b': {password: " + marker + "}\n": "secret set NAME password",
	} {
		_, err := Parse("c.yaml", []byte(text))
		var all Errors
		if !errors.As(err, &all) {
			t.Errorf("%q: %v", text, err)
			continue
		}
		i := slices.IndexFunc(all, func(e *Error) bool { return strings.Contains(e.Message, "no secret may stand in the config") })
		if i < 0 || !strings.Contains(all[i].Message, hint) {
			t.Errorf("%q: %v", text, err)
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, all[0]), marker) {
			t.Errorf("%q: the secret is repeated: %v", text, err)
		}
	}
	// A profile may be called so.
	if _, err := Parse("c.yaml", []byte(strings.Replace(head, "  p:", "  secret:", 1))); err != nil {
		t.Error(err)
	}
}

// No message repeats a value, whatever is wrong with it.
func TestValuesNotRepeated(t *testing.T) {
	const marker = "hunter2MARKER"
	values := []string{marker, "*" + marker, "&" + marker + " x", "!" + marker + " x", "[" + marker, "\"" + marker, "{" + marker + ": 1}",
		"[" + marker + "\\, " + marker + "\\]", "'" + marker + "' x", "@" + marker, "\"\\q" + marker + "\"", "http://u:" + marker + "@x", marker + ": " + marker, "| " + marker, "%" + marker}
	for _, k := range Keys {
		if k.Name == keyExtends {
			continue // it names a profile
		}
		for _, v := range values {
			text := strings.Replace(head, "    "+k.Name+":", "    # ", 1) + "    " + k.Name + ": " + v + "\n"
			if k.Name != keyAuth {
				text += "    auth: " + authFor(k) + "\n"
			}
			if _, err := Parse("c.yaml", []byte(text)); err != nil && strings.Contains(err.Error(), marker) {
				t.Errorf("%q: %v", text, err)
			}
		}
	}
}

func TestNearest(t *testing.T) {
	names := keyNames(Keys)
	for word, want := range map[string]string{
		"usernme": "username", "user-name": "username", "USERNAME": "username", "userpool_id": "user_pool_id",
		"client": "client_id", "clientid": "client_id", "client_id_": "client_id", "clientt_di": "client_id", "tokne": "token",
		"schema": "scheme", "extend": "extends", "pool": "", "x": "", "": "", "---": "", "minttl": "min_ttl", "profile": "",
		strings.Repeat("x", 1000): "",
	} {
		if got := Nearest(word, names); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
