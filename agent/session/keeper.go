package session

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
	"github.com/cogtok/cogtok/store"
)

// A Config is what a Keeper is made of.
type Config struct {
	// Load reads the config file at Path, and is called again when the file has
	// changed. Its error is shown to the user.
	Load func() (profiles.Config, error)
	Path string
	// Provider signs in and renews.
	Provider Provider
	// Vaults by `store:` setting.
	Vaults map[string]store.Vault
	// StateDir is a directory of the user's own, for what has to be remembered
	// though no store can be reached. It holds no secrets.
	StateDir string
	Clock    Clock
	// Version is the answer to the version method.
	Version agent.Version
	// Stop ends the agent after the calls in flight; it doesn't wait for that.
	Stop func()
	// Upgrade looks for a newer program and has it take over after the calls in
	// flight; nil: none can.
	Upgrade func(context.Context) agent.UpgradeResult
	// Renewed is called when tokens have come in; nil: nobody wants to know.
	Renewed func()
	// Logf writes a line to the log; nil: no log. It is given no secret.
	Logf func(format string, args ...any)
}

// A Keeper holds the sessions of a user's profiles. It implements agent.Agent.
type Keeper struct {
	cfg    Config
	vaults map[string]store.Vault // cfg.Vaults, whose calls end in time
	source *source
	guard  *guard
	told   servers

	watchers watchers
	hooks    hooks
	lock     lock

	ctx    context.Context // of all work; ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup
	closed chan struct{} // closed when Close begins: no timers from then on
	once   sync.Once

	keyTurn     chan struct{}     // holds one value while versionKeys is in use
	versionKeys map[string][]byte // by store

	mu            sync.Mutex
	sessions      map[string]*session      // by store and SessionID
	keyholes      map[string]*keyhole      // by store
	clientSecrets map[string]agent.Secret  // by profile name, store and owner
	scoped        []string                 // keys of the sessions that makeScoped made, oldest first
	userTurns     map[string]chan struct{} // by userKey
	codeSteps     map[string]int64         // by userKey: the step of the last code that was made
	secretChanges int                      // so that a secret that was read before a change isn't kept
}

var _ agent.Agent = (*Keeper)(nil)

// New returns a Keeper with the profiles of the config. A broken config is
// told to whoever asks for one of its profiles. Close ends the Keeper.
func New(cfg Config) *Keeper {
	if cfg.Logf == nil {
		cfg.Logf = func(string, ...any) {}
	}
	k := &Keeper{
		cfg:           cfg,
		vaults:        map[string]store.Vault{},
		told:          servers{pause: map[string]pause{}},
		lock:          lock{guesses: newGuesses()},
		closed:        make(chan struct{}),
		sessions:      map[string]*session{},
		keyholes:      map[string]*keyhole{},
		versionKeys:   map[string][]byte{},
		keyTurn:       make(chan struct{}, 1),
		clientSecrets: map[string]agent.Secret{},
		codeSteps:     map[string]int64{},
		userTurns:     map[string]chan struct{}{},
	}
	for kind, v := range cfg.Vaults {
		k.vaults[kind] = bound(kind, v)
	}
	k.source = newSource(cfg.Load, cfg.Path, k.configChanged, k.tellConfig)
	k.guard = newGuard(cfg.StateDir, cfg.Clock.Wall, cfg.Logf)
	k.lock.locked.Store(k.mark().isThere())
	k.ctx, k.cancel = context.WithCancel(context.Background())
	return k
}

// bound makes the calls of a vault end though a disk hangs: in more than
// storeTimeout, so that what the store itself says is what is told.
func bound(kind string, v store.Vault) store.Vault {
	what := "the store (" + kind + ")"
	v.Secrets = store.Bound(v.Secrets, storeTimeout+time.Second, what)
	v.Sessions = store.Bound(v.Sessions, storeTimeout+time.Second, what)
	return v
}

func (k *Keeper) now() instant { return k.cfg.Clock.now() }

// spawn runs work that outlives the call that it began in, but not the Keeper.
func (k *Keeper) spawn(f func()) { k.work.Go(f) }

// protect runs work whose panic must not end the agent.
func (k *Keeper) protect(work func() error) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			k.cfg.Logf("session: panic of type %T: %s", fault, debug.Stack()) // the value may tell a secret
			err = agent.AsError(errPanic)
		}
	}()
	return work()
}

