//go:build unix

package main

import (
	"errors"
	"os"
	"syscall"

	"github.com/cogtok/cogtok/agent"
)

// launchdSocket returns the socket that launchd has made under a name; nil: it
// isn't launchd that has started this process. activate is
// launch_activate_socket(3).
func launchdSocket(name string, activate func(name string) ([]int, error)) (*os.File, error) {
	fds, err := activate(name)
	switch {
	case errors.Is(err, syscall.ESRCH): // somebody tries out the LaunchAgent's command
		return nil, nil
	case errors.Is(err, syscall.ENOENT):
		return nil, noLaunchdSocket("the LaunchAgent has no socket of the name %q", name)
	case errors.Is(err, syscall.EALREADY):
		return nil, noLaunchdSocket("launchd has handed over the socket %q before", name)
	case err != nil:
		return nil, noLaunchdSocket("launchd doesn't hand over the socket %q: %v", name, err)
	case len(fds) != 1:
		for _, fd := range fds {
			syscall.Close(fd)
		}
		return nil, noLaunchdSocket("launchd has made %d sockets of the name %q, and the agent has one", len(fds), name)
	}
	return inheritedFile(fds[0], "handed over"), nil
}

func noLaunchdSocket(format string, args ...any) error {
	return agent.Errorf(agent.KindSocketPath, format, args...).WithHint("see contrib/launchd/com.cogtok.agent.plist")
}
