// Package totp makes the codes of an authenticator app: RFC 6238 with
// HMAC-SHA-1, six digits and 30 seconds, the only kind that Cognito knows
// (https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-mfa-totp.html).
package totp

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Step is for how long a code is shown.
const Step = 30 * time.Second

// minSeed is the shortest seed that services give out, in bytes. RFC 4226 wants
// 16; what is shorter than 10 is a word that happens to be base32.
const minSeed = 10

// ErrSeed means that a text is no seed. It never quotes the text.
var ErrSeed = errors.New("not a seed in base32")

// ParseSeed reads a seed in base32 (RFC 4648), as apps and web pages show it:
// case, spaces, dashes and padding don't matter. It fails with ErrSeed.
func ParseSeed(text string) ([]byte, error) {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '-' || r == '=' {
			return -1
		}
		return unicode.ToUpper(r)
	}, text)
	seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(clean)
	if err != nil || len(seed) < minSeed {
		return nil, ErrSeed
	}
	return seed, nil
}

// Code returns the code that an app with the seed shows at a moment.
func Code(seed []byte, at time.Time) string {
	mac := hmac.New(sha1.New, seed)
	_ = binary.Write(mac, binary.BigEndian, at.Unix()/int64(Step/time.Second))
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0x0f
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[offset:])&0x7fffffff%1_000_000)
}
