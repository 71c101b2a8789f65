//go:build !windows

package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/cogtok/cogtok/internal/cogtoktest"
)

// The demo ends by itself, shows an accepted query, and touches nothing of
// the user's own.
func TestDemoOnce(t *testing.T) {
	u := cogtoktest.NewUser(t)
	r := u.Run("", "demo", "--once")
	if r.Code != 0 {
		t.Fatal(r)
	}
	for _, want := range []string{"cogtok login demo", "cogtok token demo", "listPosts", "Authorization"} {
		if !strings.Contains(r.Stdout+r.Stderr, want) {
			t.Errorf("the demo doesn't show %q", want)
		}
	}
	for _, path := range []string{"config", "state", "run/cogtok"} {
		if _, err := os.Stat(u.Path(path)); err == nil {
			t.Errorf("the demo made %s in the user's home", path)
		}
	}
}

// The demo stays up for another terminal until Ctrl-C.
func TestDemoStaysUp(t *testing.T) {
	u := cogtoktest.NewUser(t)
	term := u.TerminalProgram("sh", "-c", "exec cogtok demo 2>&1 >/dev/tty")
	term.Expect("Ctrl-C")
	term.Expect("COGTOK_SOCKET=")
	term.Expect("COGTOK_CONFIG=")
	term.Expect("\n")
	other := *u
	for _, line := range strings.Split(term.Shown(), "\n") {
		line = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(line), "\r"))
		if assignment, ok := strings.CutPrefix(line, "export "); ok {
			for _, a := range strings.Fields(assignment) {
				other.Env = append(other.Env, strings.ReplaceAll(a, "'", ""))
			}
		}
	}
	if r := other.Run("", "token", "demo"); r.Code != 0 || !strings.HasPrefix(r.Stdout, "eyJ") {
		t.Errorf("from another terminal: %s", r)
	}
	term.Type("\x03")
	if r := term.Wait(); r.Code != 0 && r.Code != 130 {
		t.Error(r)
	}
	if r := other.Run("", "agent", "status"); strings.Contains(r.Stdout, "running since") {
		t.Errorf("the demo's agent is still there: %s", r)
	}
}
