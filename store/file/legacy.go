package file

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"

	"filippo.io/age"

	"github.com/cogtok/cogtok/store"
)

// What a sealed file bequeaths is its key: so that nobody is asked for the
// passphrase again, and the keychain isn't either.

var (
	_ store.Heritable = (*Store)(nil)
	_ store.Heritable = (*Passphrase)(nil)
	_ store.Heritable = (*KeychainKey)(nil)
)

// Bequeath implements store.Heritable.
func (s *Store) Bequeath() ([]byte, error) {
	if key, ok := s.key.(store.Heritable); ok {
		return key.Bequeath()
	}
	return nil, nil
}

// Inherit implements store.Heritable.
func (s *Store) Inherit(legacy []byte) error {
	if key, ok := s.key.(store.Heritable); ok {
		return key.Inherit(legacy)
	}
	return nil
}

// unlocked is what a Passphrase bequeaths.
type unlocked struct {
	Key []byte `json:"key"`
	Sum []byte `json:"sum"` // of the file that it is from
}

// Bequeath implements store.Heritable.
func (p *Passphrase) Bequeath() ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.id == nil {
		return nil, nil
	}
	return json.Marshal(unlocked{Key: []byte(p.id.String()), Sum: p.sum[:]})
}

// Inherit implements store.Heritable.
func (p *Passphrase) Inherit(legacy []byte) error {
	var u unlocked
	if err := json.Unmarshal(legacy, &u); err != nil || len(u.Sum) != sha256.Size {
		return errLegacy
	}
	defer clear(u.Key)
	id, err := parseKey(u.Key)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.id, p.sum = id, [sha256.Size]byte(u.Sum)
	return nil
}

// Bequeath implements store.Heritable.
func (k *KeychainKey) Bequeath() ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.id == nil {
		return nil, nil
	}
	return []byte(k.id.String()), nil
}

// Inherit implements store.Heritable.
func (k *KeychainKey) Inherit(legacy []byte) error {
	id, err := parseKey(legacy)
	if err == nil {
		k.set(id)
	}
	return err
}

var errLegacy = errors.New("what was handed over is no key")

// parseKey doesn't pass on age's error, which might quote the key.
func parseKey(text []byte) (*age.X25519Identity, error) {
	id, err := age.ParseX25519Identity(string(bytes.TrimSpace(text)))
	if err != nil {
		return nil, errLegacy
	}
	return id, nil
}
