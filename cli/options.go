package cli

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cogtok/cogtok/agent"
)

// options are the flags that every command has.
type options struct {
	profile string
	config  string
	socket  string
	noInput bool
	quiet   bool
	verbose bool
	timeout time.Duration
}

// addCommonFlags defines the flags of options on root, for all commands.
func addCommonFlags(a *app, root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVar(&a.profile, "profile", "", "the profile, where none is given as an argument")
	f.StringVar(&a.config, "config", "", "the config file")
	f.StringVar(&a.socket, "socket", "", "the agent's socket")
	f.BoolVar(&a.noInput, "no-input", false, "never ask anything; exit 3 instead")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "say nothing but the answer and errors")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "tell on standard error what is done")
	f.DurationVar(&a.timeout, "timeout", 0, "give up after this long, such as 5s (default: the built-in limits)")
	root.RegisterFlagCompletionFunc("profile", a.completeProfile)
}

// environment is the table of variables that stand for flags, of those commands
// that have the flag. A flag on the command line wins.
func environment() []struct{ variable, flag string } {
	return []struct{ variable, flag string }{
		{"COGTOK_PROFILE", "profile"},
		{"COGTOK_CONFIG", "config"},
		{"COGTOK_SOCKET", "socket"},
		{"COGTOK_NO_INPUT", "no-input"},
		{"COGTOK_NO_BROWSER", "no-browser"},
		{"COGTOK_QUIET", "quiet"},
		{"COGTOK_VERBOSE", "verbose"},
		{"COGTOK_TIMEOUT", "timeout"},
		{"COGTOK_TYPE", "type"},
		{"COGTOK_SCOPE", "scope"},
		{"COGTOK_MIN_TTL", "min-ttl"},
	}
}

// fromEnvironment sets the flags that weren't given from their variables. An
// empty variable counts as not set.
func (a *app) fromEnvironment(cmd *cobra.Command) error {
	for _, e := range environment() {
		value := a.Getenv(e.variable)
		f := cmd.Flag(e.flag)
		if value == "" || f == nil || f.Changed {
			continue
		}
		if f.Value.Type() == "bool" {
			value = boolWord(value)
		}
		if f.Value.Set(value) != nil {
			return agent.Errorf(agent.KindUsage, "%s: %s", e.variable, wanted(f.Value.Type())).
				WithHint("unset %s, or %s", e.variable, seeHelp(cmd))
		}
	}
	return nil
}

// boolWord turns what people write for yes and no into what a bool flag takes.
func boolWord(value string) string {
	switch strings.ToLower(value) {
	case "yes", "on":
		return "true"
	case "no", "off":
		return "false"
	}
	return value
}

// profileOf returns the profile that a call is about: the argument, else
// --profile, else COGTOK_PROFILE. When it is empty the agent takes the
// config's default or its only profile.
func (a *app) profileOf(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return a.profile
}
