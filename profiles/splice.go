package profiles

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// add puts the profile at the end of the profiles, in the tree and in the text.
func (e *editor) add(name string, profile *node) error {
	all := e.root.value(keyProfiles)
	if all == nil {
		all = e.addProfilesKey()
	}
	if all.kind == mapping && all.flow && len(all.entries) > 0 {
		return refuse("profiles is written in braces, where no profile can be added", editHint)
	}
	key := e.root.entries[e.root.index(keyProfiles)].key
	indent, step := key.column+1, 2
	if len(all.entries) > 0 {
		indent = all.entries[0].key.column - 1
		step = innerStep(all, indent)
	} else if all.line > 0 {
		e.text.erase(all)
	}
	lines := append([]string{pad(indent) + scalarText(name) + ":"}, render(profile, indent+step, step)...)
	if e.text.separated(all) {
		lines = append([]string{""}, lines...)
	}
	e.insert(e.text.sectionEnd(e.root, keyProfiles, indent), lines...)
	if all.kind != mapping {
		*all = node{kind: mapping}
	}
	all.entries = append(all.entries, entry{&node{text: name}, profile})
	return nil
}

// addProfilesKey adds the key at the end of the file.
func (e *editor) addProfilesKey() *node {
	end, column := len(e.text.lines), e.root.entries[0].key.column
	e.insert(end, pad(column-1)+keyProfiles+":")
	key, value := &node{text: keyProfiles, line: end + 1, column: column}, &node{null: true}
	e.root.entries = append(e.root.entries, entry{key, value})
	return value
}

// innerStep is by how much the keys of the profiles are indented.
func innerStep(all *node, indent int) int {
	for _, e := range all.entries {
		if v := e.value; v.kind == mapping && !v.flow && len(v.entries) > 0 && v.column-1 > indent {
			return v.column - 1 - indent
		}
	}
	return 2
}

// remove takes the profile out of the tree and the text.
func (e *editor) remove(name string) error {
	all := e.root.value(keyProfiles)
	if all.flow {
		return refuse("profiles is written in braces, where no profile can be removed", editHint)
	}
	i := all.index(name)
	key, next := all.entries[i].key, i+1
	limit := e.text.limit(e.root, keyProfiles)
	if next < len(all.entries) {
		limit = all.entries[next].key.line - 1
	}
	first, end := key.line, e.text.blockEnd(key, limit)
	blankBefore, blankAfter := e.text.isBlank(first-1), end < limit && e.text.isBlank(end+1)
	afterHead := first-1 == e.root.entries[e.root.index(keyProfiles)].key.line
	switch { // one blank line goes with it where two would meet, or none was before the profile came
	case next == len(all.entries) && blankBefore:
		first--
	case next < len(all.entries) && blankAfter && (blankBefore || afterHead):
		end++
	}
	e.delete(first, end)
	all.entries = slices.Delete(all.entries, i, next)
	if len(all.entries) == 0 {
		*all = node{null: true}
	}
	return nil
}

// setDefault changes the value of `default`, or puts the key below `version`.
func (e *editor) setDefault(name string) error {
	if n := e.root.value(keyDefault); n != nil {
		if !e.text.replace(n, scalarText(name)) {
			return refuse("default is written in a way that can't be changed safely", editHint)
		}
		n.text = name
		return nil
	}
	i := e.root.index(keyVersion)
	version := e.root.entries[i]
	line := pad(version.key.column-1) + keyDefault + ": " + scalarText(name)
	e.insert(version.value.line, line)
	e.root.entries = append(e.root.entries, entry{&node{text: keyDefault}, &node{text: name}})
	return nil
}

func (e *editor) removeDefault() {
	i := e.root.index(keyDefault)
	d := e.root.entries[i]
	e.delete(d.key.line, d.value.line)
	e.root.entries = slices.Delete(e.root.entries, i, i+1)
}

// insert puts lines after line n; the nodes below move down.
func (e *editor) insert(n int, lines ...string) {
	e.text.insert(n, lines...)
	e.root.shift(n, len(lines))
}

// delete deletes the lines from first to last; the nodes below move up.
func (e *editor) delete(first, last int) {
	e.text.lines = slices.Delete(e.text.lines, first-1, last)
	e.root.shift(last, first-last-1)
}

// shift moves the nodes that stand below the line.
func (n *node) shift(line, by int) {
	if n.line > line {
		n.line += by
	}
	for _, item := range n.items {
		item.shift(line, by)
	}
	for _, e := range n.entries {
		e.key.shift(line, by)
		e.value.shift(line, by)
	}
}

// render returns the lines of a mapping in block style, lists in brackets.
func render(m *node, indent, step int) []string {
	var lines []string
	for _, e := range m.entries {
		line := pad(indent) + scalarText(e.key.text) + ":"
		switch {
		case e.value.kind == mapping && len(e.value.entries) == 0:
			lines = append(lines, line+" {}")
		case e.value.kind == mapping:
			lines = append(append(lines, line), render(e.value, indent+step, step)...)
		case e.value.kind == sequence:
			lines = append(lines, line+" "+listText(e.value.items))
		default:
			lines = append(lines, line+" "+valueText(e.key.text, e.value.text))
		}
	}
	return lines
}

// valueText writes the value of a profile's key: true and 10m as they are, text
// in quotes where it needs them.
func valueText(key, value string) string {
	if k, ok := find(Keys, key); ok && (k.Type() == TypeBool || k.Type() == TypeDuration) {
		return value
	}
	return scalarText(value)
}

// scalarText writes s so that YAML reads it as text. Go's escapes are YAML's too.
func scalarText(s string) string {
	if !strings.ContainsFunc(s, notPrintable) && isPlain(s) {
		return s
	}
	return strconv.Quote(strings.ToValidUTF8(s, "\ufffd"))
}

// listText writes a list as people do: [openid, api/read].
func listText(items []*node) string {
	texts := make([]string, len(items))
	for i, item := range items {
		if texts[i] = scalarText(item.text); texts[i] == item.text && !isPlainItem(item.text) {
			texts[i] = strconv.Quote(item.text)
		}
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

func notPrintable(r rune) bool { return !unicode.IsPrint(r) }

func pad(n int) string { return strings.Repeat(" ", n) }

func runeOffset(s string, runes int) int {
	offset := 0
	for ; runes > 0 && offset < len(s); runes-- {
		_, size := utf8.DecodeRuneInString(s[offset:])
		offset += size
	}
	return offset
}
