package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cogtok/cogtok/internal/printable"
)

// A conn is one client's connection. One goroutine does it all as long as calls
// are answered at once, which is nearly always. When a call takes longer,
// another begins to read, so that a hang-up and the answers to prompts are
// noticed, and the first goes on to answer the calls one by one.
type conn struct {
	server   *Server
	caller   Caller
	nc       net.Conn
	in       *frameReader
	stopping context.Context // ends when the agent is to stop
	prompts  prompts
	watching atomic.Bool // from the reading of a watch to its end

	// handedOver says that a goroutine of its own reads. Only the reader uses it.
	handedOver bool
	// parked says that the connection is to stay open, for a successor. The
	// reader sets it before it ends.
	parked bool

	pace       sync.Mutex
	midMessage bool // the reader has a part of a message

	queue   chan *message // calls that wait while another runs
	pending atomic.Int32  // calls in the queue or running
	lastEnd atomic.Int64  // when the last of them ended, Unix time in ns

	writing sync.Mutex // one message at a time
}

// ServeConn answers the calls on nc until the client hangs up, breaks the
// protocol or is idle for too long, or ctx ends; then calls in flight have
// five seconds. It closes nc. The caller has checked who is at the other end.
func (s *Server) ServeConn(ctx context.Context, who Caller, nc net.Conn) {
	if s.serveConn(ctx, Parked{nc: nc, in: newFrameReader(nc, maxFromClient), caller: who}) {
		nc.Close()
	}
}

// serveConn is ServeConn for a connection on which something may have been read
// already. It reports whether the connection is open still, and to be parked.
func (s *Server) serveConn(ctx context.Context, p Parked) (parked bool) {
	c := &conn{server: s, caller: p.caller, nc: p.nc, in: p.in, stopping: ctx, queue: make(chan *message, queueLength)}
	c.lastEnd.Store(time.Now().UnixNano())
	calls, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { c.drain(calls, cancel) })
	defer stop()
	defer func() {
		if !parked {
			c.nc.Close()
		}
	}()

	c.read(calls, func() {
		cancel(context.Canceled)
		close(c.queue)
	})
	return c.parked
}

// quick is how long a call may take before another goroutine reads on.
const quick = time.Millisecond

// drain lets the calls in flight end and then cancels them. Those that a
// handover finds go on, until the agent is to stop.
func (c *conn) drain(calls context.Context, cancel context.CancelCauseFunc) {
	c.wake()
	if handsOver(c.stopping) {
		select {
		case <-calls.Done():
			return
		case <-c.server.ending():
		}
	}
	select {
	case <-calls.Done():
	case <-time.After(drainTimeout):
		cancel(errShuttingDown)
	}
}

// wake makes the reader look whether it is to end, unless it has a part of a
// message: that one comes to its end first.
func (c *conn) wake() {
	c.pace.Lock()
	defer c.pace.Unlock()
	if !c.midMessage {
		_ = c.nc.SetReadDeadline(time.Now())
	}
}

// expect sets until when the reader waits.
func (c *conn) expect(limit time.Duration, midMessage bool) {
	c.pace.Lock()
	defer c.pace.Unlock()
	c.midMessage = midMessage
	_ = c.nc.SetReadDeadline(time.Now().Add(limit))
}

// read takes messages until the connection is to be closed, and then calls
// over. When a call takes long, another goroutine does that, and read returns
// after the last call.
func (c *conn) read(calls context.Context, over func()) {
	reading := true
	defer func() {
		if reading {
			over()
		}
	}()
	defer c.recovered("reading")
	for {
		data, err := c.nextFrame()
		switch {
		case err == nil:
			if m, ok := c.receive(data); ok && !c.take(calls, m, over) {
				reading = false
				c.work(calls)
				return
			}
		case errors.Is(err, errTooLong), errors.Is(err, errBadHeader), errors.Is(err, errTooSlow):
			c.reply(nil, nil, fault(codeRequest, err.Error()))
			return
		default:
			c.parked = errors.Is(err, ErrHandOver)
			return
		}
	}
}

// take answers a call, or lets it wait for its turn. It reports whether the
// caller is to read on; if not, another goroutine does.
func (c *conn) take(calls context.Context, m message, over func()) bool {
	if c.pending.Add(1) > queueLength {
		c.pending.Add(-1)
		c.reply(m.ID, nil, Errorf(KindBusy, "too many calls wait on this connection").WithHint("open another connection"))
		return true
	}
	if m.Method == watchMethod {
		c.watching.Store(true)
	}
	if c.handedOver {
		c.queue <- &m // has room for queueLength
		return true
	}
	other := time.AfterFunc(quick, func() {
		c.handedOver = true
		c.read(calls, over)
	})
	c.answer(calls, m)
	return other.Stop()
}

