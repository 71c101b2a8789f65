package store

import (
	"bytes"
	"context"
	"sync"
)

// Memory is a [Store] that lasts as long as the process. Its zero value is
// empty and ready for use.
type Memory struct {
	mu     sync.Mutex
	values map[string][]byte
}

// Get returns the value. It fails with ErrNotFound or the error of ctx.
func (m *Memory) Get(ctx context.Context, name string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok := m.values[name]
	if !ok {
		return nil, ErrNotFound
	}
	return bytes.Clone(value), nil
}

// Put sets the value. It fails only with the error of ctx.
func (m *Memory) Put(ctx context.Context, name string, value []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values == nil {
		m.values = make(map[string][]byte)
	}
	clear(m.values[name])
	m.values[name] = append([]byte{}, value...)
	return nil
}

// Delete removes the value. It fails only with the error of ctx.
func (m *Memory) Delete(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.values[name])
	delete(m.values, name)
	return nil
}
