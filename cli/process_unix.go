//go:build !windows

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// processRuns reports whether there is a process with that number that hasn't
// ended. One that ended and that its parent hasn't collected, as happens in
// containers without an init, counts as ended where the system tells.
func processRuns(pid int) bool {
	if pid <= 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	// "PID (NAME) STATE …", proc_pid_stat(5); NAME may hold anything.
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	at := bytes.LastIndexByte(stat, ')')
	return err != nil || at < 0 || !bytes.HasPrefix(stat[at:], []byte(") Z"))
}

// terminate asks a process to end; kill doesn't ask.
func terminate(pid int) error { return syscall.Kill(pid, syscall.SIGTERM) }
func kill(pid int) error      { return syscall.Kill(pid, syscall.SIGKILL) }
