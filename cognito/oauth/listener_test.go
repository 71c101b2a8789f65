package oauth

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// freeURL is a callback URL at a port that nobody has.
func freeURL(t *testing.T, host string) string {
	t.Helper()
	for range 5 { // somebody may take the port in between
		l, err := Listen(t.Context(), []string{"http://localhost:" + freePort(t) + "/callback"})
		if err == nil {
			l.Close()
			return strings.Replace(l.URL, "localhost", host, 1)
		}
		t.Log(err)
	}
	t.Fatal("no free port")
	return ""
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func hasIPv6(t *testing.T) bool {
	t.Helper()
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return false
	}
	l.Close()
	return true
}

func TestBinds(t *testing.T) {
	hosts := map[string][]string{"localhost": {"127.0.0.1"}, "127.0.0.1": {"127.0.0.1"}}
	if hasIPv6(t) {
		hosts["localhost"] = append(hosts["localhost"], "::1")
		hosts["[::1]"] = []string{"::1"}
	}
	for host, want := range hosts {
		l, err := Listen(t.Context(), []string{freeURL(t, host)})
		if err != nil {
			t.Fatal(host, err)
		}
		var got []string
		for _, listener := range l.listeners {
			address, _, _ := net.SplitHostPort(listener.Addr().String())
			got = append(got, address)
		}
		l.Close()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v", host, got)
		}
	}
}

// Who has one of localhost's two addresses could get the code.
func TestTakenPorts(t *testing.T) {
	for _, squatted := range []string{"127.0.0.1", "::1"} {
		if squatted == "::1" && !hasIPv6(t) {
			t.Log("no IPv6 here")
			continue
		}
		taken, free := freeURL(t, "localhost"), freeURL(t, "localhost")
		u, _ := url.Parse(taken)
		squatter, err := net.Listen("tcp", net.JoinHostPort(squatted, u.Port()))
		if err != nil {
			t.Fatal(err)
		}
		_, err = Listen(t.Context(), []string{taken})
		var busy *BusyError
		if !errors.As(err, &busy) || len(busy.URLs) != 1 || busy.URLs[0] != taken {
			t.Errorf("%s taken: %v", squatted, err)
		}
		l, err := Listen(t.Context(), []string{taken, free})
		if err != nil || l.URL != free || len(l.Taken) != 1 {
			t.Fatalf("%s taken: %v", squatted, err)
		}
		l.Close()
		squatter.Close()
		if l, err = Listen(t.Context(), []string{taken}); err != nil {
			t.Errorf("the port was not given back: %v", err)
			continue
		}
		l.Close()
	}
}

// Only an address that the machine hasn't got is left out. Whatever else keeps
// one from listening there may be somebody else who does.
func TestWhatIsLeftOut(t *testing.T) {
	at, _ := url.Parse("http://localhost:8400/callback")
	for err, leftOut := range map[error]bool{
		syscall.EADDRNOTAVAIL: true, syscall.EAFNOSUPPORT: true, syscall.EADDRINUSE: false, syscall.EACCES: false, syscall.EMFILE: false,
	} {
		asked := 0
		bound, got := bind(at, func(network, address string) (net.Listener, error) {
			if asked++; address == "[::1]:8400" {
				return nil, &net.OpError{Op: "listen", Net: network, Err: os.NewSyscallError("bind", err)}
			}
			return net.Listen(network, "127.0.0.1:0")
		})
		if asked != 2 || (got == nil) != leftOut || len(bound) == 1 != leftOut {
			t.Errorf("%v: asked %d times, %d addresses, %v", err, asked, len(bound), got)
		}
		_ = closeAll(bound, nil)
	}
}

func TestNoCallbackURLs(t *testing.T) {
	for _, text := range []string{
		"", "http://example.com/callback", "https://localhost:8400/callback", "http://0.0.0.0:8400/", "http://localhost:0/", "http://localhost:/",
		"http://u@localhost:8400/", "http://localhost:8400/?x", "http://localhost:8400/#", "http://127.0.0.2:8400/", "http://[::]:8400/", "app://callback",
	} {
		if l, err := Listen(t.Context(), []string{text}); !errors.Is(err, ErrUnsafe) {
			t.Errorf("%q: %v, %v", text, l, err)
		}
	}
}

