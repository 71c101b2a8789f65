package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestSlowClients: four processes hold all the connections that they may have,
// and another is answered as if they weren't there.
func TestSlowClients(t *testing.T) {
	path := serve(t, &Server{Agent: &scripted{}})
	for range 4 {
		startChild(t, 0, "hold", path).ready()
	}
	total := took(func() {
		for range 100 {
			c := dial(t, path)
			if _, err := c.Token(t.Context(), Caller{}, TokenRequest{}); err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
	})
	if total > 5*time.Second { // generous: other programs run on the machine
		t.Errorf("100 calls beside slow clients took %v", total)
	}
}

// TestTooManyOfOneProcess: the connection over the limit is told so, in the
// client's terms too, and there is room again when another one closes.
func TestTooManyOfOneProcess(t *testing.T) {
	path := serve(t, &Server{Agent: &scripted{}})
	var open []net.Conn
	for range maxConnsPerPID {
		nc := dialRaw(t, path)
		open = append(open, nc)
	}
	c := newLineClient(t, dialRaw(t, path))
	if said := c.receive(); said != `{"jsonrpc":"2.0","id":null,"error":{"code":6,"message":"too many connections to the agent","data":{"kind":"busy","hint":"try again in a moment","retryable":true}}}` {
		t.Errorf("%s", said)
	}
	c.closed()
	if _, err := dial(t, path).Token(t.Context(), Caller{}, TokenRequest{}); KindOf(err) != KindBusy {
		t.Errorf("%v", err)
	}
	for _, nc := range open {
		nc.Close()
	}
	for range 1000 {
		if _, err := dial(t, path).Token(t.Context(), Caller{}, TokenRequest{}); err == nil {
			return
		}
	}
	t.Error("no room after the others closed")
}

func TestConnections(t *testing.T) {
	c := connections{max: 3, byPID: map[int]int{}}
	for i, pid := range []int{0, 0, 7, 8} {
		if got, want := c.add(pid), i < 3; got != want {
			t.Errorf("connection %d: %t", i, got)
		}
	}
	c.remove(7)
	c.remove(0)
	if !c.add(8) || c.total != 2 || len(c.byPID) != 1 {
		t.Errorf("%+v", &c)
	}
	if n := connLimit(); n < 1 || n > maxConns {
		t.Errorf("connLimit() = %d", n)
	}
}

// TestCrowd: the memory of a crowd is spoken of when it comes and when it goes,
// and not for every client.
func TestCrowd(t *testing.T) {
	var c connections
	var said []int
	change := func(to int) {
		for c.total != to {
			if c.total < to {
				c.addAnyway(0)
			} else {
				c.remove(0)
			}
			if c.changed() {
				said = append(said, c.total)
			}
		}
	}
	for _, to := range []int{99, 0, 99, 450, 201, 399, 0, 100, 0} {
		change(to)
	}
	if want := []int{100, 200, 400, 200, 100, 50, 100, 50}; !slices.Equal(said, want) {
		t.Errorf("%v, want %v", said, want)
	}
}

// TestIdleIsSmall: a connection that has called keeps no more than the stack that
// a goroutine begins with. (Go chooses 2 or 4 KiB by what others need.)
func TestIdleIsSmall(t *testing.T) {
	const clients = 500
	d := &door{server: &Server{Agent: &scripted{}}, ctx: t.Context()}
	stacks := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.StackInuse)
	}
	l, err := net.Listen("unix", filepath.Join(shortDir(t), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	before := stacks()
	var all sync.WaitGroup
	defer all.Wait()
	for range clients {
		near, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer near.Close()
		far, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		all.Add(1)
		d.begin(Parked{nc: far, in: newFrameReader(far, maxFromClient)}, func(Parked, bool) { all.Done() })
		_, _ = io.WriteString(near, callToken)
		if n, err := near.Read(make([]byte, 4096)); n == 0 {
			t.Fatal(err)
		}
	}
	time.Sleep(3 * lull)
	if each := (stacks() - before) / clients; each > 5<<10 {
		t.Errorf("%d bytes of stack each", each)
	}
}

// TestHangUps: ten thousand clients that leave at every moment of a call.
func TestHangUps(t *testing.T) {
	path := serve(t, &Server{Agent: codeAsked()})
	for i := range 10000 {
		nc, err := connect(t.Context(), path)
		if err != nil {
			t.Fatal(i, err)
		}
		_, _ = io.WriteString(nc, callToken[:i%(len(callToken)+1)])
		if i%7 == 0 {
			_ = nc.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, _ = nc.Read(make([]byte, 8))
		}
		nc.Close()
	}
	for range 1000 { // the last of them may still count
		if _, err := dial(t, path).Version(t.Context(), Caller{}, None{}); err == nil {
			return
		}
	}
	t.Error("the agent doesn't answer any more")
}

// TestConcurrentCalls: many clients, and many goroutines on one client.
func TestConcurrentCalls(t *testing.T) {
	s := &scripted{token: func(_ context.Context, _ Caller, r TokenRequest) (Token, error) {
		return Token{Profile: r.Profile}, nil
	}}
	path := serve(t, &Server{Agent: s})
	shared := dial(t, path)
	var wg sync.WaitGroup
	for i := range 40 {
		own := shared
		if i%2 == 0 {
			own = dial(t, path)
		}
		wg.Go(func() {
			for j := range 25 {
				profile := fmt.Sprintf("p%d-%d", i, j)
				if tok, err := own.Token(t.Context(), Caller{}, TokenRequest{Profile: profile}); err != nil || tok.Profile != profile {
					t.Errorf("%s: %+v, %v", profile, tok, err)
				}
			}
		})
	}
	wg.Wait()
}

// failing is a listener out of files; it becomes well after a while.
type failing struct {
	net.Listener
	fails, asked int
}

func (f *failing) Accept() (net.Conn, error) {
	if f.asked++; f.asked <= f.fails {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return nil, net.ErrClosed
}

func (f *failing) Close() error { return nil }

// TestAcceptBacksOff: out of files the agent waits, tells once and goes on.
func TestAcceptBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log []string
		s := &Server{Logf: func(format string, args ...any) { log = append(log, fmt.Sprintf(format, args...)) }}
		l := &failing{fails: 100}
		var err error
		got := took(func() { err = s.Serve(t.Context(), l) })
		if !errors.Is(err, net.ErrClosed) || l.asked != 101 {
			t.Errorf("%v after %d tries", err, l.asked)
		}
		if got < 2*time.Second || got > 5*time.Second {
			t.Errorf("100 failures took %v", got)
		}
		if len(log) != 1 || !strings.Contains(log[0], "too many open files") {
			t.Errorf("%q", log)
		}
	})
}

