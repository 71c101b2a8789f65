package profiles

import (
	"slices"
	"strings"
)

// A text is a file by lines. Lines are counted from 1, as in nodes; each keeps
// its line end.
type text struct {
	bom   string
	eol   string
	lines []string
}

func newText(data []byte) text {
	s, found := strings.CutPrefix(string(data), string(utf8BOM))
	t := text{eol: "\n", lines: strings.SplitAfter(s, "\n")}
	if found {
		t.bom = string(utf8BOM)
	}
	if last := len(t.lines) - 1; t.lines[last] == "" {
		t.lines = t.lines[:last]
	}
	if len(t.lines) > 0 && strings.HasSuffix(t.lines[0], "\r\n") {
		t.eol = "\r\n"
	}
	return t
}

func (t *text) bytes() []byte { return []byte(t.bom + strings.Join(t.lines, "")) }

func (t *text) line(n int) string { return t.lines[n-1] }

func (t *text) isBlank(n int) bool { return strings.TrimSpace(t.line(n)) == "" }

func (t *text) isComment(n int) bool {
	return strings.HasPrefix(strings.TrimLeft(t.line(n), " \t"), "#")
}

func (t *text) indent(n int) int { return len(t.line(n)) - len(strings.TrimLeft(t.line(n), " ")) }

// insert puts lines after line n.
func (t *text) insert(n int, lines ...string) {
	if n > 0 && !strings.HasSuffix(t.line(n), "\n") {
		t.lines[n-1] += t.eol
	}
	ended := make([]string, len(lines))
	for i, l := range lines {
		ended[i] = l + t.eol
	}
	t.lines = slices.Insert(t.lines, n, ended...)
}

// limit returns the last line that the value of root's key can reach to.
func (t *text) limit(root *node, key string) int {
	if i := root.index(key); i+1 < len(root.entries) && root.entries[i+1].key.line > 0 {
		return root.entries[i+1].key.line - 1
	}
	return len(t.lines)
}

// sectionEnd returns the last line of the value of root's key. Comments with
// that indent or more belong to it; others lead to what follows.
func (t *text) sectionEnd(root *node, key string, indent int) int {
	n := t.limit(root, key)
	first := root.entries[root.index(key)].key.line
	for n > first && (t.isBlank(n) || t.isComment(n) && t.indent(n) < indent) {
		n--
	}
	return n
}

// blockEnd returns the last line of the entry with that key, which ends before
// or at limit: its last line with content, and comments right below it that
// are deeper than the key.
func (t *text) blockEnd(key *node, limit int) int {
	end := limit
	for end > key.line && (t.isBlank(end) || t.isComment(end)) {
		end--
	}
	for end < limit && t.isComment(end+1) && t.indent(end+1) > key.column-1 {
		end++
	}
	return end
}

// separated reports whether the last two entries of m have a blank line
// between them: then a new one gets one too.
func (t *text) separated(m *node) bool {
	n := len(m.entries)
	if n < 2 {
		return false
	}
	from, to := m.entries[n-2].key.line, m.entries[n-1].key.line
	for line := from + 1; line < to; line++ {
		if t.isBlank(line) {
			return true
		}
	}
	return false
}

// erase removes an empty value, {} or null, that stands in the text.
func (t *text) erase(n *node) {
	line := t.line(n.line)
	start := runeOffset(line, n.column-1)
	rest := line[start:]
	for _, empty := range []string{"{}", "{ }", "null", "Null", "NULL", "~"} {
		if after, ok := strings.CutPrefix(rest, empty); ok {
			before := line[:start]
			if strings.TrimSpace(after) == "" {
				before = strings.TrimRight(before, " \t")
			}
			t.lines[n.line-1] = before + after
			return
		}
	}
}

// replace puts another text in the place of a scalar, and reports whether the
// scalar is written simply enough for that.
func (t *text) replace(n *node, with string) bool {
	line := t.line(n.line)
	start := runeOffset(line, n.column-1)
	for _, quote := range []string{"", `"`, "'"} {
		if after, ok := strings.CutPrefix(line[start:], quote+n.text+quote); ok && n.quoted == (quote != "") {
			t.lines[n.line-1] = line[:start] + with + after
			return true
		}
	}
	return false
}
