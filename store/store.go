// Package store says where secrets rest between runs of the agent. It holds
// the [Store] interface and the memory store; the operating system's keychain
// and the sealed file are the packages below it, and storetest holds all of
// them to one conduct.
package store

import (
	"context"
	"errors"
)

// A Store keeps small values by name. It is safe for use by many goroutines.
//
// A value that Put has accepted is durable: it was synced or read back. Every call ends by itself
// in a few seconds, or when ctx ends.
type Store interface {
	// Get returns the value. It fails with ErrNotFound, ErrLocked or an
	// *UnavailableError.
	Get(ctx context.Context, name string) ([]byte, error)
	// Put sets the value. It fails with ErrLocked or an *UnavailableError.
	Put(ctx context.Context, name string, value []byte) error
	// Delete removes the value; removing what is not there is no error.
	Delete(ctx context.Context, name string) error
}

// ErrNotFound means that a store works and holds nothing under the name.
var ErrNotFound = errors.New("not found in the store")

// ErrLocked means that a store needs its passphrase first.
var ErrLocked = errors.New("the store is locked")

// An UnavailableError means that a store can't be used now.
type UnavailableError struct {
	Reason string // for people: lower case, no secret
	Hint   string // what to do about it; may be empty
	Err    error  // the cause, for logs; may be nil
}

func (e *UnavailableError) Error() string { return e.Reason }
func (e *UnavailableError) Unwrap() error { return e.Err }

// A Vault is the pair of stores behind one `store:` setting.
type Vault struct {
	// Secrets holds what the user entrusts, by "<profile>/<kind>".
	Secrets Store
	// Sessions holds what sessions need to go on after a restart.
	Sessions Store
	// Lock is nil for a vault that needs no passphrase.
	Lock Lock
}

// Forget drops from memory what the vault can read again: values and keys. Its
// Lock is closed then. A call that is under way may fail with ErrLocked, or
// bring something back.
func (v Vault) Forget() {
	for _, s := range []Store{v.Secrets, v.Sessions} {
		if f, ok := s.(Forgetful); ok {
			f.Forget()
		}
	}
}

// A Forgetful is a Store that has more in memory than it needs to go on.
type Forgetful interface{ Forget() }

// A Lock is closed until it is given its passphrase.
type Lock interface {
	// Locked reports whether the passphrase is missing still.
	Locked() bool
	// New reports whether no passphrase was ever chosen: the first one that
	// Unlock gets becomes it.
	New() (bool, error)
	// Unlock opens the store until the agent ends, or the vault's Forget. A wrong passphrase is ErrWrongPassphrase.
	Unlock(ctx context.Context, passphrase []byte) error
}

// ErrWrongPassphrase means that a passphrase does not open the store.
var ErrWrongPassphrase = errors.New("wrong passphrase")
