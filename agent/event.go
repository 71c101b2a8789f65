package agent

import (
	"time"

	"github.com/cogtok/cogtok/internal/printable"
)

// A WatchRequest asks for the events of one profile, or of all when Profile is
// empty.
type WatchRequest struct {
	Profile string `json:"profile,omitempty"`
}

// What an Event may be. Each is of one profile but for the last two.
const (
	EventState       = "state"        // how the profile is now: at first, and when events may have been missed
	EventSignedIn    = "signed-in"    // somebody has signed in, or the agent has by itself
	EventRenewed     = "renewed"      // there are new tokens
	EventLoginNeeded = "login-needed" // the session was lost
	EventSignedOut   = "signed-out"   // by a logout
	EventLocked      = "locked"       // the agent hands out nothing until it is unlocked
	EventUnlocked    = "unlocked"     // that is over, or the profile's store got its passphrase
	EventError       = "error"        // renewing fails for now: once until it works again
	EventConfig      = "config"       // the config was read anew, or is broken: then Message says why
	EventMissed      = "missed"       // the watcher was too slow, and some events are lost
)

// An Event is something that a watcher is told. It has no token in it.
type Event struct {
	Profile string `json:"profile,omitempty"`
	Event   string `json:"event"`
	// State is as in ProfileStatus, for EventState.
	State string `json:"state,omitempty"`
	// IDExpiresAt and AccessExpiresAt are of the tokens at hand, for EventState,
	// EventSignedIn and EventRenewed.
	IDExpiresAt     *time.Time `json:"id_expires_at,omitempty"`
	AccessExpiresAt *time.Time `json:"access_expires_at,omitempty"`
	// Message is what is wrong, with what to do in Hint.
	Message string `json:"message,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// printable returns e as it may be shown on a terminal.
func (e Event) printable() Event {
	e.Message, e.Hint = printable.Limit(e.Message, maxPromptText), printable.Limit(e.Hint, maxPromptText)
	return e
}

// watchMethod is the one whose call stays open. A connection that watches is
// for nothing else: what is called meanwhile would wait for ever.
const watchMethod = "watch"

// A notification is a message that nobody answers.
type notification struct {
	Version string `json:"jsonrpc"`
	Method  string `json:"method"`
	Params  any    `json:"params"`
}

// notify sends one event. A client that doesn't take it is hung up on.
func (c *conn) notify(e Event) error {
	return c.write(notification{Version: "2.0", Method: "event", Params: e.printable()})
}
