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

// A conn is one client's connection. One goroutine at a time reads: it rests
// until a message begins, reads that and those that follow soon, and rests again.
// It also answers the calls, one by one, which nearly always is done at once.
// When a call has to wait for something, another goroutine reads on, so that a
// hang-up and the answers to prompts are noticed, and the first one ends after
// the call and those that came meanwhile.
type conn struct {
	Parked
	server   *Server
	stopping context.Context // ends when the agent is to stop
	door     *door
	left     func(p Parked, open bool) // called at the end
	prompts  prompts
	watching atomic.Bool // from the reading of a watch to its end
	first    [1]byte     // of a message, read at rest
	toPark   bool        // a successor is to go on; the reader sets it at its end

	mu         sync.Mutex
	midMessage bool                    // the reader has a part of a message
	pending    int                     // calls that run or wait
	waiting    []message               // those that wait
	cancel     context.CancelCauseFunc // of the one that runs; nil: none does
	noCalls    error                   // why none may run any more
	lastEnd    time.Time               // when the last call ended
	over       bool                    // nobody reads any more

	writing sync.Mutex // one message at a time
}

// lull is after how long without a message a connection rests. To rest at once
// would make each of several quick calls half as long again.
const lull = 100 * time.Millisecond

// errLull means that no message has come for a while.
var errLull = errors.New("no message")

// ServeConn answers the calls on nc until the client hangs up, breaks the
// protocol or is idle for too long, or ctx ends; then calls in flight have
// five seconds. It closes nc. The caller has checked who is at the other end.
func (s *Server) ServeConn(ctx context.Context, who Caller, nc net.Conn) {
	d := &door{server: s, ctx: ctx}
	defer context.AfterFunc(ctx, d.drain)()
	ended := make(chan struct{})
	d.begin(Parked{nc: nc, in: newFrameReader(nc, maxFromClient), caller: who}, func(Parked, bool) { close(ended) })
	<-ended
	nc.Close()
}

// wake makes the reader look whether it is to end, unless it has a part of a
// message: that one comes to its end first.
func (c *conn) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.midMessage {
		_ = c.nc.SetReadDeadline(time.Now())
	}
}

// expect sets until when the reader waits.
func (c *conn) expect(limit time.Duration, midMessage bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.midMessage = midMessage
	_ = c.nc.SetReadDeadline(time.Now().Add(limit))
}

// readOn has another goroutine read: one that rests, if nothing has come yet.
func (c *conn) readOn() {
	c.expect(c.idleLeft(), false)
	if c.toEnd() || !c.in.release() {
		go c.read()
		return
	}
	go c.rest()
}

// rest waits for a message's first byte. Thousands of clients may do no more
// than that. So it has a goroutine of its own, whose stack is still as small as
// they begin, and calls what needs little of it. It has no buffer either.
func (c *conn) rest() {
	n, _ := c.nc.Read(c.first[:]) // the next Read says what is wrong
	c.in.stream.unread = c.first[:n]
	c.read()
}

// read takes messages until the connection is over or rests, or until another
// goroutine reads.
func (c *conn) read() {
	goesOn := false
	defer func() {
		if !goesOn {
			c.end()
		}
	}()
	defer c.recovered("reading")
	for {
		data, err := c.nextFrame()
		switch {
		case err == nil:
			if m, ok := c.receive(data); ok && !c.take(m) {
				goesOn = true
				return
			}
		case err == errLull:
			goesOn = true
			c.readOn()
			return
		case errors.Is(err, errTooLong), errors.Is(err, errBadHeader), errors.Is(err, errTooSlow):
			c.reply(nil, nil, fault(codeRequest, err.Error()))
			return
		default:
			c.toPark = errors.Is(err, ErrHandOver)
			return
		}
	}
}

// end ends the calls when nobody reads any more.
func (c *conn) end() {
	c.endCalls(context.Canceled)
	c.mu.Lock()
	c.over = true
	pending := c.pending
	c.mu.Unlock()
	if pending == 0 {
		c.leave()
	}
}

// leave is the end: nobody reads, and no call runs.
func (c *conn) leave() {
	c.door.forget(c)
	if c.toPark && c.nc.SetDeadline(time.Time{}) != nil {
		c.toPark = false // it was closed: the client hasn't taken an answer
	}
	if !c.toPark {
		c.nc.Close()
	}
	c.left(c.Parked, c.toPark)
}

// nextFrame returns the next message. An error means that the connection is
// over, or rests.
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

// waitForFrame waits a little for a message to begin.
func (c *conn) waitForFrame() error {
	c.expect(min(lull, c.idleLeft()), false)
	if c.toEnd() {
		return context.Cause(c.stopping)
	}
	err := c.in.wait()
	if errors.Is(err, os.ErrDeadlineExceeded) && (c.idleLeft() > 0 || c.stopping.Err() != nil) {
		return errLull
	}
	return err
}

// idleLeft is how long the connection may be without a message yet: as long as
// it takes while a call runs, and idleTimeout otherwise.
func (c *conn) idleLeft() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending > 0 {
		return idleTimeout
	}
	return time.Until(c.lastEnd.Add(idleTimeout))
}

// toEnd reports whether the agent is to stop, and no call runs.
func (c *conn) toEnd() bool {
	if c.stopping.Err() == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending == 0
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
