//go:build !windows

package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/userpool"
)

// fullProcess is how many connections a process of clients holds that wait
// without calling: an agent takes 64 of one.
const fullProcess = 50

// SlowFigures are what a client saw of an agent whose other clients are slow.
type SlowFigures struct {
	Slow       int           `json:"slow"` // clients
	Asked      int           `json:"asked"`
	Failed     int           `json:"failed"`
	P50        time.Duration `json:"p50"`
	P99        time.Duration `json:"p99"`
	HungUp     int           `json:"hung_up"` // connections of the slow that the agent has ended
	Complaints complaints    `json:"complaints"`
}

// Slow has slow clients of three kinds: a third sends a part of a message and
// no more, a third a byte each second, and a third calls and never reads an
// answer. Each comes back when the agent hangs up. Meanwhile another client
// connects and asks for a token, again and again.
func Slow(ctx context.Context, programs string, slow, asks int) (f SlowFigures, err error) {
	m, err := newBusyMachine(ctx, programs, 0)
	if err != nil {
		return f, err
	}
	defer m.close()
	all, err := gather(ctx, m.socket, "slow", slow, fullProcess)
	if err != nil {
		return f, err
	}
	f.Slow = slow
	took, failed := m.sample(asks, 2*time.Minute, &f.Complaints)
	f.Asked, f.Failed, f.P50, f.P99 = len(took), failed, took.at(50), took.at(99)
	seen, err := all.end()
	f.HungUp = seen.Calls
	return f, err
}

// newBusyMachine is a machine whose agent runs, with a session in memory. It
// may open so many files; 0: as many as it gets.
func newBusyMachine(ctx context.Context, programs string, files int) (*machine, error) {
	m, err := newMachine(ctx, programs, "memory", userpool.Client{})
	if err != nil {
		return nil, err
	}
	m.files = files
	if err = m.start(); err == nil {
		err = m.login()
	}
	if err == nil {
		_, err = m.token(agent.TokenRequest{})
	}
	if err != nil {
		m.close()
		return nil, err
	}
	m.server.ResetCalls()
	return m, nil
}

// sample connects and asks for a token so many times, or for so long.
func (m *machine) sample(asks int, limit time.Duration, c *complaints) (took spread, failed int) {
	for end := time.Now().Add(limit); len(took) < asks && time.Now().Before(end); {
		began := time.Now()
		if _, err := m.token(agent.TokenRequest{}); err != nil {
			failed++
			c.add("%v", err)
		}
		took = append(took, time.Since(began))
	}
	return took, failed
}

// slowAll runs slow clients of the three kinds. Calls counts the connections
// that the agent has ended.
func slowAll(stop context.Context, socket string, clients int, ready func()) Figures {
	ready()
	kinds := []func(context.Context, net.Conn){sendPart, sendSlowly, neverRead}
	return together(clients, func(i int) (f Figures) {
		for stop.Err() == nil {
			nc, err := dialRaw(socket)
			if err != nil {
				f.complain(err.Error())
				time.Sleep(20 * time.Millisecond)
				continue
			}
			ended := context.AfterFunc(stop, func() { nc.Close() })
			kinds[i%len(kinds)](stop, nc)
			ended()
			nc.Close()
			f.Calls++
		}
		return f
	})
}

const tokenCall = `{"jsonrpc":"2.0","id":1,"method":"token","params":{"profile":"prod"}}` + "\n"

func sendPart(_ context.Context, nc net.Conn) {
	_, _ = io.WriteString(nc, tokenCall[:20])
	_, _ = io.Copy(io.Discard, nc)
}

