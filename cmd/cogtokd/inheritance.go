package main

import (
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
)

// An inheritance is what a predecessor in the same process has left, as JSON.
// It holds secrets, and lies where nobody but this process can read it.
type inheritance struct {
	Version   int            `json:"version"` // handoverVersion
	From      string         `json:"from"`    // the predecessor's version
	Started   time.Time      `json:"started"`
	Takeovers int            `json:"takeovers"` // this one included
	Closed    time.Time      `json:"closed"`    // when the predecessor let nobody in any more
	Socket    int            `json:"socket"`    // the descriptor that listens
	Own       bool           `json:"own"`       // the socket is to be removed at the end
	Lock      int            `json:"lock"`
	Conns     []inheritedFD  `json:"conns"`
	Legacy    []byte         `json:"legacy"` // of the session.Keeper
	parked    []agent.Parked // made of Conns
}

// An inheritedFD is a client's connection.
type inheritedFD struct {
	FD int `json:"fd"`
	agent.ParkedState
}

// since returns when the first of all predecessors started, and how often another
// program has taken over since then.
func (i *inheritance) since() (time.Time, int) {
	if i == nil {
		return time.Now().UTC().Truncate(time.Second), 0
	}
	return i.Started, i.Takeovers
}

// hand hands over what the seat is not: sessions and connections.
func (i *inheritance) hand(k *session.Keeper, s *agent.Server, log *logbook) {
	if i == nil {
		return
	}
	if err := k.Inherit(i.Legacy); err != nil {
		log.printf("%v: the sessions are what the stores hold of them", err)
	}
	clear(i.Legacy)
	s.Resume(i.parked)
	pause := time.Since(i.Closed).Round(time.Millisecond)
	log.printf("took over from cogtokd %s, with %d connections, in %v", i.From, len(i.parked), pause)
}
