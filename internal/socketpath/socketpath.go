// Package socketpath says where the agent's socket is. Both binaries use it,
// so that they can't disagree; it imports nothing that slows the client.
//
// The path never lies in a shared /tmp: a user's runtime directory is private,
// and so is the state directory, whose path holds the host's name since home
// directories may be shared between hosts.
package socketpath

import "os"

// Max is how many bytes a socket's path may have on every system: sun_path
// holds 104 on macOS and 108 on Linux, its NUL included.
const Max = 103

// Default returns the socket's path when neither --socket nor COGTOK_SOCKET
// says another, and "" when the environment names no home directory.
func Default() string {
	if dir := runtimeDir(); dir != "" {
		return join(dir, "cogtok", "agent.sock")
	}
	state := stateDir()
	if state == "" {
		return ""
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	return join(state, "cogtok", "run", host, "agent.sock")
}

func join(first string, rest ...string) string {
	for _, r := range rest {
		first += string(os.PathSeparator) + r
	}
	return first
}
