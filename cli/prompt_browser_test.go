//go:build !windows

package cli

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/cogtok/cogtok/agent"
)

const (
	signInAt = "https://login.example.com/oauth2/authorize?client_id=c&x=$(touch${IFS}pwned);`touch pwned`\"'"
	shownAt  = "https://login.example.com/oauth2/authorize?client_id=c&x=%24%28touch%24%7BIFS%7Dpwned%29%3B%60touch%20pwned%60%22%27"
	callback = "http://localhost:8765/callback?code=7d3c&state=s"
)

func byBrowser(address string) *scripted {
	return &scripted{
		prompts:  []agent.Prompt{{Kind: agent.PromptBrowser, Text: "Sign in in the browser", Echo: true, URL: address}},
		loggedIn: agent.ProfileStatus{Profile: "sso", Auth: "browser", SignedInAs: "rob@example.com"},
	}
}

// waitFor waits until the browser has written down what it got.
func (w *world) waitFor(notes string) []string {
	w.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if _, err := os.Stat(notes); err == nil {
			return w.opened(notes)
		}
	}
	w.Fatal("no browser was started")
	return nil
}

// slowBrowser is a program that stays, as a browser does that wasn't running.
func (w *world) slowBrowser() string {
	w.Helper()
	program := w.path("slow")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nexec sleep 8\n"), 0o700); err != nil {
		w.Fatal(err)
	}
	return program
}

// The browser comes back by itself, here or where $PATH has an opener.
func TestLoginByBrowser(t *testing.T) {
	for _, in := range []string{"BROWSER", "PATH"} {
		w := newWorld(t)
		s := w.serve(byBrowser(signInAt))
		s.comes = make(chan struct{})
		program, notes := w.browser("xdg-open", 0)
		w.env[in] = program + " --new-tab:/nonexistent"
		want := []string{"--new-tab", shownAt}
		if in == "PATH" {
			w.env["PATH"], want = w.dir, []string{shownAt}
		}
		p := w.atTerminal("login", "sso")
		p.expect("Opening the sign-in page in your browser. Waiting…\nIf it doesn't open, open this address:\n\n" + shownAt + "\n\n")
		if got := w.waitFor(notes); !slices.Equal(got, want) {
			t.Errorf("%s: the browser got %q", in, got)
		}
		p.expect("Or paste the address at which the browser ends up: ")
		close(s.comes)
		p.end(0)
		p.expect("\ncogtok: signed in to sso as rob@example.com\n")
		if _, err := os.Stat(w.path("pwned")); err == nil {
			t.Errorf("%s: a shell ran a part of the address", in)
		}
	}
}

// A command line is everybody's to read: the browser gets the address that leads
// to the page, and only the terminal shows the page's own.
func TestLoginByStartPage(t *testing.T) {
	const start = "http://localhost:8765/Kq3c"
	w := newWorld(t)
	s := byBrowser(signInAt)
	s.prompts[0].StartURL = start
	w.serve(s).comes = make(chan struct{})
	program, notes := w.browser("browser", 0)
	w.env["BROWSER"] = program
	p := w.atTerminal("login", "sso")
	p.expect("open this address:\n\n" + shownAt + "\n\n")
	if got := w.waitFor(notes); !slices.Equal(got, []string{start}) {
		t.Errorf("the browser got %q", got)
	}
	p.expect(pasteElse)
	close(s.comes)
	p.end(0)
	if strings.Contains(p.all(), start) {
		t.Error("the start page's address was shown")
	}
}

