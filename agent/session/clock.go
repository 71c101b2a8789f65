package session

import "time"

// A Clock tells the time in two ways, since each can mislead: the wall clock
// is set by people and servers, and the clock that timers run on stands still
// while the machine is suspended.
type Clock struct {
	// Wall is the time of day.
	Wall func() time.Time
	// Boot is the time since the machine started, suspends included.
	Boot func() time.Duration
}

// SystemClock is the clock of this machine.
func SystemClock() Clock {
	return Clock{Wall: time.Now, Boot: sinceBoot}
}

// now reads both clocks.
func (c Clock) now() instant {
	// Round strips the monotonic reading, which stands still in a suspend.
	return instant{wall: c.Wall().Round(0), boot: c.Boot()}
}

// An instant is a moment by both clocks.
type instant struct {
	wall time.Time
	boot time.Duration
}

// since is how much time has passed from earlier to i: by the clock that says
// more, so that no step of the wall clock and no suspend makes a token look
// younger than it is.
func (i instant) since(earlier instant) time.Duration {
	return max(i.wall.Sub(earlier.wall), i.boot-earlier.boot)
}

// passed is how much time has really passed from earlier to i: setting the
// wall clock makes it neither more nor less.
func (i instant) passed(earlier instant) time.Duration {
	if i.boot == 0 || earlier.boot == 0 { // that clock can't be read
		return i.wall.Sub(earlier.wall)
	}
	return i.boot - earlier.boot
}

// before is the instant that lies d before i.
func (i instant) before(d time.Duration) instant { return instant{i.wall.Add(-d), i.boot - d} }
