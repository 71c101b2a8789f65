package cli

import (
	"github.com/spf13/cobra"

	"github.com/cogtok/cogtok/profiles"
)

func profileCommand(a *app) *cobra.Command {
	return group("profile", "Add, list, show, edit or remove profiles",
		"  cogtok profile list",
		profileAddCommand(a), profileListCommand(a), profileShowCommand(a), profileEditCommand(a), profileRemoveCommand(a))
}

func profileListCommand(a *app) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:               "list",
		Short:             "List the profiles of the config",
		Example:           "  cogtok profile list --output json | jq -r '.profiles[].profile'",
		Args:              positional(0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.listProfiles(cmd, output)
		},
	}
	addOutput(cmd, &output)
	return cmd
}

func (a *app) listProfiles(cmd *cobra.Command, output string) error {
	if err := oneOf(cmd, "output", output, outputs()); err != nil {
		return err
	}
	config, err := a.loadConfig()
	if err != nil {
		return err
	}
	rows := [][]string{{"PROFILE", "USER", "USER POOL", "AUTH", "STORE"}}
	list := []map[string]string{}
	for _, name := range config.Names {
		p := config.Profiles[name]
		list = append(list, profileKeys(p))
		if name == config.Default {
			name += " (default)"
		}
		rows = append(rows, []string{name, orDash(p.Username), p.UserPoolID, p.Auth, p.Store})
	}
	return a.answerAs(output, map[string]any{
		"version": 1, "config": config.Path, "default": config.Default, "profiles": list,
	}, table(rows))
}

// profileKeys are the keys of a profile that have a value, and its name.
func profileKeys(p profiles.Profile) map[string]string {
	keys := map[string]string{"profile": p.Name}
	for _, k := range profiles.Keys {
		if v := k.Get(p); v != "" {
			keys[k.Name] = v
		}
	}
	return keys
}

func profileShowCommand(a *app) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "show [PROFILE]",
		Short: "Show all keys of a profile",
		Long: `Show all keys of a profile, those that it has from the one that it extends and
the defaults too.`,
		Example:           "  cogtok profile show prod",
		Args:              positional(0, "PROFILE"),
		ValidArgsFunction: a.completeProfile,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.showProfile(cmd, a.profileOf(args), output)
		},
	}
	addOutput(cmd, &output)
	return cmd
}

func (a *app) showProfile(cmd *cobra.Command, name, output string) error {
	if err := oneOf(cmd, "output", output, outputs()); err != nil {
		return err
	}
	config, err := a.loadConfig()
	if err != nil {
		return err
	}
	p, err := findProfile(config, name)
	if err != nil {
		return err
	}
	if output == "json" {
		return a.answerJSON(profileKeys(p))
	}
	rows := [][]string{{"profile:", p.Name}}
	for _, k := range profiles.Keys {
		if v := k.Get(p); v != "" {
			rows = append(rows, []string{k.Name + ":", v})
		}
	}
	return a.answer(table(rows))
}
