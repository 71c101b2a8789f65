package main

import (
	"context"
	"sync"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/printable"
)

// A watched agent is an agent.Agent whose calls are logged and counted.
type watched struct {
	agent.Agent
	log      *logbook
	idle     *idleness
	memory   *memory
	upgrades *upgrader
	limit    func() time.Duration // how long the agent may be idle; 0: for ever
}

// call makes a call of the agent inside.
func call[Req, Res any](w *watched, method string, profile func(Req) string, do func(context.Context, agent.Caller, Req) (Res, error)) func(context.Context, agent.Caller, Req) (Res, error) {
	return func(ctx context.Context, c agent.Caller, r Req) (Res, error) {
		w.memory.called()
		if w.idle.enter() > burst {
			w.memory.used()
		}
		defer func() {
			w.memory.called()
			w.idle.leave(w.limit())
			w.upgrades.look()
		}()
		if c.Prompter != nil {
			c.Prompter = w.upgrades.counting(c.Prompter)
		}
		res, err := do(ctx, c, r)
		w.note(method, profile(r), c.PID, err)
		return res, err
	}
}

// burst is how many calls at once leave memory that is worth giving back.
const burst = 50

// note logs a call. Successes are worth it only where all is to be told.
func (w *watched) note(method, profile string, pid int, err error) {
	profile = printable.Limit(profile, 100) // it is what the caller says
	switch {
	case err != nil:
		e := agent.AsError(err)
		text := e.Message
		if e.Kind == agent.KindLambda || e.Kind == agent.KindPasswordPolicy {
			text = "the user pool says why" // in words of its own, which may be anything
		}
		w.log.printf("%s %s failed (%s): %s", method, profile, e.Kind, text)
	case w.log.debug():
		w.log.Debug("done", "method", method, "profile", profile, "pid", pid)
	}
}

func (w *watched) Token(ctx context.Context, c agent.Caller, r agent.TokenRequest) (agent.Token, error) {
	return call(w, "token", func(r agent.TokenRequest) string { return r.Profile }, w.Agent.Token)(ctx, c, r)
}

func (w *watched) Login(ctx context.Context, c agent.Caller, r agent.LoginRequest) (agent.ProfileStatus, error) {
	return call(w, "login", func(r agent.LoginRequest) string { return r.Profile }, w.Agent.Login)(ctx, c, r)
}

func (w *watched) Logout(ctx context.Context, c agent.Caller, r agent.LogoutRequest) (agent.LogoutResult, error) {
	return call(w, "logout", func(r agent.LogoutRequest) string { return r.Profile }, w.Agent.Logout)(ctx, c, r)
}

func (w *watched) Status(ctx context.Context, c agent.Caller, r agent.StatusRequest) (agent.Status, error) {
	return call(w, "status", func(r agent.StatusRequest) string { return r.Profile }, w.Agent.Status)(ctx, c, r)
}

func (w *watched) SetSecret(ctx context.Context, c agent.Caller, r agent.SetSecretRequest) (agent.None, error) {
	return call(w, "secret.set", func(r agent.SetSecretRequest) string { return r.Profile }, w.Agent.SetSecret)(ctx, c, r)
}

func (w *watched) DeleteSecret(ctx context.Context, c agent.Caller, r agent.SecretRequest) (agent.None, error) {
	return call(w, "secret.delete", func(r agent.SecretRequest) string { return r.Profile }, w.Agent.DeleteSecret)(ctx, c, r)
}

func (w *watched) ListSecrets(ctx context.Context, c agent.Caller, r agent.StatusRequest) (agent.SecretList, error) {
	return call(w, "secret.list", func(r agent.StatusRequest) string { return r.Profile }, w.Agent.ListSecrets)(ctx, c, r)
}

func (w *watched) Devices(ctx context.Context, c agent.Caller, r agent.DevicesRequest) (agent.DeviceList, error) {
	return call(w, "device.list", func(r agent.DevicesRequest) string { return r.Profile }, w.Agent.Devices)(ctx, c, r)
}

func (w *watched) ForgetDevice(ctx context.Context, c agent.Caller, r agent.ForgetDeviceRequest) (agent.None, error) {
	return call(w, "device.forget", func(r agent.ForgetDeviceRequest) string { return r.Profile }, w.Agent.ForgetDevice)(ctx, c, r)
}

func (w *watched) Reload(ctx context.Context, c agent.Caller, r agent.None) (agent.ReloadResult, error) {
	return call(w, "reload", func(agent.None) string { return "" }, w.Agent.Reload)(ctx, c, r)
}

// Watch counts as a call that is answered at once: who watches keeps no agent from
// being idle.
func (w *watched) Watch(ctx context.Context, c agent.Caller, r agent.WatchRequest) (agent.None, error) {
	w.memory.called()
	w.idle.enter()
	w.idle.leave(w.limit())
	w.upgrades.look()
	res, err := w.Agent.Watch(ctx, c, r)
	if ctx.Err() == nil {
		w.note("watch", r.Profile, c.PID, err)
	}
	return res, err
}

// An idleness ends the agent when nobody has called for a while.
type idleness struct {
	stop func()

	mu    sync.Mutex
	calls int // in flight
	timer *time.Timer
	round int // so that a timer that fires while it is stopped does nothing
}

func newIdleness(stop func()) *idleness { return &idleness{stop: stop} }

// enter counts a call and returns how many there are now.
func (i *idleness) enter() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.calls++
	i.halt()
	return i.calls
}

// leave ends a call.
func (i *idleness) leave(limit time.Duration) {
	i.mu.Lock()
	i.calls--
	i.mu.Unlock()
	i.begin(limit)
}

// begin starts to wait for the limit, if no call is in flight.
func (i *idleness) begin(limit time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.halt()
	if limit <= 0 || i.calls > 0 {
		return
	}
	round := i.round
	i.timer = time.AfterFunc(limit, func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		if round == i.round {
			i.stop()
		}
	})
}

func (i *idleness) end() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.halt()
}

// halt stops the timer; mu is held.
func (i *idleness) halt() {
	i.round++
	if i.timer != nil {
		i.timer.Stop()
		i.timer = nil
	}
}
