package profiles

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// given are values for a profile that is complete.
func given(more ...string) map[string][]string {
	values := map[string][]string{
		"user_pool_id": {"us-east-1_AbCdEf123"}, "client_id": {"1example"}, "username": {"rob@example.com"},
	}
	for i := 0; i+1 < len(more); i += 2 {
		values[more[i]] = append(values[more[i]], more[i+1])
	}
	return values
}

const addedLines = `  new:
    user_pool_id: us-east-1_AbCdEf123
    client_id: 1example
    username: rob@example.com
`

func writeConfig(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(privateDir(t), "config.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// privateDir is a directory that is private whatever the umask.
func privateDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func content(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

const old = `  old: {user_pool_id: us-east-1_A, client_id: a, username: u}` + "\n"

func TestAdd(t *testing.T) {
	for name, c := range map[string]struct{ before, after string }{
		"no profiles":              {"version: 1\n", "version: 1\nprofiles:\n" + addedLines},
		"no newline at the end":    {"version: 1", "version: 1\nprofiles:\n" + addedLines},
		"empty file":               {"", "version: 1\nprofiles:\n" + addedLines},
		"only comments":            {"# mine\n\n# too", "# mine\n\n# too\nversion: 1\nprofiles:\n" + addedLines},
		"profiles empty":           {"version: 1\nprofiles:\n", "version: 1\nprofiles:\n" + addedLines},
		"profiles empty, a remark": {"version: 1\nprofiles: # none\n  # yet\n# store\nstore: file\n", "version: 1\nprofiles: # none\n  # yet\n" + addedLines + "# store\nstore: file\n"},
		"profiles braces":          {"version: 1\nprofiles: {}\nstore: file\n", "version: 1\nprofiles:\n" + addedLines + "store: file\n"},
		"profiles braces, remark":  {"version: 1\nprofiles: {} # é\n", "version: 1\nprofiles:  # é\n" + addedLines},
		"profiles null":            {"version: 1\nprofiles: ~", "version: 1\nprofiles:\n" + addedLines},
		"after another":            {"version: 1\nprofiles:\n" + old, "version: 1\nprofiles:\n" + old + addedLines},
		"no newline after another": {"version: 1\nprofiles:\n" + strings.TrimSpace("x" + old)[1:], "version: 1\nprofiles:\n" + old + addedLines},
		"keys follow": {
			"profiles:\n" + old + "  # about old\n\n# about version\nversion: 1\n",
			"profiles:\n" + old + "  # about old\n" + addedLines + "\n# about version\nversion: 1\n"},
		"blank lines between": {
			"version: 1\nprofiles:\n" + old + "\n" + strings.Replace(old, "old", "older", 1) + "\n\nstore: file\n",
			"version: 1\nprofiles:\n" + old + "\n" + strings.Replace(old, "old", "older", 1) + "\n" + addedLines + "\n\nstore: file\n"},
		"wide indentation": {
			"version: 1\nprofiles:\n    old:\n          user_pool_id: us-east-1_A\n          client_id: a\n          username: u\n",
			"version: 1\nprofiles:\n    old:\n          user_pool_id: us-east-1_A\n          client_id: a\n          username: u\n" +
				"    new:\n          user_pool_id: us-east-1_AbCdEf123\n          client_id: 1example\n          username: rob@example.com\n"},
		"everything indented": {
			"  version: 1\n  profiles:\n   " + old,
			"  version: 1\n  profiles:\n   " + old + strings.NewReplacer("  new", "     new", "    ", "       ").Replace(addedLines)},
		"a commented-out profile": {
			"version: 1\nprofiles:\n" + old + "  # off:\n  #   username: x\n",
			"version: 1\nprofiles:\n" + old + "  # off:\n  #   username: x\n" + addedLines},
		"windows line ends": {
			"version: 1\r\nprofiles:\r\n", "version: 1\r\nprofiles:\r\n" + strings.ReplaceAll(addedLines, "\n", "\r\n")},
		"byte order mark": {"\ufeffversion: 1\n", "\ufeffversion: 1\nprofiles:\n" + addedLines},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeConfig(t, c.before)
			if err := Add(path, "new", given(), false); err != nil {
				t.Fatal(err)
			}
			if got := content(t, path); got != c.after {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.after)
			}
		})
	}
}

