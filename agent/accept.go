package agent

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"
)

const (
	maxConns       = 12000 // in all, fewer when the process may open fewer files
	maxConnsPerPID = 64
	fewestOfCrowd  = 100
	reservedFiles  = 16 // kept for the stores, the network and the log

	// endTimeout is how long Serve waits for its connections: the calls' time
	// and what a last answer may take.
	endTimeout = drainTimeout + writeTimeout + time.Second
)

var errBusy = Errorf(KindBusy, "too many connections to the agent").WithHint("try again in a moment")

// Serve accepts connections on l until ctx ends, and answers those of the
// agent's own user. It closes l. When it returns, calls in flight have ended or
// had their time (eight seconds). The error is that of l; nil after ctx's end.
//
// When ctx's cause is ErrHandOver nothing is closed: l stays open, connections
// that wait for a call are parked, and it is an error if there are others after
// two seconds. Serve may be called again then, and goes on as if nothing had
// been.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	goOnAccepting(l)
	stop := context.AfterFunc(ctx, func() { stopAccepting(ctx, l) })
	defer stop()
	serving, stopServing := context.WithCancel(ctx)
	defer stopServing()

	d := s.openDoor(serving)
	err := d.acceptAll(serving, l)
	s.closeDoor()
	if handsOver(ctx) {
		return s.waitForAll(handOverTimeout)
	}
	l.Close()
	stopServing()
	s.end()
	if s.waitForAll(endTimeout) != nil {
		s.logf("calls in flight did not end in time")
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// A door lets clients in, and has them end.
type door struct {
	server  *Server
	ctx     context.Context // of the connections
	refusal time.Time       // when one was last logged; a stranger must not fill the log

	mu    sync.Mutex
	conns map[*conn]struct{} // those that are open
}

// acceptAll accepts until ctx ends or l is closed. For want of files or memory
// it waits a little and goes on; it never spins.
func (d *door) acceptAll(ctx context.Context, l net.Listener) error {
	const shortest, longest = 5 * time.Millisecond, 50 * time.Millisecond
	wait := shortest
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			wait = shortest
			d.admit(nc)
			continue
		case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil:
			return err
		}
		d.logRefusal("accepting connections: %s", reason(err))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait/2 + rand.N(wait/2)):
			wait = min(2*wait, longest)
		}
	}
}

// admit serves nc if it is the user's own and there is room. A stranger gets
// not a byte.
func (d *door) admit(nc net.Conn) {
	who, err := peerOf(nc)
	if err != nil || !d.server.mayCall(who) {
		d.logRefusal("refused a connection of uid %s, pid %d", who.user, who.pid)
		nc.Close()
		return
	}
	if !d.server.open.add(who.pid) {
		d.logRefusal("refused a connection of pid %d: too many", who.pid)
		sayBusy(nc)
		return
	}
	d.serve(Parked{nc: nc, in: newFrameReader(nc, maxFromClient), caller: Caller{PID: who.pid}})
}

// serve answers a connection that is counted.
func (d *door) serve(p Parked) {
	d.server.noteCrowd()
	d.begin(p, d.left)
}

// begin does what ServeConn does, with a connection on which something may have
// been read already, and doesn't wait for its end. It calls left then; the
// connection is open still if a successor is to go on.
func (d *door) begin(p Parked, left func(p Parked, open bool)) {
	c := &conn{Parked: p, server: d.server, stopping: d.ctx, door: d, left: left, lastEnd: time.Now()}
	d.mu.Lock()
	if d.conns == nil {
		d.conns = map[*conn]struct{}{}
	}
	d.conns[c] = struct{}{}
	d.mu.Unlock()
	c.readOn()
}

func (d *door) forget(c *conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, c)
}

// drain lets the calls in flight end and then cancels them. Those that a
// handover finds go on, until the agent is to stop.
func (d *door) drain() {
	d.each((*conn).wake)
	if handsOver(d.ctx) {
		context.AfterFunc(d.server.ending(), d.endCalls)
		return
	}
	d.endCalls()
}

