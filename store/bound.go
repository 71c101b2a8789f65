package store

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Bound returns a Store that does what s does, and whose calls end after limit
// even if those of s don't: a disk can hang as a keychain can. One call is under
// way at a time. Until a call that has outlasted the limit ends, further ones fail
// at once, so no more than one goroutine hangs. what names the thing that
// doesn't answer, for people.
func Bound(s Store, limit time.Duration, what string) Store {
	return &bounded{inner: s, limit: limit, what: what, turn: make(chan struct{}, 1)}
}

type bounded struct {
	inner Store
	limit time.Duration
	what  string
	turn  chan struct{} // holds one value while a call is under way

	mu    sync.Mutex
	since time.Time // when the call that is under way began; zero: none is
}

func (b *bounded) Get(ctx context.Context, name string) ([]byte, error) {
	return b.call(ctx, func() ([]byte, error) { return b.inner.Get(ctx, name) })
}

func (b *bounded) Put(ctx context.Context, name string, value []byte) error {
	own := append([]byte{}, value...) // the caller may wipe its own when the call has been given up
	_, err := b.call(ctx, func() ([]byte, error) {
		defer clear(own)
		return nil, b.inner.Put(ctx, name, own)
	})
	return err
}

func (b *bounded) Delete(ctx context.Context, name string) error {
	_, err := b.call(ctx, func() ([]byte, error) { return nil, b.inner.Delete(ctx, name) })
	return err
}

// call does the work as the only one.
func (b *bounded) call(ctx context.Context, work func() ([]byte, error)) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if b.stuck() {
		return nil, b.noAnswer()
	}
	limit := time.NewTimer(b.limit)
	defer limit.Stop()
	select {
	case b.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-limit.C:
		return nil, b.noAnswer()
	}
	type outcome struct {
		value []byte
		err   error
	}
	done := make(chan outcome, 1)
	b.begin(time.Now())
	go func() {
		value, err := work()
		b.begin(time.Time{})
		<-b.turn
		done <- outcome{value, err}
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-limit.C:
		return nil, b.noAnswer()
	}
}

func (b *bounded) begin(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.since = at
}

func (b *bounded) stuck() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.since.IsZero() && time.Since(b.since) >= b.limit
}

func (b *bounded) noAnswer() error {
	return &UnavailableError{
		Reason: fmt.Sprintf("%s does not answer (waited %v)", b.what, b.limit),
		Hint:   "see whether the disk that it is on is there",
	}
}
