// Command cmd runs all rigs of package torture and prints one table: each
// figure, its target, and what was measured. It ends with status 1 if a target
// is missed that must be met; these are in bold type.
//
//	go run ./internal/torture/cmd [-full] [-only S7,S8]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cogtok/cogtok/internal/torture"
)

func main() {
	torture.Child()
	full := flag.Bool("full", false, "run all as often as the targets mean it, which takes hours")
	only := flag.String("only", "", "run only these, such as S7,S8")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var ids []string
	if *only != "" {
		ids = strings.Split(*only, ",")
	}
	ok, err := run(ctx, torture.Setup{Full: *full}, ids)
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
	}
	if !ok {
		os.Exit(1)
	}
}

// run prints the table and reports whether what must be met is.
func run(ctx context.Context, s torture.Setup, only []string) (ok bool, err error) {
	dir, err := os.MkdirTemp("", "cogtok-torture")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	s.Programs, s.Crashing = filepath.Join(dir, "bin"), filepath.Join(dir, "crashing")
	fmt.Fprintln(os.Stderr, "torture: building the programs")
	err = errors.Join(os.Mkdir(s.Programs, 0o700), os.Mkdir(s.Crashing, 0o700),
		torture.BuildPrograms(ctx, s.Programs), torture.BuildPrograms(ctx, s.Crashing, "failpoints"))
	if err != nil {
		return false, err
	}
	rows := torture.RunAll(ctx, s, only, os.Stderr)
	missed, musts := torture.Print(os.Stdout, rows)
	fmt.Fprintf(os.Stderr, "torture: %d of %d targets were missed, %d that must be met\n", missed, len(rows), musts)
	return musts == 0 && ctx.Err() == nil, ctx.Err()
}
