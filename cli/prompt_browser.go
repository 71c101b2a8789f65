package cli

import (
	"context"
	"net/url"
	"strings"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/printable"
)

// What is said at a sign-in page, before and after its address.
const (
	pageIsOpened = "Opening the sign-in page in your browser. Waiting…\nIf it doesn't open, open this address:\n\n"
	pageIsShown  = "To sign in, open this address in a browser:\n\n"
	noBrowser    = "No browser could be started: open the address yourself.\n"
	pasteElse    = "Or paste the address at which the browser ends up: "
	pasteAgain   = "Paste the address at which the browser ends up: "
	pasteRemote  = "Waiting. If that browser is on another machine, paste the address at which it ends up: "
)

// signInPage sends the person to a page and takes the address at which they end
// up, if they paste it. As a rule they don't: the browser comes to the agent,
// which ends the call and so the context.
func (p prompter) signInPage(ctx context.Context, q agent.Prompt) (string, error) {
	if q.URL == "" { // the page is open, and what was pasted is of no use
		p.tty.show(printable.Text(q.Text) + "\n")
		return p.pasted(ctx, pasteAgain)
	}
	page, err := pageOf(q.URL)
	if err != nil {
		p.tty.show("cogtok: " + err.Error() + ", so it isn't opened\n")
		return "", err
	}
	start, err := startOf(q, page)
	if err != nil {
		p.tty.show("cogtok: " + err.Error() + ", so it isn't opened\n")
		return "", err
	}
	paste := pasteRemote
	if commands := p.browserCommands(start); len(commands) > 0 {
		p.tty.show(pageIsOpened + page + "\n\n")
		paste = pasteElse
		if !openPage(ctx, commands) {
			p.tty.show(noBrowser)
			paste = pasteRemote
		}
	} else {
		p.tty.show(pageIsShown + page + "\n\n")
	}
	if callback := callbackOf(page); callback != "" {
		p.tty.show("If the page says redirect_mismatch, register exactly this callback URL at the app client: " + callback + "\n\n")
	}
	return p.pasted(ctx, paste)
}

// startOf is what a browser is given. A command line can be read by every user of
// the machine, so that the page's own address isn't put there, unless the agent
// is one that knows no other.
func startOf(q agent.Prompt, page string) (string, error) {
	if q.StartURL == "" {
		return page, nil
	}
	return pageOf(q.StartURL)
}

// callbackOf is where a sign-in page sends the browser back to.
func callbackOf(page string) string {
	u, err := url.Parse(page)
	if err != nil {
		return ""
	}
	return printable.Limit(u.Query().Get("redirect_uri"), 1024)
}

// browserCommands are none where no browser may be opened.
func (p prompter) browserCommands(page string) [][]string {
	if !p.browser {
		return nil
	}
	return browserCommands(p.getenv("BROWSER"), page)
}

// pasted reads a line that isn't empty. Whoever presses Enter while they wait
// has nothing to paste.
func (p prompter) pasted(ctx context.Context, text string) (string, error) {
	for {
		line, err := p.tty.line(ctx, text, true)
		if line = strings.TrimSpace(line); line != "" || err != nil {
			return line, err
		}
	}
}