// A browser may come before anybody has looked at the terminal.
func TestLoginByQuickBrowser(t *testing.T) {
	w := newWorld(t)
	s := w.serve(byBrowser(signInAt))
	s.comes = make(chan struct{})
	close(s.comes)
	w.env["BROWSER"] = w.slowBrowser()
	start := time.Now()
	p := w.atTerminal("login", "sso")
	p.end(0)
	p.expect("cogtok: signed in to sso as rob@example.com\n")
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

// An address is pasted; lines without anything on them are no answer.
func TestPastedAddress(t *testing.T) {
	for name, how := range map[string]struct{ browser, flag, says string }{
		"no opener":    {"", "", pageIsShown},
		"not there":    {"/nonexistent/browser", "", pageIsShown},
		"broken":       {"/bin/false", "", pageIsOpened},
		"--no-browser": {"must-not-run", "--no-browser", pageIsShown},
		"variable":     {"must-not-run", "", pageIsShown},
	} {
		w := newWorld(t)
		s := w.serve(byBrowser(signInAt))
		program, notes := w.browser("must-not-run", 0)
		if w.env["BROWSER"] = how.browser; how.browser == "must-not-run" {
			w.env["BROWSER"] = program
		}
		if name == "no opener" {
			w.env["PATH"] = "/nonexistent"
		}
		if name == "variable" {
			w.env["COGTOK_NO_BROWSER"] = "1"
		}
		p := w.atTerminal(slices.DeleteFunc([]string{"login", "sso", how.flag}, func(s string) bool { return s == "" })...)
		p.expect(how.says + shownAt + "\n\n")
		if name == "broken" {
			p.expect(noBrowser)
		}
		p.expect(pasteRemote)
		p.types("\n")
		p.expect(pasteRemote)
		p.types("  \n")
		p.expect(pasteRemote)
		p.types("  " + callback + " \n")
		p.end(0)
		if _, err := os.Stat(notes); err == nil || !slices.Equal(s.answers, []string{callback}) {
			t.Errorf("%s: answers %q, a browser was started: %t", name, s.answers, err == nil)
		}
	}
}

// Only login opens a browser, whatever an agent asks for.
func TestTokenOpensNoBrowser(t *testing.T) {
	w := newWorld(t)
	s := w.serve(byBrowser(signInAt))
	s.tokens = twoTokens()
	program, notes := w.browser("browser", 0)
	w.env["BROWSER"] = program
	p := w.atTerminal("token", "sso")
	p.expect(pasteRemote)
	p.types(callback + "\n")
	p.end(0)
	if _, err := os.Stat(notes); err == nil {
		t.Error("a browser was started")
	}
	w.atTerminal("login", "sso", "--no-input").end(3)
}

func TestBrowserPromptThatIsLeft(t *testing.T) {
	for keys, code := range map[string]int{"\x03": 130, "\x1c": 131, "\x04": 3} {
		w := newWorld(t)
		w.serve(byBrowser(signInAt))
		w.env["BROWSER"] = w.slowBrowser()
		p := w.atTerminal("login", "sso")
		p.expect(pasteElse)
		p.types(keys)
		p.end(code)
		if code == 3 {
			p.expect("cogtok: the question was not answered: Sign in in the browser")
		} else if strings.Contains(p.all(), "cogtok:") {
			t.Errorf("%q: %s", keys, p.all())
		}
	}
}

// A question without a page is put again after a paste that was of no use.
func TestPasteAgain(t *testing.T) {
	w := newWorld(t)
	again := byBrowser("")
	again.prompts[0].Text = "That was not the address"
	s := w.serve(again)
	program, notes := w.browser("browser", 0)
	w.env["BROWSER"] = program
	p := w.atTerminal("login", "sso")
	p.expect("That was not the address\n")
	p.expect(pasteAgain)
	p.types(callback + "\n")
	p.end(0)
	if _, err := os.Stat(notes); err == nil || !slices.Equal(s.answers, []string{callback}) {
		t.Errorf("answers %q, a browser was started: %t", s.answers, err == nil)
	}
}

// What isn't a web page is neither opened nor taken for one.
func TestPageThatIsNone(t *testing.T) {
	for _, address := range []string{"-flag", "file:///etc/passwd", "https://x/\x1b[2J", "https://rob@x/", "start"} {
		w := newWorld(t)
		s := byBrowser(address)
		if address == "start" {
			s = byBrowser(signInAt)
			s.prompts[0].StartURL = "file:///etc/passwd"
		}
		w.serve(s)
		program, notes := w.browser("browser", 0)
		w.env["BROWSER"] = program
		p := w.atTerminal("login", "sso")
		p.end(3)
		p.expect("cogtok: the page's address ")
		if _, err := os.Stat(notes); err == nil || strings.Contains(p.all(), "\x1b") {
			t.Errorf("%q: opened: %t, shown %q", address, err == nil, p.all())
		}
	}
}

// A code to scan, where the terminal can show one.
func TestNoticeWithQRCode(t *testing.T) {
	const secret = "otpauth://totp/prod:rob?secret=JBSWY3DPEHPK3PXP&issuer=prod"
	notice := agent.Prompt{Kind: agent.PromptNotice, Text: "Or type the key: JBSW Y3DP EHPK 3PXP", URL: secret}
	modern := map[string]string{"TERM": "xterm-256color", "LANG": "en_US.UTF-8"}
	for name, tt := range map[string]struct {
		env     map[string]string
		columns uint16
		url     string
		drawn   bool
	}{
		"modern":     {modern, 80, secret, true},
		"narrow":     {modern, 30, secret, false},
		"no size":    {modern, 0, secret, false},
		"no UTF-8":   {map[string]string{"TERM": "xterm", "LC_ALL": "C", "LANG": "en_US.UTF-8"}, 80, secret, false},
		"dumb":       {map[string]string{"TERM": "dumb", "LANG": "en_US.UTF-8"}, 80, secret, false},
		"no address": {modern, 80, "", false},
		"a page":     {modern, 80, "https://x/", false},
	} {
		tty, slave, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer tty.Close()
		defer slave.Close()
		if err := pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: tt.columns}); err != nil {
			t.Fatal(err)
		}
		shown := make(chan string)
		go func() {
			var all []byte
			buf := make([]byte, 4096)
			for !strings.Contains(string(all), notice.Text) {
				n, err := tty.Read(buf)
				if err != nil {
					break
				}
				all = append(all, buf[:n]...)
			}
			shown <- string(all)
		}()
		q := notice
		q.URL = tt.url
		p := prompter{tty: newTerminal(slave, slave), getenv: func(name string) string { return tt.env[name] }}
		if _, err := p.Ask(context.Background(), q); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := <-shown; strings.Contains(got, "▀") != tt.drawn || !strings.Contains(got, notice.Text) {
			t.Errorf("%s: %s", name, got)
		}
	}
}
