package store

import "encoding/json"

// A Heritable store has something in memory that a successor of this process
// can't get again by itself: values that rest nowhere else, or a key that took a
// passphrase or a question by the keychain.
type Heritable interface {
	// Bequeath returns what that is; nil: nothing. It is secret.
	Bequeath() ([]byte, error)
	// Inherit takes over what the predecessor's Bequeath has returned.
	Inherit(legacy []byte) error
}

var _ Heritable = (*Memory)(nil)

// Bequeath implements Heritable: the values.
func (m *Memory) Bequeath() ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.values) == 0 {
		return nil, nil
	}
	return json.Marshal(m.values)
}

// Inherit implements Heritable.
func (m *Memory) Inherit(legacy []byte) error {
	var values map[string][]byte
	if err := json.Unmarshal(legacy, &values); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values = values
	return nil
}
