package session

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/failpoint"
	"github.com/cogtok/cogtok/profiles"
)

// callTimeout is how long one of the Provider's calls may take that asks
// nobody.
const callTimeout = 30 * time.Second

// renew renews the session's tokens, together with all who ask for that at
// the same time, unless seen is no longer the token at hand. After a failure
// nothing goes out for a while, and callers get that error.
func (s *session) renew(ctx context.Context, p profiles.Profile, kind string, seen held) error {
	s.mu.Lock()
	if s.tokens[kind].jwt != seen.jwt {
		s.mu.Unlock()
		return nil
	}
	j := s.renewing
	if j == nil {
		now := s.keeper.now()
		if tell, err := s.notYet(p, now, !seen.lives(now, 0)); err != nil {
			s.mu.Unlock()
			tell()
			return err
		}
		j = s.startRenewing(p)
	}
	s.mu.Unlock()
	return j.wait(ctx, nil)
}

// notYet returns why Cognito isn't to be asked now, and what is to be done about
// that when mu isn't held any more; now it is. urgent says that there is no token
// that could be handed out.
func (s *session) notYet(p profiles.Profile, now instant, urgent bool) (tell func(), err error) {
	err = s.keeper.told.wait(p, now)
	if !s.pause.over(now, urgent) {
		err = s.pause.err
	}
	if err == nil || !s.trouble.isLong(now) {
		return func() {}, err
	}
	return func() { s.runHook(onError, p, errorEvent(p, err)) }, err
}

// startRenewing starts the job; mu is held.
func (s *session) startRenewing(p profiles.Profile) *job {
	j, logouts := newJob(), s.logouts
	ctx, cancel := context.WithCancel(s.keeper.ctx)
	s.renewing, s.stopRenew = j, cancel
	s.keeper.spawn(func() {
		defer cancel()
		err := s.keeper.protect(func() error { return s.renewOnce(ctx, p) })
		tell := func() {}
		s.mu.Lock()
		s.renewing = nil
		switch {
		case s.logouts != logouts:
			err = errLoggedOut.WithHint("run: cogtok login %s", p.Name)
		case ctx.Err() == nil:
			s.pause.note(s.keeper.now(), err)
			s.keeper.told.note(p, s.keeper.now(), err)
			if s.problem = err; agent.KindOf(err) == agent.KindLoginRequired {
				s.problem = nil // the record tells why
			}
			if s.lost {
				s.startFindingLost(p)
			}
			tell = s.noteRenewal(p, err)
		}
		s.mu.Unlock()
		tell()
		j.finish(err)
	})
	return j
}

// mayBeLost reports whether Cognito may have done what was asked for, though no
// answer says so.
func mayBeLost(err error) bool {
	e := agent.AsError(err)
	return (e.Kind == agent.KindNetwork || e.Kind == agent.KindService) && e.RetryAfter == 0 && !errors.As(err, new(NotSent))
}

// longestGrace is the longest time for which Cognito takes a refresh token that
// it has exchanged for another already (RetryGracePeriodSeconds).
const longestGrace = time.Minute

// startFindingLost asks again, at the pace of the pauses, for what may have been
// lost: after the time of grace it would be the end of the session, and the next
// request for a token may come much later. mu is held.
func (s *session) startFindingLost(p profiles.Profile) {
	if s.finding || !p.HasUser() {
		return
	}
	s.finding = true
	began := s.keeper.now()
	s.keeper.spawn(func() {
		for s.keeper.sleep(time.Second) && s.keeper.now().since(began) < longestGrace && s.stillLost() {
			s.tellLoss(p, s.renew(s.keeper.ctx, p, agent.TypeAccess, s.token(agent.TypeAccess)))
		}
		s.mu.Lock()
		s.finding, s.lost = false, false // it is found, or has been for too long
		s.mu.Unlock()
		s.keeper.forgetIfLocked()
	})
}

// stillLost reports whether the last try to renew ended in the same way.
func (s *session) stillLost() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost
}

func (s *session) setLost(lost bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = lost
}

// renewOnce has the turn while it renews.
func (s *session) renewOnce(ctx context.Context, p profiles.Profile) error {
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.endTurn()
	if err := s.load(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	r, logouts := s.record, s.logouts
	s.mu.Unlock()
	if r.RefreshToken == "" && p.HasUser() || !p.HasUser() && s.keeper.guard.signedOut(s.key()) {
		return s.signedOut(p, r)
	}
	err := s.refresh(ctx, p, r, logouts)
	if agent.KindOf(err) != agent.KindLoginRequired {
		return err
	}
	// Another agent that shares the vault may have renewed it first.
	if other, e := s.readRecord(ctx); e == nil && other.RefreshToken != "" && other.RefreshToken != r.RefreshToken {
		r = other
		err = s.refresh(ctx, p, r, logouts)
	}
	if agent.KindOf(err) == agent.KindLoginRequired {
		s.end(ctx, p, r, err)
		s.noteLoss()
		return s.signedOut(p, s.currentRecord())
	}
	return err
}

func (s *session) currentRecord() record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.record
}

