package main

import "unicode/utf8"

// A scanner reads a JSON text (RFC 8259) from left to right. The first thing
// that isn't as it should be sets bad, which stays set. Strings come as parts
// of the text where possible: a program that runs for a millisecond notices
// what it allocates.
type scanner struct {
	text []byte // valid UTF-8
	at   int
	bad  bool
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// take skips c if it is next.
func (s *scanner) take(c byte) bool {
	if s.at >= len(s.text) || s.text[s.at] != c {
		return false
	}
	s.at++
	return true
}

func (s *scanner) want(c byte) {
	if s.peek(); !s.take(c) {
		s.bad = true
	}
}

// ended reports whether the text was right and is used up.
func (s *scanner) ended() bool {
	s.peek()
	return !s.bad && s.at == len(s.text)
}

// object calls member for each member of an object; member reads the value.
func (s *scanner) object(member func(name []byte)) {
	s.list('{', '}', func() {
		name := s.string()
		s.want(':')
		member(name)
	})
}

// list reads what stands between open and end, separated by commas.
func (s *scanner) list(open, end byte, element func()) {
	s.want(open)
	if s.peek() == end {
		s.at++
		return
	}
	for !s.bad {
		element()
		if s.peek() == end {
			s.at++
			return
		}
		s.want(',')
	}
}

// skip reads a value of any kind.
func (s *scanner) skip(depth int) {
	if depth == 0 {
		s.bad = true
	}
	switch c := s.peek(); {
	case s.bad:
	case c == '{':
		s.object(func([]byte) { s.skip(depth - 1) })
	case c == '[':
		s.list('[', ']', func() { s.skip(depth - 1) })
	case c == '"':
		s.string()
	case c == 't':
		s.word("true")
	case c == 'f':
		s.word("false")
	case c == 'n':
		s.word("null")
	default:
		s.number()
	}
}

func (s *scanner) word(w string) {
	for i := range len(w) {
		if !s.take(w[i]) {
			s.bad = true
		}
	}
}

// number reads a number and returns it as it is written.
func (s *scanner) number() []byte {
	s.peek()
	start := s.at
	s.take('-')
	if !s.take('0') {
		s.digits()
	}
	if s.take('.') {
		s.digits()
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		s.digits()
	}
	return s.text[start:s.at]
}

func (s *scanner) digits() {
	start := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++
	}
	if s.at == start {
		s.bad = true
	}
}

// string reads a string and returns what it stands for.
func (s *scanner) string() []byte {
	s.want('"')
	var out []byte // up to the last escape
	start := s.at  // what isn't in out begins here
	for !s.bad && s.at < len(s.text) {
		c := s.text[s.at]
		s.at++
		switch {
		case c == '"' && out == nil:
			return s.text[start : s.at-1]
		case c == '"':
			return append(out, s.text[start:s.at-1]...)
		case c == '\\':
			out = s.escape(append(out, s.text[start:s.at-1]...))
			start = s.at
		case c < ' ':
			s.bad = true
		}
	}
	s.bad = true
	return nil
}

// escape reads what follows a backslash and adds the character that it means.
func (s *scanner) escape(out []byte) []byte {
	if s.take('u') {
		return utf8.AppendRune(out, s.unicode())
	}
	const written, meant = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	for i := range len(written) {
		if s.take(written[i]) {
			return append(out, meant[i])
		}
	}
	s.bad = true
	return out
}

// unicode reads the digits of \uXXXX, and the second half of a surrogate pair
// if there is one. A half on its own becomes U+FFFD when it is encoded.
func (s *scanner) unicode() rune {
	high := s.hex()
	if high < 0xd800 || high > 0xdbff {
		return high
	}
	behind := s.at
	if s.take('\\') && s.take('u') {
		if low := s.hex(); low >= 0xdc00 && low <= 0xdfff {
			return 0x10000 + (high-0xd800)<<10 + (low - 0xdc00)
		}
	}
	s.at = behind
	return high
}

func (s *scanner) hex() rune {
	var r rune
	for range 4 {
		var c byte
		if s.at < len(s.text) {
			c = s.text[s.at]
		}
		s.at++
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 + rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 + rune(c|0x20-'a'+10)
		default:
			s.bad = true
		}
	}
	return r
}
