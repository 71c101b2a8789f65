package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

// settings returns how much garbage the collector leaves.
func settings() (percent int, limit int64) {
	percent = debug.SetGCPercent(-1)
	debug.SetGCPercent(percent)
	return percent, debug.SetMemoryLimit(-1)
}

// While nobody calls the collector rests; but garbage of what isn't a call doesn't
// heap up.
func TestCollectorRests(t *testing.T) {
	before, limit := settings()
	defer debug.SetGCPercent(before)
	defer debug.SetMemoryLimit(limit)
	m := newMemory()
	defer m.end()
	m.rest()
	if percent, limit := settings(); percent != -1 || limit == math.MaxInt64 {
		t.Errorf("at rest: %d %%, %d bytes", percent, limit)
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	collections := stats.NumGC
	for range 1000 {
		garbage = make([]byte, 100<<10)
	}
	runtime.ReadMemStats(&stats)
	if stats.NumGC == collections {
		t.Error("100 MB of garbage were not collected")
	}
	m.called()
	if percent, limit := settings(); percent != growth || limit != math.MaxInt64 {
		t.Errorf("after a call: %d %%, %d bytes", percent, limit)
	}
}

var garbage []byte // so that it is on the heap
