package oauth

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Limits of the listener. They are about other programs on this machine and web
// pages: a browser that comes back sends a few hundred bytes at once.
const (
	maxHeader     = 8 << 10 // bytes
	headerTimeout = 5 * time.Second
	writeTimeout  = 5 * time.Second
	maxSilent     = 256 // connections that have not sent a whole header
)

// A Callback is a browser that came back with the reply to an attempt, and
// waits for a page.
type Callback struct {
	Reply Reply
	// Err is ErrNotUnderstood or ErrIssuer for a reply that is of no use.
	Err error

	page    chan Page
	written chan struct{}
}

// Answer shows the page to the browser, and waits until it has left. It may be
// called once.
func (c *Callback) Answer(ctx context.Context, p Page) {
	c.page <- p
	select {
	case <-c.written:
	case <-ctx.Done():
	case <-time.After(writeTimeout):
	}
}

// A Server waits at a Listener for the reply to an attempt.
type Server struct {
	// Callbacks has the one callback. Before it comes, and after, everybody gets
	// an error and changes nothing.
	Callbacks <-chan *Callback

	listener  *Listener
	attempt   *Attempt
	start     *start
	callbacks chan *Callback
	closing   sync.Once
	closed    chan struct{}
	silent    silent
	http      *http.Server
}

// Serve begins to wait for the reply to an attempt, and to send a browser to
// the sign-in page, which is authorizeURL.
func (l *Listener) Serve(a *Attempt, authorizeURL string) *Server {
	callbacks := make(chan *Callback, 1)
	s := &Server{Callbacks: callbacks, listener: l, attempt: a, callbacks: callbacks, closed: make(chan struct{})}
	s.start = newStart(l.at.Port(), authorizeURL)
	s.http = &http.Server{
		Handler: s,

		DisableGeneralOptionsHandler: true, // "OPTIONS *" is none of the browser's

		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       headerTimeout,
		MaxHeaderBytes:    maxHeader - 4<<10, // net/http takes 4 KiB more
		ErrorLog:          log.New(io.Discard, "", 0),
		ConnContext:       s.silent.begin,
		ConnState:         s.silent.changed,
	}
	s.http.SetKeepAlivesEnabled(false)
	for _, listener := range l.listeners {
		go func() { _ = s.http.Serve(listener) }()
	}
	return s
}

// Close stops waiting, cuts all connections and gives the port back. It may be
// called twice.
func (s *Server) Close() {
	s.closing.Do(func() {
		close(s.closed)
		_ = s.http.Close()
		s.listener.Close()
	})
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.silent.end(r.Context())
	refused := s.judge(r)
	switch {
	case refused != 0:
		problemPage(refused).write(w)
	case s.start.isAt(pathOf(r)):
		s.start.open(w, r)
	case s.start.lets(r):
		s.take(w, r)
	case s.start.spoiled.Load():
		twicePage().write(w)
	default:
		otherBrowserPage().write(w)
	}
}

// take takes the reply, if it is one.
func (s *Server) take(w http.ResponseWriter, r *http.Request) {
	reply, err := s.attempt.Take(r.URL.RawQuery)
	switch {
	case errors.Is(err, ErrNotReply):
		problemPage(http.StatusBadRequest).write(w)
	case errors.Is(err, ErrSecondReply):
		problemPage(http.StatusConflict).write(w)
	default:
		s.handOver(w, &Callback{Reply: reply, Err: err, page: make(chan Page, 1), written: make(chan struct{})})
	}
}

// handOver gives the reply to who waits for it and shows the page that comes back.
func (s *Server) handOver(w http.ResponseWriter, c *Callback) {
	defer close(c.written)
	s.start.setCookie(w, http.Cookie{MaxAge: -1}) // it has done its work
	s.callbacks <- c                              // has room: an attempt takes one reply
	select {
	case p := <-c.page:
		p.write(w)
	case <-s.closed:
	}
}

// pathOf is the path of a request, letter by letter.
func pathOf(r *http.Request) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return path
}

// judge returns the status to refuse a request with, 0 for one that may be the
// browser's. A page of another site can't know the state; that nothing but a
// person's browser going from page to page gets here is one more lock.
func (s *Server) judge(r *http.Request) int {
	switch path := pathOf(r); {
	case !strings.EqualFold(r.Host, s.listener.at.Host):
		return http.StatusMisdirectedRequest
	case path != s.listener.path() && !s.start.isAt(path):
		return http.StatusNotFound
	case r.Method != http.MethodGet:
		return http.StatusMethodNotAllowed
	case r.ContentLength != 0, len(r.TransferEncoding) > 0:
		return http.StatusBadRequest
	case r.Header.Get("Origin") != "", strangeFetch(r.Header):
		return http.StatusForbidden
	}
	return 0
}

// strangeFetch reports whether a browser says that the request is no page that
// a person goes to (https://www.w3.org/TR/fetch-metadata/): an image, a frame, a
// script's, or one that is loaded before anybody wants it.
func strangeFetch(h http.Header) bool {
	mode, dest := h.Get("Sec-Fetch-Mode"), h.Get("Sec-Fetch-Dest")
	return mode != "" && mode != "navigate" || dest != "" && dest != "document" || h.Get("Sec-Purpose") != "" || h.Get("Purpose") != ""
}

// silent keeps the connections that have not sent a whole header yet, oldest
// first. One too many costs the oldest: who opens connections and says nothing
// keeps nobody out.
type silent struct {
	mu    sync.Mutex
	conns []net.Conn
}

type connKey struct{}

// begin implements http.Server.ConnContext.
func (s *silent) begin(ctx context.Context, c net.Conn) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, c)
	if len(s.conns) > maxSilent {
		_ = s.conns[0].Close()
		s.conns = s.conns[1:]
	}
	return context.WithValue(ctx, connKey{}, c)
}

// end takes a connection off whose header is there.
func (s *silent) end(ctx context.Context) {
	if c, ok := ctx.Value(connKey{}).(net.Conn); ok {
		s.remove(c)
	}
}

// changed implements http.Server.ConnState.
func (s *silent) changed(c net.Conn, state http.ConnState) {
	if state == http.StateClosed || state == http.StateHijacked {
		s.remove(c)
	}
}

func (s *silent) remove(gone net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range s.conns {
		if c == gone {
			s.conns = append(s.conns[:i:i], s.conns[i+1:]...)
			return
		}
	}
}
