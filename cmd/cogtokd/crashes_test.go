//go:build unix

package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
)

// brief is a pause between two looks.
func brief() { time.Sleep(10 * time.Millisecond) }

func TestCrashes(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var c crashes
	if c.note(0, now) {
		t.Error("nothing happened, and there is something to remember")
	}
	for i := range maxCrashes + 1 {
		now = now.Add(5 * time.Second)
		if c.note(int64(100*(i+1)), now); len(c.Times) != i+1 {
			t.Errorf("%d crashes, want %d", len(c.Times), i+1)
		}
	}
	if !c.note(600, now.Add(time.Second)) || len(c.Times) != maxCrashes+1 {
		t.Errorf("a refused start changed the crashes: %+v", c)
	}
	if c.note(600, now.Add(crashTime-time.Second)); len(c.Times) > maxCrashes {
		t.Errorf("crashes aren't forgotten: %+v", c)
	}
	if c.note(10, now.Add(2*crashTime)); len(c.Times) != 0 || c.Size != 10 {
		t.Errorf("a shorter log: %+v", c)
	}
}

// An agent that crashes again and again isn't started for ever; one that is
// killed is.
func TestCrashLoop(t *testing.T) {
	h := newHome(t)
	for range 2 * maxCrashes {
		p := h.running()
		p.Process.Kill()
		p.end()
	}
	for range maxCrashes + 1 {
		p := h.running()
		_ = p.Process.Signal(syscall.SIGABRT)
		p.end()
	}
	p := h.start()
	said := p.said()
	if status := p.end(); status != int(agent.CodeUnreachable) || !strings.HasPrefix(said, "error agent_unreachable: the agent crashed 6 times") ||
		!strings.Contains(said, "agent-crash.log") || !strings.Contains(said, "agent.log") {
		t.Errorf("exit status %d, said %q", status, said)
	}
}
