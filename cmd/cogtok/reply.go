package main

import "unicode/utf8"

// A reply is what is used of the result of the token method.
type reply struct {
	token   []byte
	header  []byte // the header's name
	value   []byte // the header's value: the token with the profile's scheme
	warning []byte

	failure []byte // the error member instead, as it came
	code    []byte // its code
}

// maxDepth is how deep a reply may be nested; the agent's are two deep.
const maxDepth = 16

// readReply reads the agent's answer. It is false for an error, for a prompt
// and for whatever else isn't the result of request 1.
func readReply(line []byte) (reply, bool) {
	var r reply
	s := scanner{text: line, bad: !utf8.Valid(line)}
	answered := false
	s.object(func(member []byte) {
		switch string(member) {
		case "id":
			answered = string(s.number()) == "1"
		case "result":
			r.read(&s)
		case "error":
			r.readFailure(&s)
		case "method":
			s.bad = true
		default:
			s.skip(maxDepth)
		}
	})
	if !answered || !s.ended() {
		return reply{}, false
	}
	return r, len(r.failure) == 0 && r.printable()
}

func (r *reply) readFailure(s *scanner) {
	s.peek()
	start := s.at
	s.object(func(member []byte) {
		if string(member) == "code" {
			r.code = s.number()
		} else {
			s.skip(maxDepth)
		}
	})
	r.failure = s.text[start:s.at]
}

// maxFailure is how long an error may be that is handed over as an argument.
const maxFailure = 16 << 10

// final reports whether the reply is an error that asking again, with a person
// at hand, would only bring about once more: not "a person is needed" (3), nor
// "locked" (5), nor a fault of the protocol. See agent.Code.
func (r *reply) final() bool {
	if len(r.failure) == 0 || len(r.failure) > maxFailure || len(r.code) != 1 {
		return false
	}
	switch r.code[0] {
	case '1', '2', '6', '7', '8':
		return true
	}
	return false
}

func (r *reply) read(s *scanner) {
	*r = reply{}
	s.object(func(member []byte) {
		switch string(member) {
		case "token":
			r.token = s.string()
		case "header":
			r.header = s.string()
		case "value":
			r.value = s.string()
		case "warning":
			r.warning = s.string()
		default:
			s.skip(maxDepth)
		}
	})
}

// printable makes sure that nothing can be smuggled into a header or to a
// terminal. The texts of warnings are the agent's own; what isn't plain ASCII
// goes through the full client, which knows which characters are harmless.
func (r *reply) printable() bool {
	return len(r.token) > 0 && len(r.header) > 0 && len(r.value) > 0 &&
		within(r.token, '!', '~') && within(r.header, '!', '~') &&
		within(r.value, ' ', '~') && within(r.warning, ' ', '~')
}

func within(text []byte, low, high byte) bool {
	for _, c := range text {
		if c < low || c > high {
			return false
		}
	}
	return true
}
