package oauth

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// startPath is the path of a scene's start page.
func (s *scene) startPath() string {
	return strings.TrimPrefix(s.server.StartURL(), "http://"+s.url.Host)
}

// opened opens the start page and returns the header that a browser sends then.
func (s *scene) opened() (cookie string) {
	s.t.Helper()
	header := s.get(s.startPath(), "")
	set := header.Get("Set-Cookie")
	value, rest, _ := strings.Cut(set, ";")
	if !strings.HasSuffix(value, "="+*s.server.start.cookie) || rest != " Path=/; HttpOnly; SameSite=Lax" {
		s.t.Errorf("the cookie is set by %q", set)
	}
	if header.Get("Location") != signInPage || header.Get("Cache-Control") != "no-store" || header.Get("Referrer-Policy") != "no-referrer" {
		s.t.Errorf("the start page's header: %v", header)
	}
	return "Cookie: " + value + "\r\n"
}

func (s *scene) get(target, cookie string) http.Header {
	s.t.Helper()
	request, _ := http.NewRequest("GET", "http://"+s.url.Host+target, nil)
	if _, value, found := strings.Cut(strings.TrimSpace(cookie), ": "); found {
		request.Header.Set("Cookie", value)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		s.t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusSeeOther {
		s.t.Errorf("%s: %s", target, response.Status)
	}
	return response.Header
}

func (s *scene) noCallback(what string) {
	s.t.Helper()
	select {
	case <-s.server.Callbacks:
		s.t.Fatalf("%s was taken for the reply", what)
	default:
	}
}

func (s *scene) isTwice() bool {
	select {
	case <-s.server.Twice():
		return s.server.WasTwice()
	default:
		return false
	}
}

// Once a browser opened the start page, only it brings the reply. Whoever else
// knows the state spoils nothing.
func TestStartCookie(t *testing.T) {
	s := newScene(t)
	cookie := s.opened()
	name, value, _ := strings.Cut(strings.TrimSpace(cookie), "=")
	for what, header := range map[string]string{
		"no cookie":    "",
		"empty cookie": name + "=\r\n",
		"wrong cookie": name + "=" + strings.Repeat("A", 43) + "\r\n",
		"half of it":   name + "=" + value[:42] + "\r\n",
		"other name":   "Cookie: x=" + value + "\r\n",
	} {
		status, answer := s.raw(s.request("GET", "/callback?"+s.good(), s.url.Host, header))
		if status != http.StatusForbidden || !strings.Contains(answer, "another browser") {
			t.Errorf("%s: %d %s", what, status, answer)
		}
		s.noCallback(what)
	}
	s.answered(Page{200, "done", nil}, func() {
		header := name + "=tossed; " + strings.TrimPrefix(cookie, "Cookie: ") + "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Site: cross-site\r\n"
		status, answer := s.raw(s.request("GET", "/callback?"+s.good(), s.url.Host, header))
		if status != 200 || !strings.Contains(answer, "Max-Age=0") {
			t.Errorf("the right one: %d %s", status, answer)
		}
	})
	if s.isTwice() {
		t.Error("the start page was opened once")
	}
}

// The same browser may open the start page again, nobody else may.
func TestStartTwice(t *testing.T) {
	s := newScene(t)
	cookie := s.opened()
	s.get(s.startPath(), cookie)
	if s.isTwice() {
		t.Fatal("it was the same browser")
	}
	status, answer := s.raw(s.request("GET", s.startPath(), s.url.Host, ""))
	if status != http.StatusForbidden || !strings.Contains(answer, "opened twice") || strings.Contains(answer, "Location") || strings.Contains(answer, "Cookie") {
		t.Errorf("the second: %d %s", status, answer)
	}
	select {
	case <-s.server.Twice():
	case <-time.After(5 * time.Second):
		t.Fatal("nobody was told")
	}
	for _, target := range []string{s.startPath(), "/callback?" + s.good()} {
		if status, answer := s.raw(s.request("GET", target, s.url.Host, cookie)); status != http.StatusForbidden || !strings.Contains(answer, "opened twice") {
			t.Errorf("after it: %d %s", status, answer)
		}
	}
	s.noCallback("a reply to a sign-in that is over")
}

// A reply may be there already when the start page is opened a second time.
func TestStartTwiceAfterReply(t *testing.T) {
	s := newScene(t)
	cookie := s.opened()
	s.answered(Page{200, "done", nil}, func() {
		s.raw(s.request("GET", "/callback?"+s.good(), s.url.Host, cookie))
	})
	s.raw(s.request("GET", s.startPath(), s.url.Host, ""))
	if !s.server.WasTwice() {
		t.Error("that it was opened twice is not known")
	}
}

// What no browser does that shows a page doesn't open the start page.
func TestStartNotOpened(t *testing.T) {
	s := newScene(t)
	path, host := s.startPath(), s.url.Host
	if len(path) != 44 || path == "/callback" {
		t.Errorf("the path is %q", path)
	}
	for name, request := range map[string]string{
		"head":       s.request("HEAD", path, host, ""),
		"post":       s.request("POST", path, host, "Content-Length: 0\r\n"),
		"prefetch":   s.request("GET", path, host, "Sec-Purpose: prefetch;prerender\r\n"),
		"purpose":    s.request("GET", path, host, "Purpose: prefetch\r\n"),
		"script":     s.request("GET", path, host, "Origin: https://evil.example\r\n"),
		"image":      s.request("GET", path, host, "Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n"),
		"other host": s.request("GET", path, "evil.example:"+s.url.Port(), ""),
		"half of it": s.request("GET", path[:43], host, ""),
		"more":       s.request("GET", path+"/", host, ""),
	} {
		if status, answer := s.raw(request); status < 400 || strings.Contains(answer, "Location") || strings.Contains(answer, "Cookie") {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	s.opened()
	if s.isTwice() {
		t.Error("it was opened once")
	}
}

// Nothing that fmt prints has a secret in it.
func TestStartIsNotPrinted(t *testing.T) {
	s := newStart("1", signInPage)
	if text := fmt.Sprintf("%v %+v", s, s); strings.Contains(text, *s.path) || strings.Contains(text, *s.cookie) {
		t.Error(text)
	}
}
