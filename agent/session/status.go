package session

import (
	"cmp"
	"context"
	"strings"
	"sync"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

// Status implements agent.Agent. It asks no server and no person, and waits
// for a store no longer than storeTimeout.
func (k *Keeper) Status(ctx context.Context, _ agent.Caller, r agent.StatusRequest) (agent.Status, error) {
	list, err := k.profilesOf(r.Profile)
	if err != nil {
		return agent.Status{}, err
	}
	k.loadAll(ctx, list)
	config, broken := k.source.check()
	status := agent.Status{
		Version: 1, Default: config.Default, Config: k.cfg.Path, Profiles: []agent.ProfileStatus{}, Locked: k.lock.isLocked(),
	}
	if broken != nil {
		status.ConfigError = agent.AsError(configError(broken)).Message
	}
	for _, p := range list {
		status.Profiles = append(status.Profiles, k.statusOf(p))
	}
	return status, nil
}

// loadAll reads the records that weren't read yet, all at the same time.
func (k *Keeper) loadAll(ctx context.Context, list []profiles.Profile) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	var all sync.WaitGroup
	for _, p := range list {
		s := k.session(p)
		if s.isLoaded() || k.storeLocked(p) || k.lock.isLocked() {
			continue
		}
		all.Go(func() {
			if s.takeTurn(ctx) != nil {
				return
			}
			defer s.endTurn()
			if err := s.load(ctx); err != nil {
				s.setProblem(err)
			}
		})
	}
	all.Wait()
}

func (s *session) isLoaded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loaded
}

func (k *Keeper) storeLocked(p profiles.Profile) bool {
	lock := k.cfg.Vaults[p.Store].Lock
	return lock != nil && lock.Locked()
}

func (s *session) setProblem(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problem = err
}

// statusOf describes a profile as far as memory knows.
func (k *Keeper) statusOf(p profiles.Profile) agent.ProfileStatus {
	st := agent.ProfileStatus{
		Profile: p.Name, UserPoolID: p.UserPoolID, ClientID: p.ClientID, Username: p.Username, Auth: p.Auth, Store: p.Store,
	}
	s := k.session(p)
	now, out := k.now(), k.guard.signedOut(s.key())
	s.mu.Lock()
	defer s.mu.Unlock()
	st.State = s.state(p, k.storeLocked(p), out)
	st.Subject = s.record.Subject
	st.Unpersisted = s.unsaved != nil
	if st.State == agent.StateSignedIn {
		st.SignedInAs = cmp.Or(s.record.Name, s.record.Username)
	}
	if !s.record.SignedInAt.IsZero() && st.State == agent.StateSignedIn {
		t := s.record.SignedInAt
		st.SignedInAt = &t
	}
	st.IDExpiresAt = expiry(s.tokens[agent.TypeID], now)
	st.AccessExpiresAt = expiry(s.tokens[agent.TypeAccess], now)
	switch {
	case k.lock.isLocked():
		st.State, st.SignedInAs, st.SignedInAt = agent.StateLocked, "", nil
	case s.problem != nil:
		st.Problem = strings.TrimPrefix(agent.AsError(s.problem).Message, "profile "+p.Name+": ")
		st.Hint = agent.AsError(s.problem).Hint
	case s.unsaved != nil:
		st.Problem, st.Hint = "signed in until the agent ends: "+agent.AsError(s.unsaved).Message, agent.AsError(s.unsaved).Hint
	case s.record.Ended != "":
		st.Problem, st.Hint = s.record.Ended, "run: cogtok login "+p.Name
	case st.State == agent.StateLocked:
		st.Hint = "run: cogtok unlock"
	default:
		if e := s.seen.clockProblem(now); e != nil {
			st.Problem, st.Hint = e.Message, e.Hint
		}
	}
	return st
}

// state is the session's state; mu is held. out says that it was logged out.
func (s *session) state(p profiles.Profile, locked, out bool) string {
	switch {
	case out:
		return agent.StateSignedOut
	case s.record.RefreshToken != "":
		return agent.StateSignedIn
	case len(s.tokens) > 0:
		return agent.StateSignedIn
	case locked:
		return agent.StateLocked
	case !p.HasUser():
		return agent.StateReady
	case !s.loaded:
		return agent.StateUnknown
	}
	return agent.StateSignedOut
}

// expiry is when a token expires; nil if there is none, or it has.
func expiry(h held, now instant) *time.Time {
	if !h.lives(now, 0) {
		return nil
	}
	t := h.claims.Expires
	return &t
}
