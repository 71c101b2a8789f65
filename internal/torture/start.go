//go:build !windows

package torture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// StartFigures are what a crowd saw that found no agent.
type StartFigures struct {
	Figures
	Kills int // of agents, by SIGKILL
}

// Start has so many clients ask for a token at once, round after round. Every
// other round begins with a socket that a killed agent has left, and in every
// fourth the new agent is killed while the clients wait. None may fail, and one
// agent has to be left. It needs /proc.
func Start(ctx context.Context, programs string, clients, rounds int) (f StartFigures, err error) {
	w, err := NewWorld(programs, "file")
	if err != nil {
		return f, err
	}
	defer w.Close()
	if err := w.SignIn(ctx, "prod"); err != nil {
		return f, err
	}
	for round := range rounds {
		if round%2 == 0 {
			err = w.kill(&f)
		} else {
			_, err = w.Run(ctx, "", "agent", "stop")
		}
		if err != nil {
			return f, err
		}
		crowd, err := gather(ctx, w.Socket, "start", clients, startsPerProcess)
		if err != nil {
			return f, err
		}
		var killed error
		killing := make(chan struct{})
		go func() {
			defer close(killing)
			if round%4 == 1 {
				time.Sleep(50*time.Millisecond + rand.N(300*time.Millisecond))
				killed = w.kill(&f)
			}
		}()
		seen, last := crowd.end() // which is when they begin
		<-killing
		f.Figures.add(seen)
		if round%4 == 1 && last == nil { // the kill may have come when all had their tokens
			_, last = w.Run(ctx, "", "token", "prod")
		}
		if err := errors.Join(killed, last, w.oneAgent()); err != nil {
			return f, fmt.Errorf("round %d: %w", round+1, err)
		}
	}
	return f, nil
}

// kill kills the agent, if one runs, and leaves its socket.
func (w *World) kill(f *StartFigures) error {
	pids, err := w.Agents()
	for _, text := range pids {
		if pid, e := strconv.Atoi(text); e == nil && syscall.Kill(pid, syscall.SIGKILL) == nil {
			f.Kills++
		}
	}
	return err
}

// oneAgent makes sure that one agent is left. One that has lost the race may
// take a moment to end.
func (w *World) oneAgent() error {
	var pids []string
	var err error
	for range 100 {
		if pids, err = w.Agents(); err != nil || len(pids) == 1 {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("%d agents run: %v", len(pids), pids)
}

// startAll has clients run `cogtok token prod` when stop ends.
func startAll(stop context.Context, socket string, clients int, ready func()) Figures {
	home := filepath.Dir(filepath.Dir(filepath.Dir(socket))) // as in NewWorld
	ready()
	<-stop.Done()
	return together(clients, func(int) (f Figures) {
		cmd := exec.Command(filepath.Join(home, "bin", "cogtok"), "token", "prod")
		var errOut bytes.Buffer
		cmd.Env, cmd.Dir, cmd.Stderr = environment(home), home, &errOut
		detach(cmd)
		began := time.Now()
		err := cmd.Run()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(errOut.Bytes()))
		}
		f.note(time.Since(began), err)
		return f
	})
}

// IdleExit calls again and again in the very moments in which the agent ends
// because nobody has called. No call may fail for that.
func IdleExit(ctx context.Context, programs string, calls int) (f Figures, err error) {
	w, err := NewWorld(programs, "memory")
	if err != nil {
		return f, err
	}
	defer w.Close()
	const limit = time.Second // the shortest that the config takes
	path := w.Home + "/config/cogtok/config.yaml"
	config, err := os.ReadFile(path)
	if err != nil {
		return f, err
	}
	if err := os.WriteFile(path, append(config, "agent: {idle_exit: 1s}\n"...), 0o600); err != nil {
		return f, err
	}
	for i := range calls {
		began := time.Now()
		if i%2 == 0 {
			_, err = w.Run(ctx, "", "secret", "list", "prod")
		} else {
			_, err = w.Run(ctx, "", "token", "prod")
		}
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == 3 {
			err = nil // nobody is signed in: that is an answer
		}
		f.note(time.Since(began), err)
		time.Sleep(limit - 15*time.Millisecond + rand.N(20*time.Millisecond))
	}
	return f, nil
}
