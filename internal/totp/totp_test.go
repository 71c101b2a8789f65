package totp

import (
	"testing"
	"time"
)

// The vectors of RFC 6238, appendix B, cut to six digits.
func TestVectors(t *testing.T) {
	seed := []byte("12345678901234567890")
	for unix, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		if got := Code(seed, time.Unix(unix, 0)); got != want {
			t.Errorf("at %d: %s, want %s", unix, got, want)
		}
	}
}

func TestParseSeed(t *testing.T) {
	const want = "12345678901234567890"
	for _, text := range []string{
		"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "gezd gnbv gy3t qojq gezd gnbv gy3t qojq", "GEZDGNBV-GY3TQOJQ-GEZDGNBV-GY3TQOJQ====\n",
	} {
		if seed, err := ParseSeed(text); err != nil || string(seed) != want {
			t.Errorf("%q: %q, %v", text, seed, err)
		}
	}
	for _, text := range []string{"", " =", "GEZDGNB1", "hello world", "0", "ÄÄÄÄÄÄÄÄ", "https://example.com"} {
		if _, err := ParseSeed(text); err != ErrSeed {
			t.Errorf("%q: %v", text, err)
		}
	}
}
