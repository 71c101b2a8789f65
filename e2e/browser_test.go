//go:build !windows

package e2e

import (
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/cogtoktest"
	"github.com/cogtok/cogtok/internal/userpool"
)

// A test binary with browserUser in its environment is a browser in which that
// user signs in. What it shows in the end goes to the address in browserScreen.
const (
	browserUser   = "E2E_BROWSER_USER"
	browserScreen = "E2E_BROWSER_SCREEN"
)

func runBrowser(page string) int {
	text := page + "\n"
	jar := newJar()
	end, err := browse(jar, page, os.Getenv(browserUser), password)
	if err == nil {
		text += "came to " + end + "\n"
		text, err = visit(jar, text, end)
	}
	if err != nil {
		text += err.Error()
	}
	answer, err := http.Post(os.Getenv(browserScreen), "text/plain", strings.NewReader(text))
	if err != nil {
		return 1
	}
	answer.Body.Close()
	return 0
}

func visit(jar http.CookieJar, text, address string) (string, error) {
	answer, err := (&http.Client{Jar: jar, Timeout: 20 * time.Second}).Get(address)
	if err != nil {
		return text, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return text + answer.Status + "\n" + string(body), err
}

var (
	formAction = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	formToken  = regexp.MustCompile(`name="_csrf" value="([^"]*)"`)
)

// browse signs a user in on the pages of managed login, and returns where they
// send the browser in the end, which it doesn't visit.
func browse(jar http.CookieJar, address, username, password string) (string, error) {
	errAway := errors.New("that is where it ends")
	client := &http.Client{Jar: jar, Timeout: 20 * time.Second, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/callback" {
			return errAway
		}
		return nil
	}}
	answer, err := client.Get(address)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	action, token := formAction.FindSubmatch(body), formToken.FindSubmatch(body)
	if err != nil || action == nil || token == nil {
		return "", fmt.Errorf("no form: %s, %w: %s", answer.Status, err, body)
	}
	to, err := answer.Request.URL.Parse(html.UnescapeString(string(action[1])))
	if err != nil {
		return "", err
	}
	answer, err = client.PostForm(to.String(), url.Values{
		"_csrf": {html.UnescapeString(string(token[1]))}, "username": {username}, "password": {password},
	})
	if answer == nil {
		return "", err
	}
	answer.Body.Close()
	if !errors.Is(err, errAway) {
		return "", fmt.Errorf("the sign-in ends with %s, %w", answer.Status, err)
	}
	return answer.Header.Get("Location"), nil
}

func newJar() http.CookieJar {
	jar, _ := cookiejar.New(nil) // without options it can't fail
	return jar
}

// freeCallback is a callback URL on a port that nobody listens at.
func freeCallback(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprintf("http://%s/callback", l.Addr())
}

var pageAddress = regexp.MustCompile(`http://\S+/oauth2/authorize\?\S+`)

// pastedAddress is where a browser on another machine ends up.
func pastedAddress(s *sitting, _ int) string {
	end, err := browse(newJar(), pageAddress.FindString(s.term.Shown()), s.name, password)
	if err != nil {
		s.t.Fatal(err)
	}
	return end
}

func browserChallenge(t *testing.T) challenge {
	callback := freeCallback(t)
	return challenge{
		name:   "browser",
		client: userpool.Client{OAuthFlows: []string{"code"}, OAuthScopes: []string{"openid", "email"}, CallbackURLs: []string{callback}, Secret: clientSecret},
		user:   userpool.User{Email: "yes"},
		keys:   "auth: browser\nredirect_urls: [" + callback + "]\nscopes: [openid, email]\n",
		args:   []string{"--no-browser"},
		steps: []step{{
			asks: "aste the address at which ", right: pastedAddress, mends: 1,
			wrong: ending{typed("http://localhost/callback?code=marker-code&state=x"), 3, 3, "what was pasted is not the address where the sign-in ends", 0, 0},
		}},
	}
}

// A browser on another machine ends at an address that can be pasted.
func TestBrowserElsewhere(t *testing.T) {
	c := browserChallenge(t)
	c.client.Secret = ""
	c.run(t)
}

