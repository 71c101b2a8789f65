package file_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"

	"github.com/cogtok/cogtok/store"
	"github.com/cogtok/cogtok/store/file"
)

// counting counts the calls of a store, and fails them all if told to.
type counting struct {
	store.Store
	calls   int
	failure error
}

func (c *counting) Get(ctx context.Context, name string) ([]byte, error) {
	c.calls++
	if c.failure != nil {
		return nil, c.failure
	}
	return c.Store.Get(ctx, name)
}

func (c *counting) Put(ctx context.Context, name string, value []byte) error {
	c.calls++
	if c.failure != nil {
		return c.failure
	}
	return c.Store.Put(ctx, name, value)
}

// TestKeychainUnavailable: what may come back is left alone.
func TestKeychainUnavailable(t *testing.T) {
	p := newPlace(t)
	put(t, p.open(t), "x", "v")
	before := p.read(t)
	items := &counting{Store: &p.items, failure: &store.UnavailableError{Reason: "the keychain is locked", Hint: "unlock it"}}
	s := file.Open(p.path, file.NewKeychainKey(items), func(text string) { t.Errorf("warning: %s", text) })
	_, err := s.Get(t.Context(), "x")
	wantUnavailable(t, err, "locked")
	wantUnavailable(t, s.Put(t.Context(), "x", []byte("w")), "locked")
	wantUnavailable(t, s.Delete(t.Context(), "x"), "locked")
	if !bytes.Equal(p.read(t), before) {
		t.Error("the file was changed")
	}
	items.failure = nil
	want(t, s, "x", "v")
	items.failure = errors.New("the keychain is gone again")
	want(t, s, "x", "v") // the key is known by now
	put(t, s, "x", "w")
	want(t, s, "x", "w")
}

// TestKeychainUnavailableAtFirst: no file is made that nobody could open.
func TestKeychainUnavailableAtFirst(t *testing.T) {
	p := newPlace(t)
	items := &counting{Store: &p.items, failure: &store.UnavailableError{Reason: "no keychain", Hint: "have one"}}
	s := file.Open(p.path, file.NewKeychainKey(items), nil)
	wantUnavailable(t, s.Put(t.Context(), "x", []byte("w")), "no keychain")
	if _, err := os.Stat(p.path); err == nil {
		t.Error("the file exists")
	}
}

func TestKeyIsGone(t *testing.T) {
	p := newPlace(t)
	put(t, p.open(t), "x", "v")
	old := p.read(t)
	if err := p.items.Delete(t.Context(), file.SealingKey); err != nil {
		t.Fatal(err)
	}
	var warnings []string
	s := p.openWarn(func(text string) { warnings = append(warnings, text) })
	for range 3 {
		wantNone(t, s, "x")
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "its key is gone") {
		t.Errorf("warnings %q, want one", warnings)
	}
	if !bytes.Equal(p.read(t), old) {
		t.Error("reading changed the file")
	}
	put(t, s, "y", "w")
	want(t, s, "y", "w")
	want(t, p.open(t), "y", "w")
	wantAside(t, p, old)
}

// TestKeyWasReplaced: another process lost the key and made a new one.
func TestKeyWasReplaced(t *testing.T) {
	p := newPlace(t)
	s := p.open(t)
	put(t, s, "x", "v")
	if err := p.items.Delete(t.Context(), file.SealingKey); err != nil {
		t.Fatal(err)
	}
	other := p.openWarn(func(string) {})
	put(t, other, "y", "w")
	want(t, s, "y", "w")
	put(t, s, "z", "1")
	want(t, other, "z", "1")
}

// TestForgottenKey: after Forget neither the key nor a value is in memory.
func TestForgottenKey(t *testing.T) {
	p := newPlace(t)
	s := p.openWarn(func(string) {})
	put(t, s, "x", "v")
	want(t, s, "x", "v")
	key := itemOf(t, p)
	if err := p.items.Delete(t.Context(), file.SealingKey); err != nil {
		t.Fatal(err)
	}
	want(t, s, "x", "v") // from memory
	s.Forget()
	wantNone(t, s, "x")
	if err := p.items.Put(t.Context(), file.SealingKey, key); err != nil {
		t.Fatal(err)
	}
	s.Forget()
	want(t, s, "x", "v")
}

func TestKeyIsNonsense(t *testing.T) {
	p := newPlace(t)
	put(t, p.open(t), "x", "v")
	if err := p.items.Put(t.Context(), file.SealingKey, []byte("marker-77aa")); err != nil {
		t.Fatal(err)
	}
	_, err := p.open(t).Get(t.Context(), "x")
	wantUnavailable(t, err, "not a key")
	for ; err != nil; err = errors.Unwrap(err) {
		if strings.Contains(err.Error(), "marker") {
			t.Errorf("the item is in the error: %v", err)
		}
	}
}

// TestAgeOpensIt: the file isn't tied to cogtok.
func TestAgeOpensIt(t *testing.T) {
	p := newPlace(t)
	put(t, p.open(t), "x", "v")
	text, err := p.items.Get(t.Context(), file.SealingKey)
	if err != nil {
		t.Fatal(err)
	}
	id, err := age.ParseX25519Identity(string(text))
	if err != nil {
		t.Fatal(err)
	}
	r, err := age.Decrypt(bytes.NewReader(p.read(t)), id)
	if err != nil {
		t.Fatal(err)
	}
	var plain bytes.Buffer
	if _, err := plain.ReadFrom(r); err != nil || plain.String() != `{"version":1,"values":{"x":"dg=="}}` {
		t.Errorf("payload %s, %v", plain.String(), err)
	}
}

