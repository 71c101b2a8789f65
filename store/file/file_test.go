package file_test

import (
	"path/filepath"
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

func TestStoreWithKeychainKey(t *testing.T) {
	places := map[store.Store]*place{}
	open := func(t *testing.T, p *place) store.Store {
		s := p.open(t)
		places[s] = p
		return s
	}
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, newPlace(t)) },
		storetest.Persistent(func(t *testing.T, old store.Store) store.Store { return open(t, places[old]) }))
}

func TestStoreWithPassphrase(t *testing.T) {
	dirs := map[store.Store]string{}
	open := func(t *testing.T, dir string) store.Store {
		key := file.NewPassphrase(filepath.Join(dir, "key.age"))
		if err := key.Unlock(t.Context(), []byte("correct horse")); err != nil {
			t.Fatal(err)
		}
		s := file.Open(filepath.Join(dir, "secrets.age"), key, func(text string) { t.Errorf("warning: %s", text) })
		dirs[s] = dir
		return s
	}
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, t.TempDir()) },
		storetest.Persistent(func(t *testing.T, old store.Store) store.Store { return open(t, dirs[old]) }))
}
