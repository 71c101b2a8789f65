package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/cogtok/cogtok/agent"
)

// Starting an agent.
//
// When nobody answers at the socket, the client runs its own executable as
//
//	cogtokd --ready-fd 3 --socket PATH [--config PATH]
//
// in a session of its own, in the root directory, with umask 077, standard
// streams on /dev/null, no other file descriptor than 3 and the environment of
// keptVariables. (On Windows there is no --ready-fd; the client only dials.)
//
// The ready protocol: descriptor 3 is the writing end of a pipe. The new agent
// writes one of these there and closes it:
//
//	ok                    it listens at the socket
//	busy                  another agent holds the lock; this one exits with 0
//	error KIND: MESSAGE   it can't start: an agent.Kind and the text for
//	                      people, then if it has one a line
//	hint: TEXT            what to type next
//
// Each line ends in a newline. The end of the pipe without a line means that
// it died; its log may tell why.
//
// After "busy" the client goes on dialing: the holder of the lock is either
// about to listen, or about to end, in which case a start is tried again. After
// "ok", too: somebody may have killed the new agent. But one that ends again and
// again is given up. (One that crashes says so itself: cmd/cogtokd/crashes.go.)
const (
	startLimit   = 5 * time.Second
	firstBackOff = time.Millisecond
	maxBackOff   = 100 * time.Millisecond
	startAgain   = 125 * time.Millisecond // after "busy", twice as long each time
	maxLives     = 5                      // of agents that a client starts
)

// keptVariables says which variables an agent gets from the client that
// happens to start it. A name that ends in "*" stands for all that begin so.
// Nothing that a project's environment file may set is among them, but for
// proxies, certificates and AWS's own.
func keptVariables() []string {
	return []string{
		"HOME", "USER", "LOGNAME", "PATH", "LANG", "LC_*", "TZ", "XDG_*", "DBUS_SESSION_BUS_ADDRESS",
		"AWS_*", "SSL_CERT_FILE", "SSL_CERT_DIR",
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
		"COGTOK_LOG",
		// Windows; names are compared without regard to case there.
		"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "USERPROFILE", "USERNAME", "USERDOMAIN",
		"APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "TEMP", "TMP",
	}
}

// agentEnvironment filters environ, a list of NAME=value.
func agentEnvironment(environ []string) []string {
	var kept []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		for _, pattern := range keptVariables() {
			prefix, isPrefix := strings.CutSuffix(pattern, "*")
			if sameVariable(name, pattern) || (isPrefix && strings.HasPrefix(name, prefix)) {
				kept = append(kept, entry)
				break
			}
		}
	}
	return kept
}

// executable is the program to run as the agent.
func (a *app) executable() (string, error) {
	if a.Executable != "" {
		return a.Executable, nil
	}
	path, err := os.Executable()
	if err != nil {
		return "", agent.Errorf(agent.KindUnreachable, "can't start the agent: this program's own file is not to be found")
	}
	return path, nil
}

// startAgent makes sure that an agent listens at the socket, and returns a
// connection to it. Of many clients at once one starts the agent that stays.
func (a *app) startAgent(ctx context.Context, place place) (*agent.Client, error) {
	program, err := a.executable()
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	started, again, lives := time.Time{}, startAgain, 0
	for wait := firstBackOff; ; wait = min(2*wait, maxBackOff) {
		if started.IsZero() || time.Since(started) >= again {
			a.debug("starting %s", program)
			isNew, err := spawn(limited, program, place.arguments())
			// Counted from its answer: a crowd that starts agents without a pause
			// leaves the one that stays no time to get ready.
			started, again = time.Now(), min(2*again, startLimit/2)
			if err != nil {
				return nil, startError(ctx, limited, err)
			}
			if isNew {
				lives++
				again = startAgain
			}
		}
		client, err := dial(limited, place)
		if agent.KindOf(err) != agent.KindUnreachable && limited.Err() == nil {
			return client, err
		}
		if lives > maxLives {
			return nil, agent.Errorf(agent.KindUnreachable, "the agent was started %d times and ended at once each time", lives).
				WithHint("see: cogtok agent log")
		}
		select {
		case <-limited.Done():
			return nil, startError(ctx, limited, err)
		case <-time.After(wait):
		}
	}
}

// startError says why an agent didn't start: what it said itself, or that the
// time ran out. When the caller's own context ended, that is the error.
func startError(ctx, limited context.Context, err error) error {
	var said *agent.Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		said = agent.Errorf(agent.KindUnreachable, "the agent did not start within %s", startLimit)
	case !errors.As(err, &said):
		said = agent.Errorf(agent.KindUnreachable, "can't start the agent: %s", reason(err))
	}
	if said.Hint == "" {
		return said.WithHint("see: cogtok agent log")
	}
	return said
}

// errAgentDied means that a new agent ended before it was ready.
var errAgentDied = errors.New("it ended at once")

// readReady reads what a new agent says at the ready pipe. Both ok and busy
// are no error: whoever holds the lock will be there. isNew says which it was.
func readReady(r io.Reader) (isNew bool, err error) {
	lines := bufio.NewScanner(io.LimitReader(r, 8<<10))
	if !lines.Scan() {
		return false, errAgentDied
	}
	first := lines.Text()
	if first == "ok" || first == "busy" {
		return first == "ok", nil
	}
	about, message, ok := strings.Cut(first, ": ")
	kind, isError := strings.CutPrefix(about, "error ")
	if !ok || !isError {
		return false, errAgentDied
	}
	said := agent.Errorf(agent.Kind(kind), "%s", message)
	if lines.Scan() {
		if hint, ok := strings.CutPrefix(lines.Text(), "hint: "); ok {
			said = said.WithHint("%s", hint)
		}
	}
	return false, said
}
