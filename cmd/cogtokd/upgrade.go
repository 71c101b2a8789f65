package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/internal/printable"
)

// Upgrading.
//
// When the agent's own program was replaced on disk, the agent becomes the new
// one, by exec, and keeps its socket, lock, sessions and connections:
//
//  1. look finds another file at its own path, at the end of a call and every
//     lookEvery at most. It waits for the next look to find the same file: an
//     installer may be writing it. The protocol's upgrade doesn't wait.
//  2. The file has to be a program of the user's or of root that only they may
//     write, and to say itself that it can take over (--self-test).
//  3. At a moment when nobody is being asked anything and no session renewed,
//     agent.Server lets nobody in any more, answers what is in flight, and parks
//     the connections. Who connects queues up in the kernel.
//  4. inheritance_unix.go writes down what the new program has to know, where
//     nobody else can read it, and becomes it.
//
// Whatever goes wrong up to the exec, the agent serves on and tries again
// later. A new program that dies after that leaves what any crash leaves.

const (
	lookEvery    = 2 * time.Second
	putOff       = 30 * time.Second // after an upgrade that had to be given up
	testTimeout  = 5 * time.Second  // of a new program
	legacyLimit  = time.Second      // for a session that is being written
	fitnessWords = "takes over"
	// handoverVersion is that of inheritance, and of how it is passed on.
	handoverVersion = 1
)

// fitness is what --self-test prints.
func fitness() string {
	return fmt.Sprintf("cogtokd %s %s %d", programVersion(), fitnessWords, handoverVersion)
}

// An upgrader has a new program take over.
type upgrader struct {
	log  *logbook
	stop func() // where a process can't become another program
	self program

	next   atomic.Int64 // when to look again, Unix time in ns
	asking atomic.Int64 // questions to persons that are open

	testing sync.Mutex // one test at a time

	mu      sync.Mutex
	seen    os.FileInfo // another program than this one, at the last look
	refused os.FileInfo // one that can't take over
	why     error       // it can't
	fit     os.FileInfo // one that can
	version string      // of that
	estate  *estate     // nil: not serving yet
	begin   context.CancelCauseFunc
	after   time.Time // no attempt before
	handing time.Time // when the last attempt began
}

// An estate is what an agent has to leave to a successor.
type estate struct {
	flags   flags
	seat    *agent.Seat
	server  *agent.Server
	keeper  *session.Keeper
	hangUps hangUps

	started   time.Time // the first of all predecessors
	takeovers int
}

func newUpgrader(log *logbook, stop func()) *upgrader {
	return &upgrader{log: log, stop: stop, self: thisProgram()}
}

// serve answers until ctx ends, or until another program does.
func (u *upgrader) serve(ctx context.Context, e *estate) {
	for {
		serving, begin := context.WithCancelCause(ctx)
		u.mu.Lock()
		u.estate, u.begin = e, begin
		u.mu.Unlock()
		err := e.server.Serve(serving, e.seat.Listener())
		handsOver := context.Cause(serving) == agent.ErrHandOver
		begin(nil)
		if !handsOver {
			if err != nil {
				u.log.printf("accepting connections: %v", err)
			}
			return
		}
		if err == nil {
			err = u.become(ctx, e)
		}
		u.log.printf("the upgrade is put off: %v", err)
	}
}

// become becomes the new program. It returns when that failed.
func (u *upgrader) become(ctx context.Context, e *estate) error {
	if ctx.Err() != nil {
		return errors.New("the agent is to stop")
	}
	now, err := u.self.onDisk()
	if err != nil {
		return err
	}
	u.mu.Lock()
	tested := sameProgram(u.fit, now)
	u.mu.Unlock()
	if !tested {
		return errors.New("the program changed once more")
	}
	ctx, cancel := context.WithTimeout(ctx, legacyLimit)
	defer cancel()
	legacy, resume, err := e.keeper.Bequeath(ctx)
	if err != nil {
		return err
	}
	defer resume()
	defer clear(legacy)
	parked := e.server.Take()
	defer e.server.Resume(parked)
	e.hangUps.ignore()
	defer e.hangUps.listen()
	return leave(u.self.path, e, u.closed(), parked, legacy)
}

// counting returns p with the questions that are open counted.
func (u *upgrader) counting(p agent.Prompter) agent.Prompter { return counted{p, &u.asking} }

type counted struct {
	agent.Prompter
	open *atomic.Int64
}

// Ask implements agent.Prompter.
func (c counted) Ask(ctx context.Context, p agent.Prompt) (agent.Secret, error) {
	c.open.Add(1)
	defer c.open.Add(-1)
	return c.Prompter.Ask(ctx, p)
}

