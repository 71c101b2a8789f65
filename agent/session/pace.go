package session

import (
	"math/rand/v2"
	"time"

	"github.com/cogtok/cogtok/agent"
)

// A pause keeps a session from asking Cognito again right after it failed:
// until then callers get the same error, and nothing goes out.
type pause struct {
	began   instant
	nominal time.Duration
	length  time.Duration // nominal less up to a quarter, so that many agents don't come at once
	err     error
}

// The lengths of a pause.
const (
	firstPause = time.Second
	// longestPause is for a Cognito that is down or throttles: its quota is
	// shared by everybody in the account.
	longestPause = time.Minute
	// longestQuickPause is for what a person puts right and then tries again:
	// a network that is back, a setting in the console.
	longestQuickPause = 5 * time.Second
)

// over reports whether Cognito may be asked again.
func (p *pause) over(now instant) bool {
	return p.err == nil || now.since(p.began) >= p.length
}

// note starts a pause after an error, twice as long as the last one, and ends
// it after a success.
func (p *pause) note(now instant, err error) {
	longest := longestQuickPause
	switch agent.KindOf(err) {
	case "", agent.KindLoginRequired, agent.KindLocked, agent.KindCanceled:
		*p = pause{}
		return
	case agent.KindThrottled, agent.KindService:
		longest = longestPause
	}
	p.err, p.began = err, now
	p.nominal = min(longest, max(firstPause, 2*p.nominal))
	p.length = p.nominal - rand.N(p.nominal/4)
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
