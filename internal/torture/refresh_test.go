//go:build !windows

package torture

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/cogtoktest"
)

// programs returns the directory of the programs, built with tags.
func programs(t *testing.T, tags ...string) string {
	t.Helper()
	if dir := cogtoktest.Programs(); dir != "" && len(tags) == 0 {
		return dir
	}
	dir := t.TempDir()
	if err := BuildPrograms(t.Context(), dir, tags...); err != nil {
		t.Fatal(err)
	}
	return dir
}

// show logs what was measured.
func show(t *testing.T, figures any, err error) {
	t.Helper()
	text, _ := json.Marshal(figures)
	t.Logf("%s", text)
	if err != nil {
		t.Fatal(err)
	}
}

// times is how often a rig does its thing here, and in a long run (with
// COGTOK_TORTURE set).
func times(short, long int) int {
	if os.Getenv("COGTOK_TORTURE") != "" {
		return long
	}
	return short
}

func TestRotation(t *testing.T) {
	dir := programs(t, "failpoints")
	if ok, err := CrashesOnDemand(filepath.Join(dir, "cogtokd")); err != nil || !ok {
		t.Errorf("the program can't be told to crash: %v", err)
	}
	graces := []time.Duration{time.Minute, 10 * time.Second, 0}
	for _, grace := range graces[:times(1, 3)] {
		f, err := Rotation(t.Context(), dir, times(1, 50), grace)
		show(t, f, err)
		if len(f.Untouched) > 0 || len(f.Complaints) > 0 || f.Crashes == 0 {
			t.Errorf("grace %v: %q", grace, f.Complaints)
		}
		if grace > 0 && f.Survived != f.Crashes {
			t.Errorf("grace %v: %d of %d sessions survived", grace, f.Survived, f.Crashes)
		}
	}
}

func TestClocks(t *testing.T) {
	f, err := Clocks(t.Context(), times(2, 100))
	show(t, f, err)
	if f.Expired > 0 || f.Failed > 0 || f.LateByTwo > 0 || f.MostCalls > 1 || f.Slowest > 2*time.Second {
		t.Errorf("%q", f.Complaints)
	}
}

func TestExpired(t *testing.T) {
	f, err := Expired(t.Context(), times(100_000, 1_000_000), 1)
	show(t, f, err)
	if f.Expired > 0 || f.Short > 0 || f.HandedOut < f.Asked/2 {
		t.Error("a token that was no good, or hardly any")
	}
}
