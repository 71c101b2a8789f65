package session

import (
	"fmt"
	"time"

	"github.com/cogtok/cogtok/agent"
)

// Tokens are judged by the time that has passed since they came, so a wrong
// clock does them no harm here. It does elsewhere: whoever looks at `exp`
// with it, and the proofs of sign-ins that hold the time. So it is told.
const (
	// maxClockOff is how far a clock may be off without a word.
	maxClockOff = 30 * time.Second
	// clockWarning is how often tokens come with a word about it.
	clockWarning = time.Hour
)

// A sighting is a server's clock as it was seen in an answer.
type sighting struct {
	server      time.Time // cut to whole seconds; zero: it wasn't seen
	asked, came instant   // the answer was made in between
}

// see notes the server's time of a grant. One that doesn't tell it has made its
// tokens just now, or they would count as old (see age).
func see(g Grant, a accepted, asked, came instant) sighting {
	server := g.ServerTime
	if server.IsZero() {
		for _, h := range a.tokens {
			if iat := h.claims.IssuedAt; iat.After(server) && asked.wall.Sub(iat) <= maxSkew {
				server = iat
			}
		}
	}
	return sighting{server, asked, came}
}

// off is by how much this machine's clock is ahead of the server's now, at
// least; negative: behind. It is the clock as it is now, set or not since the
// answer came.
func (s sighting) off(now instant) time.Duration {
	if s.server.IsZero() {
		return 0
	}
	earliest := s.server.Add(now.passed(s.came)) // it is no earlier there now
	latest := s.server.Add(time.Second + now.passed(s.asked))
	return max(now.wall.Sub(latest), 0) + min(now.wall.Sub(earliest), 0)
}

// clockProblem says that the clock is off; nil if it isn't.
func (s sighting) clockProblem(now instant) *agent.Error {
	off := s.off(now)
	if off.Abs() <= maxClockOff {
		return nil
	}
	direction := "ahead of"
	if off < 0 {
		direction = "behind"
	}
	return agent.Errorf(agent.KindUsage, "the clock of this machine is %s %s the user pool's", short(off.Abs()), direction).
		WithHint("set the clock, or have it set by the network (NTP)")
}

// warnOfClock returns the warning of a token that comes from s, now and then;
// mu is held.
func (s *session) warnOfClock(now instant) string {
	problem := s.seen.clockProblem(now)
	if problem == nil || s.warned && now.passed(s.warnedAt) < clockWarning {
		return ""
	}
	s.warned, s.warnedAt = true, now
	return fmt.Sprintf("%s: whoever checks tokens by it is misled", problem.Message)
}
