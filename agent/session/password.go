package session

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
	"github.com/cogtok/cogtok/store"
)

// A usedPassword is the one that a sign-in was tried with.
type usedPassword struct {
	secret  agent.Secret
	version string
	stored  string // the profile whose stored one it is; empty: typed or given
}

// findPassword is the Login.Password of a sign-in: the one that came with the
// request, else the stored one if it may be tried, else one that is asked for.
func (t *signIn) findPassword(ctx context.Context) (agent.Secret, error) {
	if !t.given.Empty() {
		return t.useGiven(ctx)
	}
	stored, err := t.storedPassword(ctx)
	if err == nil {
		return stored, nil
	}
	if t.job.canAsk && agent.AsError(err).Code == agent.CodePerson {
		var typed agent.Secret
		if typed, err = t.askPassword(ctx, err); err == nil {
			return t.use(ctx, usedPassword{secret: typed})
		}
	}
	t.refusal = err
	return agent.Secret{}, err
}

// useGiven counts the try of a password that came with the request, where no
// person is there to see it fail: a script that goes on trying would lock the user.
func (t *signIn) useGiven(ctx context.Context) (agent.Secret, error) {
	k, u := t.session.keeper, usedPassword{secret: t.given}
	var err error
	if u.version, err = k.passwordVersion(ctx, t.profile, t.given); err != nil {
		return agent.Secret{}, err
	}
	if t.job.canAsk {
		return t.use(ctx, u)
	}
	err = k.guard.reserve(t.users, u.version, aScript)
	if err != nil {
		k.cfg.Logf("session: profile %s: counting the try of a given password: %v", t.profile.Name, err)
	}
	if errors.Is(err, errTriedBefore) || errors.Is(err, errTooManyTries) || errors.Is(err, errTriesLost) {
		t.refusal = agent.Errorf(agent.KindPasswordRefusedBefore, "profile %s: the password was not tried: too many have failed in the last 15 minutes, or this one has, and five failures lock the user", t.profile.Name).
			WithHint("run it in a terminal: cogtok login %s", t.profile.Name)
		return agent.Secret{}, t.refusal
	}
	return t.use(ctx, u)
}

// askPassword asks for the password; why says why the stored one won't do.
func (t *signIn) askPassword(ctx context.Context, why error) (agent.Secret, error) {
	text := fmt.Sprintf("Password for %s (profile %s)", t.profile.Username, t.profile.Name)
	if agent.KindOf(why) == agent.KindPasswordRefusedBefore {
		text = "The stored password was refused. " + text
	}
	typed, err := t.Ask(ctx, agent.Prompt{Kind: agent.PromptPassword, Text: text})
	if err == nil && typed.Empty() {
		err = agent.Errorf(agent.KindPromptUnanswered, "profile %s: no password was given", t.profile.Name).
			WithHint("run: cogtok login %s", t.profile.Name)
	}
	return typed, err
}

var errNoPassword error = agent.Errorf(agent.KindLoginRequired, "sign-in needed, and no password is stored")

