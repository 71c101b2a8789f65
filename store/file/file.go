// Package file is the sealed file: a [store.Store] in one file that is
// encrypted by age (filippo.io/age, age-encryption.org/v1) to a key from a
// [KeySource]. A change costs one small file written, synced, read back and
// renamed; whatever happens meanwhile, the old file or the new one is there.
//
// Several processes may use one file: changes are made under a lock
// (PATH.lock), and a file that another one changed is read again.
package file

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"sync"
	"time"

	"filippo.io/age"

	"github.com/cogtok/cogtok/store"
)

// A KeySource has the key that a file is sealed to.
type KeySource interface {
	// Locked reports whether the key is out of reach until a passphrase is given.
	Locked() bool
	// Key returns the key, from memory if it was got before. It fails with
	// store.ErrNotFound if there is none yet, store.ErrLocked or an
	// *store.UnavailableError.
	Key(ctx context.Context) (*age.X25519Identity, error)
	// Reread is Key past what is in memory: another process may have changed it.
	Reread(ctx context.Context) (*age.X25519Identity, error)
	// Create makes a key and keeps it. It is called after Key failed with
	// store.ErrNotFound, with the file's lock held.
	Create(ctx context.Context) (*age.X25519Identity, error)
	// Forget drops the key from memory.
	Forget()
}

// A Store keeps its values in one sealed file. Get it from [Open].
type Store struct {
	path string
	key  KeySource
	warn func(text string)

	// writer holds one token: who has it may change the file.
	writer chan struct{}

	mu     sync.Mutex // guards what follows; never held during input or output
	cached bool
	at     stamp // the file that values are from
	values map[string][]byte
}

// Open returns the Store in the file at path. It reads and writes nothing yet:
// the file, and its directory, come into being with the first Put.
//
// warn is told, in words for people, when a file can't be used any more: it is
// damaged, or its key is gone. The store is empty then; the next Put keeps the
// file aside as PATH.bad-TIME. warn may be nil.
func Open(path string, key KeySource, warn func(text string)) *Store {
	if warn == nil {
		warn = func(string) {}
	}
	return &Store{path: path, key: key, warn: warn, writer: make(chan struct{}, 1)}
}

// Get returns the value. It fails with store.ErrNotFound, store.ErrLocked, an
// *store.UnavailableError or the error of ctx.
func (s *Store) Get(ctx context.Context, name string) ([]byte, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	if !s.hasRead() {
		s.takeOverUnlocked(ctx)
	}
	now, err := stampOf(s.path)
	if err != nil {
		return nil, err
	}
	if value, known, err := s.lookUp(now, name); known {
		return value, err
	}
	sealed, at, err := readFile(s.path)
	if err != nil {
		return nil, err
	}
	values, bad, err := s.unseal(ctx, sealed)
	if err != nil {
		return nil, err
	}
	if bad != nil {
		s.warn(fmt.Sprintf("%s can't be used: %v; sign in again", s.path, bad))
	}
	value, there := values[name]
	value = append([]byte{}, value...)
	s.remember(at, values)
	if !there {
		return nil, store.ErrNotFound
	}
	return value, nil
}

// Put sets the value. It fails with store.ErrLocked, an
// *store.UnavailableError or the error of ctx; the file is as it was then.
func (s *Store) Put(ctx context.Context, name string, value []byte) error {
	return s.change(ctx, func(values map[string][]byte) bool {
		values[name] = append([]byte{}, value...)
		return true
	})
}

// Delete removes the value. It fails as Put does.
func (s *Store) Delete(ctx context.Context, name string) error {
	return s.change(ctx, func(values map[string][]byte) bool {
		_, there := values[name]
		clear(values[name])
		delete(values, name)
		return there
	})
}

func (s *Store) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.key.Locked() {
		return store.ErrLocked
	}
	return nil
}

// hasRead reports whether the file was read or written since the start.
func (s *Store) hasRead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cached
}

// lookUp looks in memory. It doesn't know the answer when the file has changed.
func (s *Store) lookUp(now stamp, name string) (value []byte, known bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.cached || !s.at.equal(now) {
		return nil, false, nil
	}
	if v, ok := s.values[name]; ok {
		return append([]byte{}, v...), true, nil
	}
	return nil, true, store.ErrNotFound
}

