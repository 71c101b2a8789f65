//go:build unix

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"syscall"
	"time"
)

// warmUp is the number of rounds that don't count.
const warmUp = 5

// times holds how long each run of each program took, by the program's name
// and then by round.
type times map[string][]time.Duration

// measure runs the programs in turn.
func measure(ctx context.Context, programs []program, env []string, rounds int) (times, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // this program's own collector is kept out
	attr := &syscall.ProcAttr{Env: env, Files: []uintptr{null.Fd(), null.Fd(), null.Fd()}}
	all := times{}
	for round := range warmUp + rounds {
		for _, i := range rand.Perm(len(programs)) {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			took, err := runOnce(programs[i], attr)
			if err != nil {
				return nil, err
			}
			if round >= warmUp {
				all[programs[i].name] = append(all[programs[i].name], took)
			}
		}
	}
	return all, nil
}

// runOnce returns the time from before the fork to the end of the program.
// (Package os/exec would add goroutines and pipes of its own.)
func runOnce(p program, attr *syscall.ProcAttr) (time.Duration, error) {
	start := time.Now()
	pid, err := syscall.ForkExec(p.argv[0], p.argv, attr)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.name, err)
	}
	var status syscall.WaitStatus
	for {
		_, err = syscall.Wait4(pid, &status, 0, nil)
		if err != syscall.EINTR {
			break
		}
	}
	took := time.Since(start)
	if err != nil || status != 0 {
		return 0, fmt.Errorf("%s ended with status %d, signal %d: %v", p.name, status.ExitStatus(), status.Signal(), err)
	}
	return took, nil
}
