//go:build unix

// Command bench times `cogtok token` on a warm session, and the start of
// cogtokd, beside other programs: an empty Go program and C's `true`, which say
// what starting a process costs here, and the clients of other agents where they
// are installed.
//
// All of them run in turn, in a new order each round, so that whatever else
// the machine does hits all alike. What is compared is the ratio within a round,
// and the median of these; medians of times alone would mix good minutes with
// bad ones.
//
//	go run ./internal/bench [-rounds N] [-check]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	rounds := flag.Int("rounds", 300, "how many times to run each program")
	check := flag.Bool("check", false, "exit with 1 when a target is missed or couldn't be measured")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	met, err := run(ctx, *rounds)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if *check && !met {
		os.Exit(1)
	}
}

// run prints the table and reports whether all targets were met.
func run(ctx context.Context, rounds int) (met bool, err error) {
	w, err := newWorld(ctx)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	fmt.Fprintln(os.Stderr, "bench: building the programs and starting the agents")
	programs, err := w.programs()
	if err != nil {
		return false, err
	}
	fmt.Fprintf(os.Stderr, "bench: %d rounds of %d programs\n", rounds, len(programs))
	times, err := measure(ctx, programs, w.env, rounds)
	if err != nil {
		return false, err
	}
	printTable(os.Stdout, programs, times)
	return printTargets(os.Stdout, times), nil
}

// programs prepares all that is measured. A peer that isn't installed is left
// out, with a note.
func (w *world) programs() ([]program, error) {
	var all []program
	for _, prepare := range []func() (program, error){
		w.cTrue, w.emptyGo, w.cogtokToken, w.cogtokdStart, w.sshAdd, w.oidcToken,
	} {
		p, err := prepare()
		var missing notInstalled
		if errors.As(err, &missing) {
			fmt.Fprintln(os.Stderr, "bench:", err)
			continue
		}
		if err == nil {
			err = w.try(p)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}
