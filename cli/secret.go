package cli

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/cogtok/cogtok/agent"
)

// maxSecret is the longest secret that is taken from standard input, in bytes.
const maxSecret = 16 << 10

func secretCommand(a *app) *cobra.Command {
	return group("secret", "Keep, delete or list passwords, client secrets and TOTP seeds",
		"  cogtok secret set prod password",
		secretSetCommand(a), secretDeleteCommand(a), secretListCommand(a))
}

func secretSetCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "set PROFILE " + strings.Join(agent.SecretKinds, "|"),
		Short: "Keep a secret in the profile's store",
		Long: `Keep a secret in the profile's store. Its value is asked for, or read from
standard input where that is no terminal: all of it, less one newline at the
end. It is never taken from the command line, which other programs can see and
the shell keeps.

A TOTP seed is what an authenticator app makes its codes of: letters and digits
that a site shows beside the QR code. With it the agent answers by itself when
Cognito asks for a code.`,
		Example:           "  pass show cognito/client | cogtok secret set prod client-secret",
		Args:              noSecretArgs(2, "PROFILE", "KIND"),
		ValidArgsFunction: a.completeSecret,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.setSecret(cmd, args[0], args[1])
		},
	}
}

func secretDeleteCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "delete PROFILE " + strings.Join(agent.SecretKinds, "|"),
		Short:             "Delete a secret from the profile's store",
		Example:           "  cogtok secret delete prod password",
		Args:              positional(2, "PROFILE", "KIND"),
		ValidArgsFunction: a.completeSecret,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.deleteSecret(cmd, args[0], args[1])
		},
	}
}

func secretListCommand(a *app) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:               "list [PROFILE]",
		Short:             "List the secrets that are kept, never their values",
		Example:           "  cogtok secret list",
		Args:              positional(0, "PROFILE"),
		ValidArgsFunction: a.completeProfile,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.listSecrets(cmd, strings.Join(args, ""), output)
		},
	}
	addOutput(cmd, &output)
	return cmd
}

func checkSecretKind(cmd *cobra.Command, kind string) error {
	if slices.Contains(agent.SecretKinds, kind) {
		return nil
	}
	return usage(cmd, "KIND is one of: %s", strings.Join(agent.SecretKinds, ", "))
}

func (a *app) setSecret(cmd *cobra.Command, profile, kind string) error {
	if err := checkSecretKind(cmd, kind); err != nil {
		return err
	}
	ctx := cmd.Context()
	value, err := a.secretValue(ctx, profile, kind)
	if err != nil {
		return err
	}
	if kind == agent.SecretTOTPSeed {
		value = tidySeed(value)
	}
	conn, err := a.connect(ctx, askAlways)
	if err != nil {
		return err
	}
	defer conn.close()
	_, err = conn.SetSecret(ctx, conn.caller, agent.SetSecretRequest{Profile: profile, Kind: kind, Value: value})
	if err != nil {
		return err
	}
	a.note("the %s of %s is kept", kind, profile)
	return nil
}

// secretValue reads a secret from standard input, or asks for it where that is
// a terminal.
func (a *app) secretValue(ctx context.Context, profile, kind string) (agent.Secret, error) {
	if !isTerminal(a.Stdin) {
		return a.secretFromStdin(ctx)
	}
	ask, err := a.mustAsk("the %s has to be typed", kind)
	if err != nil {
		return agent.Secret{}, err
	}
	defer ask.tty.close()
	value, err := ask.Ask(ctx, agent.Prompt{Kind: agent.PromptText, Text: secretWords()[kind] + " for " + profile})
	if err == nil && value.Empty() {
		return value, agent.Errorf(agent.KindPromptUnanswered, "nothing was typed")
	}
	return value, err
}

// secretWords are the kinds of secrets as people say them.
func secretWords() map[string]string {
	return map[string]string{
		agent.SecretPassword:     "Password",
		agent.SecretClientSecret: "Client secret",
		agent.SecretTOTPSeed:     "TOTP seed",
	}
}

