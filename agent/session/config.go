package session

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/printable"
	"github.com/cogtok/cogtok/profiles"
)

// A source is the config file as it is in force: the last version of it that
// was good.
type source struct {
	load    func() (profiles.Config, error)
	path    string
	changed func(profiles.Config) // called with a new version
	read    func(error)           // called after each reading but the first

	mu     sync.Mutex
	config profiles.Config
	err    error       // why the file as it is now isn't in force
	seen   os.FileInfo // nil: there was none
}

func newSource(load func() (profiles.Config, error), path string, changed func(profiles.Config), read func(error)) *source {
	s := &source{load: load, path: path, changed: changed, read: read}
	s.seen, _ = os.Stat(path)
	s.config, s.err = load()
	if s.err != nil {
		s.config = profiles.Config{Path: path}
	}
	if errors.Is(s.err, fs.ErrNotExist) {
		s.err = nil // no profile yet is no fault
	}
	return s
}

// current returns the config in force.
func (s *source) current() profiles.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config
}

// check looks whether the file has changed, and returns the config in force
// and why the file isn't, if so. It looks at every call: `cogtok profile add`
// must be in force for the next command, and a stat costs a microsecond.
func (s *source) check() (profiles.Config, error) {
	info, _ := os.Stat(s.path)
	s.mu.Lock()
	config, err, same := s.config, s.err, sameFile(s.seen, info)
	s.mu.Unlock()
	if same {
		return config, err
	}
	return s.reload()
}

func sameFile(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && a.Mode() == b.Mode()
}

// reload reads the file whether it has changed or not.
func (s *source) reload() (profiles.Config, error) {
	s.mu.Lock()
	s.seen, _ = os.Stat(s.path) // before reading: a change after this is seen next time
	config, err := s.load()
	if s.err = err; err == nil {
		s.config = config
	}
	config = s.config
	s.mu.Unlock()
	if err == nil {
		s.changed(config)
	}
	s.read(err)
	return config, err
}

// Reload implements agent.Agent.
func (k *Keeper) Reload(context.Context, agent.Caller, agent.None) (agent.ReloadResult, error) {
	config, err := k.source.reload()
	if err != nil {
		return agent.ReloadResult{}, configError(err)
	}
	return agent.ReloadResult{Config: config.Path, Profiles: len(config.Profiles)}, nil
}

// configChanged drops from memory the sessions that no profile means any more.
// What rests in the store stays: the profile may come back.
func (k *Keeper) configChanged(config profiles.Config) {
	keep := map[string]bool{}
	for _, p := range config.Profiles {
		keep[sessionKey(p)] = true
	}
	k.mu.Lock()
	for key, s := range k.sessions {
		if !keep[key] && s.idle() {
			delete(k.sessions, key)
		}
	}
	for _, hole := range k.keyholes {
		hole.failed = nil // passphrase_command may be another one now
	}
	k.mu.Unlock()
	k.secretsChanged()
}

// configError makes an error for people of what Config.Load returned.
func configError(err error) error {
	e := agent.Errorf(agent.KindConfig, "%s", printable.Lines(err.Error()))
	var first *profiles.Error
	if errors.As(err, &first) {
		e.Hint = first.Hint
	}
	return e
}

// IdleExit is how long the agent may go on without a call; 0: for ever.
func (k *Keeper) IdleExit() time.Duration { return k.source.current().IdleExit }

// AllowRoot reports whether root may call the agent of another user.
func (k *Keeper) AllowRoot() bool { return k.source.current().AllowRoot }

// profile returns the profile of a name; "" means the config's default or the
// only one. Kinds: KindUnknownProfile, KindNoProfile, KindConfig.
func (k *Keeper) profile(name string) (profiles.Profile, error) {
	config, broken := k.source.check()
	given := name != ""
	if name == "" {
		name = config.Default
	}
	if name == "" && len(config.Names) == 1 {
		name = config.Names[0]
	}
	if p, ok := config.Profiles[name]; ok {
		return p, nil
	}
	switch {
	case broken != nil:
		return profiles.Profile{}, configError(broken)
	case !given:
		return profiles.Profile{}, noProfile(config)
	}
	return profiles.Profile{}, unknownProfile(config, name)
}

// open is profile for what an agent that is locked doesn't do. Kind: KindLocked.
func (k *Keeper) open(name string) (profiles.Profile, error) {
	p, err := k.profile(name)
	if err == nil {
		err = k.lock.refuses()
	}
	return p, err
}

func noProfile(config profiles.Config) error {
	if len(config.Names) == 0 {
		return agent.Errorf(agent.KindNoProfile, "there is no profile yet in %s", config.Path).WithHint("run: cogtok profile add NAME")
	}
	return agent.Errorf(agent.KindNoProfile, "there are %d profiles and none is the default", len(config.Names)).
		WithHint("name one, or put `default: %s` in %s", config.Names[0], config.Path)
}

func unknownProfile(config profiles.Config, name string) error {
	e := agent.Errorf(agent.KindUnknownProfile, "there is no profile %q", printable.Limit(name, 60))
	if near := profiles.Nearest(name, config.Names); near != "" {
		return e.WithHint("did you mean %s?", near)
	}
	if len(config.Names) == 0 {
		return e.WithHint("run: cogtok profile add NAME")
	}
	return e.WithHint("see: cogtok status")
}

// profilesOf returns the named profile, or all in the order of the file.
func (k *Keeper) profilesOf(name string) ([]profiles.Profile, error) {
	if name != "" {
		p, err := k.profile(name)
		return []profiles.Profile{p}, err
	}
	config, _ := k.source.check()
	var all []profiles.Profile
	for _, n := range slices.Clone(config.Names) {
		all = append(all, config.Profiles[n])
	}
	return all, nil
}
