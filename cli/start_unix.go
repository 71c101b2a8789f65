//go:build !windows

package cli

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

func sameVariable(a, b string) bool { return a == b }

// spawn runs program as an agent and waits for what it says at the ready pipe.
func spawn(ctx context.Context, program string, args []string) (isNew bool, err error) {
	ready, write, err := os.Pipe()
	if err != nil {
		return false, err
	}
	defer ready.Close()
	keepDescriptors()
	cmd := exec.Command(program, append([]string{"--ready-fd", "3"}, args...)...)
	cmd.Dir = "/"
	cmd.Env = agentEnvironment(os.Environ())
	cmd.ExtraFiles = []*os.File{write}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	mask := syscall.Umask(0o077)
	err = cmd.Start()
	syscall.Umask(mask)
	write.Close()
	if err != nil {
		return false, err
	}
	ended := make(chan struct{})
	go func() { // so that one that ends leaves no zombie while this runs
		cmd.Wait()
		close(ended)
	}()
	stop := context.AfterFunc(ctx, func() { ready.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	isNew, err = readReady(ready)
	if err == errAgentDied && wasKilled(cmd, ended) {
		err = errAgentKilled
	}
	return isNew, err
}

// wasKilled reports whether a process that is about to end is one that somebody
// has killed. Its pipes are closed first.
func wasKilled(cmd *exec.Cmd, ended <-chan struct{}) bool {
	select {
	case <-ended:
		status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
		return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
	case <-time.After(time.Second):
		return false
	}
}

// keepDescriptors keeps what this process inherited beyond its standard
// streams from the agent: a pipe of the caller's, held open by an agent that
// lives for weeks, would never end.
func keepDescriptors() {
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		return
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}
