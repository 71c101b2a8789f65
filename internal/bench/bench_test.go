//go:build unix

package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The whole of it: real agents, real peers, few rounds. No time is judged.
func TestRun(t *testing.T) {
	before := leftovers(t)
	if _, err := run(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if after := leftovers(t); after > before {
		t.Errorf("%d directories are left in %s", after-before, os.TempDir())
	}
}

func leftovers(t *testing.T) (n int) {
	t.Helper()
	entries, err := os.ReadDir(os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "cogtok-bench") {
			n++
		}
	}
	return n
}

func TestRunOnce(t *testing.T) {
	attr := &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	took, err := runOnce(program{name: "sleep", argv: []string{sh, "-c", "sleep 0.05"}}, attr)
	if err != nil || took < 50*time.Millisecond {
		t.Errorf("sleep took %v, %v", took, err)
	}
	for _, script := range []string{"exit 3", "kill -9 $$"} {
		if _, err := runOnce(program{name: "x", argv: []string{sh, "-c", script}}, attr); err == nil {
			t.Errorf("%s: no error", script)
		}
	}
	if _, err := runOnce(program{name: "x", argv: []string{t.TempDir() + "/none"}}, attr); err == nil {
		t.Error("a program that isn't there: no error")
	}
}

func TestTryChecksOutput(t *testing.T) {
	w := &world{ctx: t.Context(), dir: t.TempDir()}
	if err := w.try(program{name: "echo", argv: []string{"/bin/sh", "-c", "echo eyJ"}, prints: "eyJ"}); err != nil {
		t.Error(err)
	}
	if w.try(program{name: "echo", argv: []string{"/bin/sh", "-c", "echo"}, prints: "eyJ"}) == nil {
		t.Error("a program that prints something else passes")
	}
}

func TestRatioIsThatWithinRounds(t *testing.T) {
	const ms = time.Millisecond
	all := times{
		"a": {1 * ms, 100 * ms, 3 * ms},
		"b": {2 * ms, 200 * ms, 1 * ms}, // half of it, twice, whatever the round was like
	}
	if got := all.ratio("a", "b"); got != 0.5 {
		t.Errorf("ratio %v, want 0.5", got)
	}
	if got := median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("median %v, want 2.5", got)
	}
}

func TestTargets(t *testing.T) {
	take := func(token time.Duration) times {
		return times{cogtokToken: {token}, emptyGo: {100}, cTrue: {50}, sshAdd: {300}, oidcToken: {140}, cogtokdStart: {400}}
	}
	for _, tt := range []struct {
		name  string
		times times
		met   bool
		says  string
	}{
		{"all met", take(140), true, "PASS  cogtok token takes 1.40 x empty Go program"},
		{"one missed", take(141), false, "MISS  cogtok token takes 1.01 x oidc-token"},
		{"a slow start", func() times { t := take(100); t[cogtokdStart][0] = 401; return t }(), false, "MISS  cogtokd --version takes 4.01 x empty Go program"},
		{"not measured", func() times { t := take(100); delete(t, oidcToken); return t }(), false, "?     oidc-token was not measured"},
	} {
		var out strings.Builder
		if met := printTargets(&out, tt.times); met != tt.met || !strings.Contains(out.String(), tt.says) {
			t.Errorf("%s: %v, %s", tt.name, met, out.String())
		}
	}
}
