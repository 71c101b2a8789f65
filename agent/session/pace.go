package session

import (
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

// A pause keeps a session from asking Cognito again right after it failed:
// until then callers get the same error, and nothing goes out.
type pause struct {
	began   instant
	nominal time.Duration
	length  time.Duration // nominal less up to a quarter, so that many agents don't come at once
	told    time.Duration // what the server asked for (Retry-After): never less than that
	err     error
}

// The lengths of a pause.
const (
	firstPause = time.Second
	// longestPause is for a Cognito that is down or throttles, since its quota is
	// shared by everybody in the account, and for as long as there is a token
	// that can be handed out.
	longestPause = time.Minute
	// longestQuickPause is for what a person puts right and then tries again:
	// a network that is back, a setting in the console.
	longestQuickPause = 5 * time.Second
)

// over reports whether Cognito may be asked again. urgent says that there is
// nothing to hand out meanwhile.
func (p *pause) over(now instant, urgent bool) bool {
	if p.err == nil {
		return true
	}
	length := p.length
	if kind := agent.KindOf(p.err); urgent && kind != agent.KindThrottled && kind != agent.KindService {
		length = min(length, longestQuickPause)
	}
	return now.since(p.began) >= length && now.passed(p.began) >= p.told
}

// note starts a pause after an error, twice as long as the last one, and ends
// it after a success, or where Cognito was not asked at all.
func (p *pause) note(now instant, err error) {
	switch agent.KindOf(err) {
	case "", agent.KindLoginRequired, agent.KindLocked, agent.KindStore, agent.KindCanceled:
		*p = pause{}
		return
	}
	p.err, p.began = err, now
	p.nominal = min(longestPause, max(firstPause, 2*p.nominal))
	p.length = p.nominal - rand.N(p.nominal/4)
	if p.told = agent.AsError(err).RetryAfter; p.told > 0 {
		p.told += rand.N(p.told/10 + 1) // others were told the same
	}
}

// end ends the pause, unless it is the server that wants it.
func (p *pause) end() {
	if p.told == 0 {
		*p = pause{}
	}
}

// servers are those that have said when they want to be asked again: that holds
// for all sessions that ask them.
type servers struct {
	mu    sync.Mutex
	pause map[string]pause // by server
}

// server names the one that a profile's sessions are renewed at.
func server(p profiles.Profile) string {
	name := place(p.Endpoint) + "\n" + p.Region
	if p.UsesOAuth() { // at the user pool's domain
		name += "\n" + p.UserPoolID + "\n" + p.Domain
	}
	return name
}

// note keeps what a server has said, if err is that.
func (s *servers) note(p profiles.Profile, now instant, err error) {
	if err == nil || agent.AsError(err).RetryAfter == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.pause, func(_ string, old pause) bool { return now.passed(old.began) >= old.told })
	told := s.pause[server(p)]
	told.note(now, err)
	s.pause[server(p)] = told
}

// wait returns why a server can't be asked yet.
func (s *servers) wait(p profiles.Profile, now instant) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if told := s.pause[server(p)]; told.err != nil && now.passed(told.began) < told.told {
		return told.err
	}
	return nil
}

// A bucket limits how often something may be done: burst times at once, and
// again when that much of a minute has passed.
type bucket struct {
	spent float64
	at    instant
}

// forcedPerMinute is how often a minute a session may be renewed though the
// token at hand would do.
const forcedPerMinute = 6

// take reports whether it may be done now, and counts it.
func (b *bucket) take(now instant) bool {
	b.spent = max(0, b.spent-forcedPerMinute*now.since(b.at).Minutes())
	b.at = now
	if b.spent > forcedPerMinute-1 {
		return false
	}
	b.spent++
	return true
}