var errPanic = errors.New("panic")

// sleep waits, and reports whether the Keeper still goes on.
func (k *Keeper) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-k.closed:
		return false
	}
}

func (k *Keeper) renewed() {
	if k.cfg.Renewed != nil {
		k.cfg.Renewed()
	}
}

// Close ends the Keeper when no call is in flight any more. Work that is under
// way gets until ctx ends, then it is broken off and gets closeGrace for that.
// At last Close saves what could not be saved before.
func (k *Keeper) Close(ctx context.Context) {
	k.once.Do(func() { close(k.closed) })
	ended := make(chan struct{})
	go func() {
		k.work.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		k.cancel()
		select {
		case <-ended:
		case <-time.After(closeGrace):
			k.cfg.Logf("session: work that is under way doesn't end")
		}
	}
	k.cancel()
	saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	var all sync.WaitGroup
	for _, s := range k.allSessions() {
		all.Go(func() { s.saveNow(saving) })
	}
	all.Wait()
}

// closeGrace is enough for storing what has come in at the last moment.
const closeGrace = storeTimeout + time.Second

func (k *Keeper) allSessions() []*session {
	k.mu.Lock()
	defer k.mu.Unlock()
	var all []*session
	for _, s := range k.sessions {
		all = append(all, s)
	}
	return all
}

// session returns the session of a profile; profiles with the same identity
// and store have one together.
func (k *Keeper) session(p profiles.Profile) *session {
	key := sessionKey(p)
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.sessions[key]
	if s == nil {
		s = newSession(k, p)
		k.sessions[key] = s
	}
	return s
}

// makeScoped returns the session for scopes that somebody asks for by name. So
// that asking for ever others doesn't fill the memory, the oldest that is idle makes
// room. It fails with KindBusy when all of them are at work.
func (k *Keeper) makeScoped(p profiles.Profile) (*session, error) {
	key := sessionKey(p)
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.sessions[key]; s != nil {
		return s, nil
	}
	k.scoped = slices.DeleteFunc(k.scoped, func(key string) bool { return k.sessions[key] == nil })
	if len(k.scoped) == maxScopedSessions {
		i := slices.IndexFunc(k.scoped, func(key string) bool { return k.sessions[key].idle() })
		if i < 0 {
			return nil, agent.Errorf(agent.KindBusy, "tokens for too many sets of scopes are asked for at once").WithHint("try again in a moment")
		}
		delete(k.sessions, k.scoped[i])
		k.scoped = slices.Delete(k.scoped, i, i+1)
	}
	k.scoped = append(k.scoped, key)
	k.sessions[key] = newSession(k, p)
	return k.sessions[key], nil
}

// maxScopedSessions is how many sessions for scopes that were asked for are held.
const maxScopedSessions = 64

func sessionKey(p profiles.Profile) string { return p.Store + "\n" + p.SessionID() }

// endPauses lets every session ask Cognito again at once: something has
// changed that may have been the reason of a failure. What a server asked for
// stays.
func (k *Keeper) endPauses() {
	for _, s := range k.allSessions() {
		s.mu.Lock()
		s.pause.end()
		s.signInPause.end()
		if agent.KindOf(s.problem) == agent.KindLocked {
			s.problem = nil
		}
		s.mu.Unlock()
	}
}

// Version implements agent.Agent.
func (k *Keeper) Version(context.Context, agent.Caller, agent.None) (agent.Version, error) {
	v := k.cfg.Version
	v.Locked = k.lock.isLocked()
	return v, nil
}

// Stop implements agent.Agent.
func (k *Keeper) Stop(context.Context, agent.Caller, agent.None) (agent.None, error) {
	k.cfg.Stop()
	return agent.None{}, nil
}

// named returns err with a message that names the profile, and a hint where
// signing in helps.
func named(p profiles.Profile, err error) error {
	if err == nil {
		return nil
	}
	e := *agent.AsError(err)
	if !strings.Contains(e.Message, "profile "+p.Name) {
		e.Message = "profile " + p.Name + ": " + e.Message
	}
	if e.Kind == agent.KindLoginRequired && e.Hint == "" {
		e.Hint = "run: cogtok login " + p.Name
	}
	return &e
}
