//go:build !windows

package cli

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cogtok/cogtok/agent"
)

const (
	endPage    = "https://login.example.com/logout?client_id=c"
	pageOpened = "cogtok: a page was opened to end the browser's sign-in at managed login: " + endPage + "\n"
	pageTold   = "cogtok: the browser stays signed in at managed login for up to an hour; to end that, open in it: " + endPage + "\n"
)

func TestLogoutOfBrowser(t *testing.T) {
	w := newWorld(t)
	s := w.serve(&scripted{loggedOut: agent.LogoutResult{Profile: "sso", Ended: true, BrowserURL: endPage}})
	for args, opens := range map[string]bool{
		"": false, "--forget": false, "--revoke": true, "--everywhere": true, "--browser": true,
		"--revoke --browser=false": false, "--everywhere --no-input": false, "--browser --no-input": true,
	} {
		program, notes := w.browser("browser", 0)
		os.Remove(notes)
		w.env["BROWSER"] = program
		r := w.run(append([]string{"logout", "sso"}, strings.Fields(args)...)...)
		want := pageTold
		if opens {
			want = pageOpened
		}
		if r.code != 0 || !strings.HasSuffix(r.stderr, want) || slices.Equal(w.opened(notes), []string{endPage}) != opens {
			t.Errorf("logout %s: %s, opened %q", args, r, w.opened(notes))
		}
	}
	w.env["BROWSER"], _ = w.browser("broken", 1)
	w.expect(result{"", "cogtok: signed out of sso\n" + pageTold, 0}, "logout", "--browser")
	w.env["BROWSER"] = "none"
	w.expect(result{"", "cogtok: signed out of sso\n" + pageTold, 0}, "logout", "--browser")
	w.env["BROWSER"], _ = w.browser("browser", 0)
	s.loggedOut.BrowserURL = "file:///etc/passwd"
	w.expect(result{"", "cogtok: signed out of sso\ncogtok: the browser may be signed in at managed login for up to an hour yet; " +
		"the page's address is not one of the web, so nothing is opened to end that\n", 0}, "logout", "--browser")
	s.loggedOut.BrowserURL = ""
	w.expect(result{"", "cogtok: signed out of sso\n", 0}, "logout", "--browser")
}
