//go:build !windows

package torture

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/cogtok/cogtok/agent"
)

// StopFigures are what calls in flight saw of the end of an agent.
type StopFigures struct {
	Answered     int
	ShuttingDown int
	Lost         int           // without an answer, or with another error
	Took         time.Duration // from SIGTERM to the last answer
	Errors       []string
}

// Stop sends SIGTERM to an agent with so many calls in flight, of at most 60,
// each of which needs upstream so long. Every call has to be answered within five
// seconds, by a token or by "shutting down"; the socket has to be gone, and the
// session that comes of the calls to be kept.
func Stop(ctx context.Context, programs string, calls int, upstream time.Duration) (f StopFigures, err error) {
	w, err := NewWorld(programs, "file")
	if err != nil {
		return f, err
	}
	defer w.Close()
	if _, err := w.Run(ctx, password, "secret", "set", "rotating", "password"); err != nil {
		return f, err
	}
	v, err := w.Agent(ctx)
	if err != nil {
		return f, err
	}
	w.Server.ResetCalls()
	w.Server.Delay("", upstream)
	var mu sync.Mutex
	var all sync.WaitGroup
	var stopped time.Time
	for range calls {
		c, err := agent.Dial(ctx, w.Socket)
		if err != nil {
			return f, err
		}
		all.Go(func() {
			defer c.Close()
			_, err := c.Token(ctx, agent.Caller{}, agent.TokenRequest{Profile: "rotating"})
			mu.Lock()
			defer mu.Unlock()
			f.note(err, stopped)
		})
	}
	time.Sleep(min(upstream/2, 500*time.Millisecond)) // all have been read
	mu.Lock()
	stopped = time.Now()
	mu.Unlock()
	if err := syscall.Kill(v.PID, syscall.SIGTERM); err != nil {
		return f, err
	}
	all.Wait()
	return f, w.afterStop(ctx, f)
}

func (f *StopFigures) note(err error, stopped time.Time) {
	switch {
	case err == nil:
		f.Answered++
	case agent.KindOf(err) == agent.KindShuttingDown:
		f.ShuttingDown++
	default:
		if f.Lost++; f.Lost <= 5 {
			f.Errors = append(f.Errors, err.Error())
		}
	}
	if !stopped.IsZero() {
		f.Took = max(f.Took, time.Since(stopped))
	}
}

// afterStop looks at what the agent has left.
func (w *World) afterStop(ctx context.Context, f StopFigures) error {
	err := until(ctx, func() bool {
		pids, err := w.Agents()
		return err != nil || len(pids) == 0
	})
	if err != nil {
		return fmt.Errorf("the agent doesn't end: %w", err)
	}
	if _, err := os.Lstat(w.Socket); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the socket is there still (%v)", err)
	}
	if f.Answered == 0 {
		return nil
	}
	w.Server.Delay("", 0)
	w.Server.ResetCalls()
	if _, err := w.Run(ctx, "", "token", "rotating"); err != nil {
		return err
	}
	if n := w.Server.Count("InitiateAuth"); n != 0 {
		return fmt.Errorf("the session was not kept: %d sign-ins after the restart", n)
	}
	return nil
}

// until waits for up to 20 seconds.
func until(ctx context.Context, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for !done() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}
