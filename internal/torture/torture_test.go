//go:build !windows

package torture

import (
	"os"
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/cogtoktest"
)

func TestMain(m *testing.M) {
	Child()
	os.Exit(cogtoktest.Main(m))
}

// report logs what was measured, and fails the test if a call failed.
func report(t *testing.T, f Figures, err error) {
	t.Helper()
	t.Logf("%d calls, %d failed, the longest took %v", f.Calls, f.Failed, f.Worst.Round(time.Millisecond))
	if err != nil {
		t.Error(err)
	}
	if f.Failed > 0 {
		t.Errorf("calls failed: %q", f.Errors)
	}
}

func TestUpgrade(t *testing.T) {
	f, err := Upgrade(t.Context(), cogtoktest.Programs(), 20, 4)
	report(t, f, err)
}
