//go:build unix

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/cogtok/cogtok/agent"
)

// hangUps is where SIGHUPs come in.
type hangUps chan os.Signal

// ignore has SIGHUP ignored, which a new program goes on with until it
// listens for it itself.
func (h hangUps) ignore() { signal.Ignore(syscall.SIGHUP) }

func (h hangUps) listen() { signal.Notify(h, syscall.SIGHUP) }

// reloadOnSignal reads the config again at each SIGHUP, until ctx ends.
func reloadOnSignal(ctx context.Context, a agent.Agent, log *logbook) hangUps {
	hangUps := make(hangUps, 1)
	hangUps.listen()
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
	return hangUps
}
