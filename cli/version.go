package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cogtok/cogtok/agent"
)

// versions is the answer of `cogtok version`.
type versions struct {
	Version  string         `json:"version"`  // of the client
	Protocol int            `json:"protocol"` // the newest that it speaks
	Agent    *agent.Version `json:"agent"`    // null: none is running
}

func versionCommand(a *app) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:               "version",
		Short:             "Show the versions of the client and of the agent that runs",
		Example:           "  cogtok version --output json",
		Args:              positional(0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.showVersion(cmd, output)
		},
	}
	addOutput(cmd, &output)
	return cmd
}

func (a *app) showVersion(cmd *cobra.Command, output string) error {
	if err := oneOf(cmd, "output", output, outputs()); err != nil {
		return err
	}
	v := versions{Version: a.Version, Protocol: agent.Protocol}
	running, err := a.agentVersion(cmd.Context())
	v.Agent = running
	if output == "json" {
		return a.answerJSON(v)
	}
	text := "cogtok " + v.Version + "\n"
	switch {
	case running != nil:
		text += "agent " + running.Version + "\n"
	case err != nil:
		text += "agent: " + agent.AsError(err).Message + "\n"
	default:
		text += "agent: none is running\n"
	}
	return a.answer(text)
}

// agentVersion is nil when no agent runs.
func (a *app) agentVersion(ctx context.Context) (*agent.Version, error) {
	conn, err := a.running(ctx)
	if conn == nil {
		return nil, err
	}
	defer conn.close()
	v, err := conn.Version(ctx, conn.caller, agent.None{})
	switch {
	case agent.KindOf(err) == agent.KindUnreachable:
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &v, nil
}
