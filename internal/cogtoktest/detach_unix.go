//go:build !windows

package cogtoktest

import (
	"os/exec"
	"syscall"
)

// detachFromTerminal gives cmd a session of its own: a test that is run from a
// terminal must not have its programs ask there.
func detachFromTerminal(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
