package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

func profileAddCommand(a *app) *cobra.Command {
	var makeDefault bool
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a profile to the config",
		Long: `Add a profile to the config, which is made if there is none. What is required
and not given by a flag is asked for at a terminal.`,
		Example:           "  cogtok profile add prod --user-pool-id us-east-1_AbCdEf123 --client-id 1h57kf5cpq17m0eml12example --username rob@example.com",
		Args:              noSecretArgs(1, "NAME"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.addProfile(cmd, args[0], makeDefault)
		},
	}
	for _, key := range profiles.Keys {
		addKeyFlag(a, cmd, key)
	}
	cmd.Flags().BoolVar(&makeDefault, "default", false, "make it the profile of commands that name none")
	return cmd
}

// addKeyFlag defines the flag of a key of the config.
func addKeyFlag(a *app, cmd *cobra.Command, key profiles.Key[profiles.Profile]) {
	help := keyHelp(key)
	switch key.Type() {
	case profiles.TypeBool:
		cmd.Flags().Bool(key.Flag(), false, help)
	case profiles.TypeMap:
		cmd.Flags().StringArray(key.Flag(), nil, help+"; NAME=TEXT, once for each")
	case profiles.TypeList:
		cmd.Flags().StringArray(key.Flag(), nil, fmt.Sprintf("%s; once for each item: --%s A --%s B", key.Help, key.Flag(), key.Flag()))
	default:
		cmd.Flags().String(key.Flag(), "", help)
	}
	switch {
	case key.Choices != nil:
		cmd.RegisterFlagCompletionFunc(key.Flag(), completeWords(key.Choices))
	case key.Name == "extends":
		cmd.RegisterFlagCompletionFunc(key.Flag(), func(cmd *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
			return a.completeProfile(cmd, nil, word)
		})
	default:
		cmd.RegisterFlagCompletionFunc(key.Flag(), cobra.NoFileCompletions)
	}
}

func keyHelp(key profiles.Key[profiles.Profile]) string {
	switch {
	case len(key.Choices) > 0:
		return key.Help + ": " + strings.Join(key.Choices, ", ")
	case key.Type() == profiles.TypeText || key.Type() == profiles.TypeDuration || key.Type() == profiles.TypeList:
		return fmt.Sprintf("%s, such as %s", key.Help, key.Example)
	}
	return key.Help
}

func (a *app) addProfile(cmd *cobra.Command, name string, makeDefault bool) error {
	path, err := a.configPath()
	if err != nil {
		return err
	}
	values := givenKeys(cmd)
	if err := a.askForMissing(cmd, name, values); err != nil {
		return err
	}
	if err := profiles.Add(path, name, values, makeDefault); err != nil {
		return configError(err)
	}
	next := "cogtok login " + name
	if slices.Equal(values["auth"], []string{profiles.AuthClientCredentials}) {
		next = "cogtok secret set " + name + " client-secret"
	}
	a.note("profile %s is in %s; now: %s", name, path, next)
	return nil
}

// givenKeys are the values of the flags that were given, by key.
func givenKeys(cmd *cobra.Command) map[string][]string {
	values := map[string][]string{}
	for _, key := range profiles.Keys {
		f := cmd.Flags().Lookup(key.Flag())
		if !f.Changed {
			continue
		}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values[key.Name] = list.GetSlice()
		} else {
			values[key.Name] = []string{f.Value.String()}
		}
	}
	return values
}

// askForMissing asks for the keys that the way of signing in requires and that
// weren't given. A profile that extends another has that one's.
func (a *app) askForMissing(cmd *cobra.Command, name string, values map[string][]string) error {
	var missing []profiles.Key[profiles.Profile]
	auth := strings.Join(values["auth"], "")
	for _, key := range profiles.Keys {
		if key.RequiredWith(auth) && len(values[key.Name]) == 0 && len(values["extends"]) == 0 {
			missing = append(missing, key)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	ask, ok := a.prompter(askAlways)
	if !ok {
		var flags []string
		for _, key := range missing {
			flags = append(flags, "--"+key.Flag())
		}
		return usage(cmd, "profile %s needs %s", name, strings.Join(flags, ", "))
	}
	defer ask.tty.close()
	for _, key := range missing {
		text := strings.ToUpper(key.Help[:1]) + key.Help[1:] + ", such as " + key.Example
		answer, err := ask.Ask(cmd.Context(), agent.Prompt{Kind: agent.PromptText, Text: text, Echo: true, Profile: name})
		if err != nil {
			return err
		}
		values[key.Name] = []string{strings.TrimSpace(answer.Reveal())}
	}
	return nil
}
