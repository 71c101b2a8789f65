package session

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/printable"
	"github.com/cogtok/cogtok/profiles"
)

// The hooks of the config, by their keys.
const (
	onLoginNeeded = "on_login_needed"
	onError       = "on_error"
)

const (
	hookTimeout = 30 * time.Second
	hookPause   = 10 * time.Minute // between two runs of a hook for one session
	// maxHookRuns is how many runs of one hook may wait for the last to end.
	maxHookRuns = 16
	// maxHookMessage is how many characters a hook is told.
	maxHookMessage = 300
)

// A hookRun is what a hook is to be run for.
type hookRun struct {
	hook    string
	command []string
	event   agent.Event
}

// hooks are the runs of hooks. The zero value is ready to use.
type hooks struct {
	mu      sync.Mutex
	waiting map[string][]hookRun // by hook; the first of them runs
	last    map[string]instant   // by hook and session: when it was last to be run
}

// take reports whether a hook may be run for a session now, and counts it.
func (h *hooks) take(key string, now instant) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if last, ok := h.last[key]; ok && now.passed(last) < hookPause {
		return false
	}
	if h.last == nil {
		h.last = map[string]instant{}
	}
	for other, last := range h.last {
		if now.passed(last) >= hookPause {
			delete(h.last, other)
		}
	}
	h.last[key] = now
	return true
}

// queue lets a run wait for its turn. isFirst says that it has it.
func (h *hooks) queue(r hookRun) (isFirst bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting == nil {
		h.waiting = map[string][]hookRun{}
	}
	n := len(h.waiting[r.hook])
	if n < maxHookRuns {
		h.waiting[r.hook] = append(h.waiting[r.hook], r)
	}
	return n == 0
}

// next returns the run that has its turn, after the one before has ended.
func (h *hooks) next(hook string, ended bool) (hookRun, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ended {
		h.waiting[hook] = h.waiting[hook][1:]
	}
	if len(h.waiting[hook]) == 0 {
		delete(h.waiting, hook)
		return hookRun{}, false
	}
	return h.waiting[hook][0], true
}

// running reports whether a hook runs.
func (h *hooks) running() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.waiting) > 0
}

// runHook has a hook run, if the config has it and it may. It doesn't wait for that.
// A session that no profile has, for scopes that somebody has asked for, has none.
func (s *session) runHook(hook string, p profiles.Profile, e agent.Event) {
	k := s.keeper
	config := k.source.current()
	command := map[string][]string{onLoginNeeded: config.OnLoginNeeded, onError: config.OnError}[hook]
	if len(command) == 0 || len(k.having(s)) == 0 || !k.hooks.take(hook+"\n"+s.key(), k.now()) {
		return
	}
	e.Profile = p.Name
	if k.hooks.queue(hookRun{hook, command, e}) {
		k.spawn(func() { k.runHooks(hook) })
	}
}

// runHooks runs what waits, one after another.
func (k *Keeper) runHooks(hook string) {
	for r, ok := k.hooks.next(hook, false); ok; r, ok = k.hooks.next(hook, true) {
		_ = k.protect(func() error {
			if why := k.run(r); why != "" {
				k.cfg.Logf("session: profile %s: %s failed: %s", r.event.Profile, r.hook, why)
			}
			return nil
		})
	}
}

// run runs a hook, and says what went wrong. Its input and output are the null
// device, and the agent doesn't stay for it.
func (k *Keeper) run(r hookRun) (why string) {
	ctx, cancel := context.WithTimeout(k.ctx, hookTimeout)
	defer cancel()
	go func() {
		select {
		case <-k.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	select {
	case <-k.closed:
		return ""
	default:
	}
	cmd := newCommand(ctx, r.command)
	cmd.Env = append(os.Environ(), // the last of a name counts
		"COGTOK_PROFILE="+r.event.Profile,
		"COGTOK_EVENT="+r.event.Event,
		"COGTOK_MESSAGE="+printable.Limit(r.event.Message, maxHookMessage),
	)
	err := cmd.Run()
	if errors.Is(ctx.Err(), context.Canceled) {
		return "the agent ended first"
	}
	return commandFault(ctx, err)
}
