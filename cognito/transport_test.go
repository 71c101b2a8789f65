package cognito_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/cognito"
	"github.com/cogtok/cogtok/profiles"
)

// A stage is a Provider before a server that answers as a test likes.
type stage struct {
	world
	requests atomic.Int32
	mu       sync.Mutex
	seen     []request
	from     func(remote string) // told of each request's connection; may be nil
}

func (s *stage) onConnection(tell func(remote string)) { s.from = tell }

// sent returns the requests so far. The handler of one that was cut off may
// still be at work when the caller has its error.
func (s *stage) sent() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

type request struct {
	operation string
	header    http.Header
	body      map[string]any
}

// newStage answers every request by handle, whose first argument is the
// operation.
func newStage(t *testing.T, auth string, handle func(operation string, body map[string]any, w http.ResponseWriter)) *stage {
	t.Helper()
	noAWSConfig(t)
	s := &stage{world: world{t: t, log: &logBook{}}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		seen := request{operation: operation, header: r.Header}
		_ = json.NewDecoder(r.Body).Decode(&seen.body)
		s.mu.Lock()
		s.seen = append(s.seen, seen)
		if s.from != nil {
			s.from(r.RemoteAddr)
		}
		s.mu.Unlock()
		handle(operation, seen.body, w)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		s.noMarkers("the log", s.log.text())
	})
	s.profile = profiles.Profile{
		Name: "prod", Region: "us-east-1", UserPoolID: poolID, ClientID: "client", Username: "rob", Auth: auth, Endpoint: server.URL,
	}
	s.secret = agent.NewSecret(clientSecret)
	s.provider = cognito.New(cognito.Config{Logf: s.log.logf, TryTimeout: 5 * time.Second, CallTimeout: 10 * time.Second})
	return s
}

func refused(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message})
}

func grant() session.Grant {
	return session.Grant{RefreshToken: agent.NewSecret("marker-refresh-token"), Username: "rob"}
}

// deafServer takes connections and never answers.
func deafServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var open []net.Conn
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range open {
			c.Close()
		}
	})
	return listener.Addr().String()
}

// What goes over the wire, member by member.
func TestWireShape(t *testing.T) {
	s := newStage(t, profiles.AuthPassword, func(operation string, _ map[string]any, w http.ResponseWriter) {
		refused(w, 400, "NotAuthorizedException", "no")
	})
	_, _, _ = s.login(goodPassword)
	_, _ = s.refresh(grant())
	_ = s.provider.Revoke(t.Context(), s.profile, s.secret, grant())
	_ = s.provider.SignOutEverywhere(t.Context(), s.profile, session.Grant{AccessToken: "access"})
	want := []string{
		`InitiateAuth {"AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"PASSWORD":"marker-Password-1 é","SECRET_HASH":"1RZHL6AUmqKz37l6ZQKnVP3eUaoFTpj3PkcJOT7jSPo=","USERNAME":"rob"},"ClientId":"client"}`,
		`GetTokensFromRefreshToken {"ClientId":"client","ClientSecret":"` + clientSecret + `","RefreshToken":"marker-refresh-token"}`,
		`RevokeToken {"ClientId":"client","ClientSecret":"` + clientSecret + `","Token":"marker-refresh-token"}`,
		`GlobalSignOut {"AccessToken":"access"}`,
	}
	if len(s.sent()) != len(want) {
		t.Fatalf("%d requests, want %d", len(s.sent()), len(want))
	}
	for i, r := range s.sent() {
		if r.operation == "InitiateAuth" { // the hash is checked by the pool in other tests
			want[i] = strings.Replace(want[i], "1RZHL6AUmqKz37l6ZQKnVP3eUaoFTpj3PkcJOT7jSPo=", fmt.Sprint(r.body["AuthParameters"].(map[string]any)["SECRET_HASH"]), 1)
		}
		body, _ := json.Marshal(r.body)
		if got := r.operation + " " + string(body); got != want[i] {
			t.Errorf("got  %s\nwant %s", got, want[i])
		}
		if r.header.Get("Authorization") != "" || r.header.Get("Content-Type") != "application/x-amz-json-1.1" {
			t.Errorf("%s: header %v", r.operation, r.header)
		}
	}
}