// tidySeed is a seed in base32's own letters. Sites show it in lower case and in
// groups, for people to copy.
func tidySeed(seed agent.Secret) agent.Secret {
	return agent.NewSecret(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '-' {
			return -1
		}
		return unicode.ToUpper(r)
	}, seed.Reveal()))
}

func (a *app) deleteSecret(cmd *cobra.Command, profile, kind string) error {
	if err := checkSecretKind(cmd, kind); err != nil {
		return err
	}
	conn, err := a.connect(cmd.Context(), askAlways)
	if err != nil {
		return err
	}
	defer conn.close()
	_, err = conn.DeleteSecret(cmd.Context(), conn.caller, agent.SecretRequest{Profile: profile, Kind: kind})
	if err != nil {
		return err
	}
	a.note("no %s of %s is kept", kind, profile)
	return nil
}

func (a *app) listSecrets(cmd *cobra.Command, profile, output string) error {
	if err := oneOf(cmd, "output", output, outputs()); err != nil {
		return err
	}
	conn, err := a.connect(cmd.Context(), askAlways)
	if err != nil {
		return err
	}
	defer conn.close()
	list, err := conn.ListSecrets(cmd.Context(), conn.caller, agent.StatusRequest{Profile: profile})
	if err != nil {
		return err
	}
	rows := [][]string{{"PROFILE", "SECRET", "KEPT IN"}}
	for _, s := range list.Secrets {
		store := s.Store
		if s.From != "" {
			store += " (of " + s.From + ")"
		}
		rows = append(rows, []string{s.Profile, s.Kind, store})
	}
	return a.answerAs(output, list, table(rows))
}

// secretFromStdin reads all of standard input, less one newline at its end.
func (a *app) secretFromStdin(ctx context.Context) (agent.Secret, error) {
	type result struct {
		text []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		text, err := io.ReadAll(io.LimitReader(a.Stdin, maxSecret+1))
		read <- result{text, err}
	}()
	ctx, cancel := context.WithTimeout(ctx, agent.PromptTimeout)
	defer cancel()
	select {
	case r := <-read:
		return stdinSecret(r.text, r.err)
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return agent.Secret{}, agent.Errorf(agent.KindPromptUnanswered, "standard input didn't end within %s", agent.PromptTimeout)
		}
		return agent.Secret{}, ctx.Err()
	}
}

func stdinSecret(text []byte, err error) (agent.Secret, error) {
	switch {
	case err != nil:
		return agent.Secret{}, agent.Errorf(agent.KindUsage, "can't read standard input: %s", reason(err))
	case len(text) > maxSecret:
		return agent.Secret{}, agent.Errorf(agent.KindUsage, "standard input is too long for a secret: more than %d bytes", maxSecret)
	}
	value := agent.NewSecret(withoutNewline(string(text)))
	if value.Empty() {
		return agent.Secret{}, agent.Errorf(agent.KindUsage, "standard input is empty, and the secret was to come from there")
	}
	if flaw := value.Flaw(); flaw != "" {
		return agent.Secret{}, agent.Errorf(agent.KindUsage, "the secret on standard input %s", flaw)
	}
	return value, nil
}

// noSecretArgs is positional for commands that people may give a secret to.
func noSecretArgs(required int, names ...string) cobra.PositionalArgs {
	check := positional(required, names...)
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > len(names) {
			return usage(cmd, "a secret is never taken from the command line").
				WithHint("leave it out to be asked for it, or pipe it in; what you typed may be in your shell's history now")
		}
		return check(cmd, args)
	}
}

// completeSecret completes PROFILE KIND.
func (a *app) completeSecret(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return a.completeProfile(cmd, args, word)
	}
	if len(args) == 1 {
		return agent.SecretKinds, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// withoutNewline removes one line end, of Unix or of Windows.
func withoutNewline(s string) string {
	if before, ok := strings.CutSuffix(s, "\r\n"); ok {
		return before
	}
	return strings.TrimSuffix(s, "\n")
}
