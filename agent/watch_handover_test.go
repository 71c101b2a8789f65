//go:build !windows

package agent

import (
	"path/filepath"
	"testing"
	"time"
)

// A handover doesn't wait for those who watch. They can watch again, on the same
// connection.
func TestHandoverEndsWatches(t *testing.T) {
	path := filepath.Join(shortDir(t), "agent.sock")
	l, release, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	s := &Server{Agent: &exemplary{}}
	hand := serving(s, l)
	c := newLine(t, path)
	c.send(watchProd + "\n")
	for _, event := range []string{EventState, EventRenewed, EventError, EventLoginNeeded} {
		c.expect(event)
	}
	began := time.Now()
	if err := hand(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %s", took)
	}
	c.expect(`"kind":"shutting_down"`)
	hand = serving(s, l)
	c.send(watchProd + "\n")
	c.expect(EventState)
	if err := hand(); err != nil {
		t.Error(err)
	}
	s.end()
	l.Close()
}