// Servers that are no Cognito, and networks that are none.
func TestTrouble(t *testing.T) {
	long := strings.Repeat("x", 2<<20)
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter)
		kind   agent.Kind
		text   string
	}{
		"captive portal": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, "<html>please pay \x1b[31m</html>")
		}, agent.KindService, "web page"},
		"garbage":      {func(w http.ResponseWriter) { fmt.Fprint(w, "\x00\x01garbage") }, agent.KindService, "no sense"},
		"empty":        {func(w http.ResponseWriter) {}, agent.KindService, "no sense"},
		"null":         {func(w http.ResponseWriter) { fmt.Fprint(w, "null") }, agent.KindService, "no sense"},
		"empty object": {func(w http.ResponseWriter) { fmt.Fprint(w, "{}") }, agent.KindService, "no sense"},
		"a list":       {func(w http.ResponseWriter) { fmt.Fprint(w, "[]") }, agent.KindService, "no sense"},
		"not tokens": {func(w http.ResponseWriter) {
			fmt.Fprint(w, `{"AuthenticationResult":{"AccessToken":"a.b.c","IdToken":"a.b.c"}}`)
		}, agent.KindService, "access token"},
		"no access token":    {func(w http.ResponseWriter) { fmt.Fprint(w, `{"AuthenticationResult":{"IdToken":"a.b.c"}}`) }, agent.KindService, "token"},
		"a long answer":      {func(w http.ResponseWriter) { fmt.Fprintf(w, `{"Session":%q}`, long) }, agent.KindService, "longer than"},
		"a long error":       {func(w http.ResponseWriter) { w.WriteHeader(400); fmt.Fprint(w, long) }, agent.KindService, "longer than"},
		"page with 502":      {func(w http.ResponseWriter) { w.WriteHeader(502); fmt.Fprint(w, "<html>") }, agent.KindService, "HTTP 502"},
		"403 by a proxy":     {func(w http.ResponseWriter) { w.WriteHeader(403); fmt.Fprint(w, "<html>") }, agent.KindService, "web page"},
		"cut off":            {cutOff, agent.KindNetwork, "connection was cut"},
		"cut in the middle":  {func(w http.ResponseWriter) { w.Header().Set("Content-Length", "500"); fmt.Fprint(w, `{"Sess`) }, agent.KindNetwork, "connection was cut"},
		"slow":               {func(w http.ResponseWriter) { time.Sleep(time.Second) }, agent.KindNetwork, "no answer within 300ms"},
		"slow in the middle": {slowBody, agent.KindNetwork, "no answer within 300ms"},
		"throttled":          {func(w http.ResponseWriter) { refused(w, 400, "TooManyRequestsException", "Rate exceeded") }, agent.KindThrottled, "too many requests"},
		"internal error":     {func(w http.ResponseWriter) { refused(w, 500, "InternalErrorException", "oops") }, agent.KindService, "trouble"},
		"unknown 500":        {func(w http.ResponseWriter) { refused(w, 500, "Strange", "oops") }, agent.KindService, "HTTP 500"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, profiles.AuthPassword, func(_ string, _ map[string]any, w http.ResponseWriter) { c.answer(w) })
			if strings.HasPrefix(name, "slow") {
				s.provider = cognito.New(cognito.Config{Logf: s.log.logf, TryTimeout: 300 * time.Millisecond})
			}
			_, _, err := s.login(goodPassword)
			wantKind(t, err, c.kind, c.text)
			if !agent.AsError(err).Retryable() {
				t.Error("it is temporary, and not told so")
			}
			if n := s.requests.Load(); n != 1 {
				t.Errorf("the password was sent %d times", n)
			}
			// Nothing of the kind ends a session.
			if _, err = s.refresh(grant()); !agent.AsError(err).Retryable() {
				t.Errorf("refresh: %q: %v", agent.KindOf(err), err)
			}
		})
	}
}

func cutOff(w http.ResponseWriter) {
	if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
		c.Close()
	}
}

func slowBody(w http.ResponseWriter) {
	w.Header().Set("Content-Length", "500")
	fmt.Fprint(w, `{"Sess`)
	_ = http.NewResponseController(w).Flush()
	time.Sleep(time.Second)
}

func TestUnreachable(t *testing.T) {
	s := newStage(t, profiles.AuthPassword, nil)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.profile.Endpoint = "http://" + listener.Addr().String()
	listener.Close()
	_, _, err = s.login(goodPassword)
	wantKind(t, err, agent.KindNetwork, "connection refused", listener.Addr().String())
}

