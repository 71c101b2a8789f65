//go:build !windows

package agent

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A line is what a client of the tests of handovers sends and gets.
type line struct {
	t  *testing.T
	nc net.Conn
	r  *bufio.Reader
}

func newLine(t *testing.T, path string) *line {
	nc := dialRaw(t, path)
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	return &line{t, nc, bufio.NewReader(nc)}
}

func (l *line) send(text string) {
	l.t.Helper()
	if _, err := io.WriteString(l.nc, text); err != nil {
		l.t.Error(err)
	}
}

func (l *line) expect(part string) {
	l.t.Helper()
	text, err := l.r.ReadString('\n')
	if err != nil || !strings.Contains(text, part) {
		l.t.Errorf("came %q, %v; want %s", text, err, part)
	}
}

// serving runs Serve until hand is called, which returns what Serve does.
func serving(s *Server, l net.Listener) (hand func() error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	return func() error {
		cancel(ErrHandOver)
		return <-ended
	}
}

// succeed passes all of it on as a new program gets it, and returns the server
// and the seat that it has then.
func succeed(t *testing.T, s *Server, seat *Seat, path string) (*Server, *Seat) {
	t.Helper()
	socket, lock, own, err := seat.Files()
	if err != nil {
		t.Fatal(err)
	}
	next := &Server{Agent: s.Agent}
	for _, p := range s.Take() {
		file, state, err := p.File()
		if err != nil {
			t.Fatal(err)
		}
		p.nc.Close() // as exec does
		again, err := Unpark(file, state)
		if err != nil {
			t.Fatal(err)
		}
		next.Resume([]Parked{again})
	}
	made := seat.listener.made
	seat.listener.made = nil // its end must not remove the socket
	if !own || made == nil {
		t.Error("the socket is the agent's own")
	}
	seat.lock.Close()
	seat.listener.Close()
	seat.dir.Close()
	heir, err := InheritSeat(path, socket, lock, own)
	if err != nil {
		t.Fatal(err)
	}
	return next, heir
}

const (
	askVersion = `{"jsonrpc":"2.0","id":1,"method":"version"}`
	askReload  = `{"jsonrpc":"2.0","id":2,"method":"reload"}`
)

// TestHandOver: whatever state a connection is in, it goes on.
func TestHandOver(t *testing.T) {
	path := filepath.Join(shortDir(t), "agent.sock")
	seat, err := TakeSeat(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Agent: &scripted{token: func(context.Context, Caller, TokenRequest) (Token, error) {
		time.Sleep(100 * time.Millisecond)
		return Token{Profile: "slow"}, nil
	}}}
	hand := serving(s, seat.Listener())
	silent, idle, headed, half, calling, eager := newLine(t, path), newLine(t, path), newLine(t, path), newLine(t, path), newLine(t, path), newLine(t, path)
	idle.send(askVersion + "\n")
	idle.expect(`"1.2.3"`)
	headed.send("Content-Length: 43\r\n\r\n" + askVersion)
	headed.expect("Content-Length")
	calling.send(callToken)
	eager.send(callToken + askReload + "\n" + askVersion + "\n") // calls that wait for their turn
	half.send(askVersion[:10])
	time.Sleep(20 * time.Millisecond)
	go func() {
		time.Sleep(20 * time.Millisecond)
		half.send(askVersion[10:] + "\n")
	}()
	if err := hand(); err != nil {
		t.Fatal(err)
	}
	calling.expect(`"slow"`)
	half.expect(`"1.2.3"`)
	late := newLine(t, path) // nobody accepts it yet
	late.send(askVersion + "\n")
	silent.send(askVersion + "\n")
	idle.send(askReload + "\n")

	next, heir := succeed(t, s, seat, path)
	hand = serving(next, heir.Listener())
	late.expect(`"1.2.3"`)
	silent.expect(`"1.2.3"`)
	idle.expect(`"profiles"`)
	eager.expect(`"slow"`)
	eager.expect(`"profiles"`)
	eager.expect(`"1.2.3"`)
	headed.send("Content-Length: 42\r\n\r\n" + askReload)
	for _, part := range []string{"\r\n", "\"jsonrpc\""} { // the rest of the first answer has no line's end
		text, err := headed.r.ReadString('\n')
		if err != nil || !strings.Contains(text, part) && !strings.Contains(text, "Content-Length") {
			t.Errorf("%q, %v", text, err)
		}
	}
	if _, err := TakeSeat(path); !errors.Is(err, ErrAlreadyRunning) {
		t.Errorf("the lock: %v", err)
	}
	if err := hand(); err != nil {
		t.Error(err)
	}
	next.end()
	heir.Leave()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the heir leaves the socket: %v", err)
	}
}

// TestHandOverPutOff: a call that takes too long makes the handover fail, and
// everything goes on as before, also its own end.
func TestHandOverPutOff(t *testing.T) {
	path := filepath.Join(shortDir(t), "agent.sock")
	seat, err := TakeSeat(path)
	if err != nil {
		t.Fatal(err)
	}
	defer seat.Leave()
	release := make(chan bool)
	s := &Server{Agent: &scripted{token: func(ctx context.Context, _ Caller, r TokenRequest) (Token, error) {
		select {
		case <-release:
			return Token{Profile: "long"}, nil
		case <-ctx.Done():
			return Token{}, ctx.Err()
		}
	}}}
	hand := serving(s, seat.Listener())
	first, second, idle := newLine(t, path), newLine(t, path), newLine(t, path)
	first.send(callToken)
	second.send(callToken)
	time.Sleep(20 * time.Millisecond)
	if err := hand(); !errors.Is(err, errStillBusy) {
		t.Fatalf("Serve returned %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, seat.Listener()) }()
	idle.send(askVersion + "\n")
	idle.expect(`"1.2.3"`)
	newLine(t, path).send(askVersion + "\n")
	release <- true
	for _, l := range []*line{first, second} { // one of them
		_ = l.nc.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if text, err := l.r.ReadString('\n'); err == nil && strings.Contains(text, `"long"`) {
			_ = l.nc.SetReadDeadline(time.Now().Add(10 * time.Second))
			l.send(askReload + "\n")
			l.expect(`"profiles"`)
			continue
		}
		_ = l.nc.SetReadDeadline(time.Now().Add(10 * time.Second))
		defer l.expect(`"shutting_down"`)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestUnreadTwice: what a client has sent outlives a second handover before
// anybody reads it.
func TestUnreadTwice(t *testing.T) {
	nc := dialRaw(t, serve(t, &Server{Agent: &scripted{}}))
	p := Parked{nc: nc, in: newFrameReader(nc, maxFromClient)}
	p.in.stream.unread = []byte(askVersion)
	for range 2 {
		file, state, err := p.File()
		if err != nil || string(state.Unread) != askVersion {
			t.Fatalf("%q, %v", state.Unread, err)
		}
		if p, err = Unpark(file, state); err != nil {
			t.Fatal(err)
		}
		defer p.nc.Close()
	}
}

// TestClosedIsNotParked: a connection that was closed, since its client hasn't
// taken an answer, is no reason to put a handover off.
func TestClosedIsNotParked(t *testing.T) {
	for _, closed := range []bool{false, true} {
		_, nc := net.Pipe()
		if closed {
			nc.Close()
		}
		var open bool
		d := &door{server: &Server{}}
		c := &conn{Parked: Parked{nc: nc}, door: d, toPark: true, left: func(_ Parked, isOpen bool) { open = isOpen }}
		c.leave()
		if open == closed {
			t.Errorf("closed %t, parked %t", closed, open)
		}
	}
}