// refresh asks Cognito for new tokens, keeps a new refresh token durably, and
// only then publishes the tokens: who has seen one of them can rely on the
// session outliving a crash.
func (s *session) refresh(ctx context.Context, p profiles.Profile, r record, logouts int) error {
	k := s.keeper
	secret, err := k.clientSecret(ctx, p)
	if err != nil {
		return err
	}
	failpoint.Reach(failpoint.BeforeRenewing)
	asked := k.now()
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	g, err := k.cfg.Provider.Refresh(call, p, secret, r.grant())
	s.setLost(err != nil && mayBeLost(err))
	if err != nil {
		k.noteClientSecret(err)
		return err
	}
	failpoint.Reach(failpoint.Answered)
	a, err := accept(p, g, r.Subject, asked, k.now())
	if err != nil {
		return err
	}
	renewed := r.with(g)
	renewed.Subject = a.subject
	s.mu.Lock()
	unsaved := s.unsaved
	s.mu.Unlock()
	if p.HasUser() && (renewed != r || unsaved != nil) {
		err = s.writeRecord(ctx, renewed)
	}
	if s.wasLoggedOut(logouts) {
		return errLoggedOut
	}
	s.keepMissing(a)
	failpoint.Reach(failpoint.BeforePublishing)
	s.publish(renewed, a, err)
	failpoint.Reach(failpoint.Published)
	k.cfg.Logf("session: profile %s: renewed", p.Name)
	s.tellTokens(agent.EventRenewed)
	return shortfall(p, g, a, k.now())
}

func (s *session) wasLoggedOut(logouts int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logouts != logouts
}

var errLoggedOut = agent.Errorf(agent.KindLoginRequired, "sign-in needed: you have logged out")

// end drops a session that Cognito has ended. The record keeps the reason, so
// that it can be told after a restart too.
func (s *session) end(ctx context.Context, p profiles.Profile, r record, why error) {
	reason := strings.TrimPrefix(agent.AsError(why).Message, "profile "+p.Name+": ")
	s.keeper.cfg.Logf("session: profile %s: %s", p.Name, reason)
	ended := record{
		Version: 1, Session: s.id, Username: r.Username, Name: r.Name, Subject: r.Subject,
		SignedInAt: r.SignedInAt, NeedsPerson: r.NeedsPerson, Ended: reason,
	}
	s.mu.Lock()
	s.record, s.tokens, s.unsaved = ended, map[string]held{}, nil
	s.mu.Unlock()
	if err := s.writeRecord(ctx, ended); err != nil {
		s.keeper.cfg.Logf("session: noting the end of a session: %v", err)
	}
}

// signedOut says why there is no session to renew.
func (s *session) signedOut(p profiles.Profile, r record) error {
	hint := "run: cogtok login " + p.Name
	switch {
	case s.keeper.guard.signedOut(s.key()):
		return errLoggedOut.WithHint("%s", hint)
	case r.Ended != "":
		return agent.Errorf(agent.KindLoginRequired, "%s", r.Ended).WithHint("%s", hint)
	}
	return agent.Errorf(agent.KindLoginRequired, "sign-in needed: nobody is signed in to profile %s", p.Name).WithHint("%s", hint)
}

// saveLater writes the record that could not be written, again and again
// until it is or a newer one is.
func (s *session) saveLater() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.saving {
		return
	}
	s.saving = true
	s.keeper.spawn(func() {
		wait := 5 * time.Second
		for s.keeper.sleep(wait) && !s.saveNow(s.keeper.ctx) {
			wait = min(2*wait, time.Minute)
		}
		s.keeper.forgetIfLocked()
	})
}

// saveNow reports whether nothing is left to be saved.
func (s *session) saveNow(ctx context.Context) bool {
	if s.takeTurn(ctx) != nil {
		return false
	}
	defer s.endTurn()
	s.mu.Lock()
	unsaved, r := s.unsaved, s.record
	s.mu.Unlock()
	if unsaved != nil && s.writeRecord(ctx, r) != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsaved, s.saving = nil, false
	return true
}
