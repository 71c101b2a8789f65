package cli

import (
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/printable"
	"github.com/cogtok/cogtok/profiles"
)

// configPath is where the config is.
func (a *app) configPath() (string, error) {
	p, err := a.place()
	if err != nil || p.config != "" {
		return p.config, err
	}
	return profiles.DefaultPath(), nil
}

func (a *app) loadConfig() (profiles.Config, error) {
	path, err := a.configPath()
	if err != nil {
		return profiles.Config{}, err
	}
	config, err := profiles.Load(path)
	return config, configError(err)
}

// configError makes an agent.Error of what package profiles says: a line for
// each problem, and the first hint.
func configError(err error) error {
	if err == nil {
		return nil
	}
	var own *agent.Error
	if errors.As(err, &own) {
		return own
	}
	e := agent.Errorf(agent.KindConfig, "%s", err.Error())
	var first *profiles.Error
	if errors.As(err, &first) && first.Hint != "" {
		return e.WithHint("%s", first.Hint)
	}
	return e
}

func unknownProfile(config profiles.Config, name string) error {
	err := agent.Errorf(agent.KindUnknownProfile, "there is no profile %q in %s", printable.Limit(name, 64), config.Path)
	if near := profiles.Nearest(name, config.Names); near != "" {
		return err.WithHint("did you mean %s?", near)
	}
	return err.WithHint("run: cogtok profile list")
}

// findProfile returns the profile of that name; for an empty name the default, or the
// only one.
func findProfile(config profiles.Config, name string) (profiles.Profile, error) {
	if name == "" {
		name = config.Default
	}
	if name == "" && len(config.Names) == 1 {
		name = config.Names[0]
	}
	if name == "" {
		return profiles.Profile{}, agent.Errorf(agent.KindNoProfile, "which profile? the config has no default").
			WithHint("name one; they are in: cogtok profile list")
	}
	if !slices.Contains(config.Names, name) {
		return profiles.Profile{}, unknownProfile(config, name)
	}
	return config.Profiles[name], nil
}

// describe tells a profile from others: by its user, or how it signs in.
func describe(p profiles.Profile) string {
	if p.Username == "" {
		return p.Auth
	}
	return p.Username
}

// completeProfile completes the name of a profile from the config alone: no
// agent is started for a Tab, and a broken config completes nothing.
func (a *app) completeProfile(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || a.fromEnvironment(cmd) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	config, err := a.loadConfig()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, name := range config.Names {
		names = append(names, name+"\t"+printable.Text(describe(config.Profiles[name])))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
