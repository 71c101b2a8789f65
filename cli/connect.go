package cli

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/printable"
	"github.com/cogtok/cogtok/internal/socketpath"
)

// A place is where an agent is and what it runs on.
type place struct {
	socket string // absolute
	config string // absolute; empty: the default, not named to the agent
}

// place returns the agent that the flags and variables speak of.
func (a *app) place() (place, error) {
	p := place{socket: a.socket, config: a.config}
	if p.socket == "" {
		p.socket = socketpath.Default()
	}
	if p.config == "" || filepath.IsAbs(p.config) {
		return p, nil
	}
	config, err := filepath.Abs(p.config)
	if err != nil {
		return p, agent.Errorf(agent.KindUsage, "the config's path is relative, and the current directory is not to be found")
	}
	p.config = config
	return p, nil
}

// checkConfig refuses a config that was named and isn't there: no agent is to
// be started for a slip of the finger, or for a demo that has ended.
func (p place) checkConfig() error {
	if p.config == "" {
		return nil
	}
	if _, err := os.Stat(p.config); errors.Is(err, fs.ErrNotExist) {
		return agent.Errorf(agent.KindConfig, "there is no config at %s", printable.Text(p.config)).
			WithHint("check --config and COGTOK_CONFIG, or run: cogtok profile add NAME")
	}
	return nil
}

// arguments are the agent's own.
func (p place) arguments() []string {
	args := []string{"--socket", p.socket}
	if p.config != "" {
		args = append(args, "--config", p.config)
	}
	return args
}

func dial(ctx context.Context, p place) (*agent.Client, error) {
	client, err := agent.Dial(ctx, p.socket)
	if err != nil {
		return nil, err
	}
	client.Config = p.config
	return client, nil
}

// A connection is an agent that answers, and how this call is made.
type connection struct {
	agent.Agent
	caller  agent.Caller
	version string // of the agent
	upgrade func(context.Context) (agent.UpgradeResult, error)
	close   func()
}

// asking says when a person may be asked.
type asking int

const (
	askNever     asking = iota
	askIfSeen           // at a terminal, and only if standard error is one too
	askAlways           // at a terminal
	askByBrowser        // at a terminal, and a browser may be opened
)

// connect returns a connection to the agent, which it starts if need be.
func (a *app) connect(ctx context.Context, ask asking) (*connection, error) {
	p, err := a.place()
	if err != nil {
		return nil, err
	}
	a.debug("asking the agent at %s", p.socket)
	conn, err := a.connection(ctx, ask, func(ctx context.Context) (*agent.Client, error) {
		client, err := dial(ctx, p)
		if agent.KindOf(err) != agent.KindUnreachable {
			return client, err
		}
		if err := p.checkConfig(); err != nil {
			return nil, err
		}
		return a.startAgent(ctx, p)
	})
	if err != nil || conn.version == a.Version {
		return conn, err
	}
	r, err := conn.upgrade(ctx)
	if err != nil {
		conn.close()
		return nil, err
	}
	a.debug("the agent's version is %s; it becomes %s", conn.version, cmp.Or(r.Version, "no other: "+r.Reason))
	return conn, nil
}

// running is connect for commands that start no agent: nil when none runs.
func (a *app) running(ctx context.Context) (*connection, error) {
	p, err := a.place()
	if err != nil {
		return nil, err
	}
	conn, err := a.connection(ctx, askNever, func(ctx context.Context) (*agent.Client, error) { return dial(ctx, p) })
	if agent.KindOf(err) == agent.KindUnreachable {
		return nil, nil
	}
	return conn, err
}

// connection returns a connection that open makes, to an agent that answers.
func (a *app) connection(ctx context.Context, ask asking, open func(context.Context) (*agent.Client, error)) (*connection, error) {
	client, err := open(ctx)
	if err != nil {
		return nil, err
	}
	s := &steady{client, open}
	v, err := s.Version(ctx, agent.Caller{}, agent.None{})
	if err != nil {
		s.Close()
		return nil, err
	}
	c := &connection{Agent: s, version: v.Version, upgrade: s.upgrade, close: func() { s.Close() }}
	if p, ok := a.prompter(ask); ok {
		c.caller.Prompter = p
		c.close = func() { s.Close(); p.tty.close() }
	}
	return c, nil
}

// prompter returns who asks the person, if the person may be asked. So
// $(cogtok token) in a shell can ask, and an editor that runs cogtok with
// pipes gets an error at once.
func (a *app) prompter(ask asking) (prompter, bool) {
	if ask == askNever || a.noInput || (ask == askIfSeen && !isTerminal(a.Stderr)) {
		return prompter{}, false
	}
	tty, err := openTerminal()
	if err != nil {
		a.debug("nobody can be asked: %s", reason(err))
		return prompter{}, false
	}
	return prompter{tty: tty, getenv: a.Getenv, browser: ask == askByBrowser}, true
}

// mustAsk is prompter for what can't be done without; what says it.
func (a *app) mustAsk(what string, args ...any) (prompter, error) {
	p, ok := a.prompter(askAlways)
	if ok {
		return p, nil
	}
	err := agent.Errorf(agent.KindPromptNeeded, what+", and nobody can be asked here", args...)
	if a.noInput {
		return p, err.WithHint("leave --no-input out (or unset COGTOK_NO_INPUT) at a terminal")
	}
	return p, err.WithHint("run it at a terminal, or pipe the value in")
}
