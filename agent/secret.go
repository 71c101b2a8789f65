package agent

import (
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"
)

// A Secret is a password, client secret, refresh token, device password or
// the like. It prints as "[redacted]" in every way that fmt, slog and the
// encoders know; [Secret.Reveal] is the only way out. The zero Secret is empty.
type Secret struct {
	// A pointer, since verbs such as %p bypass Format and print the fields.
	value *string
}

const redacted = "[redacted]"

// NewSecret returns a Secret that holds s.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{&s}
}

// Reveal returns what the secret holds.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Empty reports whether the secret holds nothing.
func (s Secret) Empty() bool { return s.value == nil }

// Equal reports whether both hold the same.
func (s Secret) Equal(o Secret) bool { return s.Reveal() == o.Reveal() }

// Flaw says, after "the password" or the like, why s can't be one; it is empty
// if nothing speaks against it. JSON carries UTF-8 alone and would turn all else
// into another password. A line break comes from pasting too much.
func (s Secret) Flaw() string {
	switch text := s.Reveal(); {
	case !utf8.ValidString(text):
		return "is not UTF-8 text"
	case strings.ContainsAny(text, "\r\n"):
		return "has a line break in it"
	case strings.ContainsRune(text, 0):
		return "has a NUL character in it"
	}
	return ""
}

func (Secret) String() string               { return redacted }
func (Secret) GoString() string             { return redacted }
func (Secret) Format(f fmt.State, _ rune)   { fmt.Fprint(f, redacted) }
func (Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
