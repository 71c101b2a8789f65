package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

const (
	calm   = 10 * time.Second // how long after a burst of work its memory is given back
	quiet  = 30 * time.Second // how long after the last call the collector rests
	growth = 50               // percent, between two collections
	spare  = 8 << 20          // bytes of garbage at which the collector works all the same
)

// A memory gives back to the system what a burst of work has taken: a TLS
// connection and the certificates alone are half of an idle agent. And it has
// the collector rest while nobody calls: Go's runtime collects every two minutes
// at least, which wakes several threads for nothing.
type memory struct {
	burst, last *time.Timer

	mu    sync.Mutex
	rests bool
}

func newMemory() *memory {
	debug.SetGCPercent(growth)
	m := &memory{}
	m.burst = time.AfterFunc(calm, m.giveBack) // once after the start
	m.last = time.AfterFunc(quiet, m.rest)
	return m
}

func (m *memory) giveBack() {
	runtime.GC() // each collection halves the stacks that are larger than need be
	m.rest()
	debug.FreeOSMemory()
	giveBackCode()
}

// used says that there was a burst.
func (m *memory) used() {
	m.called()
	m.burst.Reset(calm)
}

// called says that a call begins or ends.
func (m *memory) called() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rests {
		m.rests = false
		debug.SetGCPercent(growth)
		debug.SetMemoryLimit(math.MaxInt64)
	}
	m.last.Reset(quiet)
}

// rest collects what the last calls have left, and then no more until the next
// one. The limit is for what isn't a call, such as clients that just connect.
func (m *memory) rest() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rests {
		return
	}
	m.rests = true
	runtime.GC()
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	debug.SetMemoryLimit(int64(now.Sys-now.HeapReleased) + spare)
	debug.SetGCPercent(-1)
}

func (m *memory) end() {
	m.burst.Stop()
	m.last.Stop()
}
