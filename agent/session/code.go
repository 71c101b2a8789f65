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
// it has one, else from the stored seed. It is empty when the user has entrusted neither.
func (t *signIn) findCode(ctx context.Context) (agent.Secret, error) {
	if len(t.profile.TOTPCommand) > 0 {
		return t.codeByCommand(ctx)
	}
	found, err := t.session.keeper.findEntrusted(ctx, t.profile, agent.SecretTOTPSeed)
	switch {
	case errors.Is(err, errOther):
		return agent.Secret{}, agent.Errorf(agent.KindPromptNeeded, "profile %s: its totp-seed was stored for another user, user pool or endpoint", t.profile.Name).
			WithHint("run: cogtok secret set %s totp-seed", t.profile.Name)
	case err != nil || found.secret.Empty():
		return agent.Secret{}, err
	}
	seed, err := totp.ParseSeed(found.secret.Reveal())
	if err != nil {
		return agent.Secret{}, agent.Errorf(agent.KindPromptNeeded, "profile %s: the stored totp-seed is none", t.profile.Name).
			WithHint("run: cogtok secret set %s totp-seed", t.profile.Name)
	}
	at, err := t.session.keeper.codeTime(ctx, userKey(t.profile), t.tellWait)
	if err != nil {
		return agent.Secret{}, err
	}
	return agent.NewSecret(totp.Code(seed, at)), nil
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

// maxCode is far above the six digits of a code, in bytes.
const maxCode = 64

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
	if code == "" || len(code) > maxCode || strings.ContainsAny(code, "\r\n") {
		return agent.Secret{}, t.codeCommandFailed("it printed no code")
	}
	return agent.NewSecret(code), nil
}

func (t *signIn) codeCommandFailed(why string) error {
	return agent.Errorf(agent.KindPromptNeeded, "profile %s: totp_command failed: %s", t.profile.Name, why).
		WithHint("run it in a terminal, and see `totp_command` in the config; or: cogtok login %s", t.profile.Name)
}