// A connection that didn't come about has sent nothing: that is tried again,
// even with a password.
func TestRetriesWhatWasNotSent(t *testing.T) {
	s := newStage(t, profiles.AuthPassword, func(_ string, _ map[string]any, w http.ResponseWriter) {
		refused(w, 400, "UserNotFoundException", "")
	})
	address := strings.TrimPrefix(s.profile.Endpoint, "http://")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	late := listener.Addr().String()
	listener.Close()
	s.profile.Endpoint = "http://" + late
	done := make(chan struct{})
	go func() {
		defer close(done)
		time.Sleep(50 * time.Millisecond)
		listener, err := net.Listen("tcp", late)
		if err != nil {
			return
		}
		defer listener.Close()
		in, err := listener.Accept()
		if err != nil {
			return
		}
		defer in.Close()
		out, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		defer out.Close()
		go func() { _, _ = io.Copy(out, in) }()
		_, _ = io.Copy(in, out)
	}()
	_, _, err = s.login(goodPassword)
	wantKind(t, err, agent.KindUserNotFound)
}

// SRP's first request holds no secret and may be sent again; the proof may not.
func TestRetriesOfSRP(t *testing.T) {
	for fault, c := range map[string]struct {
		operation string
		calls     int
		works     bool
	}{
		"start": {"InitiateAuth", 2, true},
		"proof": {"RespondToAuthChallenge", 1, false},
	} {
		t.Run(fault, func(t *testing.T) {
			w := newWorld(t, setup{})
			w.server.Fail(c.operation, 1, 1) // throttled once
			_, _, err := w.login(goodPassword)
			if (err == nil) != c.works || w.server.Count(c.operation) != c.calls {
				t.Errorf("%v after %d calls", err, w.server.Count(c.operation))
			}
		})
	}
}

func TestNoRedirects(t *testing.T) {
	var elsewhere atomic.Int32
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer target.Close()
	for _, status := range []int{301, 302, 307, 308} {
		s := newStage(t, profiles.AuthPassword, func(_ string, _ map[string]any, w http.ResponseWriter) {
			w.Header().Set("Location", target.URL)
			w.WriteHeader(status)
		})
		_, _, err := s.login(goodPassword)
		wantKind(t, err, agent.KindService)
		_, err = s.refresh(grant())
		wantKind(t, err, agent.KindService)
	}
	if elsewhere.Load() > 0 {
		t.Error("a redirect was followed")
	}
}

func TestCancel(t *testing.T) {
	s := newStage(t, profiles.AuthPassword, nil)
	s.profile.Endpoint = "http://" + deafServer(t)
	s.provider = cognito.New(cognito.Config{Logf: s.log.logf})
	ctx, cancel := contextWithCancel(t)
	time.AfterFunc(100*time.Millisecond, cancel)
	start := time.Now()
	_, err := s.provider.Refresh(ctx, s.profile, s.secret, grant())
	wantKind(t, err, agent.KindCanceled)
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("it took %v", d)
	}
}

// The certificate is checked, and nothing is sent to who can't show a good one.
func TestTLS(t *testing.T) {
	var bodies atomic.Int32
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bodies.Add(1)
		refused(w, 400, "UserNotFoundException", "")
	})
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	old := httptest.NewUnstartedServer(handler)
	old.Config.ErrorLog = log.New(io.Discard, "", 0)
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11}
	old.StartTLS()
	defer old.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())

	s := newStage(t, profiles.AuthPassword, nil)
	try := func(endpoint string, roots *x509.CertPool) error {
		s.profile.Endpoint = endpoint
		s.provider = cognito.New(cognito.Config{Logf: s.log.logf, RootCAs: roots})
		_, _, err := s.login(goodPassword)
		return err
	}
	wantKind(t, try(server.URL, nil), agent.KindNetwork, "certificate is not trusted")
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	wantKind(t, try("https://localhost"+port, trusted), agent.KindNetwork, "certificate is for another host")
	wantKind(t, try(old.URL, trusted), agent.KindNetwork)
	plain := newStage(t, profiles.AuthPassword, func(string, map[string]any, http.ResponseWriter) { bodies.Add(1) })
	wantKind(t, try(strings.Replace(plain.profile.Endpoint, "http:", "https:", 1), nil), agent.KindNetwork, "TLS")
	if n := bodies.Load(); n > 0 {
		t.Errorf("%d requests went to servers that are not to be trusted", n)
	}
	wantKind(t, try(server.URL, trusted), agent.KindUserNotFound)
}
