package main

import "strconv"

// request returns the JSON-RPC request for the call, a line. Nobody can be
// asked ("interactive": false) or signed in ("session_only"): that is the full
// client's job, so that no password is sent twice, once in vain.
func (c call) request() []byte {
	line := append(make([]byte, 0, 512), `{"jsonrpc":"2.0","id":1,"method":"token","params":{"interactive":false,"session_only":true`...)
	line = appendMember(line, "profile", c.profile)
	line = appendMember(line, "type", c.typ)
	line = appendMember(line, "config", c.config)
	if c.minTTL != noMinTTL {
		line = strconv.AppendInt(append(line, `,"min_ttl":`...), c.minTTL, 10)
	}
	if c.force {
		line = append(line, `,"force":true`...)
	}
	return append(line, "}}\n"...)
}

// appendMember adds a string member, unless the string is empty.
func appendMember(line []byte, name, value string) []byte {
	if value == "" {
		return line
	}
	line = append(line, ',')
	line = appendString(line, name)
	line = append(line, ':')
	return appendString(line, value)
}

// appendString adds s, which is valid UTF-8, as a JSON string (RFC 8259,
// section 7).
func appendString(line []byte, s string) []byte {
	const hex = "0123456789abcdef"
	line = append(line, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			line = append(line, '\\', c)
		case c < ' ':
			line = append(line, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			line = append(line, c)
		}
	}
	return append(line, '"')
}