// nextFrame returns the next message. An error means that the connection is over.
func (c *conn) nextFrame() ([]byte, error) {
	if err := c.waitForFrame(); err != nil {
		return nil, err
	}
	if !c.in.complete() {
		c.expect(frameTimeout, true)
	}
	data, err := c.in.next()
	if errors.Is(err, os.ErrDeadlineExceeded) && c.stopping.Err() == nil {
		return nil, errTooSlow
	}
	return data, err
}

// waitForFrame waits until a message begins, as long as it takes while a call
// runs and for idleTimeout otherwise.
func (c *conn) waitForFrame() error {
	for {
		c.expect(c.idleLeft(), false)
		if c.pending.Load() == 0 && c.stopping.Err() != nil {
			return context.Cause(c.stopping)
		}
		err := c.in.wait()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if c.pending.Load() == 0 && c.stopping.Err() == nil && c.idleLeft() <= 0 {
			return err
		}
	}
}

func (c *conn) idleLeft() time.Duration {
	if c.pending.Load() > 0 {
		return idleTimeout
	}
	return time.Until(time.Unix(0, c.lastEnd.Load()).Add(idleTimeout))
}

// receive does what a message asks for, unless it is a call: that is returned.
func (c *conn) receive(data []byte) (call message, ok bool) {
	m, broken := parseMessage(data)
	switch {
	case broken != nil:
		c.reply(m.ID, nil, broken)
	case m.Method == "":
		c.prompts.answered(m)
	case !m.isCall(): // a notification; there is none that an agent has to know
	case c.stopping.Err() != nil && !handsOver(c.stopping):
		c.reply(m.ID, nil, errShuttingDown)
	case c.watching.Load():
		c.reply(m.ID, nil, Errorf(KindBusy, "this connection watches").WithHint("open another connection"))
	default:
		return m, true
	}
	return message{}, false
}

// work answers the calls that wait, in order.
func (c *conn) work(calls context.Context) {
	for m := range c.queue {
		c.answer(calls, *m)
	}
}

// answer runs a call that pending counts, unless the connection is over.
func (c *conn) answer(calls context.Context, m message) {
	if calls.Err() == nil {
		c.call(calls, m)
	}
	if m.Method == watchMethod {
		c.watching.Store(false)
	}
	c.lastEnd.Store(time.Now().UnixNano())
	if c.pending.Add(-1) == 0 && c.stopping.Err() != nil {
		c.wake() // ends the reader
	}
}

// call runs one call. Prompts end with it, even those asked by a goroutine
// that it left behind.
func (c *conn) call(calls context.Context, m message) {
	ctx, cancel := context.WithCancelCause(calls)
	defer cancel(nil)
	if m.Method == watchMethod { // it would go on for ever
		defer context.AfterFunc(c.stopping, func() { cancel(errShuttingDown) })()
	}
	result, err := c.run(ctx, m)
	if cause := context.Cause(ctx); cause == error(errShuttingDown) && err != nil {
		err = cause
	}
	c.reply(m.ID, result, err)
}

func (c *conn) run(ctx context.Context, m message) (result any, err error) {
	err = Errorf(KindInternal, "the agent failed to answer").WithHint("see: cogtok agent log") // unless it returns
	defer c.recovered(m.Method)
	caller := c.caller
	caller.Notify = c.notify
	return c.server.call(ctx, caller, m, &prompter{c, ctx})
}

// reply sends the answer to a call. An error that isn't the agent's own is
// logged here, since the client isn't told what it says.
func (c *conn) reply(id json.RawMessage, result any, err error) {
	m := outgoing{ID: id, Result: result}
	if len(id) == 0 {
		m.ID = nil
	}
	if err != nil {
		var known *Error
		var broken *wireError
		if !errors.As(err, &known) && !errors.As(err, &broken) && !errors.Is(err, context.Canceled) {
			c.server.logf("pid %d: %s", c.caller.PID, printable.Limit(err.Error(), 300))
		}
		m.Result, m.Error = nil, toWire(err)
	}
	if errors.Is(c.send(m), errTooLong) {
		_ = c.send(outgoing{ID: m.ID, Error: toWire(Errorf(KindInternal, "the answer is too long to be sent"))})
	}
}

// send writes a call or an answer.
func (c *conn) send(m outgoing) error {
	m.Version = "2.0"
	return c.write(m)
}

// write writes one message. A client that doesn't take it is hung up on.
func (c *conn) write(m any) error {
	frame, err := c.in.framing.encode(m, maxFromAgent)
	if err != nil {
		return err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	_ = c.nc.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err = c.nc.Write(frame); err != nil {
		c.nc.Close()
	}
	return err
}

// recovered keeps a fault in one connection from ending the agent. The value of
// a panic may hold anything, so that only the runtime's own are logged.
func (c *conn) recovered(doing string) {
	v := recover()
	if v == nil {
		return
	}
	text := fmt.Sprintf("%T", v)
	if e, ok := v.(runtime.Error); ok {
		text = e.Error()
	}
	c.server.logf("panic in %s: %s\n%s", printable.Limit(doing, 40), text, debug.Stack())
}
