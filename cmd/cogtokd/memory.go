package main

import (
	"runtime"
	"runtime/debug"
	"time"
)

// calm is how long after a burst of work its memory is given back.
const calm = 10 * time.Second

// A memory gives back to the system what a burst of work has taken: a TLS
// connection and the certificates alone are half of an idle agent.
type memory struct{ timer *time.Timer }

func newMemory() *memory {
	debug.SetGCPercent(50)
	return &memory{time.AfterFunc(calm, func() { // once after the start
		runtime.GC() // each collection halves the stacks that are larger than need be
		runtime.GC()
		debug.FreeOSMemory()
		giveBackCode()
	})}
}

// used says that there was a burst.
func (m *memory) used() { m.timer.Reset(calm) }

func (m *memory) end() { m.timer.Stop() }
