package keychain

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/cogtok/cogtok/store"
	"github.com/cogtok/cogtok/store/storetest"
)

// A fakeBackend is a keychain in memory that can be made to misbehave.
type fakeBackend struct {
	mu     sync.Mutex
	items  map[string]string
	max    int
	during func() // runs in each get, set and delete; may block or panic

	dismissed bool         // set does nothing and reports success
	running   atomic.Int32 // calls under way
	most      atomic.Int32 // the most that ever were at the same time
	failure   error        // of ready
}

func (f *fakeBackend) enter() func() {
	if n := f.running.Add(1); n > f.most.Load() {
		f.most.Store(n)
	}
	if f.during != nil {
		f.during()
	}
	f.mu.Lock()
	return func() { f.mu.Unlock(); f.running.Add(-1) }
}

func (f *fakeBackend) ready() error        { return f.failure }
func (f *fakeBackend) maxValue(string) int { return f.max }

func (f *fakeBackend) get(name string) (string, error) {
	defer f.enter()()
	value, ok := f.items[name]
	if !ok {
		return "", keyring.ErrNotFound
	}
	return value, nil
}

func (f *fakeBackend) set(name, value string) error {
	defer f.enter()()
	if f.max > 0 && len(value) > f.max {
		return keyring.ErrSetDataTooBig
	}
	if f.dismissed {
		return nil
	}
	if f.items == nil {
		f.items = make(map[string]string)
	}
	f.items[name] = value
	return nil
}

func (f *fakeBackend) delete(name string) error {
	defer f.enter()()
	if _, ok := f.items[name]; !ok {
		return keyring.ErrNotFound
	}
	delete(f.items, name)
	return nil
}

// TestConformanceWithLimit is for the keychains that can't run here: those of
// Windows and macOS take little.
func TestConformanceWithLimit(t *testing.T) {
	const windows = 2560
	storetest.Run(t, func(*testing.T) store.Store { return newStore(&fakeBackend{max: windows}, Limit) }, storetest.MaxValue(windows))
}

func TestOneCallAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := &fakeBackend{during: func() { time.Sleep(time.Millisecond) }}
		s := newStore(backend, Limit)
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				if err := s.Put(t.Context(), fmt.Sprint(i), []byte("v")); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := backend.most.Load(); n != 1 {
			t.Errorf("%d calls at the same time, want 1", n)
		}
	})
}

func TestHungCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		backend := &fakeBackend{during: func() { <-answer }}
		s := newStore(backend, Limit)
		// Three callers: one hangs in the keychain, two wait for their turn.
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { wantUnavailable(t, s, "does not answer", Limit) })
		}
		wg.Wait()
		for range 100 {
			wantUnavailable(t, s, "does not answer", 0)
		}
		if n := backend.running.Load(); n != 1 {
			t.Errorf("%d goroutines hang in the keychain, want 1", n)
		}
		close(answer)
		synctest.Wait()
		if _, err := s.Get(t.Context(), "x"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("after the answer: %v, want ErrNotFound", err)
		}
	})
}

func TestCallerGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		s := newStore(&fakeBackend{during: func() { <-answer }}, Limit)
		for _, when := range []string{"during the call", "waiting for a turn"} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			start := time.Now()
			if _, err := s.Get(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
				t.Errorf("%s: %v after %v, want the context's error after 1s", when, err, time.Since(start))
			}
			cancel()
		}
		close(answer)
		synctest.Wait()
		if _, err := s.Get(t.Context(), "x"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("afterwards: %v, want ErrNotFound", err)
		}
	})
}

func TestPanicInTheLibrary(t *testing.T) {
	backend := &fakeBackend{during: func() { var answer any = 1; _ = answer.(bool) }}
	s := newStore(backend, Limit)
	wantUnavailable(t, s, "makes no sense", time.Second)
	backend.during = nil
	if err := s.Put(t.Context(), "x", []byte("v")); err != nil {
		t.Errorf("after the panic: %v", err)
	}
}

func TestDismissedPrompt(t *testing.T) {
	s := newStore(&fakeBackend{dismissed: true}, Limit)
	err := s.Put(t.Context(), "x", []byte("marker-5c1e"))
	wantReason(t, err, "did not keep")

	backend := &fakeBackend{items: map[string]string{"x": "old"}, dismissed: true}
	err = newStore(backend, Limit).Put(t.Context(), "x", []byte("marker-5c1e"))
	wantReason(t, err, "did not keep")
}

func TestTooLongIsNotTried(t *testing.T) {
	backend := &fakeBackend{max: 10, during: func() { t.Error("the keychain was called") }}
	err := newStore(backend, Limit).Put(t.Context(), "x", []byte("marker-5c1e"))
	wantReason(t, err, "at most 10 bytes; this one has 11")
}

// TestForeignTextIsHarmless: a keychain service may say anything.
func TestForeignTextIsHarmless(t *testing.T) {
	backend := &fakeBackend{failure: errors.New("\x1b]52;c;cm0=\x07 " + strings.Repeat("x", 1000))}
	_, err := newStore(backend, Limit).Get(t.Context(), "x")
	wantReason(t, err, "the keychain failed: ")
	if text := err.Error(); strings.ContainsAny(text, "\x1b\x07") || len(text) > 200 {
		t.Errorf("error of %d bytes: %q", len(text), text)
	}
}

// wantUnavailable checks that Get fails with the reason, and takes no longer
// than limit.
func wantUnavailable(t *testing.T, s *Store, reason string, limit time.Duration) {
	t.Helper()
	start := time.Now()
	_, err := s.Get(t.Context(), "x")
	if took := time.Since(start); took > limit {
		t.Errorf("Get took %v, want at most %v", took, limit)
	}
	wantReason(t, err, reason)
}

// wantReason checks that err is an UnavailableError for people: it has a hint,
// and the secret isn't in it.
func wantReason(t *testing.T, err error, reason string) {
	t.Helper()
	var unavailable *store.UnavailableError
	if !errors.As(err, &unavailable) {
		t.Errorf("error %v, want an *UnavailableError", err)
		return
	}
	if !strings.Contains(unavailable.Reason, reason) || unavailable.Hint == "" {
		t.Errorf("reason %q, hint %q; want the reason to have %q, and a hint", unavailable.Reason, unavailable.Hint, reason)
	}
	if strings.Contains(fmt.Sprintf("%+v %v", unavailable, unavailable.Err), "marker-") {
		t.Errorf("the secret is in the error: %+v", unavailable)
	}
}
