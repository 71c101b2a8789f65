//go:build !windows

package cli

import (
	"errors"
	"syscall"
)

// processRuns reports whether there is a process with that number.
func processRuns(pid int) bool {
	return pid > 0 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}
