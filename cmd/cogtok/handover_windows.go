package main

import (
	"os"
	"os/signal"
)

const extension = ".exe"

// handOver runs the full client, waits for it and returns its exit status:
// Windows has no exec. Ctrl-C reaches both; the full client decides what it means.
func handOver(args []string) int {
	path, err := sibling()
	if err != nil {
		return noSibling(path, err)
	}
	signal.Ignore(os.Interrupt)
	child, err := os.StartProcess(path, fullArgs(args), &os.ProcAttr{
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
	})
	if err != nil {
		return noSibling(path, err)
	}
	state, err := child.Wait()
	if err != nil {
		return noSibling(path, err)
	}
	return state.ExitCode()
}
