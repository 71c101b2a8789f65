package session

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/jwt"
	"github.com/cogtok/cogtok/store"
)

// What a successor takes over from a Keeper, so that it goes on as warm as this
// one is: the tokens at hand, with what tells their age; refresh tokens that
// could not be stored; and what the stores have in memory alone.

// A legacy is all of that. New members may come; a successor passes over those
// that it doesn't know. It is full of secrets: it never lies in a file.
type legacy struct {
	Version       int                          `json:"version"` // 1
	Sessions      map[string]legacySession     `json:"sessions"`
	Stores        map[string]map[string][]byte `json:"stores"`         // by `store:` setting, then storeNames
	ClientSecrets map[string]string            `json:"client_secrets"` // as Keeper.clientSecrets
	CodeSteps     map[string]int64             `json:"code_steps"`     // as Keeper.codeSteps
	Locked        bool                         `json:"locked,omitempty"`
	Hooks         map[string]legacyInstant     `json:"hooks,omitempty"` // as hooks.last
}

type legacySession struct {
	Loaded    bool                   `json:"loaded"`
	Record    record                 `json:"record"`
	Unsaved   bool                   `json:"unsaved"`
	Tokens    map[string]legacyToken `json:"tokens"` // by type
	HandedOut time.Time              `json:"handed_out,omitzero"`
	Trouble   legacyTrouble          `json:"trouble,omitzero"`
}

// A legacyTrouble is a trouble that lasts.
type legacyTrouble struct {
	Failing bool          `json:"failing,omitempty"`
	Began   legacyInstant `json:"began,omitzero"`
	Last    legacyInstant `json:"last,omitzero"`
	Told    time.Duration `json:"told,omitempty"`
	Lost    bool          `json:"lost,omitempty"`
}

// A legacyInstant is an instant. The boot clock goes on: it is the machine's.
type legacyInstant struct {
	Wall time.Time     `json:"wall"`
	Boot time.Duration `json:"boot"`
}

func (i instant) legacy() legacyInstant { return legacyInstant{i.wall, i.boot} }

func (l legacyInstant) instant() instant { return instant{l.Wall, l.Boot} }

// A legacyToken is a held token, and when it was received.
type legacyToken struct {
	JWT string `json:"jwt"`
	legacyInstant
}

var (
	errConfigBroken = errors.New("the config as it is now is broken, and a new program could not go on with the old one")
	errAtWork       = errors.New("somebody is being signed in, a session renewed, or a hook run")
)

// Bequeath returns what a successor has to Inherit, once no call is in flight.
// It is an error if work is under way that would be lost, such as a renewal, or
// doesn't end before ctx does. Until resume is called nothing can change.
func (k *Keeper) Bequeath(ctx context.Context) (data []byte, resume func(), err error) {
	if _, broken := k.source.check(); broken != nil {
		return nil, nil, errConfigBroken
	}
	resume, err = k.hold(ctx)
	if err != nil {
		return nil, nil, errAtWork
	}
	l, err := k.legacy()
	if err == nil {
		data, err = json.Marshal(l)
	}
	if err != nil {
		resume()
		return nil, nil, err
	}
	return data, resume, nil
}

// Busy reports whether a person is being asked, a session renewed, or a hook run,
// which takes 30 seconds at most: no moment for a handover.
func (k *Keeper) Busy() bool { return k.works(true) || k.hooks.running() }

// hold takes every session's turn, so that none is renewed or ended.
func (k *Keeper) hold(ctx context.Context) (resume func(), err error) {
	var taken []*session
	resume = func() {
		for _, s := range taken {
			s.endTurn()
		}
	}
	for _, s := range k.allSessions() {
		if err = s.takeTurn(ctx); err != nil {
			break
		}
		taken = append(taken, s)
	}
	// Without its turn a renewal has not begun.
	if err == nil && (k.works(false) || k.hooks.running()) {
		err = errAtWork
	}
	if err != nil {
		resume()
		return nil, err
	}
	return resume, nil
}

// works reports whether somebody is being signed in, or a store unlocked, or,
// with renewals, a session renewed.
func (k *Keeper) works(renewals bool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, hole := range k.keyholes {
		if hole.unlocking != nil {
			return true
		}
	}
	for _, s := range k.sessions {
		s.mu.Lock()
		busy := s.signingIn != nil || renewals && s.renewing != nil
		s.mu.Unlock()
		if busy {
			return true
		}
	}
	return false
}

