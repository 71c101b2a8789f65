package agent

import (
	"context"
	"slices"
	"sync"
	"time"
)

// The calls of a connection: one runs, the others wait for their turn.

// take answers a call and those that come meanwhile, or lets it wait for its
// turn. It reports whether the caller is to read on; if not, another goroutine
// does.
func (c *conn) take(m message) bool {
	before, ok := c.enqueue(m)
	switch {
	case !ok:
		c.reply(m.ID, nil, Errorf(KindBusy, "too many calls wait on this connection").WithHint("open another connection"))
	case before == 0:
		return c.work(m)
	}
	return true
}

// enqueue counts a call, if there is room for it, and has it wait if there are
// others before it.
func (c *conn) enqueue(m message) (before int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before = c.pending
	if before == queueLength {
		return before, false
	}
	c.pending++
	if before > 0 {
		c.waiting = append(c.waiting, m)
	}
	if m.Method == watchMethod {
		c.watching.Store(true)
	}
	return before, true
}

// work answers m and the calls that come meanwhile. It reports whether nobody
// else reads.
func (c *conn) work(m message) (alone bool) {
	var once sync.Once
	waits := func() { once.Do(c.readOn) }
	for more := true; more; m, more = c.next() {
		c.answer(m, waits)
	}
	once.Do(func() { alone = true })
	return alone
}

// next ends a call and returns the one whose turn it is.
func (c *conn) next() (m message, more bool) {
	c.mu.Lock()
	c.cancel = nil
	c.pending--
	c.lastEnd = time.Now()
	pending, over := c.pending, c.over
	if pending > 0 {
		m = c.waiting[0]
		c.waiting = slices.Delete(c.waiting, 0, 1) // which keeps nothing of it
	}
	c.mu.Unlock()
	switch {
	case pending > 0:
		return m, true
	case over:
		c.leave()
	case c.stopping.Err() != nil:
		c.wake() // ends the reader
	}
	return message{}, false
}

// answer runs a call, if it may still run.
func (c *conn) answer(m message, waits func()) {
	answered := false
	defer func() {
		if !answered {
			c.nc.Close()
		}
	}()
	defer c.recovered(m.Method)
	c.call(m, waits)
	if m.Method == watchMethod {
		c.watching.Store(false)
	}
	answered = true
}

// A callContext is the context of a call. Who wants to know of its end waits for
// something that may take long.
type callContext struct {
	context.Context
	waits func()
}

// Done implements context.Context.
func (c callContext) Done() <-chan struct{} {
	c.waits()
	return c.Context.Done()
}

// call runs one call. Prompts end with it, even those asked by a goroutine
// that it left behind.
func (c *conn) call(m message, waits func()) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(c.stopping))
	defer cancel(nil)
	if !c.mayRun(cancel) {
		return
	}
	if m.Method == watchMethod { // it would go on for ever
		defer context.AfterFunc(c.stopping, func() { cancel(errShuttingDown) })()
	}
	result, err := c.run(callContext{ctx, waits}, m)
	if cause := context.Cause(ctx); cause == error(errShuttingDown) && err != nil {
		err = cause
	}
	c.reply(m.ID, result, err)
}

// mayRun reports whether a call may run. If so, endCalls will cancel it.
func (c *conn) mayRun(cancel context.CancelCauseFunc) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel = cancel
	return c.noCalls == nil
}

func (c *conn) run(ctx context.Context, m message) (result any, err error) {
	err = Errorf(KindInternal, "the agent failed to answer").WithHint("see: cogtok agent log") // unless it returns
	defer c.recovered(m.Method)
	caller := c.caller
	caller.Notify = c.notify
	return c.server.call(ctx, caller, m, &prompter{c, ctx})
}

// endCalls ends the call that runs, and has no other begin.
func (c *conn) endCalls(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.noCalls != nil {
		return
	}
	c.noCalls = cause
	if c.cancel != nil {
		c.cancel(cause)
	}
}