func TestAddCreates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "cogtok", "config.yaml")
	if err := Add(path, "new", given("min_ttl", "10m", "fips", "true", "client_metadata", "k=a b: #c",
		"client_metadata", `q="'\`, "aws_profile", "true", "auth", "admin-password"), true); err != nil {
		t.Fatal(err)
	}
	want := `# cogtok's profiles: which user pool, which app client, which user.
# Passwords and client secrets don't belong here; run: cogtok secret set NAME password
version: 1
default: new
profiles:
  new:
    user_pool_id: us-east-1_AbCdEf123
    client_id: 1example
    username: rob@example.com
    auth: admin-password
    min_ttl: 10m
    fips: true
    aws_profile: "true"
    client_metadata:
      k: "a b: #c"
      q: "\"'\\"
`
	if got := content(t, path); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	for p, mode := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700 | fs.ModeDir} {
		if info, err := os.Stat(p); err != nil || info.Mode() != mode {
			t.Errorf("%s has mode %v, want %v (%v)", p, info.Mode(), mode, err)
		}
	}
}

// Lists are written so that every item is read again as it was given.
func TestAddLists(t *testing.T) {
	path := writeConfig(t, "version: 1\n")
	command := []string{"a", "-", "? x", "a:", "[x]", "{x", "a, b", "null", "1", "true", "it's", "", " x ", "#", "a #b", "!x", "&x", "*x", `\"`, "é\n", "-x", "k: v", "http://x", "~"}
	values := given("redirect_urls", "http://[::1]:8400/callback", "redirect_urls", "http://localhost:8400/callback", "scopes", "openid", "auth", "browser")
	other := given()
	other["totp_command"] = command
	for name, v := range map[string]map[string][]string{"sso": values, "totp": other} {
		if err := Add(path, name, v, false); err != nil {
			t.Fatal(name, err)
		}
	}
	c, err := Load(path)
	if err != nil || !slices.Equal(c.Profiles["totp"].TOTPCommand, command) {
		t.Errorf("%q, %v", c.Profiles["totp"].TOTPCommand, err)
	}
	want := `    auth: browser
    redirect_urls: ["http://[::1]:8400/callback", http://localhost:8400/callback]
    scopes: [openid]
`
	if got := content(t, path); !strings.Contains(got, want) {
		t.Errorf("got:\n%s\nwant in it:\n%s", got, want)
	}
}

func TestAddRefuses(t *testing.T) {
	base := "version: 1\nprofiles:\n" + old
	for name, c := range map[string]struct {
		before, profile string
		values          map[string][]string
		want            string
	}{
		"there already":  {base, "old", given(), `there is a profile "old" already`},
		"bad name":       {base, "-x", given(), `"-x" can't be the name of a profile: ` + nameRule},
		"bad value":      {base, "new", given("auth", "srpp"), `auth must be srp, password, admin-password, choice, custom, browser or client-credentials; did you mean "srp"?`},
		"two values":     {base, "new", given("username", "x"), "username takes one value"},
		"bad item":       {base, "new", given("auth", "browser", "scopes", "openid", "scopes", "a b"), `scopes must be scopes such as openid or orders/read: ASCII without spaces, quotes and \`},
		"item twice":     {base, "new", given("auth", "browser", "scopes", "openid", "scopes", "openid"), "scopes must not hold the same twice"},
		"no user":        {base, "new", map[string][]string{"user_pool_id": {"us-east-1_A"}, "client_id": {"c"}, "auth": {"custom"}}, `profile "new" has no username`},
		"no effect":      {base, "new", map[string][]string{"extends": {"old"}, "domain": {"x.example"}}, `domain of profile "new" has no effect with auth: srp`},
		"bad pair":       {base, "new", given("client_metadata", "x"), "client_metadata must be name=text, each name once"},
		"unknown key":    {base, "new", given("user_name", "x"), `unknown key "user_name"; did you mean "username"?`},
		"secret":         {base, "new", given("client_metadata", "password=hunter2"), `"password": no secret may stand in the config; delete the line and run: cogtok secret set new password`},
		"incomplete":     {base, "new", map[string][]string{"username": {"x"}}, `profile "new" has no user_pool_id`},
		"unknown parent": {base, "new", map[string][]string{"extends": {"odl"}}, `profile "new" extends "odl", but there is no such profile; did you mean "old"?`},
		"both":           {base, "new", given("fips", "true", "endpoint", "https://x.example"), `profile "new" has both fips and endpoint`},
		"broken file":    {base + "stoer: file\n", "new", given(), `config.yaml:4:1: unknown key "stoer"; did you mean "store"?`},
		"braces":         {"{version: 1}\n", "new", given(), "the config is written in braces, where no profile can be added or removed"},
		"profiles in braces": {"version: 1\nprofiles: {old: {user_pool_id: us-east-1_A, client_id: a, username: u}}\n",
			"new", given(), "profiles is written in braces, where no profile can be added"},
		"document end": {base + "...\n", "new", given(), "the config is written in a way that can't be changed safely"},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeConfig(t, c.before)
			err := Add(path, c.profile, c.values, false)
			var first *Error
			if !errors.As(err, &first) || !strings.HasSuffix(strings.Split(err.Error(), "\n")[0], c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if content(t, path) != c.before {
				t.Error("the file was changed")
			}
		})
	}
}

func TestRemove(t *testing.T) {
	two := strings.Replace(old, "old", "two", 1)
	for name, c := range map[string]struct{ before, remove, after string }{
		"only":             {"version: 1\nprofiles:\n" + old, "old", "version: 1\nprofiles:\n"},
		"only and default": {"version: 1\ndefault: old # d\nprofiles:\n" + old + "store: file\n", "old", "version: 1\nprofiles:\nstore: file\n"},
		"default below":    {"version: 1\nprofiles:\n" + old + "default: old\n# end\n", "old", "version: 1\nprofiles:\n# end\n"},
		"first":            {"version: 1\nprofiles:\n" + old + two, "old", "version: 1\nprofiles:\n" + two},
		"last":             {"version: 1\nprofiles:\n" + old + two, "two", "version: 1\nprofiles:\n" + old},
		"with comments": {"version: 1\nprofiles: # p\n  # about old\n" + old + "    # in old\n\n  # about two\n" + two + "# end\n", "old",
			"version: 1\nprofiles: # p\n  # about old\n\n  # about two\n" + two + "# end\n"},
		"blank lines, middle": {"version: 1\nprofiles:\n" + old + "\n" + two + "\n" + strings.Replace(old, "old", "three", 1), "two",
			"version: 1\nprofiles:\n" + old + "\n" + strings.Replace(old, "old", "three", 1)},
		"blank lines, first": {"version: 1\nprofiles:\n" + old + "\n" + two, "old", "version: 1\nprofiles:\n" + two},
		"blank lines, last":  {"version: 1\nprofiles:\n" + old + "\n" + two + "\nstore: file", "two", "version: 1\nprofiles:\n" + old + "\nstore: file"},
		"block": {"version: 1\nprofiles:\n  b:\n    user_pool_id: us-east-1_A\n    # c\n\n    client_id: a\n# z\n    username: |-\n      u\n" + two, "b",
			"version: 1\nprofiles:\n" + two},
		"windows line ends": {"version: 1\r\nprofiles:\r\n" + strings.ReplaceAll(old+two, "\n", "\r\n"), "old",
			"version: 1\r\nprofiles:\r\n" + strings.ReplaceAll(two, "\n", "\r\n")},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeConfig(t, c.before)
			if err := CanRemove(path, c.remove); err != nil || content(t, path) != c.before {
				t.Fatalf("CanRemove: %v", err)
			}
			if err := Remove(path, c.remove); err != nil {
				t.Fatal(err)
			}
			if got := content(t, path); got != c.after {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.after)
			}
		})
	}
}

func TestRemoveRefuses(t *testing.T) {
	before := "version: 1\ndefault: old\nprofiles:\n" + old + "  kid: {extends: old}\n  other: {extends: kid}\n"
	for name, want := range map[string]string{
		"old":  `profile "old" is extended by "kid"`,
		"kid":  `profile "kid" is extended by "other"`,
		"othr": `there is no profile "othr"; did you mean "other"?`,
	} {
		path := writeConfig(t, before)
		for _, err := range []error{Remove(path, name), CanRemove(path, name)} {
			if err == nil || err.Error() != want {
				t.Errorf("%s: got %v, want %s", name, err, want)
			}
		}
		if content(t, path) != before {
			t.Errorf("%s: the file was changed", name)
		}
	}
	path := writeConfig(t, "version: 1\ndefault: old\nprofiles:\n"+old+strings.Replace(old, "old", "two", 1))
	if err := Remove(path, "old"); err == nil || err.Error() != `profile "old" is the default` {
		t.Errorf("default: got %v", err)
	}
	path = writeConfig(t, "version: 1\nprofiles: {old: {user_pool_id: us-east-1_A, client_id: a, username: u}}\n")
	if err := Remove(path, "old"); err == nil || !strings.Contains(err.Error(), "braces") {
		t.Errorf("braces: got %v", err)
	}
}

func TestAddDefault(t *testing.T) {
	// "two" is added as the default to a file with the profile old.
	tail, two := "profiles:\n"+old, "  two:\n    extends: old\n"
	for before, after := range map[string]string{
		"version: 1 # one\n" + tail:                 "version: 1 # one\ndefault: two\n" + tail + two,
		"version: 1\ndefault: old\n" + tail:         "version: 1\ndefault: two\n" + tail + two,
		"default: \"old\" # d\nversion: 1\n" + tail: "default: two # d\nversion: 1\n" + tail + two,
		tail + "version: 1\ndefault:  'old'":        tail + two + "version: 1\ndefault:  two",
		"default:\n  old\nversion: 1\n" + tail:      "default:\n  two\nversion: 1\n" + tail + two,
	} {
		path := writeConfig(t, before)
		if err := Add(path, "two", map[string][]string{"extends": {"old"}}, true); err != nil {
			t.Errorf("%q: %v", before, err)
		} else if got := content(t, path); got != after {
			t.Errorf("got:\n%s\nwant:\n%s", got, after)
		}
	}
	path := writeConfig(t, "version: 1\ndefault: \"\\x6fld\"\n"+tail)
	if err := Add(path, "two", map[string][]string{"extends": {"old"}}, true); err == nil {
		t.Error("a default with escapes was replaced by guess")
	}
}

func TestEditMissingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cogtok", "config.yaml")
	if err := Remove(path, "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the directory was created")
	}
}

func TestReplace(t *testing.T) {
	before, after := "version: 1\nprofiles:\n"+old, "version: 1 # new\n"
	path := writeConfig(t, before)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, []byte(before), []byte("version: 2\n")); err == nil || content(t, path) != before {
		t.Errorf("a broken config was written: %v", err)
	}
	if err := Replace(path, []byte("version: 1\n"), []byte(after)); err == nil || content(t, path) != before {
		t.Errorf("somebody else's change was lost: %v", err)
	}
	if err := Replace(path, []byte(before), []byte(after)); err != nil || content(t, path) != after {
		t.Errorf("got %v", err)
	}
	if info, _ := os.Stat(path); info.Mode() != 0o640 {
		t.Errorf("mode became %v", info.Mode())
	}
	fresh := filepath.Join(t.TempDir(), "x", "config.yaml")
	if err := Replace(fresh, []byte(Template), []byte(after)); err != nil || content(t, fresh) != after {
		t.Errorf("new file: %v", err)
	}
}

// A text editor takes no lock: what it wrote in the meantime must not be lost.
func TestChangedMeanwhile(t *testing.T) {
	path := writeConfig(t, "version: 1\n")
	err := update(path, func(data []byte) ([]byte, error) {
		return []byte("version: 1 # ours\n"), os.WriteFile(path, []byte("version: 1 # theirs\n"), 0o600)
	})
	if err == nil || !strings.Contains(err.Error(), "changed by somebody else") || content(t, path) != "version: 1 # theirs\n" {
		t.Errorf("got %v and %s", err, content(t, path))
	}
	entries, _ := os.ReadDir(filepath.Dir(path))
	if len(entries) != 1 {
		t.Errorf("files left behind: %v", entries)
	}
}

func TestConcurrentAdds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cogtok", "config.yaml")
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			if err := Add(path, fmt.Sprint("p", i), given(), i == 7); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	c, err := Load(path)
	if err != nil || len(c.Names) != 20 || c.Default != "p7" {
		t.Errorf("got %d profiles, default %q, %v", len(c.Names), c.Default, err)
	}
}
