//go:build !windows

package cli

import (
	"os/exec"
	"syscall"
)

// detach lets what cmd starts outlive this process: in a session of its own
// Ctrl-C at the terminal doesn't reach it.
func detach(cmd *exec.Cmd) {
	keepDescriptors()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
}
