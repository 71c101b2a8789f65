// Package keychain is a [store.Store] in the keychain of the operating system:
// the Secret Service on Linux, the login keychain on macOS, the Credential
// Manager on Windows, all by github.com/zalando/go-keyring. Each value is an
// item of its own, service "cogtok", account the value's name.
//
// Values are stored as they are, byte for byte, so that a password can be seen
// and changed with the desktop's own tools. (On macOS go-keyring encodes them
// as base64 by itself.)
//
// go-keyring knows no time limit, so this package adds one: see [Store].
package keychain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/cogtok/cogtok/internal/printable"
	"github.com/cogtok/cogtok/store"
)

// Service is the name that all items are filed under.
const Service = "cogtok"

// Limit is how long a call may take, waiting for its turn included.
const Limit = 3 * time.Second

const useAnother = "or set `store: file` or `store: memory` in the config"

// A Store is the keychain. One call is under way at a time, and a call ends
// after [Limit] even if the keychain doesn't answer. Until it does answer, every
// further call fails at once; so at most one goroutine hangs, and the Store
// works again as soon as the keychain does.
//
// The keychain is never touched where that would start a program or open a
// window: without a D-Bus session, or while the collection is locked, calls fail.
type Store struct {
	keychain backend
	turn     *turn
}

// A backend does the work of one call. It may take for ever, and may panic.
type backend interface {
	// ready says why the keychain can't be used, as an *store.UnavailableError.
	ready() error
	// maxValue is how many bytes an item of that name can hold; 0: any number.
	maxValue(name string) int
	get(name string) (string, error) // keyring.ErrNotFound: there is none
	set(name, value string) error
	delete(name string) error // keyring.ErrNotFound: there is none
}

// New returns the keychain of the user who runs the program. It doesn't touch
// it yet. Use one Store for the whole process.
func New() *Store { return newStore(system{}, Limit) }

func newStore(b backend, limit time.Duration) *Store {
	return &Store{keychain: b, turn: newTurn(limit)}
}

// Get returns the value. It fails with store.ErrNotFound, an
// *store.UnavailableError or the error of ctx.
func (s *Store) Get(ctx context.Context, name string) ([]byte, error) {
	value, err := s.call(ctx, func() (string, error) { return s.keychain.get(name) })
	if err != nil {
		return nil, err
	}
	return []byte(value), nil
}

// Put sets the value, and reads it back: go-keyring reports success even if the
// person declined. It fails with an *store.UnavailableError or the error of
// ctx. A Put that failed because the keychain didn't answer in time may still
// take effect.
func (s *Store) Put(ctx context.Context, name string, value []byte) error {
	if most := s.keychain.maxValue(name); most > 0 && len(value) > most {
		return &store.UnavailableError{
			Reason: fmt.Sprintf("the keychain of this system takes values of at most %d bytes; this one has %d", most, len(value)),
			Hint:   "set `store: file` in the config",
		}
	}
	text := string(value)
	_, err := s.call(ctx, func() (string, error) {
		if err := s.keychain.set(name, text); err != nil {
			return "", err
		}
		kept, err := s.keychain.get(name)
		if errors.Is(err, keyring.ErrNotFound) || err == nil && kept != text {
			return "", &store.UnavailableError{
				Reason: "the keychain did not keep the value: reading it back gave something else",
				Hint:   "allow cogtok to use the keychain, " + useAnother,
			}
		}
		return "", err
	})
	return err
}

// Delete removes the value. It fails with an *store.UnavailableError or the
// error of ctx.
func (s *Store) Delete(ctx context.Context, name string) error {
	_, err := s.call(ctx, func() (string, error) { return "", s.keychain.delete(name) })
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// call runs work when the keychain is ready, and puts errors into the store's terms.
func (s *Store) call(ctx context.Context, work func() (string, error)) (string, error) {
	value, err := s.turn.take(ctx, func() (string, error) {
		if err := s.keychain.ready(); err != nil {
			return "", err
		}
		return work()
	})
	var unavailable *store.UnavailableError
	switch {
	case err == nil:
		return value, nil
	case errors.Is(err, keyring.ErrNotFound):
		return "", store.ErrNotFound
	case ctx.Err() != nil && errors.Is(err, ctx.Err()), errors.As(err, &unavailable):
		return "", err
	}
	return "", explain(err)
}

// explain puts an error of the keychain into words, by the table of the
// operating system.
func explain(err error) error {
	for _, known := range knownErrors {
		if known.is(err) {
			return &store.UnavailableError{Reason: known.reason, Hint: known.hint, Err: err}
		}
	}
	return &store.UnavailableError{
		Reason: "the keychain failed: " + printable.Limit(err.Error(), 120),
		Hint:   "unlock the keychain and try again, " + useAnother,
		Err:    err,
	}
}

// A knownError is an error of the operating system's keychain in words for people.
type knownError struct {
	is           func(error) bool
	reason, hint string
}

// system is go-keyring; each operating system adds ready and maxValue.
type system struct{}

func (system) get(name string) (string, error) { return keyring.Get(Service, name) }
func (system) set(name, value string) error    { return keyring.Set(Service, name, value) }
func (system) delete(name string) error        { return keyring.Delete(Service, name) }

var _ store.Store = (*Store)(nil)
