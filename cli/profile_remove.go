package cli

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

func profileRemoveCommand(a *app) *cobra.Command {
	var keepSecrets bool
	cmd := &cobra.Command{
		Use:   "remove PROFILE",
		Short: "Remove a profile, its session and its secrets",
		Long: `Remove a profile from the config. Before that its session is ended and its
secrets are deleted from the store.`,
		Example:           "  cogtok profile remove staging",
		Args:              positional(1, "PROFILE"),
		ValidArgsFunction: a.completeProfile,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.removeProfile(cmd.Context(), args[0], keepSecrets)
		},
	}
	cmd.Flags().BoolVar(&keepSecrets, "keep-secrets", false, "leave its session and secrets where they are kept")
	return cmd
}

func (a *app) removeProfile(ctx context.Context, name string, keepSecrets bool) error {
	path, err := a.configPath()
	if err != nil {
		return err
	}
	if err := rehearseRemoval(path, name); err != nil {
		return configError(err)
	}
	if !keepSecrets {
		if err := a.forget(ctx, name); err != nil {
			e := agent.AsError(err)
			return agent.Errorf(e.Kind, "the secrets of %s could not be deleted, so it stays: %s", name, e.Message).
				WithHint("to remove it all the same, run: cogtok profile remove %s --keep-secrets", name)
		}
	}
	if err := profiles.Remove(path, name); err != nil {
		return configError(err)
	}
	a.note("profile %s is removed", name)
	return nil
}

// rehearseRemoval removes the profile from a copy of the config. So a removal
// that is refused, such as of a profile that others extend, costs no secrets.
func rehearseRemoval(path, name string) error {
	data, err := profiles.Read(path)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "cogtok")
	if err != nil {
		return agent.Errorf(agent.KindInternal, "can't make a temporary directory: %s", reason(err))
	}
	defer os.RemoveAll(dir)
	copied := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(copied, data, 0o600); err != nil {
		return agent.Errorf(agent.KindInternal, "can't write a temporary file: %s", reason(err))
	}
	return profiles.Remove(copied, name)
}

// forget ends a profile's session and deletes its secrets.
func (a *app) forget(ctx context.Context, name string) error {
	conn, err := a.connect(ctx, askAlways)
	if err != nil {
		return err
	}
	defer conn.close()
	_, err = conn.Logout(ctx, conn.caller, agent.LogoutRequest{Profile: name, Forget: true})
	return err
}
