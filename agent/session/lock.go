package session

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
	"github.com/cogtok/cogtok/store"
)

// A lock is whether the user has locked the agent: it hands out nothing then and
// uses nothing, until it is unlocked. A mark in the state directory is for the
// next agent. (That `store: file` lacks its passphrase is another thing: see keyhole.)
type lock struct {
	locked  atomic.Bool
	guesses guesses

	turn  sync.Mutex // guards what follows, and the changes of locked; held for moments
	times int        // it was locked
	done  *job       // the last forgetting; nil: there was none
}

var errAgentLocked = agent.Errorf(agent.KindLocked, "the agent is locked").WithHint("run: cogtok unlock")

func (l *lock) isLocked() bool { return l.locked.Load() }

// refuses is the error for who wants something of an agent that is locked.
func (l *lock) refuses() error {
	if l.isLocked() {
		return errAgentLocked
	}
	return nil
}

// Lock implements agent.Agent. From now on nothing is handed out. What is under
// way, such as a renewal, comes to its end, so that no refresh token is lost;
// then all that a store can give back is dropped from memory.
func (k *Keeper) Lock(ctx context.Context, _ agent.Caller, _ agent.None) (agent.None, error) {
	k.lock.turn.Lock()
	isNew := k.lock.locked.CompareAndSwap(false, true)
	if isNew {
		k.lock.times++
		k.stopUnlocking()
		k.lock.done = k.startForgetting()
	}
	done := k.lock.done
	k.lock.turn.Unlock()
	if isNew {
		k.cfg.Logf("session: the agent is locked")
		k.tellThose(everyProfile, agent.EventLocked)
	}
	if err := k.setMark(); err != nil {
		return agent.None{}, agent.Errorf(agent.KindStore, "the agent is locked, but that can't be noted: after its end the next one would not be").
			WithHint("see: cogtok agent log")
	}
	if done != nil {
		ctx, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		_ = done.wait(ctx, nil) // it goes on, whoever waits
	}
	return agent.None{}, nil
}

// stopUnlocking ends the questions for passphrases.
func (k *Keeper) stopUnlocking() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, hole := range k.keyholes {
		if hole.cancel != nil {
			hole.cancel()
		}
	}
}

// whileNobodyLocks unlocks a store. If the agent is locked meanwhile, the store is
// closed again.
func (k *Keeper) whileNobodyLocks(kind string, unlock func() error) error {
	times, _ := k.lock.state()
	err := unlock()
	if now, _ := k.lock.state(); now != times {
		k.cfg.Vaults[kind].Forget()
		return errAgentLocked
	}
	return err
}

// startForgetting drops what the stores can give back, as soon as nobody is at
// work with it.
func (k *Keeper) startForgetting() *job {
	done := newJob()
	k.spawn(func() {
		k.forgetAll()
		done.finish(nil)
	})
	return done
}

func (k *Keeper) forgetAll() {
	for _, s := range k.allSessions() {
		if s.takeTurn(k.ctx) == nil {
			s.forget()
			s.endTurn()
		}
	}
	if !k.isFinding() {
		k.forgetClientSecrets()
	}
	k.keyTurn <- struct{}{} // whoever has it is done within storeTimeout
	clear(k.versionKeys)
	<-k.keyTurn
	for _, v := range k.cfg.Vaults {
		v.Forget()
	}
	k.renewed() // has the memory collected
}

// isFinding reports whether a session needs its client secret yet, since it asks
// for an answer that was lost. It forgets by itself when that is over.
func (k *Keeper) isFinding() bool {
	return slices.ContainsFunc(k.allSessions(), func(s *session) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.finding
	})
}

// forgetIfLocked is for who may have read a store since the agent was locked.
func (k *Keeper) forgetIfLocked() {
	k.lock.turn.Lock()
	defer k.lock.turn.Unlock()
	if k.lock.isLocked() {
		k.lock.done = k.startForgetting()
	}
}

