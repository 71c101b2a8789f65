//go:build !windows

package torture

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

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

// The rigs of the real agent share one build, which can be told to crash.
func TestRefresh(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := BuildPrograms(t.Context(), dir, "failpoints"); err != nil {
		t.Fatal(err)
	}
	for _, test := range refreshTests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, dir)
		})
	}
}

var refreshTests = []struct {
	name string
	run  func(t *testing.T, programs string)
}{
	{"rotation", testRotation}, {"hung", testHung}, {"lockout", testLockout}, {"config", testConfig},
	{"disk", testDisk}, {"keychain", testKeychain}, {"soak", testSoak},
}

func testRotation(t *testing.T, programs string) {
	if ok, err := CrashesOnDemand(filepath.Join(programs, "cogtokd")); err != nil || !ok {
		t.Errorf("the program can't be told to crash: %v", err)
	}
	graces := []time.Duration{time.Minute, 10 * time.Second, 0}
	for _, grace := range graces[:times(1, 3)] {
		f, err := Rotation(t.Context(), programs, times(1, 50), grace)
		show(t, f, err)
		if len(f.Untouched) > 0 || len(f.Complaints) > 0 || f.Crashes == 0 {
			t.Errorf("grace %v: %q", grace, f.Complaints)
		}
		if grace > 0 && f.Survived != f.Crashes {
			t.Errorf("grace %v: %d of %d sessions survived", grace, f.Survived, f.Crashes)
		}
	}
}

func testHung(t *testing.T, programs string) {
	f, err := Hung(t.Context(), programs, times(20, 1000))
	show(t, f, err)
	if f.CallsThen != 1 || f.Other > time.Second || f.GivenUp > 2*time.Second {
		t.Error("a session that hangs holds others up")
	}
}

func testLockout(t *testing.T, programs string) {
	for _, seed := range []bool{false, true} {
		f, err := Lockout(t.Context(), programs, times(100, 1000), times(4, 50), seed)
		show(t, f, err)
		if f.Attempts != 1 || f.Locked || f.Tokens > 0 {
			t.Errorf("seed %v: %d attempts", seed, f.Attempts)
		}
	}
}

func testConfig(t *testing.T, programs string) {
	f, err := Config(t.Context(), programs, 500, 1)
	show(t, f, err)
	if f.Kept != f.Broken || f.Shown != f.Broken || len(f.Complaints) > 0 {
		t.Errorf("%q", f.Complaints)
	}
}

func testSoak(t *testing.T, programs string) {
	f, err := Soak(t.Context(), programs, times(12_000, 10_000_000))
	show(t, f, err)
	if f.Failed > 0 || f.FDs > 0 {
		t.Errorf("%d calls failed, %d more descriptors", f.Failed, f.FDs)
	}
	if f.Calls >= 1_000_000 && f.Slope > 1<<20 {
		t.Errorf("memory grows by %.0f bytes in a million calls", f.Slope)
	}
}

func TestClocks(t *testing.T) {
	t.Parallel()
	f, err := Clocks(t.Context(), times(2, 100))
	show(t, f, err)
	if f.Expired > 0 || f.Failed > 0 || f.LateByTwo > 0 || f.MostCalls > 1 || f.Slowest > 2*time.Second {
		t.Errorf("%q", f.Complaints)
	}
}

func TestExpired(t *testing.T) {
	t.Parallel()
	f, err := Expired(t.Context(), times(50_000, 1_000_000), 1)
	show(t, f, err)
	if f.Expired > 0 || f.Short > 0 || f.HandedOut < f.Asked/2 {
		t.Error("a token that was no good, or hardly any")
	}
}

func TestHerd(t *testing.T) {
	t.Parallel()
	f, err := Herd(t.Context(), 1000, times(3, 100))
	show(t, f, err)
	if f.Failed > 0 || f.MostCalls != 1 || f.Forced > 7 {
		t.Errorf("%q", f.Complaints)
	}
}

func TestTruncated(t *testing.T) {
	t.Parallel()
	f, err := Truncated(t.Context(), times(397, 1))
	show(t, f, err)
	if f.Served != f.Cuts || f.Cuts == 0 || f.SignIns == 0 {
		t.Errorf("%q", f.Complaints)
	}
}

func TestOutage(t *testing.T) {
	t.Parallel()
	for _, kind := range OutageKinds {
		for _, minTTL := range []time.Duration{0, 15 * time.Minute} { // 25 minutes, with tokens of 30
			f, err := Outage(t.Context(), kind, 25*time.Minute, 30*time.Minute, minTTL, true)
			show(t, f, err)
			if f.Failed > 0 || f.Tries > 40 || f.Lost || f.Back > 2*time.Minute || len(f.Complaints) > 0 {
				t.Errorf("%s, min-ttl %v: %+v", kind, minTTL, f)
			}
		}
	}
}

func TestThrottledForTenMinutes(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"throttled", "429 page", "retry-after seconds", "retry-after date"} {
		f, err := Outage(t.Context(), kind, 10*time.Minute, time.Hour, 0, false)
		show(t, f, err)
		if f.Tries > 30 || f.Tries < 2 || f.Lost || len(f.Complaints) > 0 {
			t.Errorf("%s: %+v", kind, f)
		}
		if kind == "retry-after seconds" || kind == "retry-after date" {
			if f.TooSoon > 0 {
				t.Errorf("%s: asked too soon %d times", kind, f.TooSoon)
			}
		}
	}
}
