package profiles

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Random edits keep all lines of the rest, in their order, and add up to what
// the edits say.
func TestRandomEdits(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		data := []byte(randomFile(r))
		keep := kept(string(data))
		var names []string
		for range 12 {
			name := fmt.Sprint("new", r.IntN(1e6))
			if len(names) > 0 && r.IntN(3) == 0 {
				i := r.IntN(len(names))
				name = names[i]
				data = edited(t, data, func(e *editor) error { return e.removeProfile(name) })
				names = slices.Delete(names, i, i+1)
			} else {
				profile, err := newProfile(name, given("client_metadata", fmt.Sprint("k=", r.IntN(9))))
				if err != nil {
					t.Fatal(err)
				}
				data = edited(t, data, func(e *editor) error { return e.add(name, profile) })
				names = append(names, name)
			}
			checkRandom(t, data, keep, names)
		}
		for _, name := range names {
			data = edited(t, data, func(e *editor) error { return e.removeProfile(name) })
		}
		checkRandom(t, data, keep, nil)
	}
}

func edited(t *testing.T, data []byte, change func(*editor) error) []byte {
	t.Helper()
	e, err := newEditor("c.yaml", data)
	if err == nil {
		err = change(e)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	after, err := e.result()
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	return after
}

func checkRandom(t *testing.T, data []byte, keep, names []string) {
	t.Helper()
	c, err := Parse("c.yaml", data)
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	var added []string
	for _, n := range c.Names {
		if strings.HasPrefix(n, "new") {
			added = append(added, n)
		}
	}
	if !slices.Equal(added, names) {
		t.Fatalf("profiles %v, want %v\n%s", added, names, data)
	}
	rest := kept(string(data))
	i := 0
	for _, line := range rest {
		if i < len(keep) && line == keep[i] {
			i++
		}
	}
	if i != len(keep) {
		t.Fatalf("line %q was lost or moved\n%s", keep[i], data)
	}
	if len(names) == 0 && len(rest) != len(keep) {
		t.Fatalf("lines were left behind\n%s", data)
	}
}

// kept returns the lines that have to survive, without line ends: all that
// aren't blank.
func kept(s string) []string {
	var lines []string
	for _, l := range strings.Split(s, "\n") {
		if strings.TrimSpace(l) != "" {
			lines = append(lines, strings.TrimRight(l, "\r"))
		}
	}
	return lines
}

// randomFile returns a valid config of random layout.
func randomFile(r *rand.Rand) string {
	comment := 0
	filler := func(indent int) string {
		comment++
		return []string{"", "", "\n", "\n\n", fmt.Sprintf("%s# remark %d: é\n", pad(indent), comment),
			fmt.Sprintf("\n%s# remark %d\n%s#  more\n", pad(indent), comment, pad(indent))}[r.IntN(6)]
	}
	outer, inner := 1+r.IntN(4), 1+r.IntN(6)
	var profiles strings.Builder
	profiles.WriteString("profiles:\n")
	for i := range r.IntN(4) {
		profiles.WriteString(filler(outer))
		fmt.Fprintf(&profiles, "%sp%d:\n", pad(outer), i)
		for _, line := range []string{"user_pool_id: us-east-1_A", "client_id: 'a' # c", `username: "é@x"`, "client_metadata:\n" + pad(outer+inner+2) + "k: |-\n" + pad(outer+inner+4) + "# no remark"} {
			fmt.Fprintf(&profiles, "%s%s\n%s", pad(outer+inner), line, filler(outer+inner))
		}
	}
	sections := []string{"version: 1\n", profiles.String(), "store: memory\n", "agent:\n  idle_exit: 1h\n", "passphrase_command:\n- a\n- \"b\n\n  c\"\n"}
	r.Shuffle(len(sections), func(i, j int) { sections[i], sections[j] = sections[j], sections[i] })
	file := filler(0)
	for _, s := range sections {
		file += s + filler(0)
	}
	if r.IntN(2) == 0 {
		file = strings.TrimRight(file, "\n")
	}
	if r.IntN(3) == 0 {
		file = strings.ReplaceAll(file, "\n", "\r\n")
	}
	return file
}

func FuzzAdd(f *testing.F) {
	f.Add([]byte("version: 1\nprofiles:\n"+old+"store: file\n"), "rob@example.com", "k", "v")
	f.Add([]byte("# c\n"), "x: y", "a: b", " #\n")
	f.Add([]byte("version: 1\nprofiles: {}"), "null", "<<", "\u2028")
	f.Fuzz(func(t *testing.T, file []byte, username, key, value string) {
		profile, err := newProfile("new", given("aws_profile", username, "auth", "admin-password", "client_metadata", key+"="+value,
			"totp_command", key, "totp_command", value))
		if err != nil {
			return
		}
		e, err := newEditor("c.yaml", withSkeleton(file))
		if err != nil || e.profile("new") != nil || e.add("new", profile) != nil {
			return
		}
		data, err := e.result()
		if err != nil {
			return
		}
		c, err := Parse("c.yaml", data)
		if err != nil || c.Profiles["new"].AWSProfile != username || !slices.Equal(c.Profiles["new"].TOTPCommand, []string{key, value}) {
			t.Fatalf("%v\n%q", err, data)
		}
		for _, line := range bytes.Split(file, []byte("\n")) {
			if line = bytes.TrimSpace(line); bytes.HasPrefix(line, []byte("#")) && !bytes.Contains(data, line) {
				t.Fatalf("lost %q\n%q", line, data)
			}
		}
	})
}
