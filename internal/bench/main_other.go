//go:build !unix

// Command bench times `cogtok token` beside other programs, on Unix systems.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: only Unix systems have what this compares with")
	os.Exit(1)
}
