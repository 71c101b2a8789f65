package cli

import (
	"context"

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
	if err := profiles.CanRemove(path, name); err != nil {
		return configError(err)
	}
	if !keepSecrets {
		if err := a.forget(ctx, path, name); err != nil {
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

// forget deletes a profile's secrets and ends its session, unless another
// profile has the same one.
func (a *app) forget(ctx context.Context, path, name string) error {
	conn, err := a.connect(ctx, askAlways)
	if err != nil {
		return err
	}
	defer conn.close()
	if with, shared := sharesSession(path, name); shared {
		a.note("its session goes on: %s has the same one", with)
		for _, kind := range agent.SecretKinds {
			if _, err := conn.DeleteSecret(ctx, conn.caller, agent.SecretRequest{Profile: name, Kind: kind}); err != nil {
				return err
			}
		}
		return nil
	}
	_, err = conn.Logout(ctx, conn.caller, agent.LogoutRequest{Profile: name, Forget: true})
	return err
}

// sharesSession returns another profile that has the session of the named one.
func sharesSession(path, name string) (with string, shared bool) {
	config, err := profiles.Load(path)
	if err != nil {
		return "", false
	}
	p := config.Profiles[name]
	for _, other := range config.Names {
		o := config.Profiles[other]
		if other != name && o.Store == p.Store && o.SessionID() == p.SessionID() {
			return other, true
		}
	}
	return "", false
}
