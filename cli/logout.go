package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/cogtok/cogtok/agent"
)

func logoutCommand(a *app) *cobra.Command {
	var request agent.LogoutRequest
	cmd := &cobra.Command{
		Use:   "logout [PROFILE]",
		Short: "End the session",
		Long: `End the session of the profile. A stored password stays, but it isn't used again
until the next "cogtok login". Tokens that were handed out stay good until they
expire, wherever they are checked without asking Cognito.`,
		Example:           "  cogtok logout prod --revoke",
		Args:              positional(0, "PROFILE"),
		ValidArgsFunction: a.completeProfile,
		RunE: func(cmd *cobra.Command, args []string) error {
			request.Profile = a.profileOf(args)
			return a.logout(cmd, request)
		},
	}
	cmd.Flags().BoolVar(&request.Revoke, "revoke", false, "revoke the refresh token at Cognito too")
	cmd.Flags().BoolVar(&request.Everywhere, "everywhere", false, "end all sessions of the user, on every device")
	cmd.Flags().BoolVar(&request.Forget, "forget", false, "delete the stored secrets of the profile too")
	return cmd
}

func (a *app) logout(cmd *cobra.Command, request agent.LogoutRequest) error {
	conn, err := a.connect(cmd.Context(), askAlways)
	if err != nil {
		return err
	}
	defer conn.close()
	result, err := conn.Logout(cmd.Context(), conn.caller, request)
	if err != nil {
		return err
	}
	if result.Ended {
		a.note("signed out of %s", result.Profile)
	} else {
		a.note("%s was not signed in", result.Profile)
		if request.Everywhere || request.Revoke {
			a.note("so nothing was ended at Cognito; to do that, sign in first: cogtok login %s", result.Profile)
		}
	}
	if request.Forget {
		a.note("its stored secrets are deleted")
	}
	if result.ValidUntil != nil && result.ValidUntil.After(time.Now()) {
		a.note("tokens that were handed out stay good for %s where they are checked offline", left(*result.ValidUntil, time.Now()))
	}
	if result.Warning != "" {
		a.note("%s", result.Warning)
	}
	return nil
}
