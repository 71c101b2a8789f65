package cli

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func TestUsageErrors(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct{ args, message, hint string }{
		{"tokn", `there is no command "tokn"`, "did you mean: cogtok token"},
		{"xyzzy", `there is no command "xyzzy"`, "see: cogtok help"},
		{"help xyzzy", `there is no command "xyzzy"`, "see: cogtok help"},
		{"agent", "agent what? one of: log, reload, restart, start, status, stop", "see: cogtok help agent"},
		{"agent stat", `there is no command "agent stat"`, "did you mean: cogtok agent start"},
		{"token a b", "too many arguments: token takes one", "see: cogtok help token"},
		{"agent start x", "too many arguments: agent start takes none", "see: cogtok help agent start"},
		{"secret set", "PROFILE is missing", "see: cogtok help secret set"},
		{"secret set prod", "KIND is missing", "see: cogtok help secret set"},
		{"secret set prod pasword", "KIND is one of: password, client-secret, totp-seed", "see: cogtok help secret set"},
		{"token --typ id", "there is no flag --typ", "did you mean --type? or see: cogtok help token"},
		{"token -x", "there is no flag -x", "see: cogtok help token"},
		{"token --min-ttl", "--min-ttl needs a value", "see: cogtok help token"},
		{"token --min-ttl 5x", "--min-ttl: not a duration such as 90s, 2m or 1h", "see: cogtok help token"},
		{"token --min-ttl=-5s", "--min-ttl can't be negative", "see: cogtok help token"},
		{"token --timeout=-1s", "--timeout can't be negative", "see: cogtok help token"},
		{"agent status --timeout=-1ns", "--timeout can't be negative", "see: cogtok help agent status"},
		{"token --force=perhaps", "--force: neither true nor false", "see: cogtok help token"},
		{"token --type refresh", "--type takes one of: id, access", "see: cogtok help token"},
		{"token -o xml", "--output takes one of: token, bearer, header, json, creds, env, exec-credential", "see: cogtok help token"},
		{"token -o env --shell tcsh", "--shell takes one of: bash, zsh, fish, powershell", "see: cogtok help token"},
		{"status -o xml", "--output takes one of: table, json", "see: cogtok help status"},
		{"agent log -n x", "--lines: not a whole number", "see: cogtok help agent log"},
		{"profile add prod", "profile prod needs --user-pool-id, --client-id, --username", "see: cogtok help profile add"},
		{"profile add ci --auth client-credentials", "profile ci needs --user-pool-id, --client-id", "see: cogtok help profile add"},
		{"profile add sso --auth browser --client-id c", "profile sso needs --user-pool-id", "see: cogtok help profile add"},
		{"completion bash x", "the command line can't be understood", "see: cogtok help"},
		{"--socket rel token", "the socket's path is not absolute: rel", "give an absolute path with --socket"},
	} {
		w.expect(result{"", "cogtok: " + tt.message + "\ncogtok: hint: " + tt.hint + "\n", 2}, append([]string{"--no-input"}, strings.Fields(tt.args)...)...)
	}
}

// What was typed as a value is never repeated: it may be a secret.
func TestSecretsAreNotEchoed(t *testing.T) {
	w := newWorld(t)
	for _, args := range []string{
		"secret set prod password " + marker, "secret set prod " + marker, "login prod " + marker, "login --password " + marker,
		"login --password=" + marker, "login -p" + marker, "token --min-ttl " + marker, "token --type " + marker, "token -o " + marker,
		"token --force=" + marker, "profile add prod --password " + marker, "profile add prod --client-secret=" + marker,
		"profile add prod " + marker, "profile add prod --user-pool-id " + marker + " --client-id c --username u",
		"profile add prod --user-pool-id us-east-1_A --client-id " + marker + "! --username u",
		"profile add prod --user-pool-id us-east-1_A --client-id c1 --username u --auth " + marker,
		"token --timeout " + marker, "agent log -n " + marker,
	} {
		r := w.run(append(strings.Fields(args), "--no-input")...)
		if r.code != 2 || strings.Contains(r.stderr, marker) || r.stdout != "" {
			t.Errorf("%s: %s", args, r)
		}
	}
	for _, args := range []string{"secret set prod password " + marker, "login --password " + marker, "profile add prod " + marker} {
		if r := w.run(strings.Fields(args)...); !strings.Contains(r.stderr, "may be in your shell's history") {
			t.Errorf("%s: %s", args, r)
		}
	}
}

// Each command has a summary and an example, each flag an explanation.
func TestHelp(t *testing.T) {
	w := newWorld(t)
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Example == "" || c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: example %q, summary %q", c.CommandPath(), c.Example, c.Short)
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s: no explanation", c.CommandPath(), f.Name)
			}
		})
		words := strings.Fields(c.CommandPath())[1:]
		for _, args := range [][]string{append([]string{"help"}, words...), append(words, "--help"), append(words, "-h")} {
			r := w.run(args...)
			if r.code != 0 || r.stderr != "" || !strings.Contains(r.stdout, c.Example) {
				t.Errorf("%s: %s", args, r)
			}
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(rootCommand(&app{}))
	if r := w.run(); r.code != 0 || !strings.Contains(r.stdout, "Usage:") {
		t.Errorf("without a command: %s", r)
	}
}

func TestCompletion(t *testing.T) {
	w := newWorld(t)
	w.write("config.yaml", goodConfig)
	for _, tt := range []struct{ args, want string }{
		{"token ", "prod\trob@example.com\nadmin\tadmin@example.com\n:4\n"},
		{"token prod ", ":4\n"},
		{"whoami --profile ", "prod\trob@example.com\nadmin\tadmin@example.com\n:4\n"},
		{"secret set prod ", "password\nclient-secret\ntotp-seed\n:4\n"},
		{"token --type ", "id\naccess\n:4\n"},
		{"token --shell ", "bash\nzsh\nfish\npowershell\n:4\n"},
		{"profile add x --auth ", "srp\npassword\nadmin-password\nchoice\ncustom\nbrowser\nclient-credentials\n:4\n"},
		{"profile add x --extends ", "prod\trob@example.com\nadmin\tadmin@example.com\n:4\n"},
	} {
		r := w.run(append([]string{"__complete"}, strings.Split(tt.args, " ")...)...)
		if r.code != 0 || r.stdout != tt.want {
			t.Errorf("%s: %s", tt.args, r)
		}
	}
	w.write("config.yaml", "broken: [")
	if r := w.run("__complete", "token", ""); r.code != 0 || r.stdout != ":4\n" {
		t.Errorf("broken config: %s", r)
	}
	for _, shell := range shellNames() {
		if r := w.run("completion", shell); r.code != 0 || !strings.Contains(r.stdout, "cogtok") {
			t.Errorf("completion %s: %s", shell, r)
		}
	}
}
