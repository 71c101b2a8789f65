//go:build !windows

package torture

import (
	"os/exec"
	"syscall"
)

// detach keeps a command from the terminal.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