// signInPage is where the start page leads.
const signInPage = "https://login.example.com/oauth2/authorize?client_id=c&state=s"

// A scene is a server that waits for a reply, and what is needed to send one.
type scene struct {
	t       *testing.T
	attempt *Attempt
	server  *Server
	url     *url.URL
}

func newScene(t *testing.T) *scene {
	t.Helper()
	l, err := Listen(t.Context(), []string{freeURL(t, "localhost")})
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, attempt: NewAttempt(l.URL, "issuer")}
	s.url, _ = url.Parse(l.URL)
	s.server = l.Serve(s.attempt, signInPage)
	t.Cleanup(func() { s.server.Close() })
	return s
}

func (s *scene) good() string { return "code=c&state=" + *s.attempt.state }

// raw sends what it is told and returns the status and the rest of the answer.
func (s *scene) raw(request string) (status int, answer string) {
	s.t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+s.url.Port())
	if err != nil {
		return 0, err.Error()
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	go func() { _, _ = io.WriteString(conn, request) }()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, fmt.Sprint(response.Header) + string(body)
}

func (s *scene) request(method, target, host, headers string) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method, target, host, headers)
}

func TestUnderAttack(t *testing.T) {
	s := newScene(t)
	host, target := s.url.Host, "/callback?"+s.good()
	for range maxSilent { // who say nothing at all, or begin and don't go on
		for _, begin := range []string{"", "GET /callback?"} {
			conn, err := net.Dial("tcp", "127.0.0.1:"+s.url.Port())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, begin)
		}
	}
	for name, request := range map[string]string{
		"other host":       s.request("GET", target, "evil.example", ""),
		"other port":       s.request("GET", target, "localhost:1", ""),
		"address as host":  s.request("GET", target, "127.0.0.1:"+s.url.Port(), ""),
		"no host":          "GET " + target + " HTTP/1.0\r\n\r\n",
		"absolute":         s.request("GET", "http://"+host+target, host, ""),
		"other path":       s.request("GET", "/?"+s.good(), host, ""),
		"slash":            s.request("GET", "/callback/?"+s.good(), host, ""),
		"encoded path":     s.request("GET", "/%63allback?"+s.good(), host, ""),
		"dots":             s.request("GET", "/x/../callback?"+s.good(), host, ""),
		"favicon":          s.request("GET", "/favicon.ico", host, ""),
		"post":             s.request("POST", target, host, "Content-Length: 0\r\n"),
		"head":             s.request("HEAD", target, host, ""),
		"options *":        "OPTIONS * HTTP/1.1\r\nHost: " + host + "\r\n\r\n",
		"options":          s.request("OPTIONS", target, host, "Origin: https://evil.example\r\n"),
		"body":             s.request("GET", target, host, "Content-Length: 3\r\n") + "abc",
		"origin":           s.request("GET", target, host, "Origin: https://evil.example\r\n"),
		"script":           s.request("GET", target, host, "Sec-Fetch-Mode: no-cors\r\n"),
		"frame":            s.request("GET", target, host, "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n"),
		"prefetch":         s.request("GET", target, host, "Sec-Purpose: prefetch\r\n"),
		"no state":         s.request("GET", "/callback?code=c", host, ""),
		"wrong state":      s.request("GET", "/callback?code=c&state="+strings.Repeat("A", 43), host, ""),
		"half a state":     s.request("GET", "/callback?code=c&state="+(*s.attempt.state)[:42], host, ""),
		"two states":       s.request("GET", target+"&state=x", host, ""),
		"error, no state":  s.request("GET", "/callback?error=access_denied", host, ""),
		"script in query":  s.request("GET", "/callback?error=%3Cscript%3E&state=%3Cscript%3E", host, ""),
		"long header":      s.request("GET", target, host, "X: "+strings.Repeat("x", maxHeader)+"\r\n"),
		"very long header": s.request("GET", target, host, "X: "+strings.Repeat("x", 1<<20)+"\r\n"),
		"garbage":          "\x16\x03\x01\x02\x00garbage\r\n\r\n",
	} {
		status, answer := s.raw(request)
		// 0: the connection was reset while a long header was being sent.
		if (status < 400 || status > 499) && !(status == 0 && strings.Contains(name, "long")) || strings.Contains(answer, "<script>") {
			t.Errorf("%s: %d %s", name, status, answer)
		}
		select {
		case <-s.server.Callbacks:
			t.Fatalf("%s was taken for the reply", name)
		default:
		}
	}
	s.answered(Page{200, "Hello <b>", []string{"You are & signed in"}}, func() {
		status, answer := s.raw(s.request("GET", target, host, ""))
		for _, want := range []string{"Hello &lt;b&gt;", "You are &amp; signed in", "no-store", "default-src 'none'", "nosniff", "no-referrer"} {
			if status != 200 || !strings.Contains(answer, want) {
				t.Errorf("%q is not in %d %s", want, status, answer)
			}
		}
	})
	if status, _ := s.raw(s.request("GET", target, host, "")); status != http.StatusConflict {
		t.Errorf("a second one: %d", status)
	}
}

