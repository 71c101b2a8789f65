package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cogtok/cogtok/agent"
)

func logoutCommand(a *app) *cobra.Command {
	var request agent.LogoutRequest
	var browser bool
	cmd := &cobra.Command{
		Use:   "logout [PROFILE]",
		Short: "End the session",
		Long: `End the session of the profile. A stored password stays, but it isn't used again
until the next "cogtok login". Tokens that were handed out can't be taken back:
they stay valid until they expire, wherever they are checked without asking
Cognito.

A browser in which the user signed in stays signed in at managed login for up to
an hour. --everywhere, --revoke and --browser open the page that ends that too.`,
		Example:           "  cogtok logout prod --revoke",
		Args:              positional(0, "PROFILE"),
		ValidArgsFunction: a.completeProfile,
		RunE: func(cmd *cobra.Command, args []string) error {
			request.Profile = a.profileOf(args)
			if !cmd.Flags().Changed("browser") {
				browser = (request.Everywhere || request.Revoke) && !a.noInput
			}
			return a.logout(cmd, request, browser)
		},
	}
	cmd.Flags().BoolVar(&request.Revoke, "revoke", false, "revoke the refresh token at Cognito too")
	cmd.Flags().BoolVar(&request.Everywhere, "everywhere", false, "end all sessions of the user, on every device")
	cmd.Flags().BoolVar(&request.Forget, "forget", false, "delete the stored secrets of the profile too")
	cmd.Flags().BoolVar(&browser, "browser", false, "end the browser's sign-in at managed login too")
	return cmd
}

func (a *app) logout(cmd *cobra.Command, request agent.LogoutRequest, browser bool) error {
	conn, err := a.connect(cmd.Context(), askAlways)
	if err != nil {
		return err
	}
	defer conn.close()
	result, err := conn.Logout(cmd.Context(), conn.caller, request)
	if err != nil {
		return err
	}
	a.tellEnd(request, result)
	if request.Forget {
		a.note("the secrets that were stored for it are deleted")
	}
	if result.ValidUntil != nil && result.ValidUntil.After(time.Now()) {
		a.note("tokens that were handed out can't be taken back: where they are checked offline they stay valid for %s",
			left(*result.ValidUntil, time.Now()))
	}
	if result.Warning != "" {
		a.note("%s", result.Warning)
	}
	a.logoutBrowser(cmd.Context(), result.BrowserURL, browser)
	return nil
}

// tellEnd says what has ended.
func (a *app) tellEnd(request agent.LogoutRequest, result agent.LogoutResult) {
	what := result.Profile
	if len(result.Also) > 0 {
		what += ", and so of " + strings.Join(result.Also, ", ") + ": one session for all of them"
	}
	atCognito := request.Everywhere || request.Revoke
	switch {
	case result.Ended:
		a.note("signed out of %s", what)
	case atCognito:
		a.note("%s was not signed in, so nothing was ended at Cognito; to do that, sign in first: cogtok login %s", result.Profile, result.Profile)
	default:
		a.note("%s was not signed in", result.Profile)
	}
	switch {
	case !result.Ended || result.Warning != "":
	case request.Everywhere:
		a.note("all sessions of the user are ended, on every device")
	case request.Revoke:
		a.note("the refresh token is revoked")
	}
}

// logoutBrowser opens the page that ends managed login's own session, or says
// what it is. A browser's session isn't this program's, so nothing fails for it.
func (a *app) logoutBrowser(ctx context.Context, address string, open bool) {
	if address == "" {
		if open {
			a.debug("this profile leaves no sign-in in a browser")
		}
		return
	}
	page, err := pageOf(address)
	switch {
	case err != nil:
		a.note("the browser may be signed in at managed login for up to an hour yet; %s, so nothing is opened to end that", err)
	case open && openPage(ctx, browserCommands(a.Getenv("BROWSER"), page)):
		a.note("a page was opened to end the browser's sign-in at managed login: %s", page)
	default:
		a.note("the browser stays signed in at managed login for up to an hour; to end that, open in it: %s", page)
	}
}
