//go:build !windows

package torture

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/cogtoktest"
)

// needProc skips a test of a rig that looks into /proc.
func needProc(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/proc/self/statm"); err != nil {
		t.Skip("there is no /proc")
	}
}

// The limits here are generous: other programs run on the machine.

func TestSlow(t *testing.T) {
	t.Parallel()
	f, err := Slow(t.Context(), cogtoktest.Programs(), times(150, 500), times(300, 10_000))
	show(t, f, err)
	if f.Failed > 0 || f.P99 > time.Second || f.HungUp == 0 && f.P50 > time.Millisecond {
		t.Errorf("%q", f.Complaints)
	}
}

func TestIdle(t *testing.T) {
	needProc(t)
	t.Parallel()
	f, err := Idle(t.Context(), cogtoktest.Programs(), times(500, 10_000), times(100, 10_000))
	if errors.Is(err, ErrFewFiles) {
		t.Skip(err)
	}
	show(t, f, err)
	if f.Failed > 0 || f.Refused > 0 || f.Lost > 0 || f.P99 > 2*time.Second || f.With > 200<<20 {
		t.Errorf("%q", f.Complaints)
	}
}

func TestFewFiles(t *testing.T) {
	needProc(t)
	t.Parallel()
	f, err := FewFiles(t.Context(), cogtoktest.Programs(), 64, 200, time.Duration(times(2, 10))*time.Second)
	show(t, f, err)
	if f.Unclear > 0 || f.Busy < 100 || f.Renewed != 3 || f.Recovery > 5*time.Second || f.CPU > 50 {
		t.Errorf("%q", f.Complaints)
	}
}

func TestFrames(t *testing.T) {
	needProc(t)
	t.Parallel()
	f, err := Frames(t.Context(), cogtoktest.Programs(), times(20_000, 1_000_000), 1)
	show(t, f, err)
	if f.Crashed || f.Panics > 0 || f.Answers == 0 || len(f.Complaints) > 0 || f.Growth > 20<<20 {
		t.Errorf("%q", f.Complaints)
	}
}

func TestHangUps(t *testing.T) {
	needProc(t)
	t.Parallel()
	f, err := HangUps(t.Context(), cogtoktest.Programs(), times(3000, 100_000))
	show(t, f, err)
	if f.Survived != f.HangUps || f.HangUps == 0 || f.Files > 0 || len(f.Complaints) > 0 {
		t.Errorf("%q", f.Complaints)
	}
}