// remember takes over values, and wipes those of before.
func (s *Store) remember(at stamp, values map[string][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wipe(s.values)
	s.cached, s.at, s.values = true, at, values
}

// unseal returns the values of a file, and why they could not be had if the
// file is of no use any more. err is for what may pass.
func (s *Store) unseal(ctx context.Context, sealed []byte) (values map[string][]byte, bad, err error) {
	values = make(map[string][]byte)
	if sealed == nil {
		return values, nil, nil
	}
	id, err := s.key.Key(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return values, errors.New("its key is gone"), nil
	}
	if err != nil {
		return nil, nil, err
	}
	got, bad := unseal(sealed, id)
	if bad == errOtherKey {
		got, bad, err = s.unsealReread(ctx, sealed)
	}
	switch {
	case err != nil:
		return nil, nil, err
	case bad == errNewer:
		return nil, nil, &store.UnavailableError{
			Reason: s.path + " was " + bad.Error(),
			Hint:   "update cogtok, then restart the agent: cogtok agent restart",
			Err:    bad,
		}
	case bad == errOtherKey:
		return values, errors.New("it is damaged, or sealed to another key"), nil
	case bad != nil:
		return values, errors.New("it is damaged"), nil
	}
	return got, nil, nil
}

func (s *Store) unsealReread(ctx context.Context, sealed []byte) (values map[string][]byte, bad, err error) {
	id, err := s.key.Reread(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errOtherKey, nil
	}
	if err != nil {
		return nil, nil, err
	}
	values, bad = unseal(sealed, id)
	return values, bad, nil
}

// change reads the file, edits its values and writes them, as the only one
// who does. edit reports whether it changed anything.
func (s *Store) change(ctx context.Context, edit func(values map[string][]byte) bool) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	s.takeOver(ctx)
	sealed, at, err := readFile(s.path)
	if err != nil {
		return err
	}
	values, bad, err := s.unseal(ctx, sealed)
	if err != nil {
		return err
	}
	if !edit(values) {
		wipe(values)
		return nil
	}
	return s.write(ctx, at, values, bad)
}

// write seals values into the file. bad says why the file that is there is of
// no use.
func (s *Store) write(ctx context.Context, at stamp, values map[string][]byte, bad error) error {
	id, err := s.key.Key(ctx)
	if errors.Is(err, store.ErrNotFound) {
		id, err = s.key.Create(ctx)
	}
	if err != nil {
		wipe(values)
		return err
	}
	sealed, err := seal(values, id)
	if err == nil && bad != nil {
		err = s.setAside(bad)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = writeFile(s.path, sealed)
	}
	if err == nil {
		at, err = stampOf(s.path)
	}
	if err != nil {
		wipe(values)
		return err
	}
	s.remember(at, values)
	return nil
}

func (s *Store) setAside(bad error) error {
	aside, err := setAside(s.path, time.Now())
	if err != nil {
		return err
	}
	s.warn(fmt.Sprintf("%s can't be used: %v; it is kept as %s, and what it held has to be signed in or stored again", s.path, bad, filepath.Base(aside)))
	return nil
}

// lock makes the caller the only writer, in this process and among all.
func (s *Store) lock(ctx context.Context) (unlock func(), err error) {
	timeout := time.NewTimer(lockWait)
	defer timeout.Stop()
	select {
	case s.writer <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timeout.C:
		return nil, busy(s.path)
	}
	unlockFile, err := lockFile(ctx, s.path)
	if err != nil {
		<-s.writer
		return nil, err
	}
	return func() { unlockFile(); <-s.writer }, nil
}

// Forget drops the values and the key from memory.
func (s *Store) Forget() {
	s.mu.Lock()
	wipe(s.values)
	s.cached, s.at, s.values = false, stamp{}, nil
	s.mu.Unlock()
	s.key.Forget()
}

func wipe(values map[string][]byte) {
	for v := range maps.Values(values) {
		clear(v)
	}
}

var (
	_ store.Store     = (*Store)(nil)
	_ store.Forgetful = (*Store)(nil)
)
