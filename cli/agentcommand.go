package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cogtok/cogtok/agent"
)

// stopLimit is how long an agent may take to end: five seconds for the calls
// in flight, ten to save what it holds, and a little.
const stopLimit = 20 * time.Second

func agentCommand(a *app) *cobra.Command {
	return group("agent", "Start, stop or look at the agent",
		"  cogtok agent status",
		simple("start", "Start the agent, if none runs", "  cogtok agent start", a.startCommand),
		simple("stop", "Stop the agent; sessions are kept where their store keeps them", "  cogtok agent stop", a.stopCommand),
		simple("restart", "Stop the agent and start it again, such as after an upgrade", "  cogtok agent restart", a.restartCommand),
		agentStatusCommand(a),
		simple("reload", "Read the config again; it is read by itself when it changes", "  cogtok agent reload", a.reloadCommand),
		logCommand(a))
}

// simple is a command without arguments and flags of its own.
func simple(use, short, example string, run func(context.Context) error) *cobra.Command {
	return &cobra.Command{
		Use:               use,
		Short:             short,
		Example:           example,
		Args:              positional(0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return run(cmd.Context()) },
	}
}

func (a *app) startCommand(ctx context.Context) error {
	return a.start(ctx, "started", "runs already")
}

// start makes sure that an agent runs, and says with a word for it whether this
// has started it.
func (a *app) start(ctx context.Context, started, ran string) error {
	p, err := a.place()
	if err != nil {
		return err
	}
	word := ran
	conn, err := a.connection(ctx, askNever, func(ctx context.Context) (*agent.Client, error) {
		client, err := dial(ctx, p)
		if agent.KindOf(err) != agent.KindUnreachable {
			return client, err
		}
		word = started
		return a.startAgent(ctx, p)
	})
	if err != nil {
		return err
	}
	defer conn.close()
	v, err := conn.Version(ctx, conn.caller, agent.None{})
	if err != nil {
		return err
	}
	a.note("the agent %s (pid %d)", word, v.PID)
	if s, err := conn.Status(ctx, conn.caller, agent.StatusRequest{}); err == nil && s.ConfigError != "" {
		a.note("the config as it is now isn't in force: %s", s.ConfigError)
	}
	return nil
}

func (a *app) stopCommand(ctx context.Context) error {
	stopped, err := a.stopAgent(ctx)
	if err != nil {
		return err
	}
	if stopped {
		a.note("the agent stopped")
	} else {
		a.note("no agent was running")
	}
	return nil
}

func (a *app) restartCommand(ctx context.Context) error {
	if _, err := a.stopAgent(ctx); err != nil {
		return err
	}
	return a.start(ctx, "restarted", "restarted") // a client that waited may have been faster
}

// stopAgent stops the agent and waits until it is gone. It is false when none
// was running. The config isn't named: an agent on another one can be stopped.
func (a *app) stopAgent(ctx context.Context) (bool, error) {
	p, err := a.place()
	if err != nil {
		return false, err
	}
	p.config = ""
	client, err := dial(ctx, p)
	if err != nil {
		return false, stopError(err)
	}
	defer client.Close()
	// What the kernel knows is who made the socket, which may be systemd.
	pid := client.PID()
	v, err := alive(ctx, client)
	switch {
	case err == nil:
		pid = v.PID
		_, err = client.Stop(ctx, agent.Caller{}, agent.None{})
	case agent.KindOf(err) == agent.KindHung && pid > 0 && !managesServices(pid):
		return true, a.endByForce(ctx, pid)
	}
	if err != nil && agent.KindOf(err) != agent.KindUnreachable { // which ended by itself
		return false, stopError(err)
	}
	return true, waitForEnd(ctx, pid, stopLimit)
}

// stopError is err as it is for who wants the agent to end: it is nil when none
// runs, and for one that can't be reached there is no use in the usual hint.
func stopError(err error) error {
	switch e := agent.AsError(err); e.Kind {
	case agent.KindUnreachable:
		return nil
	case agent.KindHung:
		return e.WithHint("end the process cogtokd by hand")
	default:
		return e
	}
}

// politeLimit is how long an agent that doesn't answer may take to end when it
// is asked to, before it is killed.
const politeLimit = 2 * time.Second

// endByForce ends an agent that doesn't answer any more. What it has handed out
// is stored already.
func (a *app) endByForce(ctx context.Context, pid int) error {
	a.note("the agent (pid %d) does not answer; it is ended", pid)
	if err := terminate(pid); err != nil {
		return agent.Errorf(agent.KindHung, "the agent (pid %d) can't be ended: %s", pid, reason(err))
	}
	if waitForEnd(ctx, pid, politeLimit) == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	if err := kill(pid); err != nil {
		return agent.Errorf(agent.KindHung, "the agent (pid %d) can't be killed: %s", pid, reason(err))
	}
	return waitForEnd(ctx, pid, politeLimit)
}

// waitForEnd waits until a process is gone.
func waitForEnd(ctx context.Context, pid int, limit time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit,
		agent.Errorf(agent.KindHung, "the agent (pid %d) did not end within %s", pid, limit).WithHint("see: cogtok agent log"))
	defer cancel()
	for wait := firstBackOff; processRuns(pid); wait = min(2*wait, maxBackOff) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
	}
	return nil
}

func (a *app) reloadCommand(ctx context.Context) error {
	conn, err := a.running(ctx)
	if err != nil {
		return err
	}
	if conn == nil {
		a.note("no agent is running; it reads the config when it starts")
		return nil
	}
	defer conn.close()
	r, err := conn.Reload(ctx, conn.caller, agent.None{})
	if err != nil {
		return err
	}
	a.note("%s is in force, with %s", r.Config, plural(r.Profiles, "profile"))
	return nil
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func agentStatusCommand(a *app) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:               "status",
		Short:             "Show whether the agent runs, and where its files are",
		Long:              "Show whether the agent runs, and where its files are. It exits with 4 when none runs.",
		Example:           "  cogtok agent status --output json",
		Args:              positional(0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.agentStatus(cmd, output)
		},
	}
	addOutput(cmd, &output)
	return cmd
}

func (a *app) agentStatus(cmd *cobra.Command, output string) error {
	if err := oneOf(cmd, "output", output, outputs()); err != nil {
		return err
	}
	v, err := a.agentVersion(cmd.Context())
	if err != nil {
		return err
	}
	if v == nil {
		return agent.Errorf(agent.KindUnreachable, "no agent is running").WithHint("run: cogtok agent start")
	}
	if output == "json" {
		return a.answerJSON(v)
	}
	now := time.Now()
	rows := [][]string{
		{"version", v.Version},
		{"protocol", fmt.Sprint(v.Protocol)},
		{"pid", fmt.Sprint(v.PID)},
		{"since", instantText(v.StartedAt, now)},
		{"config", v.Config},
		{"socket", v.Socket},
		{"log", orDash(v.Log)},
	}
	if v.Locked {
		rows = append(rows, []string{"state", "locked; run: cogtok unlock"})
	}
	return a.answer(table(rows))
}
