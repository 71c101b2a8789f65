package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/cogtok/cogtok/agent"
)

func loginCommand(a *app) *cobra.Command {
	var passwordStdin bool
	cmd := &cobra.Command{
		Use:   "login [PROFILE]",
		Short: "Sign in now, asking what has to be asked",
		Long: `Sign the profile's user in, even where a session exists. The password comes from
the store if it is kept there, else it is asked for.`,
		Example:           "  pass show cognito/rob | cogtok login prod --password-stdin",
		Args:              noSecretArgs(0, "PROFILE"),
		ValidArgsFunction: a.completeProfile,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.login(cmd, a.profileOf(args), passwordStdin)
		},
	}
	cmd.Flags().BoolVar(&passwordStdin, "password-stdin", false, "read the password from standard input")
	return cmd
}

func (a *app) login(cmd *cobra.Command, profile string, passwordStdin bool) error {
	ctx := cmd.Context()
	request := agent.LoginRequest{Profile: profile}
	if passwordStdin {
		if isTerminal(a.Stdin) {
			return usage(cmd, "--password-stdin reads a pipe or a file, and standard input is a terminal").
				WithHint("leave --password-stdin out to be asked for the password")
		}
		password, err := a.secretFromStdin(ctx)
		if err != nil {
			return err
		}
		request.Password = password
	}
	conn, err := a.connect(ctx, askAlways)
	if err != nil {
		return err
	}
	defer conn.close()
	s, err := conn.Login(ctx, conn.caller, request)
	if err != nil {
		return err
	}
	a.note("signed in to %s as %s%s", s.Profile, s.Username, forHowLong(s, time.Now()))
	if s.Problem != "" {
		a.note("%s", s.Problem)
	}
	return nil
}

func forHowLong(s agent.ProfileStatus, now time.Time) string {
	switch {
	case s.IDExpiresAt == nil:
		return ""
	case !s.IDExpiresAt.After(now):
		return "; but its token has expired already"
	}
	return "; the token is good for " + left(*s.IDExpiresAt, now)
}
