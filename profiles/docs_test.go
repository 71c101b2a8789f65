package profiles

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

const manual = "../docs/config.md"

// keyTable is the manual's table of keys, which has to be in it word by word.
func keyTable[T any](keys []Key[T]) string {
	var b strings.Builder
	b.WriteString("| key | values | example | what it says |\n|---|---|---|---|\n")
	for _, k := range keys {
		values := k.Type()
		if k.Choices != nil {
			values = "`" + strings.Join(k.Choices, "`, `") + "`"
		}
		if k.NoDefault {
			values += "; no default"
		}
		name := "`" + k.Name + "`"
		if k.Required {
			name += " (required)"
		}
		fmt.Fprintf(&b, "| %s | %s | `%s: %s` | %s |\n", name, values, k.Name, k.Example, k.Help)
	}
	return b.String()
}

func TestManualHasAllKeys(t *testing.T) {
	text := content(t, manual)
	for name, table := range map[string]string{
		"profile": keyTable(Keys), "file": keyTable(FileKeys), "agent": keyTable(AgentKeys),
	} {
		if !strings.Contains(text, table) {
			t.Errorf("docs/config.md lacks the table of %s keys as it is now:\n%s", name, table)
		}
	}
}

// Every example of the manual is a config, or belongs in one, and is accepted.
func TestManualExamples(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(content(t, manual), -1)
	if len(blocks) < 3 {
		t.Fatalf("only %d examples", len(blocks))
	}
	for _, b := range blocks {
		if _, err := Parse("docs/config.md", []byte(b[1])); err != nil {
			t.Errorf("%v\n%s", err, b[1])
		}
	}
}

// Every message that the manual shows is one that Parse gives.
func TestManualMessages(t *testing.T) {
	text := content(t, manual)
	bad := `version: 1
default: prod
profiles:
  prod:
    user_pool_id: us-east-1_AbCdEf123
    client_id: 1h57kf5cpq17m0eml12example
    usernme: rob@example.com
    password: x
`
	_, err := Parse("config.yaml", []byte(bad))
	for _, line := range strings.Split(fmt.Sprint(err), "\n") {
		if !strings.Contains(text, line) {
			t.Errorf("docs/config.md doesn't show: %s", line)
		}
	}
}

// authFor returns an `auth` with which the key has an effect.
func authFor(k Key[Profile]) string {
	if k.only != nil {
		return k.only[0]
	}
	return AuthSRP
}

// Each key's example is accepted where it belongs.
func TestExamples(t *testing.T) {
	for _, k := range Keys {
		lines := map[string]string{keyUserPoolID: "us-east-1_A", "client_id": "c", "username": "u", "auth": authFor(k), k.Name: k.Example}
		text := "version: 1\nprofiles:\n  prod: {user_pool_id: us-east-1_A, client_id: c, username: u}\n  p:\n"
		for name, value := range lines {
			text += fmt.Sprintf("    %s: %s\n", name, value)
		}
		c, err := Parse("c.yaml", []byte(text))
		if err != nil || k.Get(c.Profiles["p"]) == "" {
			t.Errorf("%s: %v", k.Name, err)
		}
	}
	text := "profiles:\n  prod: {user_pool_id: us-east-1_A, client_id: c, username: u}\n"
	for _, k := range FileKeys {
		text += k.Name + ": " + k.Example + "\n"
	}
	text += "agent:\n"
	for _, k := range AgentKeys {
		text += "  " + k.Name + ": " + k.Example + "\n"
	}
	c, err := Parse("c.yaml", []byte(text))
	if err != nil || c.Default == "" || c.Store != StoreFile || c.PassphraseCommand == nil || c.IdleExit == 0 || !c.AllowRoot || len(c.OnLoginNeeded) != 3 || c.OnError == nil {
		t.Errorf("%+v, %v", c, err)
	}
}

// The table itself: what `profile add` and `profile show` build on.
func TestKeys(t *testing.T) {
	flags := map[string]bool{}
	for _, k := range Keys {
		if flags[k.Flag()] || strings.Contains(k.Flag(), "_") || k.Help == "" || strings.Contains(k.Help, "`") || k.Example == "" || strings.HasSuffix(k.Help, ".") {
			t.Errorf("%+v", k)
		}
		flags[k.Flag()] = true
		if secretKeys[bare(k.Name)] != "" {
			t.Errorf("%s is refused as a secret", k.Name)
		}
	}
	p := sampleConfig().Profiles["prod"]
	want := "user_pool_id=us-east-1_AbCdEf123 client_id=1h57kf5cpq17m0eml12example username=rob@example.com auth=admin-password " +
		"token=access scheme=bearer min_ttl=10m0s region=us-east-1 fips=false aws_profile=ops client_metadata=n=1, team=blue store=file"
	var got []string
	for _, k := range Keys {
		if v := k.Get(p); v != "" {
			got = append(got, k.Name+"="+v)
		}
	}
	if s := strings.Join(got, " "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}
