//go:build !windows

package e2e

import (
	"path/filepath"
	"testing"

	"github.com/cogtok/cogtok/internal/cogtoktest"
	"github.com/cogtok/cogtok/internal/torture"
)

// The programs that users get can't be told to crash.
func TestNoCrashOnDemand(t *testing.T) {
	for _, name := range []string{"cogtok", "cogtokd"} {
		if can, err := torture.CrashesOnDemand(filepath.Join(cogtoktest.Programs(), name)); can || err != nil {
			t.Errorf("%s: %v, %v", name, can, err)
		}
	}
}
