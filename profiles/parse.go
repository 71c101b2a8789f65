package profiles

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// maxSize is how big a config may be. A profile takes some 200 bytes.
const maxSize = 1 << 20

// Parse reads a config from data. path is for messages and for Config.Path.
// It is strict: it takes nothing that it doesn't understand. When it fails, with
// Errors, the Config is empty.
func Parse(path string, data []byte) (Config, error) {
	root, problems := parseTree(path, data)
	if len(problems) > 0 {
		return Config{}, problems
	}
	if root == nil {
		return Config{}, Errors{{Path: path, Line: 1, Column: 1, Message: "the config is empty", Hint: addHint}}
	}
	return parseConfig(path, root)
}

// maxProblems is with how many problems the search for more ends.
const maxProblems = 100

var utf8BOM = []byte("\ufeff")

// parseTree returns the root of the file, nil when it holds comments alone.
func parseTree(path string, data []byte) (*node, Errors) {
	if len(data) > maxSize {
		return nil, Errors{{Path: path, Message: fmt.Sprintf("the config is bigger than %d KiB", maxSize>>10)}}
	}
	data = bytes.TrimPrefix(data, utf8BOM)
	if problem := checkText(path, data); problem != nil {
		return nil, Errors{problem}
	}
	root, problems := readYAML(path, data)
	return root, problems.sorted()
}

// parseConfig turns the tree of a file into a Config. Nodes without a line give
// problems without a place.
func parseConfig(path string, root *node) (Config, error) {
	p := &parser{path: path, config: Config{Path: path, Store: StoreKeychain, Profiles: map[string]Profile{}}}
	p.root(root)
	if len(p.problems) > 0 {
		return Config{}, p.problems.sorted()
	}
	return p.config, nil
}

type parser struct {
	path     string
	config   Config
	profiles map[string]*entry // as they stand in the file
	problems Errors
}

func (p *parser) problem(at *node, hint, format string, args ...any) {
	e := &Error{Message: fmt.Sprintf(format, args...), Hint: hint}
	if at.line > 0 {
		e.Path, e.Line, e.Column = p.path, at.line, at.column
	}
	p.problems = append(p.problems, e)
}

func (p *parser) root(root *node) {
	if root.kind != mapping {
		p.problem(root, "", "a config is made of lines of the form key: value")
		return
	}
	p.secrets(root, nil)
	p.known(root, append(keyNames(FileKeys), keyProfiles, keyAgent), "")
	setAll(p, FileKeys, &p.config, root, "")
	if root.value(keyVersion) == nil {
		p.problem(root, "begin the file with: version: 1", "version is missing")
	}
	if a := p.section(root, keyAgent); a != nil {
		p.known(a, keyNames(AgentKeys), " in agent")
		setAll(p, AgentKeys, &p.config, a, " of agent")
	}
	if all := p.section(root, keyProfiles); all != nil {
		p.names(all)
		for _, name := range p.config.Names {
			if len(p.problems) < maxProblems {
				p.profile(name)
			}
		}
	}
	if n := root.value(keyDefault); n != nil && p.config.Default != "" && p.profiles[n.text] == nil {
		p.problem(n, "", "the default is %s, but there is no such profile%s", quote(n.text), didYouMean(n.text, p.config.Names))
	}
}

// section returns the mapping at key, nil if it is absent, empty or none.
func (p *parser) section(root *node, key string) *node {
	n := root.value(key)
	if n == nil || n.isNull() {
		return nil
	}
	if n.kind != mapping {
		p.problem(n, "", "%s must be names and values, not %s", key, n.kind)
		return nil
	}
	return n
}

// setAll puts the values of m's keys in v.
func setAll[T any](p *parser, keys []Key[T], v *T, m *node, where string) {
	for _, k := range keys {
		if n := m.value(k.Name); n != nil {
			if wrong, at := k.set(v, n); wrong != "" {
				p.problem(at, "", "%s%s %s", k.Name, where, wrong)
			}
		}
	}
}

// known tells of keys of m that aren't among names.
func (p *parser) known(m *node, names []string, where string) {
	for _, e := range m.entries {
		key := e.key.text
		if slices.Contains(names, key) || isSecretKey(key) {
			continue
		}
		hint := ""
		if _, ok := find(Keys, key); ok {
			hint = "it is a key of a profile"
		} else if slices.Contains(keyNames(FileKeys), key) {
			hint = "it belongs at the top of the file, in the first column"
		} else if slices.Contains(keyNames(AgentKeys), key) {
			hint = "it belongs below agent:"
		}
		p.problem(e.key, hint, "unknown key %s%s%s", quote(key), where, didYouMean(key, names))
	}
}

func isSecretKey(key string) bool { return secretKeys[bare(key)] != "" }

// secrets tells of every key below n that is made for a secret. path holds the
// keys that lead to n.
func (p *parser) secrets(n *node, path []string) {
	for _, e := range n.entries {
		if hint := secretKeys[bare(e.key.text)]; hint != "" && !slices.Equal(path, []string{keyProfiles}) {
			if strings.Contains(hint, "%s") {
				hint = fmt.Sprintf(hint, profileOf(path))
			}
			// In the message, since only the first problem's hint is shown.
			p.problem(e.key, "", "%s: no secret may stand in the config; %s", quote(e.key.text), hint)
			continue
		}
		p.secrets(e.value, append(slices.Clip(path), e.key.text))
	}
	for _, item := range n.items {
		p.secrets(item, path)
	}
}

// profileOf returns the profile that path lies in, for a command to type.
func profileOf(path []string) string {
	if len(path) > 1 && path[0] == keyProfiles && namePattern.MatchString(path[1]) {
		return path[1]
	}
	return "NAME"
}

// names lists the profiles, and tells of names that can't be.
func (p *parser) names(all *node) {
	p.profiles = make(map[string]*entry, len(all.entries))
	for i, e := range all.entries {
		name := e.key.text
		switch {
		case !namePattern.MatchString(name):
			p.problem(e.key, "", "%s can't be the name of a profile: %s", quote(name), nameRule)
			continue
		case e.value.isNull():
		case e.value.kind != mapping:
			p.problem(e.value, "", "profile %s must be keys and values, not %s", quote(name), e.value.kind)
			continue
		}
		p.profiles[name] = &all.entries[i]
		p.config.Names = append(p.config.Names, name)
	}
}

const nameRule = "it must be 1 to 64 letters, digits, dots, dashes or underscores, without a dash at the beginning"
