//go:build !windows

package e2e

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
)

// A session that is lost runs the user's script, once, and tells who watches; with
// no secret anywhere.
func TestLostSessionIsTold(t *testing.T) {
	t.Parallel()
	u, w := newUser(t, "memory")
	script := u.Path("hook")
	text := "#!/bin/sh\n{ env; echo \"$# $1\"; } >>\"" + u.Path("hook.out") + ".$$\"\nmv \"" + u.Path("hook.out") + ".$$\" \"" + u.Path("hook.out") + "\"\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	u.WriteConfig(w.config("memory") + "agent:\n  on_login_needed: [" + script + ", 'two; words']\n")
	u.Must(password, "login", "prod", "--password-stdin")

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	client, err := agent.Dial(ctx, u.Socket())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	events := make(chan agent.Event, 100)
	var watch sync.WaitGroup
	watch.Go(func() {
		_, err := client.Watch(ctx, agent.Caller{Notify: func(e agent.Event) error { events <- e; return nil }}, agent.WatchRequest{Profile: "prod"})
		if agent.KindOf(err) != agent.KindShuttingDown {
			t.Errorf("the watch ended with %v", err)
		}
		close(events)
	})
	if e := <-events; e.Event != agent.EventState || e.State != agent.StateSignedIn {
		t.Errorf("%+v", e)
	}
	token := u.Must("", "token", "prod", "--force")
	if e := <-events; e.Event != agent.EventRenewed {
		t.Errorf("%+v", e)
	}
	w.pool.SignOutEverywhere("rob")
	for range 2 {
		if r := u.Run("", "token", "prod", "--force"); r.Code != 3 {
			t.Errorf("after the end of the session: %s", r)
		}
	}
	if e := <-events; e.Event != agent.EventLoginNeeded || e.Hint != "run: cogtok login prod" || e.Message == "" {
		t.Errorf("%+v", e)
	}
	said := waitForFile(t, u.Path("hook.out"))
	for _, want := range []string{"COGTOK_PROFILE=prod\n", "COGTOK_EVENT=login-needed\n", "COGTOK_MESSAGE=", "1 two; words\n"} {
		if !strings.Contains(said, want) {
			t.Errorf("the hook got no %s: %s", want, said)
		}
	}
	for _, secret := range []string{password, token} {
		if strings.Contains(said, secret) {
			t.Errorf("the hook got %s", secret)
		}
	}
	began := time.Now()
	u.Must("", "agent", "stop")
	watch.Wait()
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("the agent took %s to stop", took)
	}
	for e := range events {
		t.Errorf("also told %+v", e)
	}
}

func waitForFile(t *testing.T, path string) string {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if data, err := os.ReadFile(path); err == nil {
			return string(data)
		}
		if time.Now().After(end) {
			t.Fatalf("there is no %s", path)
		}
	}
}
