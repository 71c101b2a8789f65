//go:build unix

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/cogtok/cogtok/agent"
)

// reloadOnSignal reads the config again at each SIGHUP, until ctx ends.
func reloadOnSignal(ctx context.Context, a agent.Agent, log *logbook) {
	hangUps := make(chan os.Signal, 1)
	signal.Notify(hangUps, syscall.SIGHUP)
	go func() {
		defer signal.Stop(hangUps)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangUps:
			}
			if _, err := a.Reload(ctx, agent.Caller{}, agent.None{}); err != nil {
				log.printf("reload failed: %v", err)
			}
		}
	}()
}
