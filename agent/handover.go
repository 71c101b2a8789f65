package agent

import (
	"context"
	"errors"
	"net"
	"os"
	"time"
)

// Handing over to a successor.
//
// A new program takes over from an agent in the same process, by exec. Clients
// notice nothing: the listening socket goes on to collect who connects, and a
// connection without a call is parked, which leaves it open with whatever its
// client sends meanwhile. Should the exec fail, the agent serves on, and unparks
// them itself.

// ErrHandOver is the cause with which the context of Serve ends when a
// successor is to take over. Nothing is closed then.
var ErrHandOver = errors.New("handed over to a successor")

// errStillBusy means that calls went on for longer than a handover waits.
var errStillBusy = errors.New("calls are in flight")

// handOverTimeout is how long a handover waits for calls in flight. Nobody is
// let in meanwhile; so it is short, and the handover put off when it is over.
const handOverTimeout = 2 * time.Second

func handsOver(ctx context.Context) bool { return context.Cause(ctx) == ErrHandOver }

// goOnAccepting undoes stopAccepting, after a handover that came to nothing.
func goOnAccepting(l net.Listener) {
	if waiting, ok := l.(interface{ SetDeadline(time.Time) error }); ok {
		_ = waiting.SetDeadline(time.Time{})
	}
}

// stopAccepting ends the wait for clients, after the end of ctx.
func stopAccepting(ctx context.Context, l net.Listener) {
	waiting, ok := l.(interface{ SetDeadline(time.Time) error })
	if handsOver(ctx) && ok {
		_ = waiting.SetDeadline(time.Unix(1, 0))
		return
	}
	l.Close()
}

// A Parked connection is open, and no call runs on it.
type Parked struct {
	nc     net.Conn
	in     *frameReader
	caller Caller
}

// A ParkedState is what there is to a parked connection besides its socket.
type ParkedState struct {
	Begun   bool   `json:"begun,omitempty"`   // its first byte was seen
	Headers bool   `json:"headers,omitempty"` // and decided on this framing
	Unread  []byte `json:"unread,omitempty"`  // read, and not answered
}

// File returns the connection as a file of its own, and the rest of it.
func (p Parked) File() (*os.File, ParkedState, error) {
	nc, ok := p.nc.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, ParkedState{}, errors.New("not a socket of the system")
	}
	file, err := nc.File()
	return file, ParkedState{Begun: p.in.sniffed, Headers: p.in.framing == headers, Unread: p.in.unread()}, err
}

// Unpark makes a connection of what File returned. It closes the file.
func Unpark(file *os.File, state ParkedState) (Parked, error) {
	nc, err := net.FileConn(file)
	file.Close()
	if err != nil {
		return Parked{}, err
	}
	who, err := peerOf(nc)
	if err != nil {
		nc.Close()
		return Parked{}, err
	}
	in := newFrameReader(nc, maxFromClient)
	in.stream.unread, in.sniffed = state.Unread, state.Begun
	if state.Headers {
		in.framing = headers
	}
	return Parked{nc: nc, in: in, caller: Caller{PID: who.pid}}, nil
}

// Take returns the connections that are parked, and forgets them.
func (s *Server) Take() []Parked {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.parked
	s.parked = nil
	return taken
}

// Resume has connections served again: now if Serve runs, else when it does.
func (s *Server) Resume(list []Parked) {
	for _, p := range list {
		s.park(p)
	}
}

// park keeps a connection until somebody serves it, which may be at once.
func (s *Server) park(p Parked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.door == nil {
		s.parked = append(s.parked, p)
		return
	}
	s.open.addAnyway(p.caller.PID)
	s.door.serve(p)
}

// openDoor lets clients in, those who are parked first.
func (s *Server) openDoor(ctx context.Context) *door {
	d := &door{server: s, ctx: ctx}
	context.AfterFunc(ctx, d.drain)
	s.mu.Lock()
	s.door = d
	s.mu.Unlock()
	s.Resume(s.Take())
	return d
}

func (s *Server) closeDoor() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.door = nil
}

// ending ends when the agent stops for good: also for calls that began before a
// handover that came to nothing.
func (s *Server) ending() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		s.ended, s.stop = context.WithCancel(context.Background())
	}
	return s.ended
}

// end ends calls from before a handover, and what is parked.
func (s *Server) end() {
	s.ending()
	s.stop()
	for _, p := range s.Take() {
		p.nc.Close()
	}
}
