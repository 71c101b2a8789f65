//go:build unix

package main

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
)

const stopSignal = syscall.SIGTERM

func reload(p *os.Process) { p.Signal(syscall.SIGHUP) }

// A second signal ends an agent that waits for its calls.
func TestSecondSignal(t *testing.T) {
	h := newHome(t)
	h.config("version: 1\nstore: file\nprofiles:\n  prod: {user_pool_id: us-east-1_AbCdEf123, client_id: c, username: rob}\n")
	p := h.running()
	c := h.client()
	asked := make(chan struct{})
	go c.Login(t.Context(), agent.Caller{Prompter: silent{asked}}, agent.LoginRequest{})
	<-asked
	p.Process.Signal(syscall.SIGTERM)
	time.Sleep(200 * time.Millisecond)
	began := time.Now()
	p.Process.Signal(syscall.SIGTERM)
	p.end()
	if took := time.Since(began); took > time.Second {
		t.Errorf("took %v", took)
	}
	h.running() // the lock is free
}

// Started with its streams closed, the agent doesn't take the socket or a file
// for one of them.
func TestClosedStreams(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh")
	}
	h := newHome(t)
	cmd := exec.Command(shell, "-c", `exec "$0" <&- >&- 2>&-`, os.Args[0])
	cmd.Env = h.env
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	for range 500 {
		c, err := agent.Dial(t.Context(), h.sock)
		if err == nil {
			defer c.Close()
			if _, err := c.Status(t.Context(), agent.Caller{}, agent.StatusRequest{}); err != nil {
				t.Error(err)
			}
			checkStreams(t, cmd.Process.Pid)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the agent does not come up")
}

// checkStreams needs /proc, and the right to look into it.
func checkStreams(t *testing.T, pid int) {
	t.Helper()
	for fd := range 3 {
		target, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/fd/" + strconv.Itoa(fd))
		if err == nil && !strings.HasPrefix(target, "/dev/null") {
			t.Errorf("descriptor %d is %s", fd, target)
		}
	}
}

func ownerOf(info os.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// silent never answers.
type silent struct{ asked chan struct{} }

func (s silent) Ask(ctx context.Context, _ agent.Prompt) (agent.Secret, error) {
	close(s.asked)
	<-ctx.Done()
	return agent.Secret{}, ctx.Err()
}
