package main

import (
	"context"

	"github.com/cogtok/cogtok/agent"
)

type hangUps struct{}

// reloadOnSignal does nothing: Windows has no SIGHUP.
func reloadOnSignal(context.Context, agent.Agent, *logbook) hangUps { return hangUps{} }
