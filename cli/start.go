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
	"github.com/cogtok/cogtok/internal/startlock"
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
// Of many clients that find no agent one starts it, and the others wait for the
// socket: package startlock. Who waits for long starts one all the same, since
// the one that has the lock may be stopped.
//
// After "busy" the client goes on dialing: the holder of the agent's lock is
// either about to listen, or about to end, in which case a start is tried again.
// After "ok", too: somebody may have killed the new agent. But one that ends again
// and again is given up. (One that crashes says so itself: cmd/cogtokd/crashes.go.)
const (
	startLimit   = 5 * time.Second
	firstBackOff = time.Millisecond
	maxBackOff   = 100 * time.Millisecond
	othersLimit  = time.Second            // for another client to start one
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
	s := starter{place: place, began: time.Now(), again: startAgain}
	defer s.release()
	for wait := firstBackOff; ; wait = min(2*wait, maxBackOff) {
		mine := s.mayStart() // before dialing: who had the lock may have started one
		client, err := dial(limited, place)
		if agent.KindOf(err) != agent.KindUnreachable && limited.Err() == nil {
			return client, err
		}
		if mine && s.isDue() {
			a.debug("starting %s", program)
			if err := s.start(limited, program); err != nil {
				return nil, startError(ctx, limited, err)
			}
			wait = firstBackOff
			continue
		}
		select {
		case <-limited.Done():
			return nil, startError(ctx, limited, err)
		case <-time.After(wait):
		}
	}
}

// A starter is a client that found no agent.
type starter struct {
	place place
	began time.Time
	lock  *startlock.Lock

	started time.Time // when the agent that it started last has answered
	again   time.Duration
	lives   int // of agents that it started and that have answered "ok", or were killed
}

// mayStart reports whether it is for this client to start the agent: nobody
// else does, or is to.
func (s *starter) mayStart() bool {
	if s.lock != nil {
		return true
	}
	lock, err := startlock.Take(s.place.socket)
	s.lock = lock
	return err != startlock.ErrHeld || time.Since(s.began) >= othersLimit
}

func (s *starter) release() {
	if s.lock != nil {
		s.lock.Release()
	}
}

// isDue reports whether the last start, if there was one, is long enough ago.
func (s *starter) isDue() bool { return s.started.IsZero() || time.Since(s.started) >= s.again }

// start starts program as the agent and waits for its answer.
func (s *starter) start(ctx context.Context, program string) error {
	if s.lives > maxLives {
		return agent.Errorf(agent.KindUnreachable, "the agent was started %d times and ended at once each time", s.lives)
	}
	isNew, err := spawn(ctx, program, s.place.arguments())
	if err == errAgentKilled {
		isNew, err = true, nil // which is no fault of its own: another one is started
	}
	// Counted from its answer: starts without a pause would leave the agent that
	// stays no time to get ready.
	s.started, s.again = time.Now(), min(2*s.again, startLimit/2)
	if isNew {
		s.lives++
		s.again = startAgain
	}
	return err
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

// errAgentDied means that a new agent ended before it was ready, errAgentKilled
// that somebody has killed it then.
var (
	errAgentDied   = errors.New("it ended at once")
	errAgentKilled = errors.New("it was killed")
)

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
