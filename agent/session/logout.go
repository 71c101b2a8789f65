package session

import (
	"context"
	"strings"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

// Logout implements agent.Agent. The session is over here whatever goes wrong
// at Cognito; that is told in the result's Warning.
func (k *Keeper) Logout(ctx context.Context, c agent.Caller, r agent.LogoutRequest) (agent.LogoutResult, error) {
	p, err := k.open(r.Profile)
	if err != nil {
		return agent.LogoutResult{}, err
	}
	var warnings []string
	warn := func(what string, err error) {
		if err != nil {
			warnings = append(warnings, what+": "+agent.AsError(err).Message)
		}
	}
	s := k.session(p)
	if r.Revoke || r.Everywhere {
		if err := s.readable(ctx, c, p); err != nil {
			e := agent.AsError(err)
			return agent.LogoutResult{}, agent.Errorf(e.Kind, "profile %s: nothing was ended, neither here nor at Cognito: %s", p.Name, e.Message).
				WithHint("make the store usable and try again, or end the session here alone: cogtok logout %s", p.Name)
		}
	}
	// Noted on disk first: from now on the session is over, even if the vault
	// can't be reached or the agent is killed.
	warn("the logout could not be noted on disk", k.guard.setSignedOut(s.key(), true))
	access := s.drop()
	k.dropScoped(s)
	var last record
	if err = k.unlock(ctx, c, p); err == nil {
		last, err = s.takeRecord(ctx)
	}
	warn("what the store holds of the session could not be removed and won't be used", err)
	if last.RefreshToken != "" {
		warn("not ended at Cognito", s.endAtCognito(ctx, p, last, access, r))
	}
	k.cfg.Logf("session: profile %s: logged out", p.Name)
	s.noTrouble()
	s.tell(agent.Event{Event: agent.EventSignedOut})
	result := agent.LogoutResult{
		Profile:    p.Name,
		Also:       k.sharing(p),
		Ended:      last.RefreshToken != "" || access != "" || err != nil,
		ValidUntil: s.validUntil(),
		Warning:    strings.Join(warnings, "; "),
		BrowserURL: k.logoutURL(ctx, p),
	}
	if !r.Forget {
		return result, nil
	}
	err = k.forget(ctx, p)
	if kept := k.inherited(ctx, p); err == nil && kept != "" {
		warn("not forgotten", agent.Errorf(agent.KindUsage, "%s", kept))
		result.Warning = strings.Join(warnings, "; ")
	}
	return result, named(p, err)
}

// sharing are the other profiles with the same session, in the order of the file.
func (k *Keeper) sharing(p profiles.Profile) []string {
	return k.namesOf(func(other profiles.Profile) bool { return other.Name != p.Name && sessionKey(other) == sessionKey(p) })
}

// inherited says which secrets the profile goes on having from those that it
// extends.
func (k *Keeper) inherited(ctx context.Context, p profiles.Profile) string {
	var texts []string
	for _, kind := range agent.SecretKinds {
		if found, err := k.findEntrusted(ctx, p, kind); err == nil && found.name != "" {
			texts = append(texts, "it uses the "+kind+" of "+found.name+"; to delete that: cogtok secret delete "+found.name+" "+kind)
		}
	}
	return strings.Join(texts, ", and ")
}

// logoutURLTimeout is how long the user pool has to tell its logout page: the
// session is over without it too.
const logoutURLTimeout = 5 * time.Second

// logoutURL is the page that ends managed login's session; empty if there is
// none, or it can't be told now.
func (k *Keeper) logoutURL(ctx context.Context, p profiles.Profile) string {
	if p.Auth != profiles.AuthBrowser {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, logoutURLTimeout)
	defer cancel()
	page, err := k.cfg.Provider.LogoutURL(ctx, p)
	if err != nil {
		k.cfg.Logf("session: profile %s: no logout page: %s", p.Name, agent.AsError(err).Message)
	}
	return page
}

// readable makes sure that there is what ending a session at Cognito takes: the
// refresh token.
func (s *session) readable(ctx context.Context, c agent.Caller, p profiles.Profile) error {
	if err := s.keeper.unlock(ctx, c, p); err != nil {
		return err
	}
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.endTurn()
	return s.loadAnyway(ctx)
}

// drop forgets the tokens at once and voids what is under way.
func (s *session) drop() (access string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logouts++
	if h := s.tokens[agent.TypeAccess]; h.lives(s.keeper.now(), 0) {
		access = h.jwt
	}
	s.tokens = map[string]held{}
	s.pause, s.problem = pause{}, nil
	if s.renewing != nil {
		s.stopRenew()
	}
	return access
}

// takeRecord removes the session's record and returns it as it was.
func (s *session) takeRecord(ctx context.Context) (record, error) {
	if err := s.takeTurn(ctx); err != nil {
		return record{}, err
	}
	defer s.endTurn()
	if err := s.loadAnyway(ctx); err != nil {
		return record{}, err
	}
	s.mu.Lock()
	r := s.record
	s.record, s.unsaved = record{Version: 1, Session: s.id}, nil
	s.mu.Unlock()
	return r, s.deleteRecord(ctx)
}

// endAtCognito revokes and signs out as asked.
func (s *session) endAtCognito(ctx context.Context, p profiles.Profile, r record, access string, how agent.LogoutRequest) error {
	if !how.Revoke && !how.Everywhere {
		return nil
	}
	k := s.keeper
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	secret, err := k.clientSecret(ctx, p)
	if err != nil {
		return err
	}
	g := r.grant()
	if how.Everywhere {
		g.AccessToken = access
		if access == "" { // GlobalSignOut wants one that is valid
			if g, err = k.cfg.Provider.Refresh(ctx, p, secret, g); err != nil {
				return err
			}
		}
		err = k.cfg.Provider.SignOutEverywhere(ctx, p, g)
	}
	if how.Revoke {
		if e := k.cfg.Provider.Revoke(ctx, p, secret, g); err == nil {
			err = e
		}
	}
	return err
}

// forget deletes all that the user has entrusted for the profile.
func (k *Keeper) forget(ctx context.Context, p profiles.Profile) error {
	for _, kind := range agent.SecretKinds {
		if err := k.deleteSecret(ctx, p, kind); err != nil {
			e := agent.AsError(err)
			return agent.Errorf(e.Kind, "profile %s: logged out, but the stored %s is still there: %s", p.Name, kind, e.Message).WithHint("%s", e.Hint)
		}
	}
	return nil
}

// validUntil is when the last token expires that was handed out, if that is
// still to come.
func (s *session) validUntil() *time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.handedOut.After(s.keeper.now().wall) {
		return nil
	}
	t := s.handedOut
	return &t
}
