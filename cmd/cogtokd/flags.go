package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/socketpath"
	"github.com/cogtok/cogtok/profiles"
)

const usage = `Cogtokd is cogtok's agent. The commands of cogtok start it when they need it.

Usage: cogtokd [--socket PATH] [--config PATH] [--ready-fd N]
       cogtokd --version
       cogtokd --self-test       say whether this program can take over from an agent
       cogtokd cli COMMAND…      the full client, see: cogtok help

`

// flags are the agent's flags; both paths are absolute.
type flags struct {
	socket  string
	config  string
	readyFD int // where to say that the agent is ready; -1: nowhere
	activation
	// takeOver is what a predecessor has left; -1: there was none.
	takeOver int
}

// parseFlags returns the flags. When ok is false there is nothing more to do
// than to end with the exit status.
func parseFlags(args []string) (f flags, status int, ok bool) {
	set := flag.NewFlagSet("cogtokd", flag.ContinueOnError)
	set.Usage = func() {
		fmt.Fprint(set.Output(), usage)
		set.PrintDefaults()
	}
	set.StringVar(&f.socket, "socket", environment("COGTOK_SOCKET", socketpath.Default()), "the `path` of the socket")
	set.StringVar(&f.config, "config", environment("COGTOK_CONFIG", profiles.DefaultPath()), "the `path` of the config")
	set.IntVar(&f.readyFD, "ready-fd", -1, "the `number` of a descriptor where to say that the agent is ready")
	set.IntVar(&f.takeOver, "take-over", -1, "the `number` of a descriptor that the agent had that becomes this one")
	f.addFlags(set)
	selfTest := set.Bool("self-test", false, "say that this program runs, and can take over from an agent")
	showVersion := set.Bool("version", false, "print the version")
	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return f, 0, false
	case err != nil: // the set has told it
		return f, int(agent.CodeUsage), false
	case *showVersion:
		fmt.Println("cogtokd", programVersion())
		return f, 0, false
	case *selfTest:
		fmt.Println(fitness())
		return f, 0, false
	case set.NArg() > 0:
		complain(agent.Errorf(agent.KindUsage, "unknown argument %q", set.Arg(0)).WithHint("run: cogtokd --help"))
		return f, int(agent.CodeUsage), false
	}
	config, err := filepath.Abs(f.config)
	if err != nil {
		complain(agent.Errorf(agent.KindUsage, "the config's path is relative, and the current directory is not to be found"))
		return f, int(agent.CodeUsage), false
	}
	f.config = config
	return f, 0, true
}

func environment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
