//go:build unix

package main

import (
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
)

// watching begins to watch, and returns how that ends once a state has come.
func (h *home) watching() (c *agent.Client, over chan error) {
	h.t.Helper()
	c = h.client()
	over, began := make(chan error, 1), make(chan struct{}, 100)
	go func() {
		_, err := c.Watch(h.t.Context(), agent.Caller{Notify: func(agent.Event) error { began <- struct{}{}; return nil }}, agent.WatchRequest{})
		over <- err
	}()
	select {
	case <-began:
	case err := <-over:
		h.t.Fatalf("the watch ended with %v", err)
	}
	return c, over
}

func wantShutDown(t *testing.T, over chan error) {
	t.Helper()
	select {
	case err := <-over:
		if agent.KindOf(err) != agent.KindShuttingDown {
			t.Errorf("the watch ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the watch goes on")
	}
}

// Who watches keeps no new program from taking over, and can watch again on the
// same connection.
func TestUpgradeEndsWatches(t *testing.T) {
	h := newHome(t)
	h.pool("memory")
	path := h.installed()
	h.runningAt(path)
	watcher, over := h.watching()
	h.installed() // once more
	c := h.client()
	if r := upgradeOf(t, c); !r.Upgrading {
		t.Fatalf("%+v", r)
	}
	takeovers(t, c, 1)
	wantShutDown(t, over)
	if _, err := watcher.Version(t.Context(), agent.Caller{}, agent.None{}); err != nil {
		t.Errorf("the connection is lost: %v", err)
	}
}

// Nor from ending when nobody has called for long.
func TestWatchingIsIdle(t *testing.T) {
	h := newHome(t)
	h.config("version: 1\nagent: {idle_exit: 1s}\nprofiles:\n  prod: {user_pool_id: us-east-1_AbCdEf123, client_id: client, username: rob, store: memory}\n")
	p := h.running()
	_, over := h.watching()
	wantShutDown(t, over)
	if status := p.end(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}
