// Package startlock picks the one that starts the agent out of many clients
// that find none: it holds the lock beside the socket meanwhile, and the others
// wait for the socket. Which process is the agent is decided by the agent's own
// lock; this one only spares the starts that would come to nothing, so that a
// client that waits too long may go on without it.
//
// Both binaries use it; on Unix it imports nothing that slows the client.
package startlock

import "errors"

// ErrHeld means that another process holds the lock: it starts the agent.
var ErrHeld = errors.New("another process starts the agent")

// path is the lock of the agent at a socket.
func path(socket string) string { return socket + ".start" }
