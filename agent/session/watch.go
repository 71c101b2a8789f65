package session

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/printable"
	"github.com/cogtok/cogtok/profiles"
)

// maxQueue is how many events wait for a watcher that is slow.
const maxQueue = 64

// maxMessage is how many characters of a message an event tells.
const maxMessage = 1000

// A watcher is somebody who is told of events. Whoever tells never waits for it.
type watcher struct {
	profile string        // empty: all
	more    chan struct{} // holds one value while something is in the queue

	mu     sync.Mutex
	queue  []agent.Event // the oldest first
	missed bool          // the queue was full, and the oldest are gone
}

// watchers are all that watch. The zero value is ready to use.
type watchers struct {
	mu  sync.Mutex
	all map[*watcher]struct{}
}

func (ws *watchers) add(profile string) *watcher {
	w := &watcher{profile: profile, more: make(chan struct{}, 1)}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.all == nil {
		ws.all = map[*watcher]struct{}{}
	}
	ws.all[w] = struct{}{}
	return w
}

func (ws *watchers) remove(w *watcher) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	delete(ws.all, w)
}

// none reports whether nobody watches.
func (ws *watchers) none() bool {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return len(ws.all) == 0
}

// tell queues an event with each who wants to know. It never blocks.
func (ws *watchers) tell(e agent.Event) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.all {
		if w.profile == "" || e.Profile == "" || w.profile == e.Profile {
			w.put(e)
		}
	}
}

func (w *watcher) put(e agent.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == maxQueue {
		w.queue, w.missed = w.queue[1:], true
	}
	w.queue = append(w.queue, e)
	select {
	case w.more <- struct{}{}:
	default:
	}
}

// take empties the queue.
func (w *watcher) take() (queue []agent.Event, missed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	queue, missed = w.queue, w.missed
	w.queue, w.missed = nil, false
	return queue, missed
}

// Watch implements agent.Agent. The states come first, and again when they may
// not be what the events have told.
func (k *Keeper) Watch(ctx context.Context, c agent.Caller, r agent.WatchRequest) (agent.None, error) {
	if c.Notify == nil {
		return agent.None{}, agent.Errorf(agent.KindUsage, "nobody takes the events")
	}
	if _, err := k.profilesOf(r.Profile); err != nil {
		return agent.None{}, err
	}
	w := k.watchers.add(r.Profile) // first: what happens from now on is in the queue
	defer k.watchers.remove(w)
	err := k.tellStates(ctx, c, r, true)
	for err == nil {
		select {
		case <-w.more:
			err = k.pass(ctx, c, r, w)
		case <-ctx.Done():
			err = ctx.Err()
		case <-k.closed:
			err = errClosed
		}
	}
	return agent.None{}, err
}

var errClosed = agent.Errorf(agent.KindShuttingDown, "the agent is shutting down")

// pass hands a watcher what is in its queue.
func (k *Keeper) pass(ctx context.Context, c agent.Caller, r agent.WatchRequest, w *watcher) error {
	queue, stale := w.take()
	if stale {
		queue = slices.Insert(queue, 0, agent.Event{Event: agent.EventMissed})
	}
	for _, e := range queue {
		if err := c.Notify(e); err != nil {
			return err
		}
		stale = stale || e.Event == agent.EventConfig
	}
	if !stale {
		return nil
	}
	return k.tellStates(ctx, c, r, false)
}

// tellStates tells one watcher how its profiles are now. A profile may have gone
// since it began.
func (k *Keeper) tellStates(ctx context.Context, c agent.Caller, r agent.WatchRequest, first bool) error {
	status, err := k.Status(ctx, c, agent.StatusRequest(r))
	if err != nil {
		if first {
			return err
		}
		return ctx.Err()
	}
	for _, p := range status.Profiles {
		if err := c.Notify(agent.Event{
			Profile: p.Profile, Event: agent.EventState, State: p.State,
			IDExpiresAt: p.IDExpiresAt, AccessExpiresAt: p.AccessExpiresAt, Message: p.Problem, Hint: p.Hint,
		}); err != nil {
			return err
		}
	}
	if first && status.ConfigError != "" {
		return c.Notify(agent.Event{Event: agent.EventConfig, Message: printable.Limit(status.ConfigError, maxMessage)})
	}
	return nil
}

// tell tells of an event of each profile that has the session: none, where that
// is for scopes that somebody has asked for. s.mu is not held.
func (s *session) tell(e agent.Event) {
	k := s.keeper
	if k.watchers.none() {
		return
	}
	for _, p := range k.having(s) {
		e.Profile = p
		if e.Event == agent.EventLoginNeeded {
			e.Hint = "run: cogtok login " + p
		}
		k.watchers.tell(e)
	}
}

// having are the profiles that have a session.
func (k *Keeper) having(s *session) []string {
	return k.namesOf(func(p profiles.Profile) bool { return sessionKey(p) == s.store+"\n"+s.id })
}

// namesOf are the profiles that are meant, in the order of the file.
func (k *Keeper) namesOf(meant func(profiles.Profile) bool) (names []string) {
	config := k.source.current()
	for _, name := range config.Names {
		if meant(config.Profiles[name]) {
			names = append(names, name)
		}
	}
	return names
}

// tellTokens tells that there are new tokens.
func (s *session) tellTokens(event string) {
	now := s.keeper.now()
	s.mu.Lock()
	e := agent.Event{Event: event, IDExpiresAt: expiry(s.tokens[agent.TypeID], now), AccessExpiresAt: expiry(s.tokens[agent.TypeAccess], now)}
	s.mu.Unlock()
	s.tell(e)
}

// tellThose tells of an event of each profile that is meant.
func (k *Keeper) tellThose(meant func(profiles.Profile) bool, event string) {
	if k.watchers.none() {
		return
	}
	for _, p := range k.namesOf(meant) {
		k.watchers.tell(agent.Event{Profile: p, Event: event})
	}
}

func everyProfile(profiles.Profile) bool { return true }

// tellConfig tells that the config was read; err is why it isn't in force.
func (k *Keeper) tellConfig(err error) {
	e := agent.Event{Event: agent.EventConfig}
	if err != nil {
		e.Message = printable.Limit(agent.AsError(configError(err)).Message, maxMessage)
	}
	k.watchers.tell(e)
}

// messageOf is what an event tells of an error.
func messageOf(p profiles.Profile, err error) string {
	return printable.Limit(strings.TrimPrefix(agent.AsError(err).Message, "profile "+p.Name+": "), maxMessage)
}
