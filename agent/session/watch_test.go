package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

// An observer keeps what a watch tells.
type observer struct {
	t    *testing.T
	hang chan struct{} // if not nil, it takes an event when that gives a value
	end  context.CancelFunc
	over chan error

	mu     sync.Mutex
	events []agent.Event
}

func (r *rig) observe(profile string, hang chan struct{}) *observer {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	o := &observer{t: r.t, hang: hang, end: cancel, over: make(chan error, 1)}
	k := r.keeper
	go func() {
		_, err := k.Watch(ctx, agent.Caller{Notify: o.take}, agent.WatchRequest{Profile: profile})
		o.over <- err
	}()
	synctest.Wait()
	return o
}

func (o *observer) take(e agent.Event) error {
	if o.hang != nil {
		<-o.hang
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events = append(o.events, e)
	return nil
}

// told returns what has come since the last call: "profile event state", sorted
// where several profiles have the same session.
func (o *observer) told() (told []string) {
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range o.events {
		if text := fmt.Sprintf("%+v", e); strings.Contains(text, "MARK") || strings.Contains(text, "e30.") {
			o.t.Errorf("an event has a secret: %s", text)
		}
		told = append(told, strings.TrimSpace(e.Profile+" "+e.Event+" "+e.State))
	}
	return told
}

// expect compares what has come since the last call, and returns the last event.
func (o *observer) expect(want ...string) (last agent.Event) {
	o.t.Helper()
	told := o.told()
	if !slices.Equal(told, want) {
		o.t.Errorf("told %q, want %q", told, want)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.events) > 0 {
		last = o.events[len(o.events)-1]
	}
	o.events = nil
	return last
}

func (o *observer) stop() {
	o.t.Helper()
	o.end()
	if err := <-o.over; !errors.Is(err, context.Canceled) {
		o.t.Errorf("the watch ended with %v", err)
	}
}

// forced gets a token that is new.
func (r *rig) forced() error {
	_, err := r.token(agent.Caller{}, agent.TokenRequest{Profile: "prod", Force: true})
	return err
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		o := r.observe("prod", nil)
		o.expect("prod state signed-out")
		r.login(agent.Caller{})
		if e := o.expect("prod signed-in"); e.IDExpiresAt == nil || e.AccessExpiresAt == nil {
			t.Errorf("%+v", e)
		}
		time.Sleep(time.Minute)
		if err := r.forced(); err != nil {
			t.Fatal(err)
		}
		if e := o.expect("prod renewed"); e.IDExpiresAt == nil || time.Until(*e.IDExpiresAt) < 59*time.Minute {
			t.Errorf("%+v", e)
		}
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil { // from memory
			t.Fatal(err)
		}
		o.expect()
		if _, err := r.keeper.Logout(t.Context(), agent.Caller{}, agent.LogoutRequest{}); err != nil {
			t.Fatal(err)
		}
		o.expect("prod signed-out")
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err == nil {
			t.Error("a token after the logout")
		}
		o.expect()
		o.stop()
		if !r.keeper.watchers.none() {
			t.Error("it is told still")
		}
	})
}

// A session that Cognito has ended is told once; not where the stored password
// brings a new one at once.
func TestWatchLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.login(agent.Caller{})
		o := r.observe("", nil)
		o.expect("prod state signed-in")
		lose := func() {
			time.Sleep(2 * time.Hour)
			r.pool.set(func() { clear(r.pool.valid) })
		}
		lose()
		for range 3 {
			wantKind(t, r.forced(), agent.KindLoginRequired)
		}
		e := o.expect("prod login-needed")
		if e.Hint != "run: cogtok login prod" || !strings.Contains(e.Message, "revoked") {
			t.Errorf("%+v", e)
		}
		r.login(agent.Caller{})
		r.store(agent.SecretPassword, rightPassword)
		lose()
		if err := r.forced(); err != nil {
			t.Fatal(err)
		}
		o.expect("prod signed-in", "prod signed-in")
		o.stop()
	})
}

// An outage is told once, and its end by the renewal.
func TestWatchOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.login(agent.Caller{})
		o := r.observe("", nil)
		o.expect("prod state signed-in")
		for range 2 {
			r.pool.set(func() { r.pool.fail = agent.Errorf(agent.KindThrottled, "too many requests") })
			for range 5 {
				time.Sleep(2 * time.Hour)
				wantKind(t, r.forced(), agent.KindThrottled)
			}
			if e := o.expect("prod error"); e.Message != "too many requests" {
				t.Errorf("%+v", e)
			}
			r.pool.set(func() { r.pool.fail = nil })
			time.Sleep(2 * time.Hour)
			if err := r.forced(); err != nil {
				t.Fatal(err)
			}
			o.expect("prod renewed")
		}
		o.stop()
	})
}