func (k *Keeper) legacy() (legacy, error) {
	l := legacy{Version: 1, Sessions: map[string]legacySession{}, Stores: map[string]map[string][]byte{}, ClientSecrets: map[string]string{}}
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, s := range k.sessions {
		l.Sessions[key] = s.legacy()
	}
	for key, secret := range k.clientSecrets {
		l.ClientSecrets[key] = secret.Reveal()
	}
	l.CodeSteps, l.Locked = maps.Clone(k.codeSteps), k.lock.isLocked()
	l.Hooks = k.hooks.legacy()
	for kind, v := range k.cfg.Vaults {
		l.Stores[kind] = map[string][]byte{}
		for name, s := range heritable(v) {
			data, err := s.Bequeath()
			if err != nil {
				return legacy{}, err
			}
			if data != nil {
				l.Stores[kind][name] = data
			}
		}
	}
	return l, nil
}

// heritable are the stores of a vault that have something to bequeath.
func heritable(v store.Vault) map[string]store.Heritable {
	found := map[string]store.Heritable{}
	for name, s := range map[string]store.Store{"secrets": v.Secrets, "sessions": v.Sessions} {
		if h, ok := s.(store.Heritable); ok {
			found[name] = h
		}
	}
	return found
}

func (s *session) legacy() legacySession {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := legacySession{Loaded: s.loaded, Record: s.record, Unsaved: s.unsaved != nil, Tokens: map[string]legacyToken{}, HandedOut: s.handedOut}
	l.Trouble = legacyTrouble{s.trouble.failing, s.trouble.began.legacy(), s.trouble.last.legacy(), s.trouble.told, s.trouble.lost}
	for kind, h := range s.tokens {
		l.Tokens[kind] = legacyToken{h.jwt, h.received.legacy()}
	}
	return l
}

// Inherit takes over what a predecessor has bequeathed; call it before anything
// else. What belongs to no profile any more is passed over.
func (k *Keeper) Inherit(data []byte) error {
	var l legacy
	if err := json.Unmarshal(data, &l); err != nil || l.Version != 1 {
		return errors.New("what the predecessor has handed over can't be read") // the cause might quote it
	}
	for kind, parts := range l.Stores {
		for name, s := range heritable(k.cfg.Vaults[kind]) {
			if parts[name] == nil {
				continue
			}
			if err := s.Inherit(parts[name]); err != nil {
				k.cfg.Logf("session: store %s: %v", kind, err)
			}
			clear(parts[name])
		}
	}
	if l.Locked {
		k.lock.locked.Store(true)
	}
	k.hooks.inherit(l.Hooks)
	k.mu.Lock()
	for key, secret := range l.ClientSecrets {
		k.clientSecrets[key] = agent.NewSecret(secret)
	}
	maps.Copy(k.codeSteps, l.CodeSteps)
	k.mu.Unlock()
	for _, p := range k.source.current().Profiles {
		if old, ok := l.Sessions[sessionKey(p)]; ok {
			k.session(p).inherit(old)
		}
	}
	return nil
}

// legacy is when hooks were last run.
func (h *hooks) legacy() map[string]legacyInstant {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := map[string]legacyInstant{}
	for key, at := range h.last {
		last[key] = at.legacy()
	}
	return last
}

func (h *hooks) inherit(last map[string]legacyInstant) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = map[string]instant{}
	for key, at := range last {
		h.last[key] = at.instant()
	}
}

// errNotSaved stands for why the predecessor could not save a record.
var errNotSaved = agent.Errorf(agent.KindStore, "the store could not be used before the agent was upgraded")

func (s *session) inherit(old legacySession) {
	s.mu.Lock()
	s.loaded, s.record, s.handedOut = old.Loaded, old.Record, old.HandedOut
	s.trouble = trouble{old.Trouble.Failing, old.Trouble.Began.instant(), old.Trouble.Last.instant(), old.Trouble.Told, old.Trouble.Lost}
	for kind, t := range old.Tokens {
		if claims, err := jwt.Decode(t.JWT); err == nil {
			s.tokens[kind] = held{jwt: t.JWT, claims: claims, received: t.instant()}
		}
	}
	saving := s.saving
	if old.Unsaved {
		s.unsaved = errNotSaved
	}
	s.mu.Unlock()
	if old.Unsaved && !saving {
		s.saveLater()
	}
}

// Upgrade implements agent.Agent.
func (k *Keeper) Upgrade(ctx context.Context, _ agent.Caller, _ agent.None) (agent.UpgradeResult, error) {
	if k.cfg.Upgrade == nil {
		return agent.UpgradeResult{Reason: "this agent can't be upgraded while it runs"}, nil
	}
	return k.cfg.Upgrade(ctx), nil
}
