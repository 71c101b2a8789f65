package file_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cogtok/cogtok/store"
	"github.com/cogtok/cogtok/store/file"
	"github.com/cogtok/cogtok/store/storetest"
)

// A place is where a sealed file lies, with the store that its key is kept in.
type place struct {
	path  string
	items store.Memory
}

func newPlace(t *testing.T) *place {
	return &place{path: filepath.Join(t.TempDir(), "state", "sessions.age")}
}

// open returns a Store as a new process would, which knows no key yet.
// Warnings are test failures.
func (p *place) open(t *testing.T) *file.Store {
	return p.openWarn(func(text string) { t.Errorf("warning: %s", text) })
}

func (p *place) openWarn(warn func(string)) *file.Store {
	return file.Open(p.path, file.NewKeychainKey(&p.items), warn)
}

func (p *place) read(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(p.path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestConformanceWithKeychainKey(t *testing.T) {
	places := map[store.Store]*place{}
	open := func(t *testing.T, p *place) store.Store {
		s := p.open(t)
		places[s] = p
		return s
	}
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, newPlace(t)) },
		storetest.Persistent(func(t *testing.T, old store.Store) store.Store { return open(t, places[old]) }))
}

func TestConformanceWithPassphrase(t *testing.T) {
	dir := t.TempDir()
	unlocked := func() *file.Passphrase {
		key := file.NewQuickPassphrase(filepath.Join(dir, "key.age"))
		if err := key.Unlock(t.Context(), []byte("correct horse")); err != nil {
			t.Fatal(err)
		}
		return key
	}
	open := func(t *testing.T, key *file.Passphrase) store.Store {
		return file.Open(filepath.Join(dir, "secrets.age"), key, func(text string) { t.Errorf("warning: %s", text) })
	}
	key := unlocked()
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, key) },
		storetest.Persistent(func(t *testing.T, old store.Store) store.Store { return open(t, unlocked()) }))
}

// TestTwoStores is two agents on different sockets that share a state directory.
func TestTwoStores(t *testing.T) {
	p := newPlace(t)
	first, second := p.open(t), p.open(t)
	const n = 25
	var wg sync.WaitGroup
	for i, s := range []*file.Store{first, second, first, second} {
		wg.Go(func() {
			for j := range n {
				put(t, s, fmt.Sprintf("%d/%d", i, j), fmt.Sprintf("value %d of %d", j, i))
			}
		})
	}
	wg.Wait()
	for i := range 4 {
		for j := range n {
			for _, s := range []store.Store{first, second, p.open(t)} {
				want(t, s, fmt.Sprintf("%d/%d", i, j), fmt.Sprintf("value %d of %d", j, i))
			}
		}
	}
	// Each sees at once what the other one does.
	put(t, first, "x", "1")
	want(t, second, "x", "1")
	put(t, second, "x", "2")
	want(t, first, "x", "2")
	if err := first.Delete(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	wantNone(t, second, "x")
}

func TestNothingIsWrittenBeforeTheFirstPut(t *testing.T) {
	p := newPlace(t)
	s := p.open(t)
	wantNone(t, s, "x")
	if err := s.Delete(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(p.path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file exists: %v", err)
	}
	if _, err := p.items.Get(t.Context(), file.SealingKey); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a key exists: %v", err)
	}
}

// TestKeyIsReadOnce: a run of the agent costs one keychain call.
func TestKeyIsReadOnce(t *testing.T) {
	p := newPlace(t)
	put(t, p.open(t), "x", "v")
	items := &counting{Store: &p.items}
	s := file.Open(p.path, file.NewKeychainKey(items), nil)
	for i := range 20 {
		put(t, s, "y", fmt.Sprint(i))
		want(t, s, "x", "v")
	}
	if items.calls != 1 {
		t.Errorf("%d keychain calls, want 1", items.calls)
	}
}

func put(t *testing.T, s store.Store, name, value string) {
	t.Helper()
	if err := s.Put(t.Context(), name, []byte(value)); err != nil {
		t.Errorf("Put(%q): %v", name, err)
	}
}

func want(t *testing.T, s store.Store, name, value string) {
	t.Helper()
	if got, err := s.Get(t.Context(), name); err != nil || string(got) != value {
		t.Errorf("Get(%q): %q, %v, want %q", name, got, err, value)
	}
}

func wantNone(t *testing.T, s store.Store, name string) {
	t.Helper()
	if got, err := s.Get(t.Context(), name); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get(%q): %q, %v, want ErrNotFound", name, got, err)
	}
}

// wantUnavailable checks that err is for people: it has the reason and a hint.
func wantUnavailable(t *testing.T, err error, reason string) {
	t.Helper()
	var unavailable *store.UnavailableError
	if !errors.As(err, &unavailable) {
		t.Errorf("error %v, want an *UnavailableError with %q", err, reason)
		return
	}
	if !strings.Contains(unavailable.Reason, reason) || unavailable.Hint == "" {
		t.Errorf("reason %q, hint %q; want the reason to have %q, and a hint", unavailable.Reason, unavailable.Hint, reason)
	}
}
