//go:build !windows

package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"time"

	"github.com/cogtok/cogtok/agent"
)

// UpgradeFigures are what clients saw of upgrades.
type UpgradeFigures struct {
	Figures
	// Pause is the longest time for which nobody was let in, as the agent says.
	Pause time.Duration
}

// Upgrade replaces cogtokd in a running agent's place so many times, while
// clients ask for tokens, and has a new program take over each time. No call may
// fail, and none may ask Cognito for anything: the new one is as warm as the old.
func Upgrade(ctx context.Context, programs string, clients, upgrades int) (f UpgradeFigures, err error) {
	w, err := NewWorld(programs, "memory")
	if err != nil {
		return f, err
	}
	defer w.Close()
	if err := w.SignIn(ctx, "prod"); err != nil {
		return f, err
	}
	first, err := w.Agent(ctx)
	if err != nil {
		return f, err
	}
	w.Server.ResetCalls()
	all, err := gather(ctx, w.Socket, "loop", clients, perProcess)
	if err != nil {
		return f, err
	}
	for i := 0; i < upgrades && err == nil; i++ {
		time.Sleep(100*time.Millisecond + rand.N(100*time.Millisecond))
		if err = w.upgrade(ctx, first.PID); err != nil {
			err = fmt.Errorf("upgrade %d: %w; log:\n%s", i+1, err, w.Log())
		}
	}
	seen, ended := all.end()
	f = UpgradeFigures{seen, w.longestPause()}
	if err == nil {
		err = ended
	}
	if n := w.Server.Count(""); err == nil && n != 0 {
		err = fmt.Errorf("%d calls went to Cognito", n)
	}
	return f, err
}

// longestPause is what the agent's log says.
func (w *World) longestPause() (longest time.Duration) {
	for _, m := range regexp.MustCompile(`took over from .* in ([0-9.a-zµ]+)`).FindAllStringSubmatch(w.Log(), -1) {
		if d, err := time.ParseDuration(m[1]); err == nil {
			longest = max(longest, d)
		}
	}
	return longest
}

// upgrade replaces the program, asks the agent to look, and waits for the new
// one.
func (w *World) upgrade(ctx context.Context, pid int) error {
	if err := w.Replace(); err != nil {
		return err
	}
	before, err := w.Agent(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		if done, err := w.tookOver(ctx, pid, before); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// tookOver reports whether there is another program than before; it asks for it.
func (w *World) tookOver(ctx context.Context, pid int, before agent.Version) (bool, error) {
	c, err := agent.Dial(ctx, w.Socket)
	if err != nil {
		return false, err
	}
	defer c.Close()
	if _, err := c.Upgrade(ctx, agent.Caller{}, agent.None{}); err != nil {
		return false, err
	}
	now, err := c.Version(ctx, agent.Caller{}, agent.None{})
	switch {
	case err != nil:
		return false, err
	case now.PID != pid:
		return false, fmt.Errorf("process %d answers instead of %d", now.PID, pid)
	}
	return now.Takeovers > before.Takeovers, nil
}
