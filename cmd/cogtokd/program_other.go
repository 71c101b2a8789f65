//go:build !linux

package main

import "os"

// runningProgram looks at the file that was just started.
func runningProgram(path string) (os.FileInfo, error) { return os.Stat(path) }
