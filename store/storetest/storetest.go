// Package storetest holds every [store.Store] to one conduct. A store's own
// test calls [Run] in one line.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/cogtok/cogtok/store"
)

// An Option says what a store can do more, or less, than others.
type Option func(*suite)

// MaxValue says that the store takes values of at most n bytes, and that it
// refuses longer ones with an *UnavailableError. Without it there is no limit.
func MaxValue(n int) Option { return func(s *suite) { s.max = n } }

// Persistent says that values outlast the Store: reopen returns another Store
// on the same place as old.
func Persistent(reopen func(t *testing.T, old store.Store) store.Store) Option {
	return func(s *suite) { s.reopen = reopen }
}

type suite struct {
	open   func(*testing.T) store.Store
	reopen func(*testing.T, store.Store) store.Store
	max    int
}

// Run runs the suite. Each of its tests works on a store from open, under
// names of its own, so that stores may share a place.
func Run(t *testing.T, open func(t *testing.T) store.Store, options ...Option) {
	s := &suite{open: open}
	for _, o := range options {
		o(s)
	}
	for _, test := range []struct {
		name string
		run  func(*suite, *testing.T)
	}{
		{"values", (*suite).values},
		{"not found", (*suite).notFound},
		{"overwrite", (*suite).overwrite},
		{"delete", (*suite).delete},
		{"names", (*suite).names},
		{"copies", (*suite).copies},
		{"too long", (*suite).tooLong},
		{"canceled", (*suite).canceled},
		{"concurrent", (*suite).concurrent},
		{"persistent", (*suite).persistent},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(s, t) })
	}
}

// allBytes holds every byte, NUL and invalid UTF-8 included.
func allBytes() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func (s *suite) values(t *testing.T) {
	st := s.open(t)
	for name, value := range map[string][]byte{
		"empty":    {},
		"text":     []byte("correct horse, battery staple"),
		"binary":   allBytes(),
		"newlines": []byte("\n a \r\n\n"),
		"quotes":   []byte(`'"'"'\ $(x) ` + "`x`"),
		"unicode":  []byte("påsswörd 🔑"),
		"prefix":   []byte("go-keyring-base64:!"),
		"2.5 kB":   bytes.Repeat([]byte("r"), 2500),
		"3 KiB":    bytes.Repeat([]byte("r"), 3<<10),
		"64 KiB":   bytes.Repeat(allBytes(), 256),
	} {
		t.Run(name, func(t *testing.T) {
			if s.max > 0 && len(value) > s.max {
				t.Logf("not tried: this store takes at most %d bytes", s.max)
				return
			}
			put(t, st, "values/"+name, value)
			want(t, st, "values/"+name, value)
		})
	}
}

func (s *suite) notFound(t *testing.T) {
	st := s.open(t)
	wantNone(t, st, "not-found/x")
	wantNone(t, st, "")
	put(t, st, "not-found/a", []byte("a"))
	wantNone(t, st, "not-found/")
	wantNone(t, st, "not-found/aa")
	wantNone(t, st, "not-found/A")
}

func (s *suite) overwrite(t *testing.T) {
	st := s.open(t)
	for _, value := range []string{"first", "a longer second", "3", "", "fifth"} {
		put(t, st, "overwrite/x", []byte(value))
		want(t, st, "overwrite/x", []byte(value))
	}
}

func (s *suite) delete(t *testing.T) {
	st := s.open(t)
	put(t, st, "delete/x", []byte("x"))
	put(t, st, "delete/y", []byte("y"))
	for range 2 { // the second time nothing is there
		if err := st.Delete(t.Context(), "delete/x"); err != nil {
			t.Fatalf("Delete: %v", err)
		}
		wantNone(t, st, "delete/x")
	}
	want(t, st, "delete/y", []byte("y"))
	put(t, st, "delete/x", []byte("again"))
	want(t, st, "delete/x", []byte("again"))
}

func (s *suite) names(t *testing.T) {
	st := s.open(t)
	names := []string{"names/prod/password", "names/prod-admin/password", "names/a b", "names/ünï/🔑", "names/it's", `names/"`, "names/../x", "names/%2F", "names/$HOME"}
	for _, name := range names {
		put(t, st, name, []byte("value of "+name))
	}
	for _, name := range names {
		want(t, st, name, []byte("value of "+name))
	}
}

