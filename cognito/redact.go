package cognito

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"iter"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/cogtok/cogtok/internal/printable"
)

// Servers, and the Lambda triggers of honest ones, have been seen to send back
// what they got: in the text of an error, in its type, in a challenge. What of
// an answer is shown goes through this file; of its texts nothing is logged.

// secrets are the values that a call or a sign-in has sent, and that are shown
// to nobody.
type secrets []string

const (
	redacted = "[redacted]"
	maxName  = 64       // bytes of the name of an error type or challenge
	maxText  = 16 << 10 // bytes of a text that is meant for people, far more than is shown

	// minInside is the length in bytes from which a secret is looked for inside
	// of words: a shorter one would tear ordinary texts apart, and is looked for
	// as a word of its own.
	minInside = 4
	// minEncoded is the length from which it is looked for in encodings too, and
	// in pieces of that length in names.
	minEncoded = 6
	// maxEncoded is the length up to which it is looked for in encodings: that is
	// work, and no text of those that are shown has room for more.
	maxEncoded = 4 << 10
)

// name returns text if it can be the name of an error type, a challenge or a
// parameter and gives no secret away, else "".
func (s secrets) name(text string) string {
	if !isName(text) || s.in(text) || !isKnownType(text) && s.pieceIn(text) {
		return ""
	}
	return text
}

// typeName returns the name of an error type, as it is shown and logged.
func (s secrets) typeName(code string) string {
	if name := s.name(code); name != "" {
		return name
	}
	return "an unknown error"
}

func isName(text string) bool {
	for i, r := range text {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r != '_' && (r < '0' || r > '9')) {
			return false
		}
	}
	return text != "" && len(text) <= maxName
}

// redact returns at most limit runes of text, printable, with "[redacted]" in
// place of the secrets and without a full stop.
func (s secrets) redact(text string, limit int) string {
	if len(text) > maxText { // cut, it could end with a part of a secret
		return "(a very long text)"
	}
	text = printable.Text(text)
	hidden := s.findIn(text)
	var out strings.Builder
	for i := range len(text) {
		switch {
		case !hidden[i]:
			out.WriteByte(text[i])
		case i == 0 || !hidden[i-1]:
			out.WriteString(redacted)
		}
	}
	shown := strings.TrimRight(printable.Limit(strings.TrimSpace(out.String()), limit), ". ")
	if s.in(shown) { // what was left and what was put in make up a secret
		return redacted
	}
	return shown
}

// findIn reports for each byte of text whether it belongs to a secret.
func (s secrets) findIn(text string) []bool {
	text = fold(text)
	hidden := make([]bool, len(text))
	for form := range s.formsWithin(len(text)) {
		for at := 0; ; at += len(form) {
			i := strings.Index(text[at:], form)
			if i < 0 {
				break
			}
			at += i
			if len(form) < minInside && !standsAlone(text, at, at+len(form)) {
				continue
			}
			for j := range len(form) {
				hidden[at+j] = true
			}
		}
	}
	return hidden
}

func (s secrets) in(text string) bool { return slices.Contains(s.findIn(text), true) }

// standsAlone reports whether what lies around text[from:to] is no part of the
// same word.
func standsAlone(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	after, _ := utf8.DecodeRuneInString(text[to:])
	return !isWordPart(before) && !isWordPart(after)
}

func isWordPart(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// pieceIn reports whether text has a piece of a secret. The SDK cuts an error
// type at a colon, and a server may cut anything anywhere.
func (s secrets) pieceIn(text string) bool {
	text = fold(text)
	for form := range s.formsWithin(maxText) {
		for i := 0; i+minEncoded <= len(text); i++ {
			if strings.Contains(form, text[i:i+minEncoded]) {
				return true
			}
		}
	}
	return false
}

// formsWithin yields what text is searched for, folded as the text is. No
// encoding is shorter than its secret, so those of secrets that don't fit in size
// bytes aren't made: there are many, and some secrets are long.
func (s secrets) formsWithin(size int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, secret := range s {
			for _, form := range forms(secret, size) {
				if !yield(form) {
					return
				}
			}
		}
	}
}

func forms(secret string, size int) []string {
	plain := strings.TrimSpace(secret)
	all := []string{plain, strings.ToUpper(plain), strings.ToLower(plain)} // fold is for ASCII
	if len(secret) >= minEncoded && len(secret) <= min(size, maxEncoded) {
		all = append(all, encodings(secret)...)
	}
	for i, form := range all {
		all[i] = fold(printable.Text(form))
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(form string) bool { return form == "" || len(form) > size })
}

// fold makes the letters of ASCII small: some encodings and servers don't
// keep case. The length stays.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// encodings returns secret as JSON, HTML, URLs, hex and base64 have it.
func encodings(secret string) []string {
	all := []string{html.EscapeString(secret), hex.EncodeToString([]byte(secret))}
	for _, escape := range []func(string) string{jsonHTML, jsonPlain, jsonASCII} {
		once := escape(secret)
		all = append(all, once, escape(once)) // twice: JSON in a string of JSON
		all = append(all, base64Forms(once)...)
	}
	// What stays as it is: RFC 3986, Go's paths, Python, JavaScript's two, Java.
	for _, safe := range []string{"-_.~", "-_.~$&+:=@", "-_.~/", "-_.!~*'()", "-_.!~*'();,/?:@&=+$#", "-_.*"} {
		code := percent(secret, safe)
		all = append(all, code, strings.ReplaceAll(code, "%20", "+"))
	}
	return append(all, base64Forms(secret)...)
}

func jsonHTML(s string) string {
	code, _ := json.Marshal(s) // a string can't fail
	return string(code[1 : len(code)-1])
}

func jsonPlain(s string) string {
	var code bytes.Buffer
	encoder := json.NewEncoder(&code)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s)
	return code.String()[1 : code.Len()-2] // Encode ends with a newline
}

// jsonASCII is JSON as Python writes it.
func jsonASCII(s string) string {
	var code strings.Builder
	for _, r := range jsonPlain(s) {
		if r < 0x80 {
			code.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&code, `\u%04x`, unit)
		}
	}
	return code.String()
}

// percent escapes all but letters, digits and safe.
func percent(s, safe string) string {
	code := strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	for _, r := range "-_.~" {
		if !strings.ContainsRune(safe, r) { // the four that QueryEscape leaves
			code = strings.ReplaceAll(code, string(r), fmt.Sprintf("%%%02X", r))
		}
	}
	for _, r := range safe {
		code = strings.ReplaceAll(code, fmt.Sprintf("%%%02X", r), string(r))
	}
	return code
}

// base64Forms returns s in base64, and what is always the same of it when it
// stands in something longer that is in base64: 0, 1 or 2 bytes after a
// multiple of 3.
func base64Forms(s string) []string {
	all := []string{base64.StdEncoding.EncodeToString([]byte(s)), base64.URLEncoding.EncodeToString([]byte(s))}
	for before := range 3 {
		padded := append(make([]byte, before), s...)
		from, to := (8*before+5)/6, 8*len(padded)/6
		all = append(all, base64.RawStdEncoding.EncodeToString(padded)[from:to], base64.RawURLEncoding.EncodeToString(padded)[from:to])
	}
	return all
}
