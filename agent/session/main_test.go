package session

import (
	"testing"

	"go.uber.org/goleak"
)

// No goroutine outlives a keeper that was closed.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
