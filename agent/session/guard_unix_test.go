//go:build !windows

package session

import (
	"syscall"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
)

// A pipe in the place of the counts hangs nothing.
func TestGuardFileIsAPipe(t *testing.T) {
	r := newRig(t)
	if err := syscall.Mkfifo(r.dir+"/attempts.json", 0o600); err != nil {
		t.Fatal(err)
	}
	done := time.AfterFunc(20*time.Second, func() { panic("it hangs") })
	defer done.Stop()
	k := r.start()
	if _, err := k.Status(t.Context(), agent.Caller{}, agent.StatusRequest{}); err != nil {
		t.Error(err)
	}
	if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); agent.KindOf(err) != agent.KindLoginRequired {
		t.Error(err)
	}
}
