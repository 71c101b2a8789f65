//go:build !linux && !darwin

package main

func refuseInspection() {}

// exchange leaves the call to the full client: what has to be checked about
// the listener differs here, and so does the socket.
func exchange(string, []byte) ([]byte, bool) { return nil, false }
