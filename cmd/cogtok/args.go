package main

import (
	"time"
	"unicode/utf8"

	"github.com/cogtok/cogtok/internal/socketpath"
)

// A call is a `cogtok token` that this program can make itself. Empty members
// weren't given.
type call struct {
	socket  string
	config  string // absolute path
	profile string
	typ     string // "id" or "access"
	output  string // "token", "bearer" or "header"
	minTTL  int64  // in seconds, or noMinTTL
	force   bool
	quiet   bool
}

const noMinTTL = -1

// parse reads the command line and the environment. It is false for all that
// isn't plainly a call of `cogtok token`; the full client then has the last
// word on what it means.
func parse(args, environ []string) (call, bool) {
	c := call{minTTL: noMinTTL}
	words := 0 // "token", then the profile
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "" || arg[0] != '-' {
			words++
			if !c.word(words, arg) {
				return c, false
			}
			continue
		}
		if c.toggle(arg, words) {
			continue
		}
		name, value, attached := cut(arg)
		if !attached {
			if len(args) == 0 {
				return c, false
			}
			value, args = args[0], args[1:]
		}
		if value == "" || value[0] == '-' || !c.flag(name, value, words) {
			return c, false
		}
	}
	return c, words > 0 && c.environment(environ) && c.complete()
}

// word takes the n-th argument that isn't a flag.
func (c *call) word(n int, arg string) bool {
	switch n {
	case 1:
		return arg == "token"
	case 2:
		return once(&c.profile, arg)
	}
	return false
}

// toggle takes a flag without a value. Flags of the token command count only
// after the word "token", that is when words isn't 0.
func (c *call) toggle(arg string, words int) bool {
	switch {
	case arg == "--no-input": // this program never asks anything
	case arg == "-q" || arg == "--quiet":
		c.quiet = true
	case arg == "--force" && words > 0:
		c.force = true
	default:
		return false
	}
	return true
}

// flag takes a flag with its value.
func (c *call) flag(name, value string, words int) bool {
	switch name {
	case "--profile":
		return once(&c.profile, value)
	case "--socket":
		return once(&c.socket, value)
	case "--config":
		return once(&c.config, value)
	}
	if words == 0 {
		return false
	}
	switch name {
	case "--type":
		return (value == "id" || value == "access") && once(&c.typ, value)
	case "--output", "-o":
		return (value == "token" || value == "bearer" || value == "header") && once(&c.output, value)
	case "--min-ttl":
		return c.setMinTTL(value)
	}
	return false
}

// setMinTTL takes a duration of whole seconds in Go's syntax, such as 90s or
// 2m. How others are rounded is not decided here.
func (c *call) setMinTTL(value string) bool {
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 || d%time.Second != 0 || c.minTTL != noMinTTL {
		return false
	}
	c.minTTL = int64(d / time.Second)
	return true
}

// environment takes what the command line left open. A COGTOK_ variable that
// this program doesn't know is one for the full client.
func (c *call) environment(environ []string) bool {
	const prefix = "COGTOK_"
	for _, entry := range environ {
		name, value, _ := cut(entry)
		if len(name) < len(prefix) || name[:len(prefix)] != prefix || value == "" {
			continue
		}
		switch name[len(prefix):] {
		case "PROFILE":
			fill(&c.profile, value)
		case "SOCKET":
			fill(&c.socket, value)
		case "CONFIG":
			fill(&c.config, value)
		case "NO_INPUT", "NO_BROWSER", "LOG": // nothing is asked or opened here, and LOG is the agent's
		case "TOKEN", "ID_TOKEN", "ACCESS_TOKEN", "EXPIRES_AT": // set by `cogtok exec` for its command
		default:
			return false
		}
	}
	return true
}

// complete fills in the defaults. Relative paths, a socket's path that is too
// long and text that no JSON can carry are left to the full client.
func (c *call) complete() bool {
	fill(&c.output, "token")
	if c.socket == "" {
		c.socket = socketpath.Default()
	}
	return absolute(c.socket) && len(c.socket) <= socketpath.Max &&
		(c.config == "" || absolute(c.config)) &&
		utf8.ValidString(c.config) && utf8.ValidString(c.profile)
}

func absolute(path string) bool { return path != "" && path[0] == '/' }

// once sets what must not be given twice.
func once(field *string, value string) bool {
	if *field != "" || value == "" {
		return false
	}
	*field = value
	return true
}

func fill(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// cut splits at the first "=".
func cut(s string) (before, after string, found bool) {
	for i := range len(s) {
		if s[i] == '=' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}