// Each profile that has the session has its event, and none that hasn't.
func TestWatchShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.files["twin"] = testProfile("twin")
		other := testProfile("other")
		other.Username = "ada"
		r.files["other"] = other
		r.start()
		all, twin, none := r.observe("", nil), r.observe("twin", nil), r.observe("other", nil)
		for _, o := range []*observer{all, twin, none} {
			o.told()
			o.events = nil
		}
		r.login(agent.Caller{})
		told := all.told()
		slices.Sort(told)
		if !slices.Equal(told, []string{"prod signed-in", "twin signed-in"}) {
			t.Errorf("told %q", told)
		}
		twin.expect("twin signed-in")
		none.expect()
		for _, o := range []*observer{all, twin, none} {
			o.stop()
		}
	})
}

// The config is told when it was read, with the states that are then.
func TestWatchConfig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var broken error
		r.cfg = func(c *Config) {
			c.Load = func() (profiles.Config, error) {
				if broken != nil {
					return profiles.Config{}, broken
				}
				return r.load()
			}
		}
		r.start()
		_, err := r.keeper.Watch(t.Context(), agent.Caller{Notify: func(agent.Event) error { return nil }}, agent.WatchRequest{Profile: "prd"})
		wantKind(t, err, agent.KindUnknownProfile)
		o := r.observe("", nil)
		o.expect("prod state signed-out")
		r.files = maps.Clone(r.files)
		r.files["twin"] = testProfile("twin")
		reload := func() { _, _ = r.keeper.Reload(t.Context(), agent.Caller{}, agent.None{}) }
		reload()
		told := o.told()
		slices.Sort(told[1:])
		if !slices.Equal(told, []string{"config", "prod state signed-out", "twin state signed-out"}) {
			t.Errorf("told %q", told)
		}
		o.events = nil
		broken = errors.New("config.yaml:1:1: no good")
		reload()
		synctest.Wait()
		if e := o.events[0]; e.Event != agent.EventConfig || !strings.Contains(e.Message, "no good") || len(o.events) != 3 {
			t.Errorf("%+v", o.events)
		}
		later := r.observe("prod", nil)
		later.expect("prod state signed-out", "config")
		o.stop()
		later.stop()
	})
}

func TestWatchUnlock(t *testing.T) {
	r := newFileRig(t)
	r.start()
	if err := r.openFile().Lock.Unlock(t.Context(), []byte(passphrase)); err != nil { // it is chosen
		t.Fatal(err)
	}
	r.restart()
	events := make(chan agent.Event, 10)
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = r.keeper.Watch(ctx, agent.Caller{Notify: func(e agent.Event) error { events <- e; return nil }}, agent.WatchRequest{})
	}()
	if e := <-events; e.State != agent.StateLocked {
		t.Errorf("%+v", e)
	}
	person := &script{answers: map[string]string{agent.PromptPassphrase: passphrase}}
	_, _ = r.token(agent.Caller{Prompter: person}, agent.TokenRequest{})
	if e := <-events; e.Event != agent.EventUnlocked || e.Profile != "prod" {
		t.Errorf("%+v", e)
	}
	cancel()
	<-over
}

// A watcher that takes nothing delays nobody, and is told that it has missed
// something.
func TestSlowWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.login(agent.Caller{})
		hang := make(chan struct{})
		slow := r.observe("", hang)
		began := time.Now()
		for range maxQueue + 10 {
			r.login(agent.Caller{})
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("it took %s", took)
		}
		close(hang)
		told := slow.told()
		if n := len(told); n != maxQueue+3 || told[0] != "prod state signed-in" || told[1] != "missed" || told[n-1] != "prod state signed-in" {
			t.Errorf("%d events: %q", n, told)
		}
		slow.stop()
	})
}

// A hundred watchers are told of everything, and end with the agent.
func TestManyWatchers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		var all []*observer
		for range 100 {
			all = append(all, r.observe("", nil))
		}
		r.login(agent.Caller{})
		for _, o := range all {
			o.expect("prod state signed-out", "prod signed-in")
		}
		r.stop()
		for _, o := range all {
			wantKind(t, <-o.over, agent.KindShuttingDown)
			o.end()
		}
	})
}

// What a watcher says ends its watch.
func TestWatcherThatFails(t *testing.T) {
	r := newRig(t)
	r.start()
	_, err := r.keeper.Watch(t.Context(), agent.Caller{Notify: func(agent.Event) error { return os.ErrClosed }}, agent.WatchRequest{})
	if !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	_, err = r.keeper.Watch(t.Context(), agent.Caller{}, agent.WatchRequest{})
	wantKind(t, err, agent.KindUsage)
}
