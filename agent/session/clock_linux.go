package session

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot reads CLOCK_BOOTTIME; see clock_gettime(2).
func sinceBoot() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return 0 // only on kernels before 2.6.39: the wall clock decides alone
	}
	return time.Duration(t.Nano())
}
