package vault_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cogtok/cogtok/store"
	"github.com/cogtok/cogtok/store/vault"
)

func open(t *testing.T, kind, dir string) store.Vault {
	t.Helper()
	v, err := vault.Open(kind, dir, func(text string) { t.Errorf("warning: %s", text) })
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// use puts a secret and a session of the same name, which must not meet.
func use(t *testing.T, v store.Vault) {
	t.Helper()
	if err := v.Secrets.Put(t.Context(), "prod/password", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if err := v.Sessions.Put(t.Context(), "prod/password", []byte("session")); err != nil {
		t.Fatal(err)
	}
	check(t, v)
}

func check(t *testing.T, v store.Vault) {
	t.Helper()
	for value, s := range map[string]store.Store{"secret": v.Secrets, "session": v.Sessions} {
		if got, err := s.Get(t.Context(), "prod/password"); err != nil || string(got) != value {
			t.Errorf("Get: %q, %v, want %q", got, err, value)
		}
	}
}

func unlock(t *testing.T, v store.Vault) {
	t.Helper()
	if err := v.Lock.Unlock(t.Context(), []byte("passphrase")); err != nil {
		t.Fatal(err)
	}
}

func wantFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*.age"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		found[i] = filepath.Base(found[i])
	}
	if !slices.Equal(found, names) {
		t.Errorf("files %q, want %q", found, names)
	}
}

// TestForget: what a vault forgets it can read again, with its passphrase if it
// has one. What is nowhere else it keeps.
func TestForget(t *testing.T) {
	for _, kind := range []string{"file", "memory"} {
		v := open(t, kind, filepath.Join(t.TempDir(), "state"))
		if v.Lock != nil {
			unlock(t, v)
		}
		use(t, v)
		v.Forget()
		if v.Lock != nil {
			if _, err := v.Sessions.Get(t.Context(), "prod/password"); !errors.Is(err, store.ErrLocked) {
				t.Errorf("Get: %v, want ErrLocked", err)
			}
			unlock(t, v)
		}
		check(t, v)
	}
}

func TestMemory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	v := open(t, "memory", dir)
	if v.Lock != nil {
		t.Error("there is a lock")
	}
	use(t, v)
	if _, err := os.Stat(dir); err == nil {
		t.Error("the state directory was made")
	}
}

func TestFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	v := open(t, "file", dir)
	if isNew, err := v.Lock.New(); !isNew || err != nil {
		t.Errorf("New: %v, %v", isNew, err)
	}
	unlock(t, v)
	use(t, v)
	wantFiles(t, dir, "file-key.age", "file-secrets.age", "file-sessions.age")

	v = open(t, "file", dir) // the next run of the agent
	for _, s := range []store.Store{v.Secrets, v.Sessions} {
		if _, err := s.Get(t.Context(), "prod/password"); !errors.Is(err, store.ErrLocked) {
			t.Errorf("Get: %v, want ErrLocked", err)
		}
	}
	unlock(t, v)
	check(t, v)
}

func TestUnknownKind(t *testing.T) {
	for _, kind := range []string{"", "Keychain", "../file"} {
		if _, err := vault.Open(kind, t.TempDir(), nil); err == nil {
			t.Errorf("%q was opened", kind)
		}
	}
	for _, kind := range vault.Kinds {
		open(t, kind, t.TempDir())
	}
}
