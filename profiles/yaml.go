package profiles

import (
	"bytes"
	"fmt"
	"io"

	"gopkg.in/yaml.v3"
)

// This is the only file that knows the YAML library: it turns a file into
// nodes of our own, and refuses the parts of YAML that a config has no use for
// and that could mislead its reader (anchors, merge keys, tags, duplicates).

type kind int

const (
	scalar kind = iota
	mapping
	sequence
)

func (k kind) String() string { return [...]string{"text", "names and values", "a list"}[k] }

// A node is a value of the file, and where it stands.
type node struct {
	kind         kind
	line, column int // from 1; the column in characters; 0 for a node that is in no file
	text         string
	null         bool
	quoted       bool // a scalar in quotes or a block
	flow         bool // {…} or […]
	entries      []entry
	items        []*node
}

// An entry is a key of a mapping and its value, in the order of the file.
type entry struct{ key, value *node }

func (n *node) isNull() bool { return n.null }

// value returns what stands at key, nil if nothing does.
func (n *node) value(key string) *node {
	if i := n.index(key); i >= 0 {
		return n.entries[i].value
	}
	return nil
}

func (n *node) index(key string) int {
	for i, e := range n.entries {
		if e.key.text == key {
			return i
		}
	}
	return -1
}

// readYAML returns the root of the only document in data, nil when there is
// none, and what is wrong with it.
func readYAML(path string, data []byte) (*node, Errors) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	err := decode(dec, &doc)
	if err == io.EOF {
		return nil, nil
	}
	if err == nil {
		err = decode(dec, &second)
	}
	switch {
	case err == nil:
		return nil, Errors{{Path: path, Line: second.Line, Column: second.Column,
			Message: `a second document begins here; a config is one, without "---" in it`}}
	case err != io.EOF:
		return nil, Errors{syntaxError(path, data, err.Error())}
	}
	c := converter{path: path}
	return c.node(doc.Content[0]), c.problems
}

// decode reads a document. The library panics on a few kinds of nonsense.
func decode(dec *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("yaml: not valid")
		}
	}()
	return dec.Decode(n)
}

// isPlain reports whether s, written after "key: " without quotes, is that text
// to every reader of YAML.
func isPlain(s string) bool { return isPlainText(onlyValue("k: "+s+"\n"), s) }

// isPlainItem reports the same of s in a list, [s, s].
func isPlainItem(s string) bool {
	list := onlyValue("k: [" + s + ", " + s + "]\n")
	return list != nil && list.Kind == yaml.SequenceNode && len(list.Content) == 2 &&
		isPlainText(list.Content[0], s) && isPlainText(list.Content[1], s)
}

func isPlainText(n *yaml.Node, s string) bool {
	return n != nil && n.Kind == yaml.ScalarNode && n.Style == 0 && n.Tag == "!!str" && n.Value == s && n.Anchor == ""
}

// onlyValue returns the value of the only key of a text, nil if it is something else.
func onlyValue(text string) *yaml.Node {
	var doc yaml.Node
	if decode(yaml.NewDecoder(bytes.NewReader([]byte(text))), &doc) != nil {
		return nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode || len(root.Content) != 2 {
		return nil
	}
	return root.Content[1]
}

type converter struct {
	path     string
	problems Errors
}

func (c *converter) problem(n *yaml.Node, message, hint string) {
	c.problems = append(c.problems,
		&Error{Path: c.path, Line: n.Line, Column: n.Column, Message: message, Hint: hint})
}

func (c *converter) node(n *yaml.Node) *node {
	out := &node{line: n.Line, column: n.Column, flow: n.Style&yaml.FlowStyle != 0}
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		c.problem(n, anchorMessage, anchorHint)
		out.null = true
		return out
	case n.Style&yaml.TaggedStyle != 0:
		c.problem(n, "tags (words that begin with !) have no meaning in a config", "put the value in quotes if it begins with !")
		out.null = true
		return out
	}
	switch n.Kind {
	case yaml.MappingNode:
		out.kind = mapping
		c.entries(out, n)
	case yaml.SequenceNode:
		out.kind = sequence
		for _, item := range n.Content {
			out.items = append(out.items, c.node(item))
		}
	default:
		out.text = n.Value
		out.quoted = n.Style != 0
		out.null = n.Tag == "!!null" && !out.quoted
	}
	return out
}

// entries fills the mapping out. Only the first of duplicate keys counts.
func (c *converter) entries(out *node, n *yaml.Node) {
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Kind == yaml.ScalarNode && k.Tag == "!!merge" {
			c.problem(k, anchorMessage, anchorHint)
			continue
		}
		key, value := c.node(k), c.node(n.Content[i+1])
		if k.Kind == yaml.MappingNode || k.Kind == yaml.SequenceNode {
			c.problem(k, "a key must be a word, not "+key.kind.String(), "")
			continue
		}
		if line, seen := first[key.text]; seen {
			c.problem(k, fmt.Sprintf("%s stands here twice; the first is in line %d", quote(key.text), line), "")
			continue
		}
		first[key.text] = k.Line
		out.entries = append(out.entries, entry{key, value})
	}
}

// parseMessage returns the library's message about data, "" if it is valid.
func parseMessage(data []byte) string {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		switch err := decode(dec, &doc); err {
		case nil:
		case io.EOF:
			return ""
		default:
			return err.Error()
		}
	}
}
