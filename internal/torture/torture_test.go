//go:build !windows

package torture

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/cogtoktest"
)

// How large the tests run them.
var (
	clients = flag.Int("clients", 20, "how many clients there are")
	rounds  = flag.Int("rounds", 4, "how often what they suffer from is done")
)

func TestMain(m *testing.M) {
	Child()
	_ = flag.Set("test.parallel", "5") // most of them wait most of the time
	flag.Parse()
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
	t.Parallel()
	f, err := Upgrade(t.Context(), cogtoktest.Programs(), *clients, *rounds)
	t.Logf("for %v at most nobody was let in", f.Pause)
	report(t, f.Figures, err)
}

func TestStart(t *testing.T) {
	t.Parallel()
	f, err := Start(t.Context(), cogtoktest.Programs(), *clients, *rounds)
	t.Logf("%d agents were killed", f.Kills)
	report(t, f.Figures, err)
}

func TestIdleExit(t *testing.T) {
	t.Parallel()
	f, err := IdleExit(t.Context(), cogtoktest.Programs(), *rounds)
	report(t, f, err)
}

func TestStop(t *testing.T) {
	t.Parallel()
	for name, upstream := range map[string]time.Duration{"quick": 1500 * time.Millisecond, "slow": 20 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := Stop(t.Context(), cogtoktest.Programs(), 50, upstream)
			t.Logf("%d answered, %d told that it shuts down, the last after %v", f.Answered, f.ShuttingDown, f.Took.Round(time.Millisecond))
			if err != nil {
				t.Error(err)
			}
			if f.Lost > 0 || f.Answered+f.ShuttingDown != 50 || f.Took > 6*time.Second {
				t.Errorf("%+v", f)
			}
		})
	}
}
