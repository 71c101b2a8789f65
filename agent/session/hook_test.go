//go:build !windows

package session

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

// hookRig returns a rig whose hooks note what they are told, and what has been
// noted since the last call. They end with the text.
func hookRig(t *testing.T, text string) (r *rig, noted func() []string) {
	r = newRig(t)
	file, program := filepath.Join(r.dir, "noted"), filepath.Join(r.dir, "hook")
	script := "#!/bin/sh\nread line\nprintf '%s\\n' \"$1 $COGTOK_PROFILE $COGTOK_EVENT $COGTOK_MESSAGE$line\" >>" + file + "\n" + text + "\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	r.cfg = func(c *Config) {
		load := c.Load
		c.Load = func() (profiles.Config, error) {
			config, err := load()
			config.OnLoginNeeded, config.OnError = []string{program, "lost"}, []string{program, "failing"}
			return config, err
		}
	}
	return r, func() []string {
		time.Sleep(time.Second) // on a clock of the test's own: that stands still while a program runs
		synctest.Wait()
		data, _ := os.ReadFile(file)
		_ = os.Remove(file)
		return slices.Collect(strings.SplitSeq(strings.TrimSpace(string(data)), "\n"))
	}
}

func TestLossHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, noted := hookRig(t, "echo MARK-out; exit 3")
		r.start()
		expect := func(want string) {
			t.Helper()
			if got := strings.Join(noted(), "|"); got != want {
				t.Errorf("noted %q, want %q", got, want)
			}
		}
		lose := func() {
			t.Helper()
			r.login(agent.Caller{})
			r.pool.set(func() { clear(r.pool.valid) })
			for range 3 {
				wantKind(t, r.forced(), agent.KindLoginRequired)
			}
		}
		const lost = "lost prod login-needed sign-in needed: the refresh token was revoked"
		lose()
		expect(lost)
		lose() // too soon
		expect("")
		r.succeed() // an upgrade is no reason to be told again
		lose()
		expect("")
		time.Sleep(hookPause)
		lose()
		expect(lost)
		time.Sleep(hookPause)
		r.login(agent.Caller{})
		if _, err := r.keeper.Logout(t.Context(), agent.Caller{}, agent.LogoutRequest{}); err != nil {
			t.Fatal(err)
		}
		wantKind(t, r.forced(), agent.KindLoginRequired)
		expect("") // a logout is no loss
		if log := strings.Join(r.logs.lines, "\n"); !strings.Contains(log, "on_login_needed failed: exit status 3") || strings.Contains(log, "MARK") {
			t.Errorf("the log: %s", log)
		}
	})
}

// TestErrorHookInTime: it runs when the first minute is over and somebody asks,
// though Cognito isn't asked again yet, and also when an upgrade lies between.
func TestErrorHookInTime(t *testing.T) {
	for name, upgrade := range map[string]bool{"": false, "upgraded": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, noted := hookRig(t, "")
				r.start()
				r.login(agent.Caller{})
				time.Sleep(50 * time.Minute)
				r.pool.set(func() { r.pool.fail = agent.Errorf(agent.KindNetwork, "Cognito can't be reached") })
				began, ttl := time.Now(), int64(3500)
				for i := range 40 {
					if i == 10 && upgrade {
						r.succeed()
					}
					got, err := r.token(agent.Caller{}, agent.TokenRequest{MinTTL: &ttl})
					if err != nil || !strings.Contains(got.Warning, "could not be renewed") {
						t.Errorf("%q, %v", got.Warning, err)
					}
					if strings.Join(noted(), "") == "failing prod error Cognito can't be reached" {
						if took := time.Since(began); took < hookAfter || took > hookAfter+10*time.Second {
							t.Errorf("it ran after %v", took)
						}
						return
					}
					time.Sleep(2 * time.Second)
				}
				t.Error("it didn't run")
			})
		})
	}
}

func TestErrorHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, noted := hookRig(t, "")
		r.start()
		r.login(agent.Caller{})
		fail := func(err error) { r.pool.set(func() { r.pool.fail = err }) }
		try := func(every time.Duration, times int) (runs int) {
			for range times {
				time.Sleep(every)
				_ = r.forced()
			}
			for _, line := range noted() {
				if line == "failing prod error Cognito\ufffd[31m throttles" {
					runs++
				} else if line != "" {
					t.Errorf("noted %q", line)
				}
			}
			return runs
		}
		fail(agent.Errorf(agent.KindThrottled, "Cognito\x1b[31m throttles"))
		if n := try(10*time.Second, 3); n != 0 {
			t.Errorf("%d runs in the first half minute", n)
		}
		if n := try(10*time.Second, 12); n != 1 {
			t.Errorf("%d runs in the next two minutes, want 1", n)
		}
		if n := try(30*time.Second, 40); n != 2 {
			t.Errorf("%d runs in 20 minutes more, want 2", n)
		}
		fail(nil)
		try(time.Minute, 2)
		fail(agent.Errorf(agent.KindThrottled, "Cognito\x1b[31m throttles"))
		if n := try(3*time.Hour, 5); n != 0 {
			t.Errorf("%d runs for failures that are hours apart", n)
		}
	})
}

// Setting the clock brings no more runs, and no fewer.
func TestHookPauseClocks(t *testing.T) {
	at := func(wall, boot time.Duration) instant { return instant{time.Unix(0, 0).Add(wall), time.Hour + boot} }
	for _, tt := range []struct {
		now  instant
		want bool
	}{
		{at(9*time.Minute, 9*time.Minute), false},
		{at(24*time.Hour, 9*time.Minute), false},  // the clock was set forward
		{at(-24*time.Hour, 11*time.Minute), true}, // and back
		{at(11*time.Minute, 11*time.Minute), true},
	} {
		var h hooks
		if !h.take("k", at(0, 0)) || !h.take("other", at(0, 0)) {
			t.Error("the first run isn't let through")
		}
		if got := h.take("k", tt.now); got != tt.want {
			t.Errorf("%+v: %t", tt.now, got)
		}
	}
}

// One at a time, in order, and not without end.
func TestHookQueue(t *testing.T) {
	var h hooks
	for i := range 2 * maxHookRuns {
		if isFirst := h.queue(hookRun{hook: onError, event: agent.Event{Profile: string(rune('a' + i))}}); isFirst != (i == 0) {
			t.Errorf("%d: %t", i, isFirst)
		}
	}
	n := 0
	for r, ok := h.next(onError, false); ok; r, ok = h.next(onError, true) {
		if r.event.Profile != string(rune('a'+n)) || !h.running() {
			t.Errorf("%d: %+v", n, r)
		}
		n++
	}
	if n != maxHookRuns || h.running() {
		t.Errorf("%d runs", n)
	}
}

// A hook that goes on delays neither a token nor the agent's end.
func TestHookThatHangs(t *testing.T) {
	r, _ := hookRig(t, "sleep 60")
	k := r.start()
	r.login(agent.Caller{})
	r.pool.set(func() { clear(r.pool.valid) })
	began := time.Now()
	wantKind(t, r.forced(), agent.KindLoginRequired)
	r.login(agent.Caller{})
	if !k.hooks.running() || !k.Busy() {
		t.Error("no hook runs")
	}
	r.stop()
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %s", took)
	}
}

// What a command has started ends with it when its time is over.
func TestCommandIsKilledWhole(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- newCommand(ctx, []string{"sh", "-c", `sleep 60 & echo $! >"$0.new"; mv "$0.new" "$0"; wait`, file}).Run()
	}()
	var pid int
	for end := time.Now().Add(5 * time.Second); pid == 0; time.Sleep(10 * time.Millisecond) {
		data, _ := os.ReadFile(file)
		for _, c := range strings.TrimSpace(string(data)) {
			pid = 10*pid + int(c-'0')
		}
		if time.Now().After(end) {
			t.Fatal("it didn't start")
		}
	}
	cancel()
	if why := commandFault(ctx, <-ended); why == "" {
		t.Error("it ended well")
	}
	for end := time.Now().Add(5 * time.Second); alive(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("what it has started goes on")
		}
	}
}

// alive reports whether a process runs; one that nobody has waited for doesn't.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || !strings.Contains(string(stat), ") Z ")
}
