package userpool

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what RFC 6238 and Cognito use
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// totpStep is how long a code is shown, in seconds; one step before and after
// the present one is taken too:
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-mfa-totp.html
const totpStep = 30

// totp is a software token: RFC 6238 with HMAC-SHA-1 and six digits.
type totp struct {
	seed     []byte
	enabled  bool  // asked for at sign-in
	lastStep int64 // of the last code taken: none is taken twice
}

// mustTOTP reads a seed in base32; padding, case and spaces don't matter.
func mustTOTP(seed string) totp {
	clean := strings.ToUpper(strings.TrimRight(strings.ReplaceAll(seed, " ", ""), "="))
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(clean)
	if err != nil || len(key) == 0 {
		panic("userpool: a TOTP seed is base32")
	}
	return totp{seed: key, enabled: true}
}

func newTOTP() totp { return totp{seed: randomBytes(32)} }

// secretCode is the seed as AssociateSoftwareToken gives it out.
func (t *totp) secretCode() string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(t.seed)
}

func (t *totp) code(step int64) string {
	mac := hmac.New(sha1.New, t.seed)
	_ = binary.Write(mac, binary.BigEndian, step)
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0x0f
	number := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
	return fmt.Sprintf("%06d", number%1_000_000)
}

// take says whether code is right at now, and whether it is one that was taken
// before.
func (t *totp) take(code string, now time.Time) (right, again bool) {
	present := now.Unix() / totpStep
	for _, step := range []int64{present, present - 1, present + 1} {
		if !hmac.Equal([]byte(t.code(step)), []byte(code)) {
			continue
		}
		if step <= t.lastStep {
			return true, true
		}
		t.lastStep = step
		return true, false
	}
	return false, false
}