// look sees from time to time whether the program was replaced.
func (u *upgrader) look() {
	now := time.Now()
	next := u.next.Load()
	if now.UnixNano() < next || !u.next.CompareAndSwap(next, now.Add(lookEvery).UnixNano()) {
		return
	}
	if u.settled() {
		go u.try(context.Background())
	}
}

// settled reports whether there is another program, the same as at the last
// look, that is worth a try.
func (u *upgrader) settled() bool {
	info, err := u.self.onDisk()
	if err != nil || sameProgram(info, u.self.info) {
		info = nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	last := u.seen
	u.seen = info
	return info != nil && sameProgram(last, info) && !sameProgram(u.refused, info) && time.Now().After(u.after)
}

// ask is session.Config.Upgrade.
func (u *upgrader) ask(ctx context.Context) agent.UpgradeResult {
	info, err := u.self.onDisk()
	switch {
	case err != nil:
		return agent.UpgradeResult{Reason: "the agent's program is not to be found: " + err.Error()}
	case sameProgram(info, u.self.info):
		return agent.UpgradeResult{Reason: "the agent's program was not replaced"}
	}
	u.mu.Lock()
	u.seen = info
	u.mu.Unlock()
	if err := u.try(ctx); err != nil {
		return agent.UpgradeResult{Reason: printable.Limit(err.Error(), 300)}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return agent.UpgradeResult{Upgrading: true, Version: u.version}
}

var (
	errNotNow = errors.New("somebody is being asked something, or a session renewed: it takes over after that")
	errPutOff = errors.New("the new program could not take over a moment ago: it will be tried again")
)

// try tests the program on disk, and begins to hand over if it is fit and the
// moment is good.
func (u *upgrader) try(ctx context.Context) error {
	u.testing.Lock()
	defer u.testing.Unlock()
	info, err := u.self.onDisk()
	if err != nil {
		return err
	}
	if err := u.test(ctx, info); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.estate == nil || u.asking.Load() > 0 || u.estate.keeper.Busy() {
		return errNotNow
	}
	if time.Now().Before(u.after) {
		return errPutOff
	}
	u.log.printf("cogtokd %s takes over", u.version)
	u.after = time.Now().Add(putOff)
	if !canBecome {
		u.stop()
		return nil
	}
	u.handing = time.Now()
	u.begin(agent.ErrHandOver)
	return nil
}

// closed is when this agent began to let nobody in.
func (u *upgrader) closed() time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.handing
}

// test makes sure that the program can take over. It is done once for each.
func (u *upgrader) test(ctx context.Context, info os.FileInfo) error {
	u.mu.Lock()
	fit, refused, why := sameProgram(u.fit, info), sameProgram(u.refused, info), u.why
	u.mu.Unlock()
	switch {
	case fit:
		return nil
	case refused:
		return why
	}
	err := checkProgram(u.self.path, info)
	var version string
	if err == nil {
		version, err = selfTest(ctx, u.self.path)
	}
	if err != nil {
		if !isBeingWritten(err) && ctx.Err() == nil {
			u.refuse(info, err)
		}
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.fit, u.version = info, version
	return nil
}

func (u *upgrader) refuse(info os.FileInfo, why error) {
	u.log.printf("the new program can't take over: %v", why)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.refused, u.why = info, why
}

// selfTest runs the program for what it says of itself, and returns its version.
func selfTest(ctx context.Context, path string) (version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--self-test")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s --self-test: %w", path, err)
	}
	about, number, _ := strings.Cut(strings.TrimSpace(string(out)), " "+fitnessWords+" ")
	version, ok := strings.CutPrefix(about, "cogtokd ")
	if !ok || number != fmt.Sprint(handoverVersion) {
		return "", errors.New("it hands over in another way, or not at all: cogtok agent restart")
	}
	return printable.Limit(version, 100), nil
}

// A program is the one that this process runs.
type program struct {
	path string
	info os.FileInfo // nil: nothing is known of it, and it isn't looked for
}

func thisProgram() program {
	path, err := os.Executable()
	if err != nil {
		return program{}
	}
	info, err := runningProgram(path)
	if err != nil {
		return program{}
	}
	return program{path, info}
}

// onDisk looks at what is at the program's path now.
func (p program) onDisk() (os.FileInfo, error) {
	if p.info == nil {
		return nil, errors.New("nothing is known of the program that runs")
	}
	info, err := os.Stat(p.path) // links followed: a package manager may change those alone
	if err != nil {
		return nil, err
	}
	return info, nil
}

func sameProgram(a, b os.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && a.Mode() == b.Mode()
}
