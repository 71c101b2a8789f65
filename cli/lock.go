package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cogtok/cogtok/agent"
)

func lockCommand(a *app) *cobra.Command {
	cmd := simple("lock", "Hand out no tokens until \"cogtok unlock\"", "  swayidle -w before-sleep 'cogtok lock'", a.lock)
	cmd.Long = `Lock the agent: until "cogtok unlock" it hands out no tokens, uses no secret and
keeps nothing in memory that a store can give back. Nobody is signed out. It
stays locked when it is started anew.`
	return cmd
}

func (a *app) lock(ctx context.Context) error {
	conn, err := a.connect(ctx, askNever)
	if err != nil {
		return err
	}
	defer conn.close()
	if _, err := conn.Lock(ctx, conn.caller, agent.None{}); err != nil {
		return err
	}
	a.note("the agent is locked")
	return nil
}

func unlockCommand(a *app) *cobra.Command {
	var stdin bool
	cmd := &cobra.Command{
		Use:   "unlock",
		Short: "Hand out tokens again, and open the store that needs a passphrase",
		Long: `Unlock the agent after "cogtok lock", and give "store: file" its passphrase
where that is missing: from passphrase_command, else it is asked for. The keychain
needs none: it is read again, and may ask for its own password.`,
		Example:           "  pass show cogtok | cogtok unlock --passphrase-stdin",
		Args:              noSecretArgs(0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return a.unlock(cmd, stdin) },
	}
	cmd.Flags().BoolVar(&stdin, "passphrase-stdin", false, "read the passphrase from standard input")
	return cmd
}

func (a *app) unlock(cmd *cobra.Command, stdin bool) (err error) {
	ctx := cmd.Context()
	var request agent.UnlockRequest
	if stdin {
		if request.Passphrase, err = a.pipedSecret(cmd, "passphrase"); err != nil {
			return err
		}
	}
	conn, err := a.connect(ctx, askAlways)
	if err != nil {
		return err
	}
	defer conn.close()
	if _, err := conn.Unlock(ctx, conn.caller, request); err != nil {
		return err
	}
	a.note("the agent is unlocked")
	return nil
}

// pipedSecret reads the secret that --what-stdin says is on standard input.
func (a *app) pipedSecret(cmd *cobra.Command, what string) (agent.Secret, error) {
	if isTerminal(a.Stdin) {
		return agent.Secret{}, usage(cmd, "--%s-stdin reads a pipe or a file, and standard input is a terminal", what).
			WithHint("leave --%s-stdin out to be asked for the %s", what, what)
	}
	return a.secretFromStdin(cmd.Context())
}