// answered answers the callback that the requests of do make.
func (s *scene) answered(p Page, do func()) {
	s.t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	select {
	case c := <-s.server.Callbacks:
		if c.Err != nil || c.Reply.Code != "c" {
			s.t.Error(c.Err)
		}
		c.Answer(s.t.Context(), p)
	case <-time.After(10 * time.Second):
		s.t.Error("no callback came")
	}
	<-done
}

// Who says nothing makes room for others: the oldest goes first. One that waits
// for its page is not among them.
func TestSilentMakeRoom(t *testing.T) {
	s := newScene(t)
	page := make(chan int, 1)
	go func() { status, _ := s.raw(s.request("GET", "/callback?"+s.good(), s.url.Host, "")); page <- status }()
	c := <-s.server.Callbacks
	var conns []net.Conn
	for range maxSilent + 1 {
		conn, err := net.Dial("tcp", "127.0.0.1:"+s.url.Port())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	_ = conns[0].SetReadDeadline(time.Now().Add(headerTimeout / 2)) // it is cut before its time is over
	var timeout net.Error
	if _, err := conns[0].Read(make([]byte, 1)); err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("the oldest is still there: %v", err)
	}
	c.Answer(t.Context(), Page{Status: 200, Heading: "done"})
	if status := <-page; status != 200 {
		t.Errorf("the one that waits got %d", status)
	}
}

// Of two right ones in a row the first counts, while it waits for its page too.
func TestTwoInARow(t *testing.T) {
	s := newScene(t)
	request := s.request("GET", "/callback?"+s.good(), s.url.Host, "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n")
	statuses := make(chan int, 2)
	for range 2 {
		go func() { status, _ := s.raw(request); statuses <- status }()
	}
	c := <-s.server.Callbacks
	if first := <-statuses; first != http.StatusConflict {
		t.Errorf("the second got %d", first)
	}
	if _, err := s.attempt.TakePasted(s.good()); !errors.Is(err, ErrSecondReply) {
		t.Errorf("pasted after it: %v", err)
	}
	c.Answer(t.Context(), Page{Status: 200, Heading: "done"})
	if status := <-statuses; status != 200 {
		t.Errorf("the first got %d", status)
	}
}

// A browser over IPv6 gets to the same place.
func TestIPv6(t *testing.T) {
	if !hasIPv6(t) {
		t.Skip("no IPv6 here")
	}
	s := newScene(t)
	s.answered(Page{Status: 200, Heading: "done"}, func() {
		client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "tcp", "[::1]:"+s.url.Port())
		}}}
		response, err := client.Get(s.url.String() + "?" + s.good())
		if err != nil {
			t.Error(err)
			return
		}
		response.Body.Close()
	})
}

// A reply that is of no use ends the wait: it came from who knows the state.
func TestUselessReply(t *testing.T) {
	s := newScene(t)
	go s.raw(s.request("GET", "/callback?"+s.good()+"&iss=https%3A%2F%2Fevil.example", s.url.Host, ""))
	select {
	case c := <-s.server.Callbacks:
		if !errors.Is(c.Err, ErrIssuer) || c.Reply.Code != "" {
			t.Error(c.Err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it was not told")
	}
}

func TestCloseFreesThePort(t *testing.T) {
	s := newScene(t)
	s.server.Close()
	l, err := Listen(t.Context(), []string{s.url.String()})
	if err != nil {
		t.Fatal(err)
	}
	s.server = l.Serve(s.attempt, signInPage) // for the cleanup
}
