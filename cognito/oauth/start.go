package oauth

import (
	"crypto/subtle"
	"net/http"
	"sync"
	"sync/atomic"
)

// A start is the page that a browser is sent to first, at the callback's port.
// Its address stands on the command line of whatever opens browsers, where
// every user of the machine can read it; the sign-in page's own address, with
// the state in it, doesn't. The page sends the browser there once, with a cookie
// by which it is known again when it comes back.
type start struct {
	path   *string // pointers, since fmt would show the texts
	cookie *string
	name   string // of the cookie: browsers have one jar for all ports of a host
	target string

	used    atomic.Bool
	spoiled atomic.Bool // somebody else opened it too
	once    sync.Once
	twice   chan struct{} // closed when spoiled, and they have been told
}

func newStart(port, target string) *start {
	return &start{path: random(), cookie: random(), name: "cogtok-" + port, target: target, twice: make(chan struct{})}
}

// isAt reports whether path is the page's. The callback's can't be: whoever
// chose that couldn't know this one.
func (s *start) isAt(path string) bool {
	return subtle.ConstantTimeCompare([]byte(path), []byte("/"+*s.path)) == 1
}

// knows reports whether a request comes from the browser that opened the page.
func (s *start) knows(r *http.Request) bool {
	for _, cookie := range r.CookiesNamed(s.name) { // others at localhost may have set one too
		if subtle.ConstantTimeCompare([]byte(cookie.Value), []byte(*s.cookie)) == 1 {
			return true
		}
	}
	return false
}

// lets reports whether the reply may come with a request. Nobody had to open the
// page: the sign-in page's address can be copied from the terminal.
func (s *start) lets(r *http.Request) bool {
	return !s.spoiled.Load() && (!s.used.Load() || s.knows(r))
}

// open answers a request for the page. Another user's is refused, where that can
// be known, and changes nothing. Otherwise one of two that open it read its address
// somewhere, and nobody can tell which.
func (s *start) open(w http.ResponseWriter, r *http.Request) {
	if isOtherUsers(r) { // who was quick, and could sign in before the browser comes
		otherUserPage().write(w)
		return
	}
	if s.used.CompareAndSwap(false, true) || s.knows(r) && !s.spoiled.Load() {
		s.setCookie(w, http.Cookie{Value: *s.cookie})
		w.Header().Set("Location", s.target)
		Page{http.StatusSeeOther, "Sign in", []string{"The sign-in page opens."}}.write(w)
		return
	}
	s.spoiled.Store(true)
	twicePage().write(w)
	s.once.Do(func() { close(s.twice) })
}

// setCookie sets the cookie for this host alone. Lax: it comes along when a page
// of another site sends the browser here, which is what the sign-in page does.
func (s *start) setCookie(w http.ResponseWriter, c http.Cookie) {
	c.Name, c.Path, c.HttpOnly, c.SameSite = s.name, "/", true, http.SameSiteLaxMode
	http.SetCookie(w, &c)
}

// StartURL is the page to send a browser to. It can be opened once.
func (s *Server) StartURL() string {
	return "http://" + s.listener.at.Host + "/" + *s.start.path
}

// Twice is closed when the start page was opened by two browsers or programs.
// From then on there is no reply.
func (s *Server) Twice() <-chan struct{} { return s.start.twice }

// WasTwice reports the same, of replies that came before it too.
func (s *Server) WasTwice() bool { return s.start.spoiled.Load() }
