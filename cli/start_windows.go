package cli

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/windows"
)

func sameVariable(a, b string) bool { return strings.EqualFold(a, b) }

// spawn runs program as an agent. Windows passes no extra descriptors; the
// caller finds out by dialing.
func spawn(_ context.Context, program string, args []string) (isNew bool, err error) {
	cmd := exec.Command(program, args...)
	cmd.Dir = os.Getenv("SYSTEMROOT")
	cmd.Env = agentEnvironment(os.Environ())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		CreationFlags: windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP,
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	return false, cmd.Process.Release()
}