func sendSlowly(stop context.Context, nc net.Conn) {
	for i := 0; stop.Err() == nil; i++ {
		if _, err := io.WriteString(nc, tokenCall[i%len(tokenCall):][:1]); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

func neverRead(stop context.Context, nc net.Conn) {
	for stop.Err() == nil {
		if _, err := io.WriteString(nc, tokenCall); err != nil {
			return
		}
	}
}

// dialRaw connects without any of the client's care; a full backlog is waited for.
func dialRaw(socket string) (nc net.Conn, err error) {
	for range 500 {
		if nc, err = net.Dial("unix", socket); err == nil {
			return nc, nil
		}
		time.Sleep(2 * time.Millisecond)
	}
	return nil, err
}

// IdleFigures are what a client saw of an agent with many idle connections.
type IdleFigures struct {
	Connections int           `json:"connections"`
	Refused     int           `json:"refused"` // of them
	Lost        int           `json:"lost"`    // calls on them that failed
	Asked       int           `json:"asked"`
	Failed      int           `json:"failed"`
	P50         time.Duration `json:"p50"`
	P99         time.Duration `json:"p99"`
	Before      int           `json:"before"` // bytes of resident memory
	With        int           `json:"with"`
	After       int           `json:"after"` // when they have gone, and some seconds
	Complaints  complaints    `json:"complaints"`
}

// ErrFewFiles means that the agent can't have so many connections here.
var ErrFewFiles = errors.New("a process may not open enough files here (ulimit -Hn)")

// allowFiles makes sure that programs started from now on may open so many
// files each.
func allowFiles(n int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Max >= uint64(n) {
		return nil // a Go program raises its own
	}
	limit.Cur, limit.Max = uint64(n), uint64(n)
	if unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return ErrFewFiles
	}
	return nil
}

// Idle opens so many connections from many processes, calls once on each and
// leaves them be. Meanwhile another client connects and asks for a token, again
// and again. It needs /proc.
func Idle(ctx context.Context, programs string, connections, asks int) (f IdleFigures, err error) {
	if err := allowFiles(connections + 100); err != nil {
		return f, err
	}
	m, err := newBusyMachine(ctx, programs, 0)
	if err != nil {
		return f, err
	}
	defer m.close()
	pid := m.agent.cmd.Process.Pid
	f.Before = resident(pid)
	all, err := gather(ctx, m.socket, "hold", connections, fullProcess)
	if err != nil {
		return f, err
	}
	f.Connections = connections
	took, failed := m.sample(asks, 25*time.Second, &f.Complaints) // the agent ends idle ones after a minute
	f.Asked, f.Failed, f.P50, f.P99 = len(took), failed, took.at(50), took.at(99)
	f.With = resident(pid)
	seen, err := all.end()
	f.Refused, f.Lost = seen.Busy, seen.Failed
	for _, e := range seen.Errors {
		f.Complaints.add("%s", e)
	}
	f.After = untilSmall(pid, f.Before+10<<20, time.Minute)
	return f, err
}

// untilSmall waits until a process has no more than so much resident memory, and
// returns what it has.
func untilSmall(pid, size int, limit time.Duration) int {
	for end := time.Now().Add(limit); resident(pid) > size && time.Now().Before(end); {
		time.Sleep(200 * time.Millisecond)
	}
	return resident(pid)
}

// holdAll connects clients that call once and then hold their connections;
// those that are told that the agent is busy come back each second, until they
// are let in. At the end each calls once more.
func holdAll(stop context.Context, socket string, clients int, ready func()) (sum Figures) {
	held := make([]*agent.Client, clients)
	for {
		for i := range held {
			if held[i] == nil {
				held[i] = hold(socket, &sum)
			}
		}
		if ready != nil {
			ready()
			ready = nil
		}
		select {
		case <-time.After(time.Second):
			continue
		case <-stop.Done():
		}
		for _, c := range held {
			if c != nil {
				askOn(c, &sum)
				c.Close()
			}
		}
		return sum
	}
}

// hold connects and calls; nil: the agent is busy.
func hold(socket string, f *Figures) *agent.Client {
	c, err := agent.Dial(context.Background(), socket)
	if err != nil {
		f.note(0, err)
		return nil
	}
	if !askOn(c, f) {
		c.Close()
		return nil
	}
	return c
}

// askOn calls on a connection and reports whether a token came.
func askOn(c *agent.Client, f *Figures) bool {
	began := time.Now()
	_, err := c.Token(context.Background(), agent.Caller{}, agent.TokenRequest{Profile: "prod"})
	if agent.KindOf(err) == agent.KindBusy {
		f.Busy++
		return false
	}
	f.note(time.Since(began), err)
	return err == nil
}

// FewFilesFigures are what clients saw of an agent that may open few files.
type FewFilesFigures struct {
	Clients    int           `json:"clients"`
	Busy       int           `json:"busy"`     // answers that say so
	Unclear    int           `json:"unclear"`  // calls that ended in another way, without a token
	Renewed    int           `json:"renewed"`  // tokens, of the three that were asked for on an admitted connection
	CPU        float64       `json:"cpu"`      // of one core, in percent, while clients were refused
	Recovery   time.Duration `json:"recovery"` // from when the clients go to a token
	Complaints complaints    `json:"complaints"`
}

// FewFiles gives an agent that may open so many files more clients than that.
// Those that are refused come back each second; one that isn't has tokens
// renewed, for which the agent needs files. It needs /proc.
func FewFiles(ctx context.Context, programs string, files, clients int, length time.Duration) (f FewFilesFigures, err error) {
	m, err := newBusyMachine(ctx, programs, files)
	if err != nil {
		return f, err
	}
	defer m.close()
	admitted, err := agent.Dial(ctx, m.socket)
	if err != nil {
		return f, err
	}
	defer admitted.Close()
	if _, err := admitted.Version(ctx, agent.Caller{}, agent.None{}); err != nil {
		return f, err
	}
	all, err := gather(ctx, m.socket, "hold", clients, fullProcess)
	if err != nil {
		return f, err
	}
	f.Clients = clients
	pid := m.agent.cmd.Process.Pid
	before := cpuTime(pid)
	for range 3 {
		time.Sleep(length / 3)
		if _, err := admitted.Token(ctx, agent.Caller{}, agent.TokenRequest{Profile: "prod", Force: true}); err != nil {
			f.Complaints.add("renewing: %v", err)
			continue
		}
		f.Renewed++
	}
	f.CPU = 100 * float64(cpuTime(pid)-before) / float64(length)
	gone := time.Now()
	seen, err := all.end()
	f.Busy, f.Unclear = seen.Busy, seen.Failed
	for _, e := range seen.Errors {
		f.Complaints.add("%s", e)
	}
	f.Recovery = m.untilAdmitted(gone)
	return f, err
}

// untilAdmitted returns how long after a moment a new client gets a token.
func (m *machine) untilAdmitted(since time.Time) time.Duration {
	for {
		_, err := m.token(agent.TokenRequest{})
		if took := time.Since(since); err == nil || took > 30*time.Second {
			return took
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// cpuTime is what a process has computed so far, in steps of 10 ms.
func cpuTime(pid int) time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// switches is how often the threads of a process have gone to sleep so far.
func switches(pid int) (n int) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		_, after, _ := strings.Cut(string(text), "\nvoluntary_ctxt_switches:")
		line, _, _ := strings.Cut(after, "\n")
		times, _ := strconv.Atoi(strings.TrimSpace(line))
		n += times
	}
	return n
}
