package session

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/printable"
	"github.com/cogtok/cogtok/internal/totp"
	"github.com/cogtok/cogtok/profiles"
	"github.com/cogtok/cogtok/store"
)

// SetSecret implements agent.Agent.
func (k *Keeper) SetSecret(ctx context.Context, c agent.Caller, r agent.SetSecretRequest) (agent.None, error) {
	p, err := k.secretOf(ctx, c, r.Profile, r.Kind)
	if err != nil {
		return agent.None{}, err
	}
	if r.Value.Empty() {
		return agent.None{}, agent.Errorf(agent.KindUsage, "profile %s: the %s is empty", p.Name, r.Kind).
			WithHint("to remove it, run: cogtok secret delete %s %s", p.Name, r.Kind)
	}
	if r.Kind == agent.SecretTOTPSeed {
		if _, err := totp.ParseSeed(r.Value.Reveal()); err != nil {
			return agent.None{}, agent.Errorf(agent.KindUsage, "profile %s: that is no seed of an authenticator app: those are letters and the digits 2 to 7 (base32)", p.Name).
				WithHint("it is the text beside the QR code, or the secret= of an otpauth: address")
		}
	}
	if err := k.putSecret(ctx, p, p.Name, r.Kind, r.Value); err != nil {
		return agent.None{}, named(p, err)
	}
	return agent.None{}, named(p, k.secretGiven(ctx, p, r))
}

// secretGiven lets that be tried again which a new secret may put right.
func (k *Keeper) secretGiven(ctx context.Context, p profiles.Profile, r agent.SetSecretRequest) error {
	switch r.Kind {
	case agent.SecretTOTPSeed:
		k.session(p).setNeedsPerson(ctx, false)
		k.letTryAll(ctx, p)
	case agent.SecretPassword:
		return k.letTry(ctx, p, r.Value)
	case agent.SecretClientSecret: // the want of which may be why a sign-in failed
		k.letTryAll(ctx, p)
		if p.HasUser() {
			return nil
		}
		// Who hands over the secret of an app client wants its tokens.
		if err := k.guard.setSignedOut(k.session(p).key(), false); err != nil {
			k.cfg.Logf("session: noting a new client secret: %v", err)
		}
	}
	return nil
}

// letTry lets a password be tried that a person has just stored.
func (k *Keeper) letTry(ctx context.Context, p profiles.Profile, password agent.Secret) error {
	version, err := k.passwordVersion(ctx, p, password)
	if err != nil {
		return err
	}
	if err := k.guard.letTry(userKeys(p, k.session(p).knownAs(ctx)), version); err != nil {
		k.cfg.Logf("session: noting a new password: %v", err)
	}
	return nil
}

// letTryAll lets sign-ins be tried that failed for want of what a person has
// just stored.
func (k *Keeper) letTryAll(ctx context.Context, p profiles.Profile) {
	if err := k.guard.letTryAll(userKeys(p, k.session(p).knownAs(ctx))); err != nil {
		k.cfg.Logf("session: noting a new secret: %v", err)
	}
}

// DeleteSecret implements agent.Agent.
func (k *Keeper) DeleteSecret(ctx context.Context, c agent.Caller, r agent.SecretRequest) (agent.None, error) {
	p, err := k.secretOf(ctx, c, r.Profile, r.Kind)
	if err != nil {
		return agent.None{}, err
	}
	if err = k.deleteSecret(ctx, p, r.Kind); err == nil && r.Kind == agent.SecretClientSecret {
		k.letTryAll(ctx, p) // a secret that the app client hasn't got may be why a sign-in failed
	}
	return agent.None{}, named(p, err)
}

// secretOf checks a request about a secret and unlocks its store.
func (k *Keeper) secretOf(ctx context.Context, c agent.Caller, profile, kind string) (profiles.Profile, error) {
	p, err := k.open(profile)
	if err != nil {
		return p, err
	}
	if !slices.Contains(agent.SecretKinds, kind) {
		return p, agent.Errorf(agent.KindUsage, "profile %s: there is no secret %q", p.Name, printable.Limit(kind, 40)).
			WithHint("the secrets of a profile are %s", strings.Join(agent.SecretKinds, " and "))
	}
	return p, named(p, k.unlock(ctx, c, p))
}

// ListSecrets implements agent.Agent. Of one profile it needs an answer from
// the store; of all it lists what can be read.
func (k *Keeper) ListSecrets(ctx context.Context, c agent.Caller, r agent.StatusRequest) (agent.SecretList, error) {
	list, err := k.profilesOf(r.Profile)
	if err == nil {
		err = k.lock.refuses()
	}
	if err != nil {
		return agent.SecretList{}, err
	}
	found := agent.SecretList{Secrets: []agent.SecretEntry{}}
	for _, p := range list {
		if err := k.unlock(ctx, c, p); err != nil {
			return agent.SecretList{}, named(p, err)
		}
		for _, kind := range agent.SecretKinds {
			entry, ok, err := k.secretEntry(ctx, p, kind)
			if err != nil {
				return agent.SecretList{}, named(p, err)
			}
			if ok {
				found.Secrets = append(found.Secrets, entry)
			}
		}
	}
	return found, nil
}

