package session

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cogtok/cogtok/agent"
)

func TestOff(t *testing.T) {
	start := instant{time.Unix(1_800_000_000, 5e8), 1000 * time.Hour}
	later := func(wall, boot time.Duration) instant { return instant{start.wall.Add(wall), start.boot + boot} }
	for _, tt := range []struct {
		name   string
		server time.Duration // its clock, seen from ours at the request
		took   time.Duration
		now    instant
		want   time.Duration
	}{
		{"right", 0, time.Second, later(time.Hour, time.Hour), 0},
		{"right, and a slow answer", 0, 25 * time.Second, later(time.Hour, time.Hour), 0},
		{"right, and answered late", 24 * time.Second, 25 * time.Second, later(time.Hour, time.Hour), 0},
		{"we are behind", 2 * time.Minute, 0, start, -119500 * time.Millisecond},
		{"we are ahead", -2 * time.Minute, 0, start, 119500 * time.Millisecond},
		{"set right meanwhile", 2 * time.Minute, 0, later(12*time.Minute, 10*time.Minute), 0},
		{"set wrong meanwhile", 0, 0, later(30*time.Minute, 10*time.Minute), 19*time.Minute + 59*time.Second + 500*time.Millisecond},
		{"after a suspend", 0, 0, later(8*time.Hour, 8*time.Hour), 0},
	} {
		s := sighting{start.wall.Add(tt.server).Truncate(time.Second), start, later(tt.took, tt.took)}
		if got := s.off(tt.now); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	if off := (sighting{}).off(start); off != 0 {
		t.Errorf("nothing seen: %v", off)
	}
	// Without a boot clock the wall clock says how much time has passed.
	start.boot = 0
	s := sighting{start.wall.Add(-time.Hour).Truncate(time.Second), start, start}
	if off := s.off(instant{wall: start.wall.Add(time.Hour)}); off != time.Hour-500*time.Millisecond {
		t.Errorf("no boot clock: %v", off)
	}
}

// A clock that is off is told in the status, and with a token now and then.
func TestClockIsOff(t *testing.T) {
	for _, tt := range []struct {
		name  string
		off   time.Duration // of the machine's clock
		tells bool
		want  string
	}{
		{"right", 0, true, ""},
		{"a little", 25 * time.Second, true, ""},
		{"ahead", 3 * time.Minute, true, "ahead of"},
		{"behind", -10 * time.Hour, true, "10h behind"},
		{"behind, and the server is silent", -10 * time.Hour, false, "10h behind"},
		{"ahead, and the server is silent", 3 * time.Minute, false, "ahead of"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				off := tt.off
				r.clock.Wall = func() time.Time { return time.Now().Add(off) }
				r.pool.tells = tt.tells
				r.start()
				r.login(agent.Caller{})
				time.Sleep(time.Minute)
				problem := r.status().Profiles[0].Problem
				if !strings.Contains(problem, tt.want) || (problem == "") != (tt.want == "") {
					t.Errorf("status: %q, want %q", problem, tt.want)
				}
				warnings := 0
				for range 6 * 60 {
					time.Sleep(time.Minute)
					token, err := r.token(agent.Caller{}, agent.TokenRequest{})
					if err != nil {
						t.Fatal(err)
					}
					if token.Warning != "" {
						warnings++
						if !strings.Contains(token.Warning, tt.want) {
							t.Errorf("warning %q", token.Warning)
						}
					}
				}
				if want := 6; tt.want == "" && warnings != 0 || tt.want != "" && warnings != want {
					t.Errorf("%d warnings in six hours", warnings)
				}
				off = 0 // somebody has set it
				if problem := r.status().Profiles[0].Problem; problem != "" {
					t.Errorf("after it was set: %q", problem)
				}
			})
		})
	}
}
