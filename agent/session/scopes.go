package session

import (
	"slices"
	"strings"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/printable"
	"github.com/cogtok/cogtok/profiles"
)

// maxScopes is how many scopes one token can have, which is Cognito's own limit
// (https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html).
const maxScopes = 50

// withScopes returns the profile with the scopes that a request asks for. An app
// client of its own gets a token for them, and a session beside the others.
// What a person has signed in for can't be changed by asking.
func withScopes(p profiles.Profile, scopes []string) (profiles.Profile, error) {
	switch {
	case len(scopes) == 0:
		return p, nil
	case len(scopes) > maxScopes || slices.ContainsFunc(scopes, func(s string) bool { return !isScope(s) }):
		return p, agent.Errorf(agent.KindUsage, "profile %s: a scope is a word without spaces or quotes, and a token has %d at most", p.Name, maxScopes)
	case !p.UsesOAuth():
		return p, agent.Errorf(agent.KindUsage, "profile %s: with `auth: %s` no scopes can be asked for: its access tokens have aws.cognito.signin.user.admin", p.Name, p.Auth).
			WithHint("scopes are for `auth: browser` and `auth: client-credentials`")
	case p.Auth == profiles.AuthClientCredentials:
		p.Scopes = slices.Compact(slices.Sorted(slices.Values(scopes)))
	}
	return p, nil
}

// scopedSession returns the session of p, which is a profile with the scopes that
// were asked for, and own without. The two end together.
func (k *Keeper) scopedSession(own, p profiles.Profile) (*session, error) {
	s := k.session(own)
	if sessionKey(own) == sessionKey(p) {
		return s, nil
	}
	if k.guard.signedOut(s.key()) {
		return nil, errLoggedOut.WithHint("run: cogtok login %s", p.Name)
	}
	scoped, err := k.makeScoped(p)
	if err != nil {
		return nil, err
	}
	scoped.mu.Lock()
	scoped.of = s.key()
	scoped.mu.Unlock()
	return scoped, nil
}

// dropScoped forgets the tokens of the sessions that belong to one.
func (k *Keeper) dropScoped(own *session) {
	for _, s := range k.allSessions() {
		s.mu.Lock()
		belongs := s.of == own.key()
		s.mu.Unlock()
		if belongs {
			s.drop()
		}
	}
}

// isScope follows scope-token of RFC 6749, section 3.3.
func isScope(s string) bool {
	return s != "" && len(s) <= 256 && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) < 0
}

// hasScopes fails when the token at hand lacks a scope that was asked for. A
// person has to sign in for more.
func hasScopes(p profiles.Profile, h held, scopes []string) error {
	if p.Auth != profiles.AuthBrowser || len(scopes) == 0 {
		return nil
	}
	if h.claims.TokenUse != agent.TypeAccess {
		return agent.Errorf(agent.KindUsage, "profile %s: an ID token has no scopes", p.Name).
			WithHint("run: cogtok token %s --type access", p.Name)
	}
	granted, _ := h.claims.Raw["scope"].(string)
	for _, scope := range scopes {
		if !slices.Contains(strings.Fields(granted), scope) {
			return agent.Errorf(agent.KindUsage, "profile %s: the sign-in was not for the scope %s", p.Name, printable.Limit(scope, 100)).
				WithHint("add it to `scopes` in the profile, then: cogtok login %s", p.Name)
		}
	}
	return nil
}
