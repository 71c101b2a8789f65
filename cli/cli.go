// Package cli holds the commands behind the thin client: what is said to the
// terminal, the formats of the answers, and how an agent is started when none
// runs. It asks the agent for everything; it holds no session and no secret
// longer than a prompt takes.
//
// Each command is a function in a file of its own that returns a
// *cobra.Command; [commands] lists them. The answer goes to standard output in
// one write, questions go to the terminal itself, all else goes to standard
// error as "cogtok: …".
package cli

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// IO is the world that a command sees.
type IO struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	// Getenv reads a variable; "" means that it isn't set.
	Getenv func(string) string
	// Version of the program.
	Version string
	// Executable is the agent's program, started when no agent answers. When
	// empty it is the running program itself.
	Executable string
}

// System returns the IO of this process.
func System(version string) IO {
	return IO{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Version: version}
}

// Run runs the command that args name, without the program's name, and
// returns its exit status. It returns early, with 128 and the signal's number,
// when the process is interrupted.
func Run(ctx context.Context, args []string, env IO) int {
	ctx, stop := withSignals(ctx)
	defer stop()
	a := &app{IO: env}
	defer a.close()
	root := rootCommand(a)
	root.SetArgs(append([]string{}, args...)) // never nil: cobra would take os.Args
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	return a.report(ctx, root.ExecuteContext(ctx))
}

// commands is the table of commands, in the order of the help.
func commands(a *app) []*cobra.Command {
	return []*cobra.Command{
		tokenCommand(a),
		headersCommand(a),
		loginCommand(a),
		logoutCommand(a),
		lockCommand(a),
		unlockCommand(a),
		statusCommand(a),
		whoamiCommand(a),
		profileCommand(a),
		secretCommand(a),
		deviceCommand(a),
		agentCommand(a),
		demoCommand(a),
		versionCommand(a),
	}
}

func rootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "cogtok",
		Short: "Tokens of Amazon Cognito user pools, from an agent that keeps you signed in",
		Long: `cogtok is to Amazon Cognito user pools what ssh-agent is to SSH keys: sign in
once, and an agent hands out tokens and renews them.`,
		Example: `  curl -H "Authorization: $(cogtok token prod)" "$APPSYNC_URL" -d '{"query":"{ listPosts { id } }"}'`,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
		PersistentPreRunE: a.prepare,
		SilenceErrors:     true,
		SilenceUsage:      true,
	}
	addCommonFlags(a, root)
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(helpCommand())
	root.AddCommand(commands(a)...)
	return root
}

// helpCommand is cobra's own, but for a topic that isn't there.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Help about a command",
		Example: "  cogtok help token",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			target, _, err := cmd.Root().Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []string
			for _, c := range target.Commands() {
				if c.IsAvailableCommand() {
					names = append(names, c.Name()+"\t"+c.Short)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			target, rest, err := cmd.Root().Find(args)
			if err != nil || (len(rest) > 0 && target.HasSubCommands()) {
				return unknownCommand(cmd.Root(), args[0])
			}
			target.InitDefaultHelpFlag()
			return target.Help()
		},
	}
}

// group is a command that only holds others.
func group(use, short, example string, subcommands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:     use,
		Short:   short,
		Example: example,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return missingCommand(cmd)
		},
	}
	cmd.AddCommand(subcommands...)
	return cmd
}
