package main

import (
	"context"

	"github.com/cogtok/cogtok/agent"
)

// reloadOnSignal does nothing: Windows has no SIGHUP.
func reloadOnSignal(context.Context, agent.Agent, *logbook) {}
