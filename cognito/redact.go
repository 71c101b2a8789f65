package cognito

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cogtok/cogtok/internal/printable"
)

// A server may say anything in an error, also what it was sent: a trigger that
// throws its whole event, an emulator that prints the request. Nothing of that
// may reach a terminal or the log with a secret in it.

// redacted stands where a secret stood.
const redacted = "[redacted]"

// shortestSecret is how long a value of the request must be to be looked for
// inside of words. Shorter ones would tear ordinary texts apart, and are
// looked for as words of their own.
const shortestSecret = 4

// longestText is how much of a server's text is looked at, in bytes: far more
// than is shown.
const longestText = 16 << 10

// serverText makes a text of the server's that is meant for people fit to be
// shown: without the secrets of the request, printable, short.
func serverText(text string, secrets []string) string {
	text = text[:min(len(text), longestText)]
	for _, secret := range secrets {
		for _, form := range spellings(secret) {
			text = replaceFold(text, form)
		}
	}
	return strings.TrimRight(printable.Limit(strings.TrimSpace(text), 300), ". ")
}

// spellings returns a secret in the forms in which programs put it in their
// texts, longest first: a form may be a part of another.
func spellings(secret string) []string {
	if secret == "" {
		return nil
	}
	raw := []byte(secret)
	return []string{
		jsonText(secret, true), jsonText(secret, false), url.QueryEscape(secret), url.PathEscape(secret),
		hex.EncodeToString(raw),
		base64.StdEncoding.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw),
		base64.URLEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw),
		secret,
	}
}

// jsonText returns s as it stands in a JSON string, without the quotes.
func jsonText(s string, escapeHTML bool) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(escapeHTML)
	if e.Encode(s) != nil {
		return s
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(b.String()), `"`), `"`)
}

// replaceFold redacts form in text, whatever the case of its letters.
func replaceFold(text, form string) string {
	var b strings.Builder
	for {
		i := indexFold(text, form)
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:i])
		b.WriteString(redacted)
		text = text[i+len(form):]
	}
}

// indexFold finds form in text by bytes, ASCII letters without regard to case.
func indexFold(text, form string) int {
	for i := 0; i+len(form) <= len(text); i++ {
		if equalFoldASCII(text[i:i+len(form)], form) && (len(form) >= shortestSecret || standsAlone(text, i, len(form))) {
			return i
		}
	}
	return -1
}

func equalFoldASCII(a, b string) bool {
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// standsAlone reports whether what lies around text[i:i+n] is no part of the
// same word.
func standsAlone(text string, i, n int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:i])
	after, _ := utf8.DecodeRuneInString(text[i+n:])
	return !isWordPart(before) && !isWordPart(after)
}

func isWordPart(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// serverWord returns an error type, the name of a challenge or the like if it
// looks like one and holds no secret of the request, and otherwise instead.
func serverWord(word, instead string, secrets []string) string {
	if word == "" || len(word) > 64 {
		return instead
	}
	for i := range len(word) {
		c := lower(word[i])
		if !('a' <= c && c <= 'z' || i > 0 && (c == '_' || '0' <= c && c <= '9')) {
			return instead
		}
	}
	if serverText(word, secrets) != word {
		return instead
	}
	return word
}
