//go:build !failpoints

package failpoint

import "testing"

// A program that isn't built for it doesn't crash, whatever its environment says.
func TestNoCrash(t *testing.T) {
	for _, p := range Points {
		t.Setenv("COGTOK_FAILPOINT", string(p))
		Reach(p)
	}
}
