package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

func statusCommand(a *app) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "status [PROFILE]",
		Short: "Show every profile: who, how long still, where kept, what is wrong",
		Long: `Show the state of every profile, or of one: who is signed in, for how long its
tokens are good, where its secrets are kept and what is wrong. This never asks
Cognito, and starts no agent.`,
		Example:           `  cogtok status --output json | jq -r '.profiles[] | select(.state != "signed-in").profile'`,
		Args:              positional(0, "PROFILE"),
		ValidArgsFunction: a.completeProfile,
		RunE: func(cmd *cobra.Command, args []string) error {
			profile := ""
			if len(args) > 0 || cmd.Flags().Changed("profile") {
				profile = a.profileOf(args)
			}
			return a.status(cmd, profile, output)
		},
	}
	addOutput(cmd, &output)
	return cmd
}

// addOutput defines --output of the commands that print a table for people.
func addOutput(cmd *cobra.Command, output *string) {
	cmd.Flags().StringVarP(output, "output", "o", "table", "table or json")
	cmd.RegisterFlagCompletionFunc("output", completeWords(outputs()))
}

func outputs() []string { return []string{"table", "json"} }

func (a *app) status(cmd *cobra.Command, profile, output string) error {
	if err := oneOf(cmd, "output", output, outputs()); err != nil {
		return err
	}
	s, err := a.readStatus(cmd.Context(), profile)
	if err != nil {
		return err
	}
	if err := a.answerAs(output, s, statusTable(s, time.Now())); err != nil {
		return err
	}
	a.problems(s)
	return nil
}

// readStatus asks the agent, or reads the config when no agent runs: there is
// no session then that could have a state.
func (a *app) readStatus(ctx context.Context, profile string) (agent.Status, error) {
	conn, err := a.running(ctx)
	if err != nil {
		return agent.Status{}, err
	}
	if conn != nil {
		defer conn.close()
		s, err := conn.Status(ctx, conn.caller, agent.StatusRequest{Profile: profile})
		if agent.KindOf(err) != agent.KindUnreachable {
			return s, err
		}
	}
	a.note("no agent is running; the next cogtok token or login starts one")
	return a.statusOfConfig(profile)
}

func (a *app) statusOfConfig(profile string) (agent.Status, error) {
	config, err := a.loadConfig()
	if err != nil {
		return agent.Status{}, err
	}
	s := agent.Status{Version: 1, Default: config.Default, Config: config.Path, Profiles: []agent.ProfileStatus{}}
	names := config.Names
	if profile != "" {
		if _, ok := config.Profiles[profile]; !ok {
			return s, unknownProfile(config, profile)
		}
		names = []string{profile}
	}
	for _, name := range names {
		s.Profiles = append(s.Profiles, unstarted(config.Profiles[name]))
	}
	return s, nil
}

func unstarted(p profiles.Profile) agent.ProfileStatus {
	return agent.ProfileStatus{
		Profile: p.Name, UserPoolID: p.UserPoolID, ClientID: p.ClientID, Username: p.Username,
		Auth: p.Auth, Store: p.Store, State: agent.StateUnknown,
	}
}

func statusTable(s agent.Status, now time.Time) string {
	rows := [][]string{{"PROFILE", "USER", "STATE", "TOKEN FOR", "KEPT IN", "PROBLEM"}}
	for _, p := range s.Profiles {
		name := p.Profile
		if name == s.Default {
			name += " (default)"
		}
		rows = append(rows, []string{name, orDash(userOf(p)), stateWord(p), tokenLeft(p, now), keptIn(p), p.Problem})
	}
	return table(rows)
}

// stateWord is a state as people say it. An app client doesn't sign in: it gets a
// token when one is asked for.
func stateWord(p agent.ProfileStatus) string {
	words := map[string]string{agent.StateSignedIn: "signed in", agent.StateSignedOut: "signed out", agent.StateReady: "no token yet"}
	if p.Auth == profiles.AuthClientCredentials {
		words[agent.StateSignedIn] = "has a token"
	}
	if word, ok := words[p.State]; ok {
		return word
	}
	return p.State
}

// tokenLeft is how long the token is good that expires first.
func tokenLeft(p agent.ProfileStatus, now time.Time) string {
	first := p.IDExpiresAt
	if first == nil || (p.AccessExpiresAt != nil && p.AccessExpiresAt.Before(*first)) {
		first = p.AccessExpiresAt
	}
	if first == nil {
		return "-"
	}
	return left(*first, now)
}

func keptIn(p agent.ProfileStatus) string {
	if p.Unpersisted {
		return p.Store + " (not saved yet)"
	}
	return p.Store
}

// problems tells what to do about what is wrong.
func (a *app) problems(s agent.Status) {
	if len(s.Profiles) == 0 && s.ConfigError == "" {
		a.note("there is no profile yet; run: cogtok profile add NAME")
	}
	if s.ConfigError != "" {
		lines := strings.Split(s.ConfigError, "\n")
		a.note("the config as it is now isn't in force: %s", lines[0])
		for _, line := range lines[1:] {
			a.note("%s", line)
		}
	}
	if s.Locked {
		a.note("the agent is locked; run: cogtok unlock")
	}
	for _, p := range s.Profiles {
		if p.Hint != "" {
			a.note("hint: %s: %s", p.Profile, p.Hint)
		}
	}
}
