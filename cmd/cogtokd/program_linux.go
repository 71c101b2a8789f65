package main

import "os"

// runningProgram looks at the very file that runs, whatever its path means now.
func runningProgram(string) (os.FileInfo, error) { return os.Stat("/proc/self/exe") }
