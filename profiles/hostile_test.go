package profiles

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSizeLimit(t *testing.T) {
	big := sample + strings.Repeat("#", maxSize-len(sample))
	if _, err := Parse("c.yaml", []byte(big)); err != nil {
		t.Error(err)
	}
	if _, err := Parse("c.yaml", []byte(big+"#")); err == nil || err.Error() != "c.yaml: the config is bigger than 1024 KiB" {
		t.Errorf("got %v", err)
	}
}

// Files made to be slow to read are read in a moment all the same.
func TestHostileFiles(t *testing.T) {
	repeat := func(s string) string { return "version: 1\nprofiles:\n  p: " + strings.Repeat(s, 200_000/len(s)) }
	for name, text := range map[string]string{
		"brackets": repeat("["), "braces": repeat("{"), "flow keys": repeat("{a: "), "questions": repeat("? "),
		"items": repeat("- "), "quotes": repeat("'"), "colons": repeat(": "), "anchors": repeat("&a "), "bangs": repeat("!"),
		"remarks": repeat("#\n"), "lines": repeat("\n  a: b"), "deep": deep(1200), "chain": longChain(8000), "orphans": orphans(15000),
	} {
		start := time.Now()
		if _, err := Parse("c.yaml", []byte(text)); err == nil {
			t.Errorf("%s was accepted", name)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%s took %v", name, d)
		}
	}
}

func deep(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(pad(i) + "a:\n")
	}
	return b.String()
}

func orphans(n int) string {
	var b strings.Builder
	b.WriteString(head)
	for i := range n {
		fmt.Fprintf(&b, "  somebody%d: {extends: sombody%d}\n", i, i)
	}
	return b.String()
}

func longChain(n int) string {
	var b strings.Builder
	b.WriteString(head)
	for i := range n {
		fmt.Fprintf(&b, "  x%d: {extends: x%d}\n", i, i+1)
	}
	return b.String()
}

// A config with a few bytes wrong gives errors or another valid config, never
// half of one and never a panic.
func TestMutatedConfigs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	broken := 0
	for i := range 500 {
		data := mutate(r, []byte([]string{sample, oauthSample}[i%2]))
		config, err := Parse("c.yaml", data)
		if err == nil {
			checkWhole(t, config, data)
			continue
		}
		broken++
		checkErrors(t, err, data)
		if !reflect.DeepEqual(config, Config{}) {
			t.Errorf("half a config was loaded: %+v\n%s", config, data)
		}
	}
	if broken < 200 {
		t.Errorf("only %d of 500 mutated configs were broken", broken)
	}
}

func mutate(r *rand.Rand, data []byte) []byte {
	for range 1 + r.IntN(4) {
		i := r.IntN(len(data))
		j := min(i+1+r.IntN(20), len(data))
		switch r.IntN(4) {
		case 0:
			data[i] = byte(r.IntN(256))
		case 1:
			data = slices.Delete(data, i, j)
		case 2:
			data = slices.Insert(data, i, slices.Clone(data[i:j])...)
		case 3:
			signs := []string{"\t", "{", "]", "\"", "'", ": ", "\n", "- ", "#", "&a ", "*a", "!", "|", "<<: ", "\r", "\x00", "é", "  "}
			data = slices.Insert(data, i, []byte(signs[r.IntN(len(signs))])...)
		}
	}
	return data
}

func checkWhole(t testing.TB, c Config, data []byte) {
	t.Helper()
	if c.Store == "" || len(c.Names) != len(c.Profiles) || c.Default != "" && c.Profiles[c.Default].Name != c.Default {
		t.Errorf("an odd config was loaded: %+v\n%s", c, data)
	}
	for name, p := range c.Profiles {
		if p.Name != name || p.Region == "" || p.UserPoolID == "" || p.ClientID == "" || (p.Username == "") && !p.UsesOAuth() ||
			p.Username != "" && !p.HasUser() || p.Auth == "" || p.Token == "" || p.Scheme == "" || p.Store == "" ||
			p.Auth == AuthClientCredentials && p.Token != tokenAccess || (p.Auth == AuthBrowser) != (len(p.RedirectURLs) > 0) {
			t.Errorf("half a profile was loaded: %+v\n%s", p, data)
		}
	}
}

func checkErrors(t testing.TB, err error, data []byte) {
	t.Helper()
	var all Errors
	if !errors.As(err, &all) || len(all) == 0 {
		t.Fatalf("%T is no list of errors", err)
	}
	lines := strings.Count(string(data), "\n") + 1
	for _, e := range all {
		if e.Line < 1 || e.Line > lines || e.Column < 1 || e.Message == "" || strings.ContainsAny(e.Message+e.Hint, "\n\x1b") {
			t.Errorf("an odd error: %+v\n%q", e, data)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(oauthSample))
	f.Add([]byte(head + "  q: {extends: p}\n"))
	f.Add([]byte("\ufeff# c\r\nversion: 1\r\n...\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		config, err := Parse("c.yaml", data)
		if err == nil {
			checkWhole(t, config, data)
		} else {
			checkErrors(t, err, data)
		}
	})
}
