//go:build !windows

package cli

import (
	"os"
	"strings"
	"testing"
)

func TestProfileAddAsks(t *testing.T) {
	w := newWorld(t)
	p := w.atTerminal("profile", "add", "prod", "--username", "rob", "--default")
	p.expect("The user pool's ID, such as us-east-1_AbCdEf123: ")
	p.types("us-east-1_AbCdEf123\n")
	p.expect("The app client's ID, such as 1h57kf5cpq17m0eml12example: ")
	p.types("1h57kf5cpq17m0eml12example \n")
	p.end(0)
	if r := w.run("profile", "show"); !strings.Contains(r.stdout, "client_id:     1h57kf5cpq17m0eml12example\n") {
		t.Errorf("%s", r)
	}
}

func TestProfileEdit(t *testing.T) {
	w := newWorld(t)
	w.write("config.yaml", goodConfig)
	// The editor: breaks the config the first time and mends it the second.
	w.write("editor", `grep -q passwrd "$1" && sed -i.bak s/passwrd/password/ "$1" || echo '    auth: passwrd' >> "$1"`)
	w.env["EDITOR"] = "sh " + w.path("editor")
	p := w.atTerminal("profile", "edit")
	p.expect(w.path("config.yaml") + ":11:11: auth of profile")
	p.expect("Edit again? [y/N] ")
	p.types("y\n")
	p.end(0)
	data, err := os.ReadFile(w.path("config.yaml"))
	if err != nil || string(data) != goodConfig+"    auth: password\n" {
		t.Errorf("%v: %s", err, data)
	}
	w.write("editor", `echo nonsense >> "$1"`)
	p = w.atTerminal("profile", "edit")
	p.expect("Edit again? [y/N] ")
	p.types("n\n")
	p.end(2)
	p.expect("cogtok: your edit is in ")
	draft, _, _ := strings.Cut(p.all()[p.seen:], "\n")
	if kept, err := os.ReadFile(draft); err != nil || !strings.Contains(string(kept), "nonsense") {
		t.Errorf("the edit is lost: %v", err)
	}
	removeDrafts(p.all())
	if now, _ := os.ReadFile(w.path("config.yaml")); string(now) != string(data) {
		t.Errorf("the config is changed: %s", now)
	}
}

func TestProfileEditWithoutTerminal(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		editor, stderr string
		code           int
	}{
		{"true", "cogtok: nothing was changed\n", 0},
		{"false", "the editor ended with status 1, so nothing is changed\n", 2},
		{"/no/such/editor", "the editor ended with status 127, so nothing is changed\n", 2},
		{"printf 'a: b\\n' >>", "unknown key", 2},
	} {
		w.env["EDITOR"] = tt.editor
		cmd := w.child("profile", "edit")
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != tt.code || !strings.Contains(string(out), tt.stderr) {
			t.Errorf("%s: %d: %s", tt.editor, cmd.ProcessState.ExitCode(), out)
		}
		if _, err := os.Stat(w.path("config.yaml")); err == nil {
			t.Errorf("%s made a config", tt.editor)
		}
		removeDrafts(string(out))
	}
}

// removeDrafts removes what a refused edit left, as a person would.
func removeDrafts(output string) {
	if _, after, ok := strings.Cut(output, "your edit is in "); ok {
		draft, _, _ := strings.Cut(after, "\n")
		os.RemoveAll(strings.TrimSuffix(draft, "/config.yaml"))
	}
}
