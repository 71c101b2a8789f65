package profiles

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	anchorMessage = "anchors (&), aliases (*) and merge keys (<<) are not taken in a config"
	anchorHint    = "to share keys between profiles, write: extends: NAME"
)

// checkText refuses what is no plain text, and what lines are counted by
// differently by different programs: positions must be right for every editor.
func checkText(path string, data []byte) *Error {
	line, column := 1, 1
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if wrong := badRune(data[i:], r, size); wrong != "" {
			return &Error{Path: path, Line: line, Column: column, Message: wrong}
		}
		if column++; r == '\n' {
			line, column = line+1, 1
		}
		i += size
	}
	return nil
}

func badRune(rest []byte, r rune, size int) string {
	switch {
	case r == utf8.RuneError && size == 1:
		return "this is not UTF-8 text"
	case r == '\n' || r == '\t' || r == '\r' && bytes.HasPrefix(rest, []byte("\r\n")):
		return ""
	case unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) || r == '\ufeff':
		return fmt.Sprintf("an invisible character (U+%04X) stands here", r)
	}
	return ""
}

// syntaxMessages turn the YAML library's messages to words for people. They
// are asked in order.
var syntaxMessages = []struct{ has, message, hint string }{
	{"mapping values are not allowed", `a ": " where none can be`, "check the indentation, or put the value in quotes"},
	{"did not find expected key", "a key is expected here", "keys of one level begin in the same column"},
	{"could not find expected ':'", `a key without a ":"`, "write: key: value"},
	{"did not find expected '-'", `a list item ("- ") is expected here`, "items of one list begin in the same column"},
	{"block sequence entries are not allowed", `a list item ("- ") where none can be`, "check the indentation"},
	{"expected ',' or", "a bracket that is not closed, or a missing comma", ""},
	{"end of stream", "a quote or bracket that is not closed", ""},
	{"cannot start any token", "a value can't begin with this character", "put the value in quotes"},
	{"escape", `an unknown escape sequence after \`, `in '…' a \ is an ordinary character`},
	{"tab character", "a tab where only spaces can be", "replace the tab with spaces"},
	{"anchor", anchorMessage, anchorHint},
	{"alias", anchorMessage, anchorHint},
	{"depth", "the file is nested too deeply", ""},
	{"directive", "a line that begins with % has no meaning in a config", ""},
	{"", "this is not valid YAML", "check the indentation, and put unusual values in quotes"},
}

// syntaxError explains a message of the YAML library. Its texts are not passed
// on, since they may hold a word of the file.
func syntaxError(path string, data []byte, message string) *Error {
	line := errorLine(data, message)
	e := &Error{Path: path, Line: line, Column: 1}
	text := bytes.Split(data, []byte("\n"))[line-1]
	indent := len(text) - len(bytes.TrimLeft(text, " \t"))
	if tab := bytes.IndexByte(text[:indent], '\t'); tab >= 0 {
		e.Column, e.Message, e.Hint = tab+1, "a tab can't indent a line", "replace the tab with spaces"
		return e
	}
	e.Column = indent + 1
	for _, m := range syntaxMessages {
		if strings.Contains(message, m.has) {
			e.Message, e.Hint = m.message, m.hint
			break
		}
	}
	return e
}

// errorLine returns the line at which the library begins to fail with message:
// the number that it gives itself is often that of the enclosing block. So the
// first lines of the file are parsed alone, by bisection.
func errorLine(data []byte, message string) int {
	what := stripLine(message)
	lines := bytes.SplitAfter(data, []byte("\n"))
	fails := func(n int) bool { return stripLine(parseMessage(bytes.Join(lines[:n], nil))) == what }
	low, high := 0, len(lines) // fails(high), not fails(low)
	for high-low > 1 {
		if middle := (low + high) / 2; fails(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	for high > 1 && len(bytes.TrimSpace(lines[high-1])) == 0 {
		high--
	}
	return high
}

// stripLine cuts "yaml: line 3: " off a message.
func stripLine(message string) string {
	message = strings.TrimPrefix(message, "yaml: ")
	if rest, ok := strings.CutPrefix(message, "line "); ok {
		if _, after, ok := strings.Cut(rest, ": "); ok {
			return after
		}
	}
	return message
}