// browserWorld is a user with a profile that signs in by browser. Their browser
// is this test's; screen has what it shows.
func browserWorld(t *testing.T, username string) (u *cogtoktest.User, w *world, screen chan string) {
	t.Helper()
	c := browserChallenge(t)
	var endpoint string
	w, endpoint = c.newWorld(t)
	w.pool.AddUser(userpool.User{Username: "rob", Email: "rob@example.com", Password: password})
	w.pool.AddUser(userpool.User{Username: "ann", Email: "ann@example.com", Password: password})
	u = cogtoktest.NewUser(t)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	screen = make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		screen <- string(text)
	}))
	t.Cleanup(server.Close)
	u.Env = append(u.Env, "BROWSER="+program, browserUser+"="+username, "COGTOK_LOG=debug", browserScreen+"="+server.URL)
	u.WriteConfig(fmt.Sprintf("version: 1\nstore: memory\nprofiles:\n  web:\n    user_pool_id: %s\n    client_id: %s\n    username: rob\n    endpoint: %s\n    %s",
		w.pool.ID(), c.client.ID, endpoint, strings.ReplaceAll(c.keys, "\n", "\n    ")))
	u.Must(clientSecret, "secret", "set", "web", "client-secret")
	return u, w, screen
}

// mustShow waits for what the browser shows.
func mustShow(t *testing.T, screen chan string, text string) {
	t.Helper()
	select {
	case shown := <-screen:
		if !strings.Contains(shown, text) {
			t.Errorf("the browser doesn't show %q, but: %s", text, shown)
		}
	case <-time.After(20 * time.Second):
		t.Error("no browser was opened")
	}
}

func TestBrowserComesBack(t *testing.T) {
	t.Parallel()
	u, w, screen := browserWorld(t, "rob")
	// A browser is opened by login alone.
	term := u.Terminal("token", "web")
	if r := term.Wait(); r.Code != 3 || r.Stdout != "" || !strings.Contains(r.Stderr, "hint: run: cogtok login web") {
		t.Errorf("token: %s", r)
	}
	if len(screen) > 0 {
		t.Error("`cogtok token` has opened a browser")
	}
	term = u.Terminal("login", "web")
	term.Expect("Opening the sign-in page in your browser")
	r := term.Wait()
	if r.Code != 0 || r.Stdout != "" || !strings.Contains(r.Stderr, "cogtok: signed in to web as rob") || !term.Restored() {
		t.Errorf("login: %s", r)
	}
	mustShow(t, screen, "You are signed in to profile web as rob@example.com")
	mustKeepSecrets(t, u, w, r.Stderr)
	if token := u.Must("", "token", "web"); !strings.HasPrefix(token, "eyJ") {
		t.Errorf("token %q", token)
	}
}

// A browser that was signed in as somebody else is told so, on both sides.
func TestBrowserOfSomebodyElse(t *testing.T) {
	t.Parallel()
	u, _, screen := browserWorld(t, "ann")
	term := u.Terminal("login", "web")
	r := term.Wait()
	if r.Code != 7 || r.Stdout != "" || !strings.Contains(r.Stderr, "you signed in as ann@example.com, but the profile is for rob") ||
		!whatAndHint.MatchString(r.Stderr) || !term.Restored() {
		t.Errorf("login: %s", r)
	}
	mustShow(t, screen, "You are not signed in")
	if r := u.Run("", "token", "web"); r.Code != 3 {
		t.Errorf("token: %s", r)
	}
}

// Without a browser that starts, the person is told to open the page.
func TestNoBrowserStarts(t *testing.T) {
	t.Parallel()
	u, _, _ := browserWorld(t, "rob")
	u.Env = append(u.Env, "BROWSER=false")
	term := u.Terminal("login", "web")
	term.Expect("No browser could be started: open the address yourself.")
	term.Expect("paste the address at which it ends up: ")
	end, err := browse(newJar(), pageAddress.FindString(term.Shown()), "rob", password)
	if err != nil {
		t.Fatal(err)
	}
	term.Type("\n" + end + "\n") // whoever presses the return key first has nothing to paste
	if r := term.Wait(); r.Code != 0 || !term.Restored() {
		t.Error(r)
	}
}

// The browser comes back while the terminal waits for a paste.
func TestBrowserIsQuicker(t *testing.T) {
	t.Parallel()
	u, _, _ := browserWorld(t, "rob")
	term := u.Terminal("login", "web", "--no-browser")
	term.Expect("paste the address at which it ends up: ")
	end, err := browse(newJar(), pageAddress.FindString(term.Shown()), "rob", password)
	if err != nil {
		t.Fatal(err)
	}
	term.Type("half an addr")
	page, err := visit(newJar(), "", end)
	if err != nil || !strings.Contains(page, "You are signed in") {
		t.Errorf("%v: %s", err, page)
	}
	if r := term.Wait(); r.Code != 0 || !term.Restored() {
		t.Error(r)
	}
	if again, err := visit(newJar(), "", end); err == nil {
		t.Errorf("somebody listens yet: %s", again)
	}
}
