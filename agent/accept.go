package agent

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

const (
	maxConns       = 12000 // in all, fewer when the process may open fewer files
	maxConnsPerPID = 64
	reservedFiles  = 16 // kept for the stores, the network and the log

	// endTimeout is how long Serve waits for its connections: the calls' time
	// and what a last answer may take.
	endTimeout = drainTimeout + writeTimeout + time.Second
)

var errBusy = Errorf(KindBusy, "too many connections to the agent").WithHint("try again in a moment")

// Serve accepts connections on l until ctx ends, and answers those of the
// agent's own user. It closes l. When it returns, calls in flight have ended or
// had their time (eight seconds). The error is that of l; nil after ctx's end.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer l.Close()
	serving, stopServing := context.WithCancel(ctx)
	defer stopServing()

	d := door{server: s, open: connections{max: connLimit(), byPID: map[int]int{}}}
	err := d.acceptAll(serving, l)
	stopServing()
	d.waitForAll()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// A door lets clients in.
type door struct {
	server  *Server
	open    connections
	inside  sync.WaitGroup
	refusal time.Time // when one was last logged; a stranger must not fill the log
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
			d.admit(ctx, nc)
			continue
		case errors.Is(err, net.ErrClosed):
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
func (d *door) admit(ctx context.Context, nc net.Conn) {
	who, err := peerOf(nc)
	if err != nil || !d.server.mayCall(who) {
		d.logRefusal("refused a connection of uid %s, pid %d", who.user, who.pid)
		nc.Close()
		return
	}
	if !d.open.add(who.pid) {
		d.logRefusal("refused a connection of pid %d: too many", who.pid)
		sayBusy(nc)
		return
	}
	d.inside.Go(func() {
		defer d.open.remove(who.pid)
		d.server.ServeConn(ctx, Caller{PID: who.pid}, nc)
	})
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

// waitForAll waits for the connections to end, but not for ever: a call that
// ignores its context ends with the process.
func (d *door) waitForAll() {
	ended := make(chan struct{})
	go func() {
		d.inside.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(endTimeout):
		d.server.logf("calls in flight did not end in time")
	}
}

// connections counts what is open.
type connections struct {
	mu    sync.Mutex
	max   int
	total int
	byPID map[int]int // without pid 0, an unknown process
}

// add counts one more, if there is room for it.
func (c *connections) add(pid int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.total >= c.max || c.byPID[pid] >= maxConnsPerPID {
		return false
	}
	c.total++
	if pid != 0 {
		c.byPID[pid]++
	}
	return true
}

func (c *connections) remove(pid int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total--
	if c.byPID[pid]--; c.byPID[pid] <= 0 {
		delete(c.byPID, pid)
	}
}

// connLimit is how many connections there may be at once.
func connLimit() int {
	return max(1, min(maxConns, openFilesLimit()-reservedFiles))
}
