// Cogtokd is cogtok's agent: it holds the sessions of a user's profiles and
// hands out their tokens on a socket. `cogtokd cli …` is the full client, which
// starts an agent when none runs.
//
// This is the only place where all parts meet. runAgent reads from top to
// bottom in the order in which things happen; the order matters.
package main

import (
	"context"
	"os"

	"github.com/cogtok/cogtok/cli"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	hide()
	if len(args) > 0 && args[0] == "cli" {
		return cli.Run(context.Background(), args[1:], cli.System(programVersion()))
	}
	return runAgent(args)
}
