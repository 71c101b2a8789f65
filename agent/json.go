package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deeply arrays and objects of a message may be nested.
const maxDepth = 16

var errNotStrict = errors.New("not strict JSON")

// checkStrict refuses what encoding/json lets pass and two readers may
// understand differently: invalid UTF-8, lone surrogates, duplicate names; and
// nesting beyond maxDepth. The error never quotes data, which may be secret.
func checkStrict(data []byte) error {
	return splitStrict(data, func([]byte, json.RawMessage) {})
}

// splitStrict does what checkStrict does, and calls member for each member of
// the object that data is, if it is one.
func splitStrict(data []byte, member func(name []byte, value json.RawMessage)) error {
	if !utf8.Valid(data) || !json.Valid(data) {
		return errNotStrict
	}
	var open []map[string]bool // for each open object the names in it; nil for an array
	var name []byte            // of the member that i is in
	var value int              // where its value begins
	for i := 0; i < len(data); i++ {
		if (data[i] == ',' || data[i] == '}') && len(open) == 1 && name != nil {
			member(name, bytes.TrimSpace(data[value:i]))
		}
		switch data[i] {
		case '{':
			open = append(open, map[string]bool{})
		case '[':
			open = append(open, nil)
		case '}', ']':
			open = open[:len(open)-1]
		case '"':
			end := stringEnd(data, i)
			text, ok := unquote(data[i:end])
			if !ok {
				return errNotStrict
			}
			if isName(data[end:]) {
				names := open[len(open)-1]
				if names[string(text)] {
					return errNotStrict
				}
				names[string(text)] = true
				if len(open) == 1 {
					name, value = text, end+bytes.IndexByte(data[end:], ':')+1
				}
			}
			i = end - 1
		}
		if len(open) > maxDepth {
			return errNotStrict
		}
	}
	return nil
}

// stringEnd returns the index after the string that starts at data[start]. The
// data is known to be valid JSON.
func stringEnd(data []byte, start int) int {
	for i := start + 1; ; {
		end := i + bytes.IndexByte(data[i:], '"')
		for i <= end { // else it is escaped
			escape := bytes.IndexByte(data[i:end], '\\')
			if escape < 0 {
				return end + 1
			}
			i += escape + 2
		}
	}
}

// isName reports whether a string was a name: what follows it is a colon.
func isName(rest []byte) bool {
	rest = bytes.TrimLeft(rest, " \t\r\n")
	return len(rest) > 0 && rest[0] == ':'
}

// unquote decodes a string with its quotes. It fails for a lone surrogate, which
// encoding/json would replace in silence: a password would be another one.
func unquote(quoted []byte) ([]byte, bool) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1], true
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return nil, false
	}
	replaced := strings.Count(s, "\ufffd")
	meant := bytes.Count(quoted, []byte("\ufffd")) + bytes.Count(bytes.ToLower(quoted), []byte(`\ufffd`))
	return []byte(s), replaced <= meant
}

// decode fills v, a pointer to a struct, from an object that is strict JSON.
// Unlike json.Unmarshal it matches names exactly: "Profile" is a member that
// this version doesn't know, and so ignored.
func decode(object json.RawMessage, v any) error {
	if hasForeignName(object) {
		object = withoutForeignNames(object)
	}
	return json.Unmarshal(object, v)
}

// hasForeignName reports whether a name in object, at any depth, might not be
// one of the protocol's.
func hasForeignName(object []byte) bool {
	for i := 0; i < len(object); i++ {
		if object[i] != '"' {
			continue
		}
		end := stringEnd(object, i)
		if isName(object[end:]) && bytes.ContainsFunc(object[i:end], notOurs) {
			return true
		}
		i = end - 1
	}
	return false
}

func withoutForeignNames(object json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		return object // no object: for json.Unmarshal to tell
	}
	for name := range members {
		if strings.ContainsFunc(name, notOurs) {
			delete(members, name)
		}
	}
	kept, _ := json.Marshal(members) // can't fail: they came from valid JSON
	return kept
}

// notOurs reports whether no name of the protocol has r in it. A backslash may
// stand for any letter.
func notOurs(r rune) bool { return r >= utf8.RuneSelf || 'A' <= r && r <= 'Z' || r == '\\' }
