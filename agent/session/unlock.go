package session

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
	"github.com/cogtok/cogtok/store"
)

// How a store gets its passphrase.
const (
	passphraseTries   = 3                // that a person has
	passphraseTimeout = 30 * time.Second // of passphrase_command
	passphrasePause   = time.Minute      // after passphrase_command failed and nobody is there to see it
	maxPassphrase     = 4096             // bytes
)

// A keyhole is the state of the unlocking of one vault.
type keyhole struct {
	unlocking *job
	cancel    context.CancelFunc // of unlocking
	failed    error              // of passphrase_command
	failedAt  instant
}

// unlock makes sure that the profile's vault has its passphrase: from
// passphrase_command if there is one, else from the person. It is asked for
// once, however many wait. Kind: KindLocked.
func (k *Keeper) unlock(ctx context.Context, c agent.Caller, p profiles.Profile) error {
	if lock := k.cfg.Vaults[p.Store].Lock; lock == nil || !lock.Locked() {
		return nil
	}
	if err := k.lock.refuses(); err != nil {
		return err
	}
	return k.unlockStore(ctx, c, p.Store)
}

// unlockStore has a store's passphrase given, whether it is open or not.
func (k *Keeper) unlockStore(ctx context.Context, c agent.Caller, kind string) error {
	command := k.source.current().PassphraseCommand
	if len(command) == 0 && c.Prompter == nil {
		return errLocked
	}
	k.mu.Lock()
	hole := k.keyholes[kind]
	if hole == nil {
		hole = &keyhole{}
		k.keyholes[kind] = hole
	}
	if c.Prompter == nil && hole.failed != nil && k.now().since(hole.failedAt) < passphrasePause {
		defer k.mu.Unlock()
		return hole.failed
	}
	j, isNew := hole.unlocking, false
	if j == nil {
		j, isNew = newJob(), true
		hole.unlocking = j
		working, cancel := context.WithTimeout(k.ctx, signInTimeout)
		hole.cancel = cancel
		k.spawn(func() { k.runUnlock(working, hole, kind, command) })
	}
	leave := j.join(ctx, c.Prompter)
	k.mu.Unlock()
	defer leave()
	if !isNew {
		j.tellWhoWaits(ctx, c, "the passphrase", "")
	}
	if err := j.wait(ctx, c.Prompter); !errors.Is(err, errSomebodyElse) {
		return err
	}
	return errLocked
}

var errLocked = agent.Errorf(agent.KindLocked, "the secrets are locked, and nobody can be asked for the passphrase").
	WithHint("run in a terminal: cogtok unlock; or pipe the passphrase into: cogtok unlock --passphrase-stdin")

func (k *Keeper) runUnlock(ctx context.Context, hole *keyhole, store string, command []string) {
	k.mu.Lock()
	j, cancel := hole.unlocking, hole.cancel
	k.mu.Unlock()
	defer cancel()
	err := k.whileNobodyLocks(store, func() error {
		if len(command) > 0 {
			return unlockByCommand(ctx, k.guessed(store), command)
		}
		return unlockByPerson(ctx, k.guessed(store), j)
	})
	k.mu.Lock()
	hole.unlocking, hole.cancel, hole.failed = nil, nil, nil
	if len(command) > 0 {
		hole.failed, hole.failedAt = err, k.now()
	}
	k.mu.Unlock()
	if err == nil {
		k.endPauses()
		k.tellUnlocked(store)
	}
	j.finish(err)
}

// unlockByCommand runs passphrase_command, without a shell, and takes what it
// prints less one newline. What it says on standard error isn't passed on: it
// may be a secret.
func unlockByCommand(ctx context.Context, lock store.Lock, command []string) error {
	ctx, cancel := context.WithTimeout(ctx, passphraseTimeout)
	defer cancel()
	out := &printed{kill: cancel}
	defer clear(out.text[:])
	if why := runCommand(ctx, command, out); why != "" {
		return commandFailed(why)
	}
	passphrase := bytes.TrimSuffix(bytes.TrimSuffix(out.text[:out.n], []byte("\n")), []byte("\r"))
	if len(passphrase) == 0 || len(passphrase) > maxPassphrase {
		return commandFailed("it printed no passphrase")
	}
	err := lock.Unlock(ctx, passphrase)
	if errors.Is(err, store.ErrWrongPassphrase) {
		return commandFailed("what it prints is not the passphrase")
	}
	return lockError(err)
}