func (s *suite) copies(t *testing.T) {
	st := s.open(t)
	value := []byte("as it was put")
	put(t, st, "copies/x", value)
	clear(value)
	got, err := st.Get(t.Context(), "copies/x")
	if err != nil {
		t.Fatal(err)
	}
	clear(got)
	want(t, st, "copies/x", []byte("as it was put"))
}

func (s *suite) tooLong(t *testing.T) {
	if s.max == 0 {
		t.Log("not tried: this store has no limit")
		return
	}
	st := s.open(t)
	put(t, st, "too-long/x", []byte("old"))
	err := st.Put(t.Context(), "too-long/x", bytes.Repeat([]byte("r"), s.max+1))
	var unavailable *store.UnavailableError
	if !errors.As(err, &unavailable) {
		t.Fatalf("Put of %d bytes: %v, want an *UnavailableError", s.max+1, err)
	}
	want(t, st, "too-long/x", []byte("old"))
}

func (s *suite) canceled(t *testing.T) {
	st := s.open(t)
	put(t, st, "canceled/x", []byte("old"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if v, err := st.Get(ctx, "canceled/x"); !errors.Is(err, context.Canceled) || v != nil {
		t.Errorf("Get: %q, %v, want context.Canceled", v, err)
	}
	if err := st.Put(ctx, "canceled/x", []byte("new")); !errors.Is(err, context.Canceled) {
		t.Errorf("Put: %v, want context.Canceled", err)
	}
	if err := st.Delete(ctx, "canceled/x"); !errors.Is(err, context.Canceled) {
		t.Errorf("Delete: %v, want context.Canceled", err)
	}
	want(t, st, "canceled/x", []byte("old"))
}

func (s *suite) concurrent(t *testing.T) {
	st := s.open(t)
	const workers, rounds = 8, 5
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			name := fmt.Sprintf("concurrent/%d", i)
			for round := range rounds {
				value := fmt.Appendf(nil, "%d of %d", round, i)
				if err := st.Put(t.Context(), name, value); err != nil {
					t.Errorf("Put: %v", err)
					return
				}
				if got, err := st.Get(t.Context(), name); err != nil || !bytes.Equal(got, value) {
					t.Errorf("Get: %q, %v, want %q", got, err, value)
				}
			}
		})
	}
	wg.Wait()
	for i := range workers {
		want(t, st, fmt.Sprintf("concurrent/%d", i), fmt.Appendf(nil, "%d of %d", rounds-1, i))
	}
}

func (s *suite) persistent(t *testing.T) {
	if s.reopen == nil {
		t.Log("not tried: this store forgets")
		return
	}
	st := s.open(t)
	put(t, st, "persistent/x", allBytes())
	put(t, st, "persistent/y", nil)
	put(t, st, "persistent/z", []byte("z"))
	if err := st.Delete(t.Context(), "persistent/z"); err != nil {
		t.Fatal(err)
	}
	st = s.reopen(t, st)
	want(t, st, "persistent/x", allBytes())
	want(t, st, "persistent/y", nil)
	wantNone(t, st, "persistent/z")
}

func put(t *testing.T, st store.Store, name string, value []byte) {
	t.Helper()
	if err := st.Put(t.Context(), name, value); err != nil {
		t.Fatalf("Put(%q): %v", name, err)
	}
}

func want(t *testing.T, st store.Store, name string, value []byte) {
	t.Helper()
	got, err := st.Get(t.Context(), name)
	if err != nil {
		t.Fatalf("Get(%q): %v", name, err)
	}
	if !bytes.Equal(got, value) {
		t.Fatalf("Get(%q): %d bytes %.60q, want %d bytes %.60q", name, len(got), got, len(value), value)
	}
}

func wantNone(t *testing.T, st store.Store, name string) {
	t.Helper()
	if got, err := st.Get(t.Context(), name); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("Get(%q): %.60q, %v, want ErrNotFound", name, got, err)
	}
}