func (d *door) endCalls() {
	time.AfterFunc(drainTimeout, func() {
		d.each(func(c *conn) { c.endCalls(errShuttingDown) })
	})
}

func (d *door) each(do func(*conn)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.conns {
		do(c)
	}
}

// left uncounts a connection, and parks it if it is open.
func (d *door) left(p Parked, open bool) {
	if open {
		d.server.park(p)
	}
	d.server.open.remove(p.caller.PID)
	d.server.noteCrowd()
}

// noteCrowd calls Crowd if there is something to say.
func (s *Server) noteCrowd() {
	if s.Crowd != nil && s.open.changed() {
		s.Crowd()
	}
}

// mayCall reports whether a process may call the agent: the same user's, and
// root's only where the config says so.
func (s *Server) mayCall(who peer) bool {
	return who.self || who.root && s.AllowRoot != nil && s.AllowRoot()
}

// sayBusy sends the one message that a client gets without having asked, and so
// in the first framing, whatever it speaks. A new connection always has room
// for it, so that this doesn't block.
func sayBusy(nc net.Conn) {
	defer nc.Close()
	frame, err := lines.encode(outgoing{Version: "2.0", Error: toWire(errBusy)}, maxFromAgent)
	if err == nil {
		_ = nc.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
		_, _ = nc.Write(frame)
	}
}

// logRefusal logs at most once a minute.
func (d *door) logRefusal(format string, args ...any) {
	if now := time.Now(); now.Sub(d.refusal) >= time.Minute {
		d.refusal = now
		d.server.logf(format, args...)
	}
}

// waitForAll waits for the connections to end or to be parked, but not for
// ever: a call that ignores its context ends with the process.
func (s *Server) waitForAll(limit time.Duration) error {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-s.open.none():
		return nil
	case <-t.C:
		return errStillBusy
	}
}

// connections counts what is open and not parked. Its zero value is empty.
type connections struct {
	mu    sync.Mutex
	max   int // 0: connLimit
	total int
	noted int           // what total was when changed was last true
	byPID map[int]int   // without pid 0, an unknown process
	ended chan struct{} // closed when there is none any more; nil: nobody waits for that
}

// changed reports whether a crowd has come or gone since it last did so.
func (c *connections) changed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	came := c.total >= fewestOfCrowd && c.total >= 2*c.noted
	gone := c.noted >= fewestOfCrowd && c.total <= c.noted/2
	if came || gone {
		c.noted = c.total
	}
	return came || gone
}

// none is closed when no connection is left.
func (c *connections) none() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended == nil {
		c.ended = make(chan struct{})
	}
	ended := c.ended
	c.tellIfNone()
	return ended
}

// tellIfNone tells whoever waits that no connection is left; mu is held.
func (c *connections) tellIfNone() {
	if c.total == 0 && c.ended != nil {
		close(c.ended)
		c.ended = nil
	}
}

// add counts one more, if there is room for it.
func (c *connections) add(pid int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.max == 0 {
		c.max = connLimit()
	}
	if c.total >= c.max || c.byPID[pid] >= maxConnsPerPID {
		return false
	}
	c.count(pid)
	return true
}

// addAnyway counts one that was let in before.
func (c *connections) addAnyway(pid int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count(pid)
}

// count counts one more; mu is held.
func (c *connections) count(pid int) {
	c.total++
	if c.byPID == nil {
		c.byPID = map[int]int{}
	}
	if pid != 0 {
		c.byPID[pid]++
	}
}

func (c *connections) remove(pid int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total--
	if c.byPID[pid]--; c.byPID[pid] <= 0 {
		delete(c.byPID, pid)
	}
	c.tellIfNone()
}

// connLimit is how many connections there may be at once.
func connLimit() int {
	return max(1, min(maxConns, openFilesLimit()-reservedFiles))
}
