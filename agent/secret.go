package agent

import (
	"fmt"
	"log/slog"
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

func (Secret) String() string               { return redacted }
func (Secret) GoString() string             { return redacted }
func (Secret) Format(f fmt.State, _ rune)   { fmt.Fprint(f, redacted) }
func (Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
