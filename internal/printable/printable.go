// Package printable makes text from outside safe to show on a terminal:
// servers, tokens, files and other programs may put anything in it.
package printable

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text returns s without what a terminal would act on or show misleadingly:
// C0 and C1 controls, escape sequences' introducers, bidirectional overrides,
// zero-width and other format characters, invalid UTF-8. Each becomes U+FFFD;
// newlines and tabs become spaces.
func Text(s string) string { return clean(s, false) }

// Lines is Text, but keeps newlines and tabs.
func Lines(s string) string { return clean(s, true) }

func clean(s string, keepLines bool) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			if keepLines {
				return r
			}
			return ' '
		case r == utf8.RuneError, unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp):
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}

// Limit returns Text(s), cut to at most n runes with an ellipsis.
func Limit(s string, n int) string {
	r := []rune(Text(s))
	if len(r) <= n {
		return string(r)
	}
	return string(r[:n-1]) + "…"
}
