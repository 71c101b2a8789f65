package store_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cogtok/cogtok/store"
	"github.com/cogtok/cogtok/store/storetest"
)

func TestBoundStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return store.Bound(new(store.Memory), time.Minute, "the test") })
}

// A hanging store hangs until it is let go, whatever its context says.
type hanging struct {
	store.Store
	gate  atomic.Pointer[chan struct{}]
	calls atomic.Int32
}

func (h *hanging) Put(ctx context.Context, name string, value []byte) error {
	h.calls.Add(1)
	if gate := h.gate.Load(); gate != nil {
		<-*gate
	}
	return h.Store.Put(context.WithoutCancel(ctx), name, value)
}

func TestBoundStoreThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &hanging{Store: new(store.Memory)}
		gate := make(chan struct{})
		inner.gate.Store(&gate)
		s := store.Bound(inner, 3*time.Second, "the test")
		before := runtime.NumGoroutine()
		value := []byte("v1")
		for i, limit := range []time.Duration{time.Second, 5 * time.Second, 5 * time.Second, 5 * time.Second} {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			began := time.Now()
			err := s.Put(ctx, "x", value)
			cancel()
			clear(value) // the caller's own again
			var unavailable *store.UnavailableError
			if i == 0 && !errors.Is(err, context.DeadlineExceeded) || i > 0 && !errors.As(err, &unavailable) {
				t.Errorf("call %d: %v", i, err)
			}
			if took := time.Since(began); took > 3*time.Second || i > 1 && took > 0 {
				t.Errorf("call %d took %v", i, took)
			}
		}
		if n := inner.calls.Load(); n != 1 || runtime.NumGoroutine() > before+1 {
			t.Errorf("%d calls and %d goroutines hang", n, runtime.NumGoroutine()-before)
		}
		inner.gate.Store(nil)
		close(gate)
		synctest.Wait()
		if got, err := s.Get(t.Context(), "x"); err != nil || string(got) != "v1" {
			t.Errorf("what was written late: %q, %v", got, err)
		}
		if err := s.Put(t.Context(), "x", []byte("v2")); err != nil {
			t.Error(err)
		}
	})
}
