package session

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot reads CLOCK_MONOTONIC, which on macOS runs on while the machine
// sleeps; see clock_gettime(3).
func sinceBoot() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) != nil {
		return 0 // the wall clock decides alone
	}
	return time.Duration(t.Nano())
}
