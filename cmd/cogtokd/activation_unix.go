//go:build unix && !darwin

package main

import (
	"flag"
	"os"
	"strconv"

	"github.com/cogtok/cogtok/agent"
)

// firstHanded is the descriptor of the first socket that systemd hands over:
// SD_LISTEN_FDS_START of sd_listen_fds(3).
const firstHanded = 3

// An activation says how to get at a socket that systemd has made: its
// environment says it all.
type activation struct{}

func (*activation) addFlags(*flag.FlagSet) {}

// handedSocket returns the socket that systemd, or what does as it does, has
// made for this very process; nil: there is none. Programs that the agent runs
// don't learn of it.
func (activation) handedSocket() (*os.File, error) {
	pid, count := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"} {
		_ = os.Unsetenv(name)
	}
	if count == "" || pid != strconv.Itoa(os.Getpid()) {
		return nil, nil // it was meant for another process, which has passed on its environment
	}
	if count != "1" {
		return nil, agent.Errorf(agent.KindSocketPath, "%s sockets were handed over, and the agent has one", count).
			WithHint("see contrib/systemd/cogtok.socket")
	}
	return inheritedFile(firstHanded, "handed over"), nil
}
