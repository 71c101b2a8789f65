package cli

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/printable"
	"github.com/cogtok/cogtok/profiles"
)

// usage returns the error of a command line that can't be understood. What the
// person typed as a value is never in it: it may be a secret.
func usage(cmd *cobra.Command, format string, args ...any) *agent.Error {
	return agent.Errorf(agent.KindUsage, format, args...).WithHint("%s", seeHelp(cmd))
}

// seeHelp is the hint that leads to the help for cmd.
func seeHelp(cmd *cobra.Command) string {
	return strings.TrimSpace("see: cogtok help " + helpTopic(cmd))
}

// helpTopic is what stands behind "cogtok help" for cmd.
func helpTopic(cmd *cobra.Command) string {
	return strings.TrimSpace(strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()))
}

// flagError translates the errors of pflag, which quote values.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		return unknownFlag(cmd, unknown)
	case errors.As(err, &missing):
		return usage(cmd, "--%s needs a value", missing.GetFlag().Name)
	case errors.As(err, &invalid):
		f := invalid.GetFlag()
		return usage(cmd, "--%s: %s", f.Name, wanted(f.Value.Type()))
	}
	return usage(cmd, "a flag is written wrong")
}

func unknownFlag(cmd *cobra.Command, e *pflag.NotExistError) error {
	name := e.GetSpecifiedName()
	if e.GetSpecifiedShortnames() != "" {
		return usage(cmd, "there is no flag -%s", printable.Text(name))
	}
	err := usage(cmd, "there is no flag --%s", printable.Limit(name, 40))
	if slices.Contains([]string{"password", "passwd", "passphrase", "client-secret", "secret", "totp-seed", "token"}, name) {
		return err.WithHint("secrets come by a prompt or standard input (cogtok help secret set); " +
			"the one that you typed may be in your shell's history now")
	}
	if best := nearestFlag(cmd, name); best != "" {
		return err.WithHint("did you mean --%s? or %s", best, seeHelp(cmd))
	}
	return err
}

// nearestFlag returns the flag of cmd that name was probably meant to be.
func nearestFlag(cmd *cobra.Command, name string) string {
	var names []string
	add := func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	}
	cmd.LocalFlags().VisitAll(add)
	cmd.InheritedFlags().VisitAll(add)
	return profiles.Nearest(name, names)
}

// wanted says what a flag of the given type takes.
func wanted(kind string) string {
	switch kind {
	case "duration":
		return "not a duration such as 90s, 2m or 1h"
	case "bool":
		return "neither true nor false"
	case "int":
		return "not a whole number"
	}
	return "not a valid value"
}

func unknownCommand(cmd *cobra.Command, name string) error {
	err := usage(cmd, "there is no command %q", printable.Limit(strings.TrimSpace(helpTopic(cmd)+" "+name), 40))
	if near := profiles.Nearest(name, subcommands(cmd)); near != "" {
		return err.WithHint("did you mean: %s", cmd.CommandPath()+" "+near)
	}
	return err
}

func missingCommand(cmd *cobra.Command) error {
	return usage(cmd, "%s what? one of: %s", helpTopic(cmd), strings.Join(subcommands(cmd), ", "))
}

// subcommands are the names of cmd's commands.
func subcommands(cmd *cobra.Command) []string {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return names
}

// positional checks how many arguments a command has; names are what they are
// called, and the first required of them must be there.
func positional(required int, names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < required {
			return usage(cmd, "%s is missing", names[len(args)])
		}
		if len(args) > len(names) {
			return usage(cmd, "too many arguments: %s takes %s", helpTopic(cmd), countOf(len(names)))
		}
		return nil
	}
}

func countOf(n int) string {
	return [...]string{"none", "one", "two", "three"}[n]
}

// oneOf checks a flag that takes a word of a list.
func oneOf(cmd *cobra.Command, flag, value string, words []string) error {
	if slices.Contains(words, value) {
		return nil
	}
	return usage(cmd, "--%s takes one of: %s", flag, strings.Join(words, ", "))
}

// completeWords completes a flag or an argument that takes a word of a list.
func completeWords(words []string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}
