package session

import (
	"context"
	"errors"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/store"
)

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