// secretEntry tells of a profile's own secret, else of the one that it uses of a
// profile that it extends.
func (k *Keeper) secretEntry(ctx context.Context, p profiles.Profile, kind string) (agent.SecretEntry, bool, error) {
	entry := agent.SecretEntry{Profile: p.Name, Kind: kind, Store: p.Store}
	own, err := k.getSecret(ctx, p.Store, p.Name, kind)
	if err != nil || !own.Empty() {
		return entry, err == nil, err
	}
	found, err := k.findEntrusted(ctx, p, kind)
	entry.From = found.name
	return entry, found.name != "", err
}

// clientSecret returns the app client's secret, empty if it has none. It is
// read once a run. Kind: KindClientSecret, when it is another app client's.
func (k *Keeper) clientSecret(ctx context.Context, p profiles.Profile) (agent.Secret, error) {
	// Not by the name alone: the config may just have changed.
	key := strings.Join([]string{p.Name, p.Store, owner(p, agent.SecretClientSecret)}, "\n")
	k.mu.Lock()
	secret, known := k.clientSecrets[key]
	changes := k.secretChanges
	k.mu.Unlock()
	if known {
		return secret, nil
	}
	found, err := k.findEntrusted(ctx, p, agent.SecretClientSecret)
	if errors.Is(err, errOther) {
		err = agent.Errorf(agent.KindClientSecret, "the client secret of profile %s was stored for another app client, user pool or endpoint", p.Name).
			WithHint("run: cogtok secret set %s client-secret, or, if it has none now: cogtok secret delete %s client-secret", p.Name, p.Name)
	}
	if err != nil {
		return agent.Secret{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.secretChanges == changes {
		k.clientSecrets[key] = found.secret
	}
	return found.secret, nil
}

// forgetClientSecrets makes the next use read them again.
func (k *Keeper) forgetClientSecrets() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.clientSecrets)
	k.secretChanges++
}

// noteClientSecret forgets the client secret that Cognito found wrong.
func (k *Keeper) noteClientSecret(err error) {
	if agent.KindOf(err) == agent.KindClientSecret {
		k.forgetClientSecrets()
	}
}

// getSecret returns what the user has entrusted; empty if there is nothing.
func (k *Keeper) getSecret(ctx context.Context, kind, profile, secret string) (agent.Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	value, err := k.vaults[kind].Secrets.Get(ctx, secretName(profile, secret))
	if errors.Is(err, store.ErrNotFound) {
		return agent.Secret{}, nil
	}
	if err != nil {
		return agent.Secret{}, k.storeError(kind, err)
	}
	defer clear(value)
	return agent.NewSecret(string(value)), nil
}

// secretsChanged lets what failed for want of the right secret be tried again.
func (k *Keeper) secretsChanged() {
	k.forgetClientSecrets()
	k.endPauses()
}

// secretName is the name in a vault's Secrets.
func secretName(profile, secret string) string { return profile + "/" + secret }

// storeError makes an error for people of what a store returned.
func (k *Keeper) storeError(kind string, err error) error {
	var unavailable *store.UnavailableError
	switch {
	case errors.Is(err, store.ErrLocked):
		return agent.Errorf(agent.KindLocked, "the secrets of `store: %s` are locked", kind).
			WithHint("run: cogtok unlock")
	case errors.As(err, &unavailable):
		if unavailable.Err != nil {
			k.cfg.Logf("session: store %s: %v: %v", kind, err, unavailable.Err)
		}
		return agent.Errorf(agent.KindStore, "the store can't be used: %s", unavailable.Reason).WithHint("%s", otherStores(kind, unavailable.Hint))
	case errors.Is(err, context.DeadlineExceeded):
		return agent.Errorf(agent.KindStore, "the store (%s) didn't answer in time", kind).WithHint("%s", otherStores(kind, ""))
	case errors.Is(err, context.Canceled):
		return err
	}
	k.cfg.Logf("session: store %s: %v", kind, err)
	return agent.Errorf(agent.KindStore, "the store (%s) can't be used", kind).WithHint("see: cogtok agent log")
}

// otherStores adds to a hint how to do without the keychain.
func otherStores(kind, hint string) string {
	if kind != profiles.StoreKeychain || strings.Contains(hint, "store: file") {
		return hint
	}
	const others = "put `store: file` (asks for a passphrase) or `store: memory` (until the agent stops) in the config"
	if hint == "" {
		return others
	}
	return hint + "; or " + others
}
