package torture

import (
	"errors"
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/cogtoktest"
)

func testDisk(t *testing.T, programs string) {
	f, err := FullDisk(t.Context(), programs, times(2, 3))
	if errors.Is(err, ErrNoMount) {
		t.Skip(err)
	}
	show(t, f, err)
	if f.Failed > 0 || f.Told != f.Renewals || !f.AtTheEnd || !f.ReadOnly || f.Saved > time.Minute+15*time.Second {
		t.Errorf("%q", f.Complaints)
	}
}

func testKeychain(t *testing.T, programs string) {
	f, err := Keychain(t.Context(), programs, times(200, 10_000))
	if errors.Is(err, ErrNoKeychain) {
		cogtoktest.Missing(t, err.Error())
	}
	show(t, f, err)
	if len(f.Complaints) > 0 || !f.AfterDeath {
		t.Errorf("%q", f.Complaints)
	}
	if f.Uncached > 4*time.Second || f.NewAgent > 5*time.Second || f.NextErrors > time.Second || f.Recovery > 4*time.Second {
		t.Error("too slow, even for a busy machine")
	}
}
