package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/adrg/xdg"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/cognito"
	"github.com/cogtok/cogtok/profiles"
)

// closeTimeout is how long work that is under way has when the agent ends,
// such as storing a refresh token that has just come in.
const closeTimeout = 10 * time.Second

// runAgent is the agent's life. It returns the exit status: 0 also for one
// that finds another agent running.
func runAgent(args []string) int {
	f, status, ok := parseFlags(args)
	if !ok {
		return status
	}
	ready := openReady(f.readyFD)
	defer ready.close()
	confine()
	if err := os.Chdir(root()); err != nil {
		return ready.failed(agent.Errorf(agent.KindInternal, "can't go to %s: %v", root(), err))
	}
	listener, release, err := agent.Listen(f.socket)
	if errors.Is(err, agent.ErrAlreadyRunning) {
		return ready.busy()
	}
	if err != nil {
		return ready.failed(err)
	}
	defer release() // last of all: the next agent must find what this one has stored
	serve(f, listener, ready)
	return 0
}

// serve answers until it is told to stop.
func serve(f flags, listener net.Listener, ready *readyPipe) {
	stateDir := filepath.Join(xdg.StateHome, "cogtok")
	log := openLog(stateDir)
	defer log.close()
	ctx, stop := stopOnSignal(context.Background())
	defer stop()

	idle := newIdleness(stop)
	defer idle.end()
	memory := newMemory()
	defer memory.end()
	keeper := session.New(session.Config{
		Load:     func() (profiles.Config, error) { return profiles.Load(f.config) },
		Path:     f.config,
		Provider: cognito.New(cognito.Config{Logf: log.printf}),
		Vaults:   openVaults(stateDir, log),
		StateDir: stateDir,
		Clock:    session.SystemClock(),
		Stop:     stop,
		Renewed:  memory.used,
		Logf:     log.printf,
		Version: agent.Version{
			Version: programVersion(), Protocol: agent.Protocol, ProtocolMin: agent.Protocol,
			PID: os.Getpid(), StartedAt: time.Now().UTC().Truncate(time.Second),
			Config: f.config, Socket: f.socket, Log: log.path,
		},
	})
	reloadOnSignal(ctx, keeper, log)
	server := &agent.Server{
		Agent:     &watched{Agent: keeper, log: log, idle: idle, memory: memory, limit: keeper.IdleExit},
		Config:    f.config,
		AllowRoot: keeper.AllowRoot,
		Logf:      log.printf,
	}
	idle.begin(keeper.IdleExit())
	log.printf("cogtokd %s serves %s", programVersion(), f.socket)
	ready.ok()
	if err := server.Serve(ctx, listener); err != nil {
		log.printf("accepting connections: %v", err)
	}
	closing, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	keeper.Close(closing)
	log.printf("cogtokd ends")
}

// programVersion is set by the linker; else it is what `go install` has noted.
func programVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown"
	}
	return info.Main.Version
}

var version string // -ldflags "-X main.version=…"

// complain says on standard error what went wrong, and what to do about it.
func complain(err error) {
	e := agent.AsError(err)
	fmt.Fprintf(os.Stderr, "cogtokd: %s\n", e.Message)
	if e.Hint != "" {
		fmt.Fprintf(os.Stderr, "cogtokd: hint: %s\n", e.Hint)
	}
}
