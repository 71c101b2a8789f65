package file

import (
	"context"
	"errors"
	"sync"

	"filippo.io/age"

	"github.com/cogtok/cogtok/store"
)

// SealingKey is the name of the item that a [KeychainKey] is kept under. It
// has no slash, so no profile's secret can have the same name.
const SealingKey = "sealing-key"

// A KeychainKey keeps the key as one item of another store, as the text that
// age-keygen prints ("AGE-SECRET-KEY-1…"): the sealed file can be opened with
// the age command too. The item is read once, and made with the first Put.
type KeychainKey struct {
	items store.Store

	mu sync.Mutex // guards id; not held while items is asked
	id *age.X25519Identity
}

// NewKeychainKey returns the key that is kept in items.
func NewKeychainKey(items store.Store) *KeychainKey { return &KeychainKey{items: items} }

// Locked returns false: a keychain that is locked is an *UnavailableError of Key.
func (k *KeychainKey) Locked() bool { return false }

// Key returns the key.
func (k *KeychainKey) Key(ctx context.Context) (*age.X25519Identity, error) {
	k.mu.Lock()
	id := k.id
	k.mu.Unlock()
	if id != nil {
		return id, nil
	}
	return k.Reread(ctx)
}

// Reread returns the key that is in the keychain now.
func (k *KeychainKey) Reread(ctx context.Context) (*age.X25519Identity, error) {
	text, err := k.items.Get(ctx, SealingKey)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	id, err := age.ParseX25519Identity(string(text))
	if err != nil {
		return nil, &store.UnavailableError{
			Reason: "the keychain item " + SealingKey + " of cogtok is not a key",
			Hint:   "delete that item in the keychain, then sign in again",
			Err:    errors.New("the text of the item is not an age identity"), // age's error might quote it
		}
	}
	k.set(id)
	return id, nil
}

// Create makes a key and puts it in the keychain.
func (k *KeychainKey) Create(ctx context.Context) (*age.X25519Identity, error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	text := []byte(id.String())
	defer clear(text)
	if err := k.items.Put(ctx, SealingKey, text); err != nil {
		return nil, err
	}
	k.set(id)
	return id, nil
}

// Forget drops the key from memory; the keychain is asked for it again.
func (k *KeychainKey) Forget() { k.set(nil) }

func (k *KeychainKey) set(id *age.X25519Identity) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.id = id
}
