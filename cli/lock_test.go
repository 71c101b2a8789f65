//go:build !windows

package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/cogtok/cogtok/agent"
)

func TestLockAndUnlock(t *testing.T) {
	w := newWorld(t)
	s := w.serve(&scripted{})
	w.expect(result{"", "cogtok: the agent is locked\n", 0}, "lock")
	w.expect(result{"", "cogtok: the agent is unlocked\n", 0}, "unlock")
	w.stdin = marker + "\n"
	w.expect(result{"", "cogtok: the agent is unlocked\n", 0}, "unlock", "--passphrase-stdin")
	w.expect(result{"", "", 0}, "unlock", "--passphrase-stdin", "-q")
	if want := []string{"lock", "unlock with ", "unlock with " + marker, "unlock with " + marker}; !slices.Equal(s.calls, want) {
		t.Errorf("%q", s.calls)
	}
	for _, args := range []string{"lock prod", "unlock " + marker, "unlock --passphrase-stdin " + marker, "unlock --passphrase " + marker} {
		s.calls = nil
		if r := w.run(strings.Fields(args)...); r.code != 2 || len(s.calls) != 0 || strings.Contains(r.stderr, marker) {
			t.Errorf("%s: %s, %q", args, r, s.calls)
		}
	}
	s.err = agent.Errorf(agent.KindLocked, "the passphrase is wrong").WithHint("run: cogtok unlock")
	w.expect(result{"", "cogtok: the passphrase is wrong\ncogtok: hint: run: cogtok unlock\n", 5}, "unlock", "--passphrase-stdin")
}

func TestUnlockAtATerminal(t *testing.T) {
	w := newWorld(t)
	s := w.serve(&scripted{})
	p := w.atTerminal("unlock")
	p.expect("Passphrase of cogtok's secrets: ")
	p.types(marker + "\n")
	p.expect("the agent is unlocked")
	if strings.Contains(p.all(), marker) || !slices.Equal(s.calls, []string{"unlock with " + marker}) {
		t.Errorf("%q; shown: %q", s.calls, p.all())
	}
	p = w.atTerminal("unlock", "--passphrase-stdin")
	p.expect("--passphrase-stdin reads a pipe or a file, and standard input is a terminal")
}

func TestStatusOfALockedAgent(t *testing.T) {
	w := newWorld(t)
	w.serve(&scripted{status: agent.Status{Locked: true, Profiles: []agent.ProfileStatus{{Profile: "prod", Username: "rob", State: agent.StateLocked, Store: "keychain"}}}})
	r := w.run("status")
	if r.code != 0 || !strings.Contains(r.stdout, "locked") || r.stderr != "cogtok: the agent is locked; run: cogtok unlock\n" {
		t.Error(r)
	}
}
