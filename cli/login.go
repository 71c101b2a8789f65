package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

// loginFlags are the flags of `cogtok login`.
type loginFlags struct {
	passwordStdin bool
	reset         bool
	noBrowser     bool
}

func loginCommand(a *app) *cobra.Command {
	var f loginFlags
	cmd := &cobra.Command{
		Use:   "login [PROFILE]",
		Short: "Sign in now, asking what has to be asked",
		Long: `Sign the profile's user in, even where a session exists. The password comes from
the store if it is kept there, else it is asked for.

A profile with "auth: browser" opens managed login's page in $BROWSER or what the
system has for pages. The browser comes back by itself when it runs on this
machine. When it doesn't, paste the address at which it ends up, though it shows
no page there.`,
		Example:           "  pass show cognito/rob | cogtok login prod --password-stdin",
		Args:              noSecretArgs(0, "PROFILE"),
		ValidArgsFunction: a.completeProfile,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.login(cmd, a.profileOf(args), f)
		},
	}
	cmd.Flags().BoolVar(&f.passwordStdin, "password-stdin", false, "read the password from standard input")
	cmd.Flags().BoolVar(&f.reset, "reset", false, "set a new password first, by a code that Cognito sends (forgot password)")
	cmd.Flags().BoolVar(&f.noBrowser, "no-browser", false, "open no browser, only print the address of the sign-in page")
	return cmd
}

func (a *app) login(cmd *cobra.Command, profile string, f loginFlags) error {
	ctx := cmd.Context()
	request := agent.LoginRequest{Profile: profile, Reset: f.reset}
	if f.passwordStdin {
		password, err := a.passwordFromStdin(cmd, f)
		if err != nil {
			return err
		}
		request.Password = password
	}
	ask := askByBrowser
	if f.noBrowser {
		ask = askAlways
	}
	conn, err := a.connect(ctx, ask)
	if err != nil {
		return err
	}
	defer conn.close()
	s, err := conn.Login(ctx, conn.caller, request)
	if err != nil {
		return err
	}
	a.note("%s%s", whatCame(s), forHowLong(s, time.Now()))
	if s.Problem != "" {
		a.note("%s", s.Problem)
	}
	if s.State == agent.StateLocked {
		a.note("the agent was locked meanwhile; run: cogtok unlock")
	}
	return nil
}

func (a *app) passwordFromStdin(cmd *cobra.Command, f loginFlags) (agent.Secret, error) {
	if f.reset {
		return agent.Secret{}, usage(cmd, "--reset asks for a new password, and --password-stdin brings the one that it replaces").
			WithHint("leave one of them out")
	}
	return a.pipedSecret(cmd, "password")
}

// whatCame says what came of a login.
func whatCame(s agent.ProfileStatus) string {
	switch user := userOf(s); {
	case s.Auth == profiles.AuthClientCredentials:
		return fmt.Sprintf("got a token for the app client %s (profile %s)", s.ClientID, s.Profile)
	case user == "":
		return "signed in to " + s.Profile
	default:
		return fmt.Sprintf("signed in to %s as %s", s.Profile, user)
	}
}

// userOf is the user of a profile; empty where there is none, or a browser
// decides who it will be.
func userOf(s agent.ProfileStatus) string {
	if s.Username != "" {
		return s.Username
	}
	return s.SignedInAs
}

func forHowLong(s agent.ProfileStatus, now time.Time) string {
	expires := s.IDExpiresAt
	if expires == nil {
		expires = s.AccessExpiresAt // an app client has no other
	}
	switch {
	case expires == nil:
		return ""
	case !expires.After(now):
		return "; but its token has expired already"
	}
	return "; the token is good for " + left(*expires, now)
}