func TestPassphrase(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key.age")
	open := func(key *file.Passphrase) *file.Store {
		return file.Open(filepath.Join(dir, "secrets.age"), key, func(text string) { t.Errorf("warning: %s", text) })
	}
	key := file.NewQuickPassphrase(path)
	wantLocked(t, key, open(key), true)
	if err := key.Unlock(t.Context(), nil); !errors.Is(err, store.ErrWrongPassphrase) {
		t.Errorf("empty passphrase: %v, want ErrWrongPassphrase", err)
	}
	wantLocked(t, key, open(key), true)
	if err := key.Unlock(t.Context(), []byte("right")); err != nil {
		t.Fatal(err)
	}
	put(t, open(key), "x", "v")

	key = file.NewQuickPassphrase(path) // the next run of the agent
	s := open(key)
	wantLocked(t, key, s, false)
	if err := key.Unlock(t.Context(), []byte("wrong")); !errors.Is(err, store.ErrWrongPassphrase) {
		t.Errorf("wrong passphrase: %v, want ErrWrongPassphrase", err)
	}
	wantLocked(t, key, s, false)
	if err := key.Unlock(t.Context(), []byte("right")); err != nil {
		t.Fatal(err)
	}
	want(t, s, "x", "v")
	if err := key.Unlock(t.Context(), []byte("wrong")); !errors.Is(err, store.ErrWrongPassphrase) || key.Locked() {
		t.Errorf("wrong passphrase when unlocked: %v, locked %v; want ErrWrongPassphrase, and open still", err, key.Locked())
	}
}

func wantLocked(t *testing.T, key *file.Passphrase, s *file.Store, fresh bool) {
	t.Helper()
	if !key.Locked() {
		t.Error("it is not locked")
	}
	if isNew, err := key.New(); err != nil || isNew != fresh {
		t.Errorf("New: %v, %v, want %v", isNew, err, fresh)
	}
	_, err := s.Get(t.Context(), "x")
	for what, err := range map[string]error{
		"Get": err, "Put": s.Put(t.Context(), "x", []byte("w")), "Delete": s.Delete(t.Context(), "x"),
	} {
		if !errors.Is(err, store.ErrLocked) {
			t.Errorf("%s: %v, want ErrLocked", what, err)
		}
	}
}

// TestPassphraseIsChosenOnce: of two first passphrases one counts, and the
// other is wrong.
func TestPassphraseIsChosenOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.age")
	keys := []*file.Passphrase{file.NewQuickPassphrase(path), file.NewQuickPassphrase(path)}
	errs := make([]error, len(keys))
	var wg sync.WaitGroup
	for i, key := range keys {
		wg.Go(func() { errs[i] = key.Unlock(t.Context(), []byte{byte('a' + i)}) })
	}
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Fatalf("errors %v, %v; want one", errs[0], errs[1])
	}
	if err := errors.Join(errs...); !errors.Is(err, store.ErrWrongPassphrase) {
		t.Errorf("error %v, want ErrWrongPassphrase", err)
	}
}

// TestKeyFileWasReplaced: another process started anew with another
// passphrase. This one must not overwrite what that one wrote.
func TestKeyFileWasReplaced(t *testing.T) {
	dir := t.TempDir()
	unlocked := func(passphrase string) (*file.Passphrase, *file.Store) {
		key := file.NewQuickPassphrase(filepath.Join(dir, "key.age"))
		if err := key.Unlock(t.Context(), []byte(passphrase)); err != nil {
			t.Fatal(err)
		}
		return key, file.Open(filepath.Join(dir, "secrets.age"), key, func(string) {})
	}
	key, s := unlocked("first")
	put(t, s, "x", "v")
	if err := os.Remove(filepath.Join(dir, "key.age")); err != nil {
		t.Fatal(err)
	}
	_, other := unlocked("second")
	put(t, other, "y", "w")
	if err := s.Put(t.Context(), "x", []byte("v")); !errors.Is(err, store.ErrLocked) || !key.Locked() {
		t.Errorf("Put: %v, locked %v; want ErrLocked", err, key.Locked())
	}
	want(t, other, "y", "w")
	if err := key.Unlock(t.Context(), []byte("second")); err != nil {
		t.Fatal(err)
	}
	want(t, s, "y", "w")
}

// TestDamagedKeyFile: it is never replaced without being asked to.
func TestDamagedKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.age")
	if err := file.NewQuickPassphrase(path).Unlock(t.Context(), []byte("right")); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, length := range []int{0, 1, len(whole) / 2, len(whole) - 1} {
		damaged := whole[:length]
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		key := file.NewQuickPassphrase(path)
		wantUnavailable(t, key.Unlock(t.Context(), []byte("right")), "damaged")
		if isNew, err := key.New(); isNew || err != nil {
			t.Errorf("New: %v, %v, want false", isNew, err)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, damaged) {
			t.Errorf("the file was changed: %v", err)
		}
	}
}

// TestUnlockIsCheapEnough: an agent on a small machine must live through it.
func TestUnlockIsCheapEnough(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.age")
	if err := file.NewPassphrase(path).Unlock(t.Context(), []byte("right")); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := file.NewPassphrase(path).Unlock(t.Context(), []byte("right")); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	const most = 128 << 20
	if used := after.TotalAlloc - before.TotalAlloc; used > most {
		t.Errorf("%d MiB, want at most %d", used>>20, most>>20)
	}
	if kept := int64(after.HeapSys-after.HeapReleased) - int64(before.HeapSys-before.HeapReleased); kept > 8<<20 {
		t.Errorf("%d MiB were not given back", kept>>20)
	}
}
