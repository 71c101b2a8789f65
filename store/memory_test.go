package store_test

import (
	"testing"

	"github.com/cogtok/cogtok/store"
	"github.com/cogtok/cogtok/store/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return new(store.Memory) })
}
