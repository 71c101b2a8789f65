package userpool

import (
	"slices"
	"sync"
	"time"
)

// maxCalls is how many calls are kept, so that a server that stays up for long
// doesn't grow. Counts go on.
const maxCalls = 10_000

// Call is one request to the JSON API, or to the domain of a pool, that was
// answered or met a fault.
type Call struct {
	Operation string // of a domain: the path, as "/oauth2/token"
	ClientID  string
	Username  string // as the request spelt it; "" where it has none
	Time      time.Time
	Error     string // exception, OAuth error or fault; "" for success

	// Parameters are the request's members; only with Config.RecordParameters.
	Parameters map[string]any
}

type callLog struct {
	mu     sync.Mutex
	calls  []Call
	counts map[string]int
}

func (l *callLog) add(c Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[c.Operation]++
	if len(l.calls) == maxCalls {
		l.calls = slices.Delete(l.calls, 0, maxCalls/2)
	}
	l.calls = append(l.calls, c)
}

// Calls returns the calls so far, oldest first; the last ten thousand at most.
func (s *Server) Calls() []Call {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	return slices.Clone(s.calls.calls)
}

// Count says how often operation was called, faults included. With "" it
// counts all operations.
func (s *Server) Count(operation string) int {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	if operation != "" {
		return s.calls.counts[operation]
	}
	total := 0
	for _, n := range s.calls.counts {
		total += n
	}
	return total
}

// ResetCalls forgets the calls and counts so far.
func (s *Server) ResetCalls() {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	s.calls.calls, s.calls.counts = nil, map[string]int{}
}