// Unlock implements agent.Agent. It opens the stores that the profiles use: with
// its passphrase where there is one, else by reading it once.
func (k *Keeper) Unlock(ctx context.Context, c agent.Caller, r agent.UnlockRequest) (agent.None, error) {
	k.forgetFailures()
	for over := false; !over; {
		times, done := k.lock.state()
		if done != nil { // it would close what is opened now
			if err := done.wait(ctx, nil); err != nil {
				return agent.None{}, err
			}
		}
		for _, kind := range k.storesInUse() {
			if err := k.openStore(ctx, c, kind, r.Passphrase); err != nil {
				return agent.None{}, err
			}
		}
		var isNew bool
		if isNew, over = k.lock.end(times, done); isNew {
			return k.endLock(ctx, c)
		}
	}
	return agent.None{}, k.lock.refuses()
}

// state is how often the agent was locked, and the last forgetting.
func (l *lock) state() (times int, done *job) {
	l.turn.Lock()
	defer l.turn.Unlock()
	return l.times, l.done
}

// end unlocks the agent, unless it was locked anew since it had that state. It is
// not over if only something was forgotten since then.
func (l *lock) end(times int, done *job) (isNew, over bool) {
	l.turn.Lock()
	defer l.turn.Unlock()
	switch {
	case l.times != times:
		return false, true
	case l.done != done:
		return false, false
	}
	return l.locked.CompareAndSwap(true, false), true
}

// endLock tells everybody that the agent isn't locked any more.
func (k *Keeper) endLock(ctx context.Context, c agent.Caller) (agent.None, error) {
	if err := k.setMark(); err != nil {
		_, _ = k.Lock(ctx, c, agent.None{})
		return agent.None{}, agent.Errorf(agent.KindStore, "the agent can't be unlocked: that can't be noted").WithHint("see: cogtok agent log")
	}
	k.cfg.Logf("session: the agent is unlocked")
	k.endPauses()
	k.tellThose(everyProfile, agent.EventUnlocked)
	return agent.None{}, nil
}

// forgetFailures has passphrase_command run again: somebody may have put it right.
func (k *Keeper) forgetFailures() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, hole := range k.keyholes {
		hole.failed = nil
	}
}

// storesInUse are the `store:` settings of the profiles, in the order of the file.
func (k *Keeper) storesInUse() (kinds []string) {
	config := k.source.current()
	for _, name := range config.Names {
		if kind := config.Profiles[name].Store; !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// openStore makes sure that a store can be used. One with a passphrase takes it
// anew if the agent is locked, and if one is given.
func (k *Keeper) openStore(ctx context.Context, c agent.Caller, kind string, passphrase agent.Secret) error {
	lock := k.cfg.Vaults[kind].Lock
	switch {
	case lock == nil:
		return k.readStore(ctx, kind)
	case !passphrase.Empty():
		return k.unlockWith(ctx, kind, passphrase)
	case lock.Locked() || k.lock.isLocked():
		return k.unlockStore(ctx, c, kind)
	}
	return nil
}

// unlockWith opens a store with the passphrase that was given.
func (k *Keeper) unlockWith(ctx context.Context, kind string, passphrase agent.Secret) error {
	wasLocked := k.cfg.Vaults[kind].Lock.Locked()
	err := k.whileNobodyLocks(kind, func() error { return k.guessed(kind).Unlock(ctx, []byte(passphrase.Reveal())) })
	if errors.Is(err, store.ErrWrongPassphrase) {
		return agent.Errorf(agent.KindLocked, "the passphrase is wrong").WithHint("run: cogtok unlock")
	}
	if err == nil && wasLocked {
		k.endPauses()
		k.tellUnlocked(kind)
	}
	return lockError(err)
}

// tellUnlocked tells that a store has its passphrase, unless the agent is locked
// still: then nothing can be had yet.
func (k *Keeper) tellUnlocked(kind string) {
	if !k.lock.isLocked() {
		k.tellThose(func(p profiles.Profile) bool { return p.Store == kind }, agent.EventUnlocked)
	}
}

// readStore finds out whether a store can be used.
func (k *Keeper) readStore(ctx context.Context, kind string) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if _, err := k.vaults[kind].Sessions.Get(ctx, versionKeyName); err != nil && !errors.Is(err, store.ErrNotFound) {
		return k.storeError(kind, err)
	}
	return nil
}
