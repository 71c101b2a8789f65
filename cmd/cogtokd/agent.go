package main

import (
	"context"
	"errors"
	"fmt"
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
	stateDir := filepath.Join(xdg.StateHome, "cogtok")
	log := openLog(stateDir)
	defer log.close()
	seat, before, err := takeSeat(f, log)
	if errors.Is(err, agent.ErrAlreadyRunning) {
		return ready.busy()
	}
	if err != nil {
		return ready.failed(err)
	}
	defer seat.Leave() // last of all: the next agent must find what this one has stored
	if err := checkCrashes(stateDir, log.path); err != nil {
		return ready.failed(err)
	}
	serve(f, stateDir, log, seat, before, ready)
	return 0
}

// takeSeat makes this process the agent of its socket: the one that a
// predecessor has left it, or that systemd or launchd has made, or one of its own. before
// is what else a predecessor has left; nil: there was none.
func takeSeat(f flags, log *logbook) (_ *agent.Seat, before *inheritance, err error) {
	if f.takeOver >= 0 {
		seat, before, err := inherit(f)
		if err == nil {
			return seat, before, nil
		}
		log.printf("what the predecessor has left is of no use, and this is a start as any: %v", err)
		closeInherited()
	}
	socket, err := f.handedSocket()
	if err != nil {
		return nil, nil, err
	}
	if socket != nil {
		seat, err := agent.TakeSeatAt(f.socket, socket)
		return seat, nil, err
	}
	seat, err := agent.TakeSeat(f.socket)
	return seat, nil, err
}

// serve answers until it is told to stop.
func serve(f flags, stateDir string, log *logbook, seat *agent.Seat, before *inheritance, ready *readyPipe) {
	ctx, stop := stopOnSignal(context.Background())
	defer stop()

	idle := newIdleness(stop)
	defer idle.end()
	memory := newMemory()
	defer memory.end()
	upgrades := newUpgrader(log, stop)
	started, takeovers := before.since()
	keeper := session.New(session.Config{
		Load:     func() (profiles.Config, error) { return profiles.Load(f.config) },
		Path:     f.config,
		Provider: cognito.New(cognito.Config{Logf: log.printf}),
		Vaults:   openVaults(stateDir, log),
		StateDir: stateDir,
		Clock:    session.SystemClock(),
		Stop:     stop,
		Upgrade:  upgrades.ask,
		Renewed:  memory.used,
		Logf:     log.printf,
		Version: agent.Version{
			Version: programVersion(), Protocol: agent.Protocol, ProtocolMin: agent.ProtocolMin,
			PID: os.Getpid(), StartedAt: started, Takeovers: takeovers,
			Config: f.config, Socket: f.socket, Log: log.path,
		},
	})
	hangUps := reloadOnSignal(ctx, keeper, log)
	server := &agent.Server{
		Crowd:     memory.used,
		Agent:     &watched{Agent: keeper, log: log, idle: idle, memory: memory, upgrades: upgrades, limit: keeper.IdleExit},
		Config:    f.config,
		AllowRoot: keeper.AllowRoot,
		Logf:      log.printf,
	}
	idle.begin(keeper.IdleExit())
	log.printf("cogtokd %s serves %s", programVersion(), f.socket)
	before.hand(keeper, server, log)
	ready.ok()
	upgrades.serve(ctx, &estate{flags: f, seat: seat, server: server, keeper: keeper, hangUps: hangUps, started: started, takeovers: takeovers})
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
