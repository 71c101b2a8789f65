package session

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
	"github.com/cogtok/cogtok/store"
)

// A lock is whether the user has locked the agent: it hands out nothing then and
// uses nothing, until it is unlocked. A mark in the state directory is for the
// next agent. (That `store: file` lacks its passphrase is another thing: see keyhole.)
type lock struct {
	locked  atomic.Bool
	turn    sync.Mutex   // of locking and unlocking: held for moments
	done    *job         // the forgetting that the last Lock began; nil: there was none
	times   atomic.Int64 // it was locked
	guesses guesses
}

var errAgentLocked = agent.Errorf(agent.KindLocked, "the agent is locked").WithHint("run: cogtok unlock")

// refuses is the error for who wants something of an agent that is locked.
func (l *lock) refuses() error {
	if l.locked.Load() {
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
		k.lock.times.Add(1)
		k.stopUnlocking()
		k.lock.done = k.startForgetting()
	}
	done := k.lock.done
	k.lock.turn.Unlock()
	if isNew {
		k.cfg.Logf("session: the agent is locked")
		k.tellProfiles(agent.EventLocked)
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
	times := k.lock.times.Load()
	err := unlock()
	if k.lock.times.Load() != times {
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
	if k.lock.locked.Load() {
		k.forgetAll()
	}
}

// Unlock implements agent.Agent. It opens the stores that the profiles use: with
// its passphrase where there is one, else by reading it once.
func (k *Keeper) Unlock(ctx context.Context, c agent.Caller, r agent.UnlockRequest) (agent.None, error) {
	k.lock.turn.Lock()
	done := k.lock.done
	k.lock.turn.Unlock()
	if done != nil { // or a store could be open still
		if err := done.wait(ctx, nil); err != nil {
			return agent.None{}, err
		}
	}
	k.forgetFailures()
	for _, kind := range k.storesInUse() {
		if err := k.openStore(ctx, c, kind, r.Passphrase); err != nil {
			return agent.None{}, err
		}
	}
	if !k.lock.locked.Load() {
		return agent.None{}, nil
	}
	k.lock.turn.Lock()
	wasLocked := k.lock.done == done && k.lock.locked.CompareAndSwap(true, false)
	k.lock.turn.Unlock()
	if !wasLocked {
		return agent.None{}, k.lock.refuses() // somebody was faster, or has locked it anew
	}
	if err := k.setMark(); err != nil {
		_, _ = k.Lock(ctx, c, agent.None{})
		return agent.None{}, agent.Errorf(agent.KindStore, "the agent can't be unlocked: that can't be noted").WithHint("see: cogtok agent log")
	}
	k.cfg.Logf("session: the agent is unlocked")
	k.endPauses()
	k.tellProfiles(agent.EventUnlocked)
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
	case lock.Locked() || k.lock.locked.Load():
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
	if !k.lock.locked.Load() {
		k.tellStore(kind, agent.EventUnlocked)
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

// tellProfiles tells of an event of every profile.
func (k *Keeper) tellProfiles(event string) {
	if k.watchers.none() {
		return
	}
	for _, p := range k.namesOf(func(profiles.Profile) bool { return true }) {
		k.watchers.tell(agent.Event{Profile: p, Event: event})
	}
}

// The pause after a wrong passphrase, twice as long each time.
const (
	firstGuessPause = 100 * time.Millisecond
	maxGuessPause   = 5 * time.Second
)

// maxGuesses is how many passphrases wait for their turn: the last of them gets
// it before its client takes the agent for one that hangs.
const maxGuesses = 4

// guesses lets passphrases be tried one at a time, with a pause after a wrong
// one. They are one for the whole agent: otherwise who hangs up and connects
// again would wait for nothing.
type guesses struct {
	room  chan struct{} // holds a value for each that waits
	turn  chan struct{} // holds one value while one is tried, and in the pause after it
	wrong int           // in a row; for who has the turn
}

func newGuesses() guesses {
	return guesses{room: make(chan struct{}, maxGuesses), turn: make(chan struct{}, 1)}
}

var errManyGuesses = agent.Errorf(agent.KindBusy, "too many passphrases are being tried").WithHint("try again in a moment")

// try tries a passphrase when it is its turn.
func (g *guesses) try(ctx context.Context, unlock func() error) error {
	select {
	case g.room <- struct{}{}:
		defer func() { <-g.room }()
	default:
		return errManyGuesses
	}
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	err := unlock()
	if err == nil {
		g.wrong = 0
	}
	if !errors.Is(err, store.ErrWrongPassphrase) {
		<-g.turn
		return err
	}
	pause := min(firstGuessPause<<min(g.wrong, 10), maxGuessPause)
	g.wrong++
	time.AfterFunc(pause, func() { <-g.turn })
	return err
}

// A guessed is a store's lock whose passphrases are tried by turns.
type guessed struct {
	store.Lock
	keeper *Keeper
}

func (k *Keeper) guessed(kind string) guessed { return guessed{k.cfg.Vaults[kind].Lock, k} }

func (g guessed) Unlock(ctx context.Context, passphrase []byte) error {
	err := g.keeper.lock.guesses.try(ctx, func() error { return g.Lock.Unlock(ctx, passphrase) })
	if errors.Is(err, store.ErrWrongPassphrase) {
		g.keeper.cfg.Logf("session: a wrong passphrase was given")
	}
	return err
}