// runCommand runs a command that prints a secret, and says what went wrong.
func runCommand(ctx context.Context, command []string, out *printed) (why string) {
	cmd := newCommand(ctx, command)
	cmd.Stdout = out
	err := cmd.Run()
	if out.tooMuch {
		return "it printed too much"
	}
	return commandFault(ctx, err)
}

// newCommand makes a command of the config's ready to run, without a shell. When
// ctx ends it is killed, with all that it has started.
func newCommand(ctx context.Context, command []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.WaitDelay = time.Second // for what it has left running with its output
	killWhole(cmd)
	return cmd
}

// commandFault says what went wrong with a command; empty: nothing.
func commandFault(ctx context.Context, err error) string {
	var exit *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // it has ended, and well
		return ""
	case ctx.Err() != nil:
		return "it didn't end within 30 seconds"
	case errors.As(err, &exit):
		return exit.ProcessState.String()
	}
	return "it can't be run"
}

// A printed is what a command has printed. It takes no more than a passphrase
// and the end of its line: a command that prints more is killed.
type printed struct {
	text    [maxPassphrase + 2]byte
	n       int
	tooMuch bool
	kill    func()
}

var errTooMuch = errors.New("too much output")

func (p *printed) Write(data []byte) (int, error) {
	if p.tooMuch = p.n+len(data) > len(p.text); p.tooMuch {
		p.kill()
		return 0, errTooMuch
	}
	p.n += copy(p.text[p.n:], data)
	return len(data), nil
}

func commandFailed(why string) error {
	return agent.Errorf(agent.KindLocked, "the secrets are locked, and passphrase_command failed: %s", why).
		WithHint("run it in a terminal, and see `passphrase_command` in the config; without it: cogtok unlock --passphrase-stdin")
}

// unlockByPerson asks; for a new passphrase twice.
func unlockByPerson(ctx context.Context, lock store.Lock, j *job) error {
	isNew, err := lock.New()
	if err != nil {
		return lockError(err)
	}
	text := "Passphrase of cogtok's secrets"
	for try := 1; ; try++ {
		passphrase, err := askPassphrase(ctx, j, isNew, text)
		if err == nil {
			err = lock.Unlock(ctx, []byte(passphrase.Reveal()))
		}
		text = "Wrong passphrase. Passphrase of cogtok's secrets"
		switch {
		case errors.Is(err, errDiffer):
			text = "The two differ. New passphrase for cogtok's secrets"
		case !errors.Is(err, store.ErrWrongPassphrase):
			return lockError(err)
		}
		if try == passphraseTries {
			return agent.Errorf(agent.KindLocked, "the secrets are locked: the passphrase was wrong %d times", passphraseTries).
				WithHint("run the command again")
		}
	}
}

var errDiffer = errors.New("the two passphrases differ")

func askPassphrase(ctx context.Context, j *job, isNew bool, text string) (agent.Secret, error) {
	if !isNew {
		return askSecret(ctx, j, text)
	}
	if text == "Passphrase of cogtok's secrets" {
		text = "New passphrase for cogtok's secrets"
	}
	first, err := askSecret(ctx, j, text)
	if err != nil {
		return first, err
	}
	second, err := askSecret(ctx, j, "The same passphrase again")
	if err == nil && !first.Equal(second) {
		err = errDiffer
	}
	return first, err
}

func askSecret(ctx context.Context, j *job, text string) (agent.Secret, error) {
	s, err := j.Ask(ctx, agent.Prompt{Kind: agent.PromptPassphrase, Text: text})
	if err == nil && s.Empty() {
		err = agent.Errorf(agent.KindPromptUnanswered, "no passphrase was given")
	}
	return s, err
}

// lockError makes an error for people of what a store.Lock returned.
func lockError(err error) error {
	var unavailable *store.UnavailableError
	var told *agent.Error
	switch {
	case err == nil, errors.As(err, &told):
		return err
	case errors.As(err, &unavailable):
		return agent.Errorf(agent.KindStore, "the store can't be used: %s", unavailable.Reason).WithHint("%s", unavailable.Hint)
	}
	return agent.Errorf(agent.KindStore, "the store can't be opened").WithHint("see: cogtok agent log")
}