// TestPanic: a fault in one call is told and logged, and ends nothing else. What
// was in the panic is not shown.
func TestPanic(t *testing.T) {
	var mu sync.Mutex
	var log strings.Builder
	s := &Server{Logf: func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(&log, format+"\n", args...)
	}}
	s.Agent = &scripted{token: func(_ context.Context, _ Caller, r TokenRequest) (Token, error) {
		if r.Profile == "index" {
			return Token{}, []error{}[len(r.Profile)]
		}
		panic("MARKER")
	}}
	client := dial(t, serve(t, s))
	for _, profile := range []string{"prod", "index"} {
		_, err := client.Token(t.Context(), Caller{}, TokenRequest{Profile: profile})
		if e := AsError(err); e.Kind != KindInternal || e.Code != CodeUnexpected || e.Hint != "see: cogtok agent log" {
			t.Errorf("%+v", e)
		}
	}
	if _, err := client.Version(t.Context(), Caller{}, None{}); err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if text := log.String(); strings.Contains(text, "MARKER") || !strings.Contains(text, "index out of range") || !strings.Contains(text, "accept_test.go") {
		t.Errorf("%s", text)
	}
}

// TestForeignErrors: what isn't an *Error is logged and not told.
func TestForeignErrors(t *testing.T) {
	logged := make(chan string, 1)
	s := &Server{Logf: func(format string, args ...any) { logged <- fmt.Sprintf(format, args...) }}
	s.Agent = &scripted{token: func(context.Context, Caller, TokenRequest) (Token, error) {
		return Token{}, errors.New("smithy: \x1b[2Jdeserialization")
	}}
	_, err := dial(t, serve(t, s)).Token(t.Context(), Caller{}, TokenRequest{})
	if e := AsError(err); e.Kind != KindInternal || strings.Contains(e.Message, "smithy") {
		t.Errorf("%+v", e)
	}
	if line := <-logged; !strings.Contains(line, "smithy: \ufffd[2Jdeserialization") {
		t.Errorf("%q", line)
	}
}

// TestStop: the one who stops the agent gets an answer, and then it is gone.
func TestStop(t *testing.T) {
	path := filepath.Join(shortDir(t), "agent.sock")
	l, release, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := &Server{Agent: &scripted{stop: cancel}}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	idle := dial(t, path)
	if _, err := dial(t, path).Stop(t.Context(), Caller{}, None{}); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	release()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket: %v", err)
	}
	for _, try := range []func() error{
		func() error { _, err := idle.Version(t.Context(), Caller{}, None{}); return err },
		func() error { _, err := Dial(t.Context(), path); return err },
	} {
		if err := try(); KindOf(err) != KindUnreachable || AsError(err).Hint == "" {
			t.Errorf("%+v", AsError(err))
		}
	}
}

func TestMayCall(t *testing.T) {
	yes, no := func() bool { return true }, func() bool { return false }
	for _, tt := range []struct {
		who   peer
		allow func() bool
		want  bool
	}{
		{peer{self: true}, nil, true},
		{peer{self: true, root: true}, no, true},
		{peer{root: true}, nil, false},
		{peer{root: true}, no, false},
		{peer{root: true}, yes, true},
		{peer{}, yes, false},
	} {
		if got := (&Server{AllowRoot: tt.allow}).mayCall(tt.who); got != tt.want {
			t.Errorf("%+v: %t", tt, got)
		}
	}
}

func BenchmarkToken(b *testing.B) {
	c := dial(b, serve(b, &Server{Agent: &scripted{token: func(context.Context, Caller, TokenRequest) (Token, error) {
		return Token{Version: 1, Profile: "prod", Type: TypeID, Token: strings.Repeat("x", 1100), Value: strings.Repeat("x", 1100), ExpiresAt: noon}, nil
	}}}))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Token(b.Context(), Caller{}, TokenRequest{Profile: "prod"}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkConnectToken is what a run of cogtok asks of the agent.
func BenchmarkConnectToken(b *testing.B) {
	path := serve(b, &Server{Agent: &scripted{token: func(context.Context, Caller, TokenRequest) (Token, error) {
		return Token{Version: 1, Profile: "prod", Type: TypeID, Token: strings.Repeat("x", 1100), Value: strings.Repeat("x", 1100), ExpiresAt: noon}, nil
	}}})
	b.ReportAllocs()
	for b.Loop() {
		c, err := Dial(b.Context(), path)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Token(b.Context(), Caller{}, TokenRequest{Profile: "prod"}); err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}
