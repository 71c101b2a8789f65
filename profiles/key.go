package profiles

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Key is a key of the config, of a profile (Key[Profile]) or of the file
// (Key[Config]): all that the parser, `profile add`, `profile show` and the
// manual know of it. To add a key, add its field and a line to its table.
type Key[T any] struct {
	Name      string
	Help      string   // what it says, as in `profile add --help`
	Example   string   // a value, as it stands in the file
	Choices   []string // the accepted values, the default first; nil: any that check accepts
	NoDefault bool     // none of Choices is the default
	Required  bool     // whatever `auth` is; see RequiredWith

	only   []string // the values of `auth` with which a profile's key has an effect; nil: all
	needed []string // the values of `auth` that can't do without it, where it isn't Required

	check func(string) string   // says what is wrong with a text or an item of a list, "" for nothing; may be nil
	whole func([]string) string // says it of a list as a whole; may be nil
	most  time.Duration         // of a duration; 0: no limit
	field func(*T) any          // *string, *parents, *bool, *time.Duration, *[]string or *map[string]string
}

// parents is Profile.Extends, of which the file holds the first alone.
type parents []string

// How a key's value is written; what Key.Type returns.
const (
	TypeText     = "text"
	TypeBool     = "bool"
	TypeDuration = "duration" // as Go's time.ParseDuration takes it: 90s, 2m, 1h30m
	TypeList     = "list"     // of text
	TypeMap      = "map"      // of text to text
)

// Flag returns the name of the key's flag, without dashes before it.
func (k Key[T]) Flag() string { return strings.ReplaceAll(k.Name, "_", "-") }

// Type returns how the key's value is written.
func (k Key[T]) Type() string {
	switch k.field(new(T)).(type) {
	case *bool:
		return TypeBool
	case *time.Duration:
		return TypeDuration
	case *[]string:
		return TypeList
	case *map[string]string:
		return TypeMap
	}
	return TypeText
}

// RequiredWith reports whether a profile with that `auth` has to have the key;
// "" is the default.
func (k Key[T]) RequiredWith(auth string) bool {
	return k.Required || slices.Contains(k.needed, cmp.Or(auth, AuthSRP))
}

// hasEffect reports whether the key means something to a profile with that `auth`.
func (k Key[T]) hasEffect(auth string) bool { return k.only == nil || slices.Contains(k.only, auth) }

// lacking reports whether a profile with the settings lacks the key.
func (k Key[T]) lacking(settings map[string]*node) bool {
	if settings[k.Name] != nil {
		return false
	}
	auth := authOf(settings)
	return k.Required || auth != "" && k.RequiredWith(auth)
}

// Get returns the key's value in v as text, "" when it has none, or none that
// has an effect. A list is joined by spaces, a map's pairs are k=v, sorted and
// joined by commas.
func (k Key[T]) Get(v T) string {
	if p, ok := any(v).(Profile); ok && !k.hasEffect(p.Auth) {
		return ""
	}
	switch f := k.field(&v).(type) {
	case *string:
		return *f
	case *parents:
		return strings.Join((*f)[:min(len(*f), 1)], "")
	case *bool:
		return fmt.Sprint(*f)
	case *time.Duration:
		if *f == 0 {
			return ""
		}
		return f.String()
	case *[]string:
		return strings.Join(*f, " ")
	case *map[string]string:
		pairs := make([]string, 0, len(*f))
		for k, v := range *f {
			pairs = append(pairs, k+"="+v)
		}
		slices.Sort(pairs)
		return strings.Join(pairs, ", ")
	}
	return ""
}

// set puts n's value in v. It returns what is wrong with it, as a phrase that
// follows the key's name, or "", and where. The phrase never holds the value.
func (k Key[T]) set(v *T, n *node) (wrong string, at *node) {
	if n.isNull() {
		return "has no value", n
	}
	if list, ok := k.field(v).(*[]string); ok {
		return k.setList(list, n)
	}
	return k.setOne(v, n), n
}

func (k Key[T]) setOne(v *T, n *node) string {
	switch f := k.field(v).(type) {
	case *string:
		return k.setText(f, n)
	case *parents:
		*f = make(parents, 1)
		return k.setText(&(*f)[0], n)
	case *bool:
		if n.kind != scalar || n.quoted || (n.text != "true" && n.text != "false") {
			return "must be true or false, without quotes"
		}
		*f = n.text == "true"
	case *time.Duration:
		return k.setDuration(f, n)
	case *map[string]string:
		return setMap(f, n)
	}
	return ""
}

func (k Key[T]) setText(f *string, n *node) string {
	switch {
	case n.kind != scalar:
		return "must be text, not " + n.kind.String()
	case k.Choices != nil && !slices.Contains(k.Choices, n.text):
		return "must be " + oneOf(k.Choices) + didYouMean(n.text, k.Choices)
	case n.text == "":
		return "is empty"
	case hasControl(n.text):
		return "holds a line break or another control character"
	}
	if k.check != nil {
		if wrong := k.check(n.text); wrong != "" {
			return wrong
		}
	}
	*f = n.text
	return ""
}

func (k Key[T]) setDuration(f *time.Duration, n *node) string {
	if n.kind != scalar {
		return "must be a duration, not " + n.kind.String()
	}
	d, err := time.ParseDuration(n.text)
	switch {
	case err != nil:
		return "must be a number with a unit, such as 90s, 2m or 1h"
	case d < 0:
		return "must not be negative"
	case k.most != 0 && d > k.most:
		return "must be at most " + strings.TrimSuffix(k.most.String(), "0m0s")
	}
	*f = d
	return ""
}

func (k Key[T]) setList(f *[]string, n *node) (wrong string, at *node) {
	if n.kind != sequence || len(n.items) == 0 {
		return "must be a list, such as " + k.Example, n
	}
	list := make([]string, 0, len(n.items))
	for _, item := range n.items {
		if item.kind != scalar || item.isNull() || strings.ContainsRune(item.text, 0) {
			return "must be a list of texts", n
		}
		if k.check != nil {
			if wrong := k.check(item.text); wrong != "" {
				return wrong, item
			}
		}
		list = append(list, item.text)
	}
	if k.whole != nil {
		if wrong := k.whole(list); wrong != "" {
			return wrong, n
		}
	}
	*f = list
	return "", n
}

func setMap(f *map[string]string, n *node) string {
	if n.kind != mapping {
		return "must be pairs of name and text, such as {team: blue}"
	}
	pairs := make(map[string]string, len(n.entries))
	for _, e := range n.entries {
		if e.value.kind != scalar || e.value.isNull() {
			return "must have a text for each name"
		}
		if e.key.text == "" {
			return "has a pair without a name"
		}
		pairs[e.key.text] = e.value.text
	}
	*f = pairs
	return ""
}

// oneOf lists choices: "a", "a or b", "a, b or c".
func oneOf(choices []string) string {
	last := len(choices) - 1
	if last == 0 {
		return choices[0]
	}
	return strings.Join(choices[:last], ", ") + " or " + choices[last]
}
