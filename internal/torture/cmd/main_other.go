//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "torture: the rigs look into /proc, which only Linux has")
	os.Exit(1)
}
