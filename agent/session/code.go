package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/totp"
)

// findCode is the Login.Code of a sign-in: from the profile's totp_command if
// it has one, else from the stored seed. It is empty when the user has entrusted
// neither. Wrong codes lock the user as wrong passwords do, so they are counted
// as those are: on disk, before, and one for all profiles of the user.
func (t *signIn) findCode(ctx context.Context) (agent.Secret, error) {
	if command := t.profile.TOTPCommand; len(command) > 0 {
		if err := t.reserveCode(ctx, "command\n"+strings.Join(command, "\n")); err != nil {
			return agent.Secret{}, err
		}
		return t.codeByCommand(ctx)
	}
	seed, err := t.storedSeed(ctx)
	if err != nil || seed == nil {
		return agent.Secret{}, err
	}
	if err := t.reserveCode(ctx, seedSource(seed)); err != nil {
		return agent.Secret{}, err
	}
	at, err := t.session.keeper.codeTime(ctx, userKey(t.profile), t.tellWait)
	if err != nil {
		return agent.Secret{}, err
	}
	return agent.NewSecret(totp.Code(seed, at)), nil
}

// storedSeed returns the seed that was stored for the profile's user; nil if
// none was.
func (t *signIn) storedSeed(ctx context.Context) ([]byte, error) {
	hint := "run: cogtok secret set " + t.profile.Name + " totp-seed"
	found, err := t.session.keeper.findEntrusted(ctx, t.profile, agent.SecretTOTPSeed)
	switch {
	case errors.Is(err, errOther):
		return nil, agent.Errorf(agent.KindPromptNeeded, "profile %s: its totp-seed was stored for another user, user pool or endpoint", t.profile.Name).WithHint("%s", hint)
	case err != nil || found.secret.Empty():
		return nil, err
	}
	seed, err := totp.ParseSeed(found.secret.Reveal())
	if err != nil {
		return nil, agent.Errorf(agent.KindPromptNeeded, "profile %s: the stored totp-seed is none", t.profile.Name).WithHint("%s", hint)
	}
	return seed, nil
}

// What codes are made of, as it is counted.
func seedSource(seed []byte) string { return "seed\n" + string(seed) }

// codeUsers are the names that a user's codes are counted under.
func (t *signIn) codeUsers() (names []string) {
	for _, user := range t.users {
		names = append(names, "code/"+user)
	}
	return names
}

// reserveCode counts that a code is about to be made of a source. A command may
// give right ones the next time that a person wants it; a seed stays what it is.
func (t *signIn) reserveCode(ctx context.Context, source string) error {
	k := t.session.keeper
	version, err := k.passwordVersion(ctx, t.profile, agent.NewSecret(source))
	if err != nil || t.codeVersion == version { // it is this sign-in's second one
		return err
	}
	if t.behind() == aPerson && len(t.profile.TOTPCommand) > 0 {
		err = k.guard.letTry(t.codeUsers(), version)
	}
	if err == nil {
		err = k.guard.reserve(t.codeUsers(), version, t.behind())
	}
	if err != nil {
		k.cfg.Logf("session: profile %s: no code is made: %v", t.profile.Name, err)
		return agent.Errorf(agent.KindPromptNeeded, "profile %s: no code was made: one of the stored seed, or of totp_command, was refused before or is being tried", t.profile.Name).
			WithHint("run: cogtok login %s, or: cogtok secret set %s totp-seed", t.profile.Name, t.profile.Name)
	}
	t.codeVersion = version
	return nil
}

// settleCode notes what came of the codes that were made.
func (t *signIn) settleCode(in SignedIn, err error) {
	if t.codeVersion == "" {
		return
	}
	o := unanswered
	switch {
	case in.CodeRefused:
		o = refused
	case err == nil:
		o = succeeded
	case agent.KindOf(err) == agent.KindCodeUsed:
		o = unjudged
	}
	k := t.session.keeper
	if e := k.guard.settle(t.codeUsers(), t.codeVersion, o); e != nil {
		k.cfg.Logf("session: noting what came of a code: %v", e)
	}
}

// tellWait tells the person, if there is one, why nothing happens.
func (t *signIn) tellWait(ctx context.Context, wait time.Duration) {
	if t.job.canAsk {
		text := fmt.Sprintf("A code is good once: waiting %s for the next one…", short(wait+time.Second))
		_, _ = t.Ask(ctx, agent.Prompt{Kind: agent.PromptNotice, Text: text})
	}
}

// codeTime returns the time to make a user's code for. A code is good for one
// sign-in, so it waits for the next one if this agent has used the present one.
func (k *Keeper) codeTime(ctx context.Context, user string, tell func(context.Context, time.Duration)) (time.Time, error) {
	for {
		now := k.cfg.Clock.Wall()
		step := now.Unix() / int64(totp.Step/time.Second)
		k.mu.Lock()
		used := k.codeSteps[user]
		if step != used {
			k.codeSteps[user] = step
		}
		k.mu.Unlock()
		if step != used {
			return now, nil
		}
		wait := time.Unix((step+1)*int64(totp.Step/time.Second), 0).Sub(now)
		tell(ctx, wait)
		next := time.NewTimer(wait)
		select {
		case <-next.C:
		case <-ctx.Done():
			next.Stop()
			return time.Time{}, ctx.Err()
		}
	}
}

// codeLength is how many digits the codes of Cognito's software tokens have.
const codeLength = 6

// codeByCommand runs totp_command, without a shell, and takes what it prints.
func (t *signIn) codeByCommand(ctx context.Context) (agent.Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, passphraseTimeout)
	defer cancel()
	out := &printed{kill: cancel}
	defer clear(out.text[:])
	if why := runCommand(ctx, t.profile.TOTPCommand, out); why != "" {
		return agent.Secret{}, t.codeCommandFailed(why)
	}
	code := strings.TrimSpace(string(bytes.ReplaceAll(out.text[:out.n], []byte(" "), nil)))
	if len(code) != codeLength || strings.Trim(code, "0123456789") != "" {
		return agent.Secret{}, t.codeCommandFailed("it printed no code of six digits")
	}
	return agent.NewSecret(code), nil
}

func (t *signIn) codeCommandFailed(why string) error {
	return agent.Errorf(agent.KindPromptNeeded, "profile %s: totp_command failed: %s", t.profile.Name, why).
		WithHint("run it in a terminal, and see `totp_command` in the config; or: cogtok login %s", t.profile.Name)
}
