package session

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
	"github.com/cogtok/cogtok/store"
)

// A secret rests under its profile's name, and whoever can change the config
// says what that name means. So beside the secret, in the vault's Sessions,
// lies a binding: a MAC over the secret and over whom it was entrusted for. A
// secret without one that fits the profile as it is now is not sent to anybody.

// bindingName is the name in a vault's Sessions.
func bindingName(profile, secret string) string { return "entrusted/" + secretName(profile, secret) }

// binding is what has to lie beside a secret of p.
func (k *Keeper) binding(ctx context.Context, p profiles.Profile, secret string, value agent.Secret) ([]byte, error) {
	key, err := k.versionKey(ctx, p.Store)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s\n%s", owner(p, secret), value.Reveal())
	return mac.Sum(nil), nil
}

// owner says whom a secret of p is for: a user of a pool, or an app client.
func owner(p profiles.Profile, secret string) string {
	who := foldUser(p.Username)
	if secret == agent.SecretClientSecret {
		who = p.ClientID
	}
	where := fmt.Sprintf("%s of %q in %q at %q", secret, who, p.UserPoolID, p.Endpoint)
	if secret == agent.SecretClientSecret && p.Domain != "" {
		where += fmt.Sprintf(" or %q", p.Domain) // that gets it too
	}
	return where
}

// An entrusted secret is a stored one that may be used for a profile.
type entrusted struct {
	secret agent.Secret
	name   string // of the profile under whose name it lies; empty: there is none
}

// findEntrusted looks under the profile's name, then under those of the
// profiles that it extends. It fails with errOther when what the profile has
// of its own was entrusted for another one.
func (k *Keeper) findEntrusted(ctx context.Context, p profiles.Profile, secret string) (entrusted, error) {
	var other error
	for _, name := range append([]string{p.Name}, p.Extends...) {
		value, err := k.getSecret(ctx, p.Store, name, secret)
		if err != nil {
			return entrusted{}, err
		}
		if value.Empty() {
			continue
		}
		ok, err := k.isEntrusted(ctx, p, name, secret, value)
		if err != nil {
			return entrusted{}, err
		}
		if ok {
			return entrusted{value, name}, nil
		}
		if name == p.Name {
			other = errOther
		}
	}
	return entrusted{}, other
}

var errOther = errors.New("it was entrusted for another profile")

// isEntrusted reports whether the secret that lies under a name is for p.
func (k *Keeper) isEntrusted(ctx context.Context, p profiles.Profile, name, secret string, value agent.Secret) (bool, error) {
	want, err := k.binding(ctx, p, secret, value)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	got, err := k.vaults[p.Store].Sessions.Get(ctx, bindingName(name, secret))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, k.storeError(p.Store, err)
	}
	return hmac.Equal(got, want), nil
}

// putSecret stores a secret under a name, for p. It is of no use until its
// binding lies there too.
func (k *Keeper) putSecret(ctx context.Context, p profiles.Profile, name, secret string, value agent.Secret) error {
	ctx = context.WithoutCancel(ctx)
	defer k.secretsChanged()
	bound, err := k.binding(ctx, p, secret, value)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	vault := k.vaults[p.Store]
	err = vault.Secrets.Put(ctx, secretName(name, secret), []byte(value.Reveal()))
	if err == nil {
		err = vault.Sessions.Put(ctx, bindingName(name, secret), bound)
	}
	if err != nil {
		return k.storeError(p.Store, err)
	}
	return nil
}

// deleteSecret removes a secret and its binding. The one goes even if the other
// can't.
func (k *Keeper) deleteSecret(ctx context.Context, p profiles.Profile, secret string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	defer k.secretsChanged()
	vault := k.vaults[p.Store]
	err := vault.Secrets.Delete(ctx, secretName(p.Name, secret))
	if e := vault.Sessions.Delete(ctx, bindingName(p.Name, secret)); err == nil {
		err = e
	}
	if err != nil {
		return k.storeError(p.Store, err)
	}
	return nil
}
