//go:build !windows

package session

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// killWhole makes the end of a command's time the end of all that it has started:
// the group of processes that it leads. It has a session of its own, so that it
// can't wait for a terminal either.
func killWhole(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
}