// use notes which password the sign-in is tried with.
func (t *signIn) use(ctx context.Context, u usedPassword) (agent.Secret, error) {
	if u.version == "" {
		version, err := t.session.keeper.passwordVersion(ctx, t.profile, u.secret)
		if err != nil {
			return agent.Secret{}, err
		}
		u.version = version
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.password = u
	return u.secret, nil
}

// storedPassword returns the stored password after it has counted the try. It
// fails with a kind of agent.CodePerson when none is stored or it must not be
// tried: after a refusal, or too often where nobody stands behind the try.
func (t *signIn) storedPassword(ctx context.Context) (agent.Secret, error) {
	k := t.session.keeper
	u, err := k.findStoredPassword(ctx, t.profile)
	if err != nil {
		return agent.Secret{}, err
	}
	if u.version, err = k.passwordVersion(ctx, t.profile, u.secret); err != nil {
		return agent.Secret{}, err
	}
	if err := k.guard.reserve(t.users, u.version, t.behind()); err != nil {
		return agent.Secret{}, t.notTried(err)
	}
	return t.use(ctx, u)
}

// behind is who stands behind the use of what is stored.
func (t *signIn) behind() behind {
	if t.job.person && t.job.canAsk {
		return aPerson
	}
	return nobody
}

// notTried says why the stored password isn't tried.
func (t *signIn) notTried(err error) error {
	name := t.profile.Name
	switch {
	case errors.Is(err, errRefusedBefore):
		return agent.Errorf(agent.KindPasswordRefusedBefore, "profile %s: the stored password was refused before and isn't tried again", name).
			WithHint("run: cogtok login %s, or: cogtok secret set %s password", name, name)
	case errors.Is(err, errTriedBefore), errors.Is(err, errTooManyTries), errors.Is(err, errTriesLost):
		hint := "run: cogtok login " + name
		if t.job.person { // that was it
			hint = "run it in a terminal: cogtok login " + name
		}
		return agent.Errorf(agent.KindLoginRequired, "sign-in needed for profile %s: %v", name, err).WithHint("%s", hint)
	}
	t.session.keeper.cfg.Logf("session: counting a sign-in: %v", err)
	return agent.Errorf(agent.KindLoginRequired, "sign-in needed for profile %s: the stored password isn't tried, since the try can't be noted in %s", name, t.session.keeper.guard.path).
		WithHint("make room on the disk, or run: cogtok login %s", name)
}

// settle notes what came of the try, and keeps a changed password where the
// old one was.
func (t *signIn) settle(ctx context.Context, in SignedIn, err error) {
	t.mu.Lock()
	u := t.password
	t.mu.Unlock()
	k := t.session.keeper
	came, kind := outcomeOf(err), agent.KindOf(err)
	if badCode := kind == agent.KindCodeWrong || kind == agent.KindCodeExpired; badCode && !t.job.canAsk {
		came = unanswered // Cognito counts it against the user, and nobody stands behind it
	}
	if came == unanswered && t.leftAtMore(err) {
		came = succeeded
	}
	// First what keeps it from being done again, so that no crash in between
	// gives another try.
	if kind == agent.KindPromptNeeded || came == unanswered && kind == agent.KindCodeWrong {
		t.session.setNeedsPerson(ctx, true)
	}
	if u.version != "" {
		if e := k.guard.settle(t.users, u.version, came); e != nil {
			k.cfg.Logf("session: noting what came of a sign-in: %v", e)
		}
	}
	t.settleCode(in, err)
	if !in.NewPassword.Empty() {
		t.keepChanged(ctx, in.NewPassword)
	}
}

// keepChanged puts a password that the sign-in has changed where the old one was
// stored, which is of no use any more.
func (t *signIn) keepChanged(ctx context.Context, changed agent.Secret) {
	k, u := t.session.keeper, t.usedPassword()
	if u.stored == "" && t.reset {
		old, err := k.findStoredPassword(ctx, t.profile)
		if err == nil {
			u.stored = old.stored
		}
	}
	if u.stored != "" {
		if e := k.putSecret(ctx, t.profile, u.stored, agent.SecretPassword, changed); e != nil {
			k.cfg.Logf("session: storing a changed password: %v", e)
		}
	}
	t.mu.Lock()
	t.password.secret, t.password.stored = changed, u.stored
	t.mu.Unlock()
}

// leftAtMore reports whether a person was asked for more than the password and
// left: then Cognito had taken the password.
func (t *signIn) leftAtMore(err error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	kind := agent.KindOf(err)
	return t.more && (kind == agent.KindPromptUnanswered || kind == agent.KindCanceled)
}

// paced reports whether a sign-in that failed may be repeated by the next
// request: nobody was judged, so no count would stop that.
func paced(err error) bool {
	return err != nil && (agent.AsError(err).Retryable() || errors.As(err, new(NotSent)) || outcomeOf(err) == unjudged)
}

// outcomeOf tells from a sign-in's error whether the password was wrong. What
// can't be told counts as unanswered.
func outcomeOf(err error) outcome {
	if errors.As(err, new(NotSent)) {
		return unjudged
	}
	switch agent.KindOf(err) {
	case "", agent.KindPromptNeeded, agent.KindCodeWrong, agent.KindCodeUsed, agent.KindCodeExpired, agent.KindUnknownChallenge, agent.KindPasswordPolicy,
		agent.KindChallengeRefused, agent.KindPasskey:
		return succeeded // Cognito went on to the next step
	case agent.KindWrongPassword, agent.KindUserNotFound, agent.KindPasswordExpired, agent.KindPasswordReset, agent.KindUserNotConfirmed:
		return refused
	case agent.KindFlowNotEnabled, agent.KindClientNotFound, agent.KindConfig, agent.KindAWSCredentials:
		return unjudged
	}
	return unanswered
}

// setNeedsPerson notes whether signing in takes more than a password. Then it
// isn't tried again where nobody can be asked: each try may send an SMS, and each
// wrong code brings the user nearer to being locked.
func (s *session) setNeedsPerson(ctx context.Context, needs bool) {
	if s.takeTurn(ctx) != nil {
		return
	}
	defer s.endTurn()
	if s.load(ctx) != nil {
		return
	}
	s.mu.Lock()
	s.record.NeedsPerson = needs
	r := s.record
	s.mu.Unlock()
	if err := s.writeRecord(ctx, r); err != nil {
		s.keeper.cfg.Logf("session: noting that a sign-in needs a person: %v", err)
	}
}

// findStoredPassword returns the password that is stored for the profile's
// user. It fails with KindLoginRequired when there is none.
func (k *Keeper) findStoredPassword(ctx context.Context, p profiles.Profile) (usedPassword, error) {
	found, err := k.findEntrusted(ctx, p, agent.SecretPassword)
	switch {
	case errors.Is(err, errOther):
		err = agent.Errorf(agent.KindLoginRequired, "sign-in needed for profile %s: its password was stored for another user, user pool or endpoint", p.Name).
			WithHint("run: cogtok login %s, or: cogtok secret set %s password", p.Name, p.Name)
	case err == nil && found.secret.Empty():
		err = errNoPassword
	}
	return usedPassword{secret: found.secret, stored: found.name}, err
}

// passwordVersion returns a name for a password that tells nothing about it
// and that changes when the password does.
func (k *Keeper) passwordVersion(ctx context.Context, p profiles.Profile, password agent.Secret) (string, error) {
	key, err := k.versionKey(ctx, p.Store)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(password.Reveal()))
	return hex.EncodeToString(mac.Sum(nil)[:16]), nil
}

// versionKeyName is the name in a vault's Sessions of the key that passwords'
// versions are made with. It lies there, sealed, and not beside the versions:
// with both at hand weak passwords could be guessed.
const versionKeyName = "password-version-key"

// versionKey returns the key, which it makes at the first call. It is also how
// a sign-in finds out whether the store can be used at all.
func (k *Keeper) versionKey(ctx context.Context, kind string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	select {
	case k.keyTurn <- struct{}{}: // two at once would make two keys
		defer func() { <-k.keyTurn }()
	case <-ctx.Done():
		return nil, k.storeError(kind, ctx.Err())
	}
	if key := k.versionKeys[kind]; key != nil {
		return key, nil
	}
	sessions := k.vaults[kind].Sessions
	key, err := sessions.Get(ctx, versionKeyName)
	if errors.Is(err, store.ErrNotFound) {
		key = make([]byte, 32)
		_, _ = rand.Read(key) // never fails
		err = sessions.Put(ctx, versionKeyName, key)
	}
	if err != nil {
		return nil, k.storeError(kind, err)
	}
	k.versionKeys[kind] = key
	return key, nil
}
