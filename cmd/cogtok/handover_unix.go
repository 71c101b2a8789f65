//go:build unix

package main

import (
	"os"
	"syscall"
)

const extension = ""

// handOver becomes the full client. It returns the exit status if it can't.
func handOver(args []string) int {
	path, err := sibling()
	if err == nil {
		err = syscall.Exec(path, fullArgs(args), os.Environ())
	}
	return noSibling(path, err)
}
