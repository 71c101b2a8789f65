//go:build linux || darwin

package main

import (
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	const socket = "/run/user/7/cogtok/agent.sock"
	base := call{socket: socket, output: "token", minTTL: noMinTTL}
	with := func(change func(*call)) call {
		c := base
		change(&c)
		return c
	}
	prod := with(func(c *call) { c.profile = "prod" })
	for _, tt := range []struct {
		args string
		env  []string
		want call
	}{
		{args: "token", want: base},
		{args: "token prod", want: prod},
		{args: "token --profile prod", want: prod},
		{args: "token --profile=prod", want: prod},
		{args: "--profile prod token", want: prod},
		{args: "--profile=prod token", want: prod},
		{args: "token", env: []string{"COGTOK_PROFILE=prod"}, want: prod},
		{args: "token prod", env: []string{"COGTOK_PROFILE=other"}, want: prod},
		{args: "token --profile=prod", env: []string{"COGTOK_PROFILE=other"}, want: prod},
		{args: "token", env: []string{"COGTOK_PROFILE="}, want: base},
		{args: "--no-input token prod --no-input", want: prod},
		{args: "token prod", env: []string{"COGTOK_NO_INPUT=1", "COGTOK_NO_BROWSER=1"}, want: prod},
		{args: "token --profile a=b", want: with(func(c *call) { c.profile = "a=b" })},
		{args: "token --profile=a=b", want: with(func(c *call) { c.profile = "a=b" })},
		{args: "token münchen", want: with(func(c *call) { c.profile = "münchen" })},

		{args: "token --type id", want: with(func(c *call) { c.typ = "id" })},
		{args: "token --type=access", want: with(func(c *call) { c.typ = "access" })},
		{args: "token -o header", want: with(func(c *call) { c.output = "header" })},
		{args: "token -o=bearer", want: with(func(c *call) { c.output = "bearer" })},
		{args: "token --output token", want: base},
		{args: "token --output=header prod -q", want: with(func(c *call) {
			c.output, c.profile, c.quiet = "header", "prod", true
		})},
		{args: "token --quiet", want: with(func(c *call) { c.quiet = true })},
		{args: "-q token", want: with(func(c *call) { c.quiet = true })},
		{args: "token --force prod", want: with(func(c *call) { c.force, c.profile = true, "prod" })},
		{args: "token --min-ttl 2m", want: with(func(c *call) { c.minTTL = 120 })},
		{args: "token --min-ttl=90s prod", want: with(func(c *call) { c.minTTL, c.profile = 90, "prod" })},
		{args: "token --min-ttl 1h0.5m", want: with(func(c *call) { c.minTTL = 3630 })},
		{args: "token --min-ttl 0", want: with(func(c *call) { c.minTTL = 0 })},

		{args: "token --socket /s", want: with(func(c *call) { c.socket = "/s" })},
		{args: "--socket=/s token", env: []string{"COGTOK_SOCKET=/other"}, want: with(func(c *call) { c.socket = "/s" })},
		{args: "token", env: []string{"COGTOK_SOCKET=/s"}, want: with(func(c *call) { c.socket = "/s" })},
		{args: "token --config /c", env: []string{"COGTOK_CONFIG=/other"}, want: with(func(c *call) { c.config = "/c" })},
		{args: "token", env: []string{"COGTOK_CONFIG=/c"}, want: with(func(c *call) { c.config = "/c" })},
		{args: "token prod", env: []string{"COGTOK_TOKEN=e", "COGTOK_ID_TOKEN=e", "COGTOK_ACCESS_TOKEN=e", "COGTOK_EXPIRES_AT=e", "COGTOK_LOG=debug"}, want: prod},
		{args: "token prod", env: []string{"COGTOK", "MY_COGTOK_OUTPUT=env", "COGTOK_TYPE=", "=x", ""}, want: prod},
	} {
		t.Run(tt.args+" "+strings.Join(tt.env, " "), func(t *testing.T) {
			t.Setenv("XDG_RUNTIME_DIR", "/run/user/7")
			got, ok := parse(strings.Fields(tt.args), tt.env)
			if !ok {
				t.Fatal("is left to the full client")
			}
			if got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestParseLeavesToFullClient(t *testing.T) {
	for _, args := range []string{
		"", "status", "login prod", "tokens", "token-x prod", "help token", "__complete token ''", "--help", "-h", "--version",
		"token --help", "token -h", "token help --help", "token prod other", "token --timeout 5s", "--timeout 5s token", "token -v", "-v token",
		"token --unknown", "token --unknown=x", "token --unknown x", "token -x", "token -", "token --", "token -- prod", "-- token",
		"token prod --profile prod", "token --profile a --profile b", "token --type id --type id", "token -o header --output header",
		"token --min-ttl 2m --min-ttl 2m", "token --socket /a --socket /b", "token --config /a --config /b",
		"token --profile", "token --profile=", "token --profile --force", "token --profile=-x", "token --type", "token -o",
		"token --type refresh", "token --type=ID", "token --output json", "token --output=creds", "token -o env", "token -ojson", "token -oheader",
		"token --min-ttl 120", "token --min-ttl -2m", "token --min-ttl=-2m", "token --min-ttl 1.5s", "token --min-ttl 2 m", "token --min-ttl soon",
		"token --force=true", "token --force=false", "token --no-input=false", "token -q=false", "token -qo header", "token --FORCE", "token --forc",
		"token --scope a", "token --scope=a prod", "token --scope", "device list prod", "login --no-browser",
		"--force token", "--type id token", "-o header token", "--min-ttl 2m token", "--profile token",
		"token --socket agent.sock", "token --socket @abstract", "token --config config.yaml", "token --config ~/config.yaml",
		"token --socket /" + strings.Repeat("x", 103), "token \xff", "token --profile=\xff", "token --config /\xff",
		"exec prod -- token prod", "curl token",
	} {
		t.Run(args, func(t *testing.T) {
			t.Setenv("XDG_RUNTIME_DIR", "/run/user/7")
			if c, ok := parse(strings.Fields(args), nil); ok {
				t.Errorf("is taken as %+v", c)
			}
		})
	}
	for _, args := range [][]string{{"token", ""}, {"token", "--profile", ""}, {"", "token"}} {
		if c, ok := parse(args, nil); ok {
			t.Errorf("%q is taken as %+v", args, c)
		}
	}
}

func TestParseLeavesUnknownVariablesToFullClient(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/7")
	for _, entry := range []string{
		"COGTOK_TYPE=id", "COGTOK_MIN_TTL=2m", "COGTOK_OUTPUT=json", "COGTOK_TIMEOUT=1s", "COGTOK_LATER=1",
		"COGTOK_SOCKET=agent.sock", "COGTOK_CONFIG=config.yaml", "COGTOK_PROFILE=\xff",
	} {
		if _, ok := parse([]string{"token"}, []string{"PATH=/bin", entry}); ok {
			t.Errorf("%s: isn't left to the full client", entry)
		}
	}
}

func TestParseWithoutHome(t *testing.T) {
	for _, name := range []string{"XDG_RUNTIME_DIR", "XDG_STATE_HOME", "HOME", "LOCALAPPDATA"} {
		t.Setenv(name, "")
	}
	if c, ok := parse([]string{"token"}, nil); ok {
		t.Errorf("is taken as %+v", c)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("token prod --min-ttl=2m -o header", "COGTOK_SOCKET=/s")
	f.Fuzz(func(t *testing.T, args, env string) {
		list := strings.Split(args, " ")
		c, ok := parse(slices.Clone(list), strings.Split(env, " "))
		if !ok {
			return
		}
		if !slices.Contains(list, "token") {
			t.Errorf("%q is taken without the word token", list)
		}
		if c.profile != "" && !strings.Contains(args+env, c.profile) {
			t.Errorf("%q %q: where does profile %q come from?", args, env, c.profile)
		}
	})
}
