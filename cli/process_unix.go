//go:build !windows

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// processRuns reports whether there is a process with that number that hasn't
// ended. One that ended and that its parent hasn't collected, as happens in
// containers without an init, counts as ended where the system tells. While it
// has a thread yet, its sockets may be open.
func processRuns(pid int) bool {
	if pid <= 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !isOver(stat)
}

// isOver reads proc_pid_stat(5), "PID (NAME) STATE …" where NAME may hold
// anything: whether all that is left is that its parent collects it.
func isOver(stat []byte) bool {
	const state, threads = 0, 17 // fields 3 and 20
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	return len(fields) > threads && string(fields[state]) == "Z" && len(fields[threads]) == 1 && fields[threads][0] <= '1'
}

// terminate asks a process to end; kill doesn't ask.
func terminate(pid int) error { return syscall.Kill(pid, syscall.SIGTERM) }
func kill(pid int) error      { return syscall.Kill(pid, syscall.SIGKILL) }

// managesServices reports whether a process is one that makes sockets for
// others, and so no agent, whatever it listens on.
func managesServices(pid int) bool {
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return pid == 1 || strings.TrimSpace(string(name)) == "systemd"
}
