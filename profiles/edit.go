package profiles

import (
	"fmt"
	"reflect"
	"strings"
)

// Template is what a new config file holds.
const Template = `# cogtok's profiles: which user pool, which app client, which user.
# Passwords and client secrets don't belong here; run: cogtok secret set NAME password
version: 1
profiles:
`

// Files are edited as text, so that comments, order and everything else that
// people put in them survive. Each edit is made twice: on the tree of the file,
// which says what the new file has to mean, and on its bytes. Only if the new
// bytes mean just that, they are written.

// Add adds a profile at the end of the file's profiles, and creates the file if
// there is none. values holds the texts given for each key: one, for a key of
// TypeList its items, for one of TypeMap any number of k=v. It fails with Errors; those about values have no Path.
func Add(path, name string, values map[string][]string, makeDefault bool) error {
	profile, err := newProfile(name, values)
	if err != nil {
		return err
	}
	return update(path, func(old []byte) ([]byte, error) {
		e, err := newEditor(path, withSkeleton(old))
		if err != nil {
			return nil, err
		}
		if e.profile(name) != nil {
			return nil, refuse(fmt.Sprintf("there is a profile %s already", quote(name)),
				"choose another name, or run: cogtok profile edit")
		}
		if err := e.add(name, profile); err != nil {
			return nil, err
		}
		if makeDefault {
			if err := e.setDefault(name); err != nil {
				return nil, err
			}
		}
		return e.result()
	})
}

// Remove removes a profile: its lines from the name to the last key, with the
// comments among them. It refuses to remove one that others extend, and the
// default, unless there are no others.
func Remove(path, name string) error {
	// Without a file nothing is to be created, not even the directory.
	if _, err := Read(path); err != nil {
		return err
	}
	return update(path, func(old []byte) ([]byte, error) {
		e, err := newEditor(path, old)
		if err != nil {
			return nil, err
		}
		if err := e.removeProfile(name); err != nil {
			return nil, err
		}
		return e.result()
	})
}

// CanRemove returns what [Remove] would fail with, as far as the config itself
// is concerned: for a caller that has more to clear away before.
func CanRemove(path, name string) error {
	data, err := Read(path)
	if err != nil {
		return err
	}
	e, err := newEditor(path, data)
	if err != nil {
		return err
	}
	if err := e.removeProfile(name); err != nil {
		return err
	}
	_, err = e.result()
	return err
}

func (e *editor) removeProfile(name string) error {
	if e.profile(name) == nil {
		return e.unknown(name)
	}
	if others := e.extending(name); len(others) > 0 {
		return refuse(fmt.Sprintf("profile %s is extended by %s", quote(name), strings.Join(others, ", ")),
			"remove those first, or run: cogtok profile edit")
	}
	if e.config.Default == name {
		if len(e.config.Names) > 1 {
			return refuse(fmt.Sprintf("profile %s is the default", quote(name)),
				"make another the default first: cogtok profile edit")
		}
		e.removeDefault()
	}
	return e.remove(name)
}

// Replace writes data as the whole file, after a person edited it: it has to be
// a valid config. old is what the person began with, from [Read] (or Template
// where there was no file); if the file holds something else by now, it stays.
func Replace(path string, old, data []byte) error {
	return update(path, func(now []byte) ([]byte, error) {
		if now == nil && string(old) == Template {
			now = old
		}
		if string(now) != string(old) {
			return nil, errChanged
		}
		if _, err := Parse(path, data); err != nil {
			return nil, err
		}
		return data, nil
	})
}

// refuse returns an error that no place in the file is to blame for.
func refuse(message, hint string) error { return Errors{{Message: message, Hint: hint}} }

// newProfile returns the tree of a profile with the values.
func newProfile(name string, values map[string][]string) (*node, error) {
	if !namePattern.MatchString(name) {
		return nil, refuse(fmt.Sprintf("%s can't be the name of a profile: %s", quote(name), nameRule), "")
	}
	profile := &node{kind: mapping}
	for _, k := range Keys {
		given, ok := values[k.Name]
		if !ok {
			continue
		}
		n, wrong := newValue(k, given)
		if wrong == "" {
			wrong, _ = k.set(new(Profile), n)
		}
		if wrong != "" {
			return nil, refuse(k.Name+" "+wrong, "")
		}
		profile.entries = append(profile.entries, entry{&node{text: k.Name}, n})
	}
	for key := range values {
		if _, ok := find(Keys, key); !ok {
			return nil, refuse("unknown key "+quote(key)+didYouMean(key, keyNames(Keys)), "")
		}
	}
	return profile, nil
}

// newValue returns the tree of a key's value.
func newValue(k Key[Profile], given []string) (n *node, wrong string) {
	switch {
	case k.Type() == TypeMap:
		return newPairs(given)
	case k.Type() == TypeList:
		n = &node{kind: sequence}
		for _, item := range given {
			n.items = append(n.items, &node{text: item})
		}
		return n, ""
	case len(given) != 1:
		return nil, "takes one value"
	}
	return &node{text: given[0]}, ""
}

func newPairs(given []string) (n *node, wrong string) {
	n = &node{kind: mapping}
	for _, pair := range given {
		name, text, ok := strings.Cut(pair, "=")
		if !ok || n.value(name) != nil {
			return nil, "must be name=text, each name once"
		}
		n.entries = append(n.entries, entry{&node{text: name}, &node{text: text}})
	}
	return n, ""
}

// An editor changes the tree and the text of one file alike.
type editor struct {
	path   string
	root   *node
	config Config // of the file as it was
	text   text
}

func newEditor(path string, data []byte) (*editor, error) {
	config, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	root, _ := parseTree(path, data)
	if root.flow {
		return nil, refuse("the config is written in braces, where no profile can be added or removed", editHint)
	}
	return &editor{path: path, root: root, config: config, text: newText(data)}, nil
}

const editHint = "change it by hand: cogtok profile edit"

// result returns the new text, if it means what the tree says.
func (e *editor) result() ([]byte, error) {
	want, err := parseConfig(e.path, e.root)
	if err != nil {
		return nil, err
	}
	data := e.text.bytes()
	got, err := Parse(e.path, data)
	if err != nil || !reflect.DeepEqual(got, want) {
		return nil, refuse("the config is written in a way that can't be changed safely", editHint)
	}
	return data, nil
}

func (e *editor) profile(name string) *node {
	if all := e.root.value(keyProfiles); all != nil {
		return all.value(name)
	}
	return nil
}

func (e *editor) unknown(name string) error {
	return refuse(fmt.Sprintf("there is no profile %s%s", quote(name), didYouMean(name, e.config.Names)), "run: cogtok profile list")
}

// extending returns the profiles that extend name directly, quoted.
func (e *editor) extending(name string) []string {
	var others []string
	for _, other := range e.config.Names {
		if parents := e.config.Profiles[other].Extends; len(parents) > 0 && parents[0] == name {
			others = append(others, quote(other))
		}
	}
	return others
}

// withSkeleton makes a file that holds no keys ready for a first profile.
func withSkeleton(old []byte) []byte {
	if old == nil {
		return []byte(Template)
	}
	if root, problems := parseTree("", old); root != nil || len(problems) > 0 {
		return old
	}
	t := newText(old)
	t.insert(len(t.lines), "version: 1", "profiles:")
	return t.bytes()
}
