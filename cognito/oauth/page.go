package oauth

import (
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A Page is what a browser shows at the end: a heading and lines of plain text.
type Page struct {
	Status  int // HTTP
	Heading string
	Lines   []string
}

// problemPage is for requests that have nothing to do with the sign-in.
func problemPage(status int) Page {
	return Page{status, "Nothing here", []string{"This address waits for the end of a sign-in, and this was not it."}}
}

// twicePage is for all who come after the start page was opened twice.
func twicePage() Page {
	return Page{http.StatusForbidden, "You are not signed in", []string{
		"The sign-in page was opened twice. Somebody else on this machine may have read its address, so this sign-in is over. Run the command again.",
	}}
}

// otherBrowserPage is for a browser that didn't open the start page though
// another did.
func otherBrowserPage() Page {
	return Page{http.StatusForbidden, "This sign-in was begun in another browser", []string{
		"Go on in that one. Or paste the address of this page into the terminal where the sign-in was begun.",
	}}
}

// otherUserPage is for another user's program at the start page. It may be the
// person's browser all the same.
func otherUserPage() Page {
	return Page{http.StatusForbidden, "This sign-in is another user's", []string{
		"Only browsers of the user who began it can open this page. If that was you, open the address that the terminal shows.",
	}}
}

// write sends the page. It runs no script, loads nothing, is kept nowhere and
// tells nobody the address, which holds the code.
func (p Page) write(w http.ResponseWriter) {
	heading := html.EscapeString(p.Heading)
	var body strings.Builder
	fmt.Fprintf(&body, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>%s</title>\n<h1>%s</h1>\n", heading, heading)
	for _, line := range p.Lines {
		if line != "" {
			fmt.Fprintf(&body, "<p>%s</p>\n", html.EscapeString(line))
		}
	}
	header := w.Header()
	for name, value := range map[string]string{
		"Content-Type":            "text/html; charset=utf-8",
		"Content-Length":          strconv.Itoa(body.Len()),
		"Cache-Control":           "no-store",
		"Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":  "nosniff",
		"Referrer-Policy":         "no-referrer",
		"Connection":              "close",
	} {
		header.Set(name, value)
	}
	controller := http.NewResponseController(w)
	_ = controller.SetWriteDeadline(time.Now().Add(writeTimeout)) // the pages are short: it all fits into a socket's buffer
	w.WriteHeader(p.Status)
	_, _ = w.Write([]byte(body.String()))
	_ = controller.Flush()
}
