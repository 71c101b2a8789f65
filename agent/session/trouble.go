package session

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/printable"
	"github.com/cogtok/cogtok/profiles"
)

// A trouble is what a session's watchers are told of once: that it can't be
// renewed for now, or that it is lost.
type trouble struct {
	failing     bool          // the last try to renew has failed, and that was told
	began, last instant       // the first and the last failure of an outage
	told        time.Duration // what the server asked for at the last
	lost        bool          // Cognito has ended the session, and that wasn't told yet
}

const (
	// hookAfter is for how long renewing has to fail before on_error runs.
	hookAfter = time.Minute
	// outageGap is how far apart failures may be that count as one outage: tokens
	// are renewed when they are asked for, and between two failures nobody knows.
	outageGap = 5 * time.Minute
)

// failed counts a failure of renewing, after which the server may have told how long
// it isn't to be asked again. isNew says that it is the first one since it
// worked, long that renewing has failed for long.
func (t *trouble) failed(now instant, told time.Duration) (isNew, long bool) {
	isNew = !t.failing
	if isNew || now.passed(t.last) > outageGap+t.told {
		t.began = now
	}
	t.failing, t.last, t.told = true, now, told
	return isNew, t.isLong(now)
}

// isLong reports whether renewing fails, and has for long.
func (t *trouble) isLong(now instant) bool { return t.failing && now.passed(t.began) >= hookAfter }

// errorEvent tells that renewing fails.
func errorEvent(p profiles.Profile, err error) agent.Event {
	return agent.Event{Event: agent.EventError, Message: messageOf(p, err), Hint: agent.AsError(err).Hint}
}

// noteRenewal notes what came of a try to renew, and returns what is to be done
// about it when mu isn't held any more; now it is.
func (s *session) noteRenewal(p profiles.Profile, err error) (tell func()) {
	switch kind := agent.KindOf(err); {
	case err == nil, kind == agent.KindLoginRequired:
		s.trouble.failing = false
		return func() {}
	case kind == agent.KindCanceled, errors.Is(err, context.Canceled):
		return func() {}
	}
	isNew, long := s.trouble.failed(s.keeper.now(), agent.AsError(err).RetryAfter)
	e := errorEvent(p, err)
	return func() {
		if isNew {
			s.tell(e)
		}
		if long {
			s.runHook(onError, p, e)
		}
	}
}

// noteLoss notes that Cognito has ended the session. It is told when it is known
// that nothing has brought a new one at once, such as a stored password.
func (s *session) noteLoss() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble.lost = true
}

// tellLoss tells that the session is lost, once, unless err is one that passes by
// itself, or a person is at it.
func (s *session) tellLoss(p profiles.Profile, err error) {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, errSomebodyElse) || agent.AsError(err).Retryable() {
		return
	}
	s.mu.Lock()
	untold, why := s.trouble.lost, s.record.Ended
	s.trouble.lost = false
	s.mu.Unlock()
	if untold {
		e := agent.Event{Event: agent.EventLoginNeeded, Message: cmp.Or(printable.Limit(why, maxMessage), messageOf(p, err))}
		s.tell(e)
		s.runHook(onLoginNeeded, p, e)
	}
}

// noTrouble forgets all of it: there is a new session, or none is wanted.
func (s *session) noTrouble() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = trouble{}
}
