package keychain

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cogtok/cogtok/store"
)

// A turn lets one call at a time into the keychain, each in a goroutine that
// can be left behind when it hangs.
type turn struct {
	limit time.Duration
	token chan struct{} // holds one value while a call is under way

	mu    sync.Mutex // guards since
	since time.Time  // when the call that is under way began; zero: none is
}

func newTurn(limit time.Duration) *turn {
	return &turn{limit: limit, token: make(chan struct{}, 1)}
}

type outcome struct {
	value string
	err   error
}

// take runs work as the only one and returns its outcome, unless that takes
// longer than the limit or ctx ends. work goes on then, and until it returns
// nobody else gets a turn.
func (t *turn) take(ctx context.Context, work func() (string, error)) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	timeout := time.NewTimer(t.limit)
	defer timeout.Stop()
	if t.stuck() {
		return "", t.noAnswer()
	}
	select {
	case t.token <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	case <-timeout.C:
		return "", t.noAnswer()
	}
	t.begin(time.Now())
	done := make(chan outcome, 1)
	go func() {
		o := protect(work)
		t.begin(time.Time{})
		<-t.token
		done <- o
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		return "", ctx.Err()
	case <-timeout.C:
		return "", t.noAnswer()
	}
}

// protect turns a panic of work into an error: the D-Bus library asserts the
// types of what the other side sends.
func protect(work func() (string, error)) (o outcome) {
	defer func() {
		if p := recover(); p != nil {
			o.err = &store.UnavailableError{
				Reason: "the keychain gave an answer that makes no sense",
				Hint:   "restart the keychain service, " + useAnother,
				Err:    fmt.Errorf("panic: %v", p),
			}
		}
	}()
	o.value, o.err = work()
	return o
}

func (t *turn) begin(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.since = at
}

// stuck reports whether the call that is under way has outlasted the limit.
func (t *turn) stuck() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.since.IsZero() && time.Since(t.since) >= t.limit
}

func (t *turn) noAnswer() error {
	return &store.UnavailableError{
		Reason: fmt.Sprintf("the keychain does not answer (waited %v)", t.limit),
		Hint:   "see whether it waits for you in a window, or restart it, then the agent: cogtok agent restart",
	}
}
