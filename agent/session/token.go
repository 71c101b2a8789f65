package session

import (
	"context"
	"errors"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

// renewedSlack is by how much a token that has just been renewed may be short
// of the min-ttl asked for without a warning: the answer took a while.
const renewedSlack = 5 * time.Second

// Token implements agent.Agent.
func (k *Keeper) Token(ctx context.Context, c agent.Caller, r agent.TokenRequest) (agent.Token, error) {
	p, err := k.open(r.Profile)
	if err != nil {
		return agent.Token{}, err
	}
	own := p
	if p, err = withScopes(p, r.Scopes); err != nil {
		return agent.Token{}, err
	}
	w, err := want(p, r)
	if err != nil {
		return agent.Token{}, err
	}
	s, err := k.scopedSession(own, p)
	if err != nil {
		return agent.Token{}, named(p, err)
	}
	h, warning, err := s.find(ctx, c, p, w)
	if locked := k.lock.refuses(); locked != nil { // meanwhile
		err = locked
	}
	if err == nil {
		err = hasScopes(p, h, r.Scopes)
	}
	if err != nil {
		return agent.Token{}, named(p, err)
	}
	return s.handOut(p, w.kind, h, warning)
}

// find returns a token as wanted: the one at hand, else a renewed one, else
// one of a new sign-in.
func (s *session) find(ctx context.Context, c agent.Caller, p profiles.Profile, w wanted) (h held, warning string, err error) {
	signIns := s.countSignIns()
	h = s.token(w.kind)
	if err := w.possible(p, h); err != nil {
		return held{}, "", err
	}
	now := s.keeper.now()
	if h.lives(now, w.need(h)) && !w.force {
		return h, "", nil
	}
	if h.lives(now, usual(h)) {
		if err := s.isPaused(p, now); err != nil {
			return s.makeDo(w, err)
		}
		if !s.takeForced(now) {
			return h, "it was renewed six times in the last minute: this is the token at hand", nil
		}
	}
	if err = s.keeper.unlock(ctx, c, p); err == nil {
		err = s.renew(ctx, p, w.kind, h)
	}
	if agent.KindOf(err) == agent.KindLoginRequired && !w.sessionOnly {
		err = s.signInAgain(ctx, c, p, signIns, err)
	}
	s.tellLoss(p, err)
	if err != nil && !s.isRenewed(w.kind, h) {
		return s.makeDo(w, err)
	}
	return s.fresh(p, w)
}

// isPaused returns why a token that lives isn't to be renewed now.
func (s *session) isPaused(p profiles.Profile, now instant) error {
	s.mu.Lock()
	tell, err := s.notYet(p, now, false)
	s.mu.Unlock()
	tell()
	return err
}

// isRenewed reports whether there is a new and good token in place of the one
// that was seen. It may have come with another one that is no good.
func (s *session) isRenewed(kind string, seen held) bool {
	h := s.token(kind)
	return h.jwt != seen.jwt && h.lives(s.keeper.now(), usual(h))
}

// lives reports whether the token lives for as long as needed, and at all.
func (h held) lives(now instant, need time.Duration) bool {
	left := h.left(now)
	return left > 0 && left >= need
}

// takeForced counts a renewal that isn't needed yet.
func (s *session) takeForced(now instant) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.forced.take(now)
}

// makeDo returns the token at hand, with a warning, when it could not be
// renewed for a reason that may pass by itself.
func (s *session) makeDo(w wanted, err error) (held, string, error) {
	h := s.token(w.kind)
	if !passing(err) || !h.lives(s.keeper.now(), 0) {
		return held{}, "", err
	}
	return h, "the token could not be renewed and this one lives for " + short(h.left(s.keeper.now())) + ": " + agent.AsError(err).Message, nil
}

// passing reports whether err says nothing against the session.
func passing(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false // the caller has gone
	}
	e := agent.AsError(err)
	switch e.Kind {
	case agent.KindLambda, agent.KindStore, agent.KindLocked, agent.KindForbidden, agent.KindInternal:
		return true
	case agent.KindCanceled:
		return false
	}
	return e.Code == agent.CodeTemporary
}

// fresh returns the token after it was renewed.
func (s *session) fresh(p profiles.Profile, w wanted) (held, string, error) {
	h := s.token(w.kind)
	if h.jwt == "" {
		return held{}, "", noToken(p, w.kind)
	}
	if err := w.possible(p, h); err != nil {
		return held{}, "", err
	}
	now := s.keeper.now()
	switch {
	case !h.lives(now, 0):
		return held{}, "", expiredAlready(p)
	case !h.lives(now, w.need(h)-renewedSlack):
		return h, "the new token lives for " + short(h.left(now)) + " only", nil
	}
	return h, "", nil
}

// handOut makes the answer. It looks at the clock once more: between the
// finding and now a suspend may lie.
func (s *session) handOut(p profiles.Profile, kind string, h held, warning string) (agent.Token, error) {
	now := s.keeper.now()
	left := h.left(now)
	if left <= 0 {
		return agent.Token{}, agent.Errorf(agent.KindService, "profile %s: the token has expired in this very moment", p.Name).
			WithHint("run the command again")
	}
	s.mu.Lock()
	if h.claims.Expires.After(s.handedOut) {
		s.handedOut = h.claims.Expires
	}
	if warning == "" {
		warning = s.warnOfClock(now)
	}
	s.mu.Unlock()
	return agent.Token{
		Version:   1,
		Profile:   p.Name,
		Type:      kind,
		Token:     h.jwt,
		Header:    "Authorization",
		Value:     p.HeaderValue(h.jwt),
		ExpiresAt: h.claims.Expires,
		ExpiresIn: int64(left / time.Second),
		IssuedAt:  h.claims.IssuedAt,
		Username:  h.claims.Username,
		Subject:   h.claims.Subject,
		Warning:   warning,
	}, nil
}
