//go:build !windows

package torture

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"github.com/cogtok/cogtok/agent"
)

// Figures are what clients saw.
type Figures struct {
	Calls  int           `json:"calls"`
	Failed int           `json:"failed"`
	Busy   int           `json:"busy"`  // were told that the agent is busy, where that isn't a failure
	Worst  time.Duration `json:"worst"` // the longest that a call took
	Errors []string      `json:"errors"`
	took   spread
}

// seen are Figures as a process of clients hands them over.
type seen struct {
	Figures
	Took spread `json:"took"`
}

// add adds what others saw.
func (f *Figures) add(o Figures) {
	f.Calls, f.Failed, f.Busy, f.Worst = f.Calls+o.Calls, f.Failed+o.Failed, f.Busy+o.Busy, max(f.Worst, o.Worst)
	f.took = append(f.took, o.took...)
	for _, e := range o.Errors {
		f.complain(e)
	}
}

// note counts a call.
func (f *Figures) note(took time.Duration, err error) {
	f.Calls++
	f.Worst = max(f.Worst, took)
	f.took = append(f.took, took)
	if err != nil {
		f.Failed++
		f.complain(fmt.Sprintf("after %v: %v", took, err))
	}
}

func (f *Figures) complain(text string) {
	if len(f.Errors) < 5 {
		f.Errors = append(f.Errors, text)
	}
}

// childVariable holds the socket in the environment of a process of clients.
const childVariable = "COGTOK_TORTURE_SOCKET"

// perProcess is how many clients a process has: an agent takes 64 connections
// of one, those that are just being closed included.
const perProcess = 20

// startsPerProcess is how many programs a process starts at once: while it does,
// it can't see one that ends.
const startsPerProcess = 5

// roles are what the clients of a process can be. Each says ready when its
// clients are there, and ends when stop does, or begins then.
var roles = map[string]func(stop context.Context, socket string, clients int, ready func()) Figures{
	"loop": loopAll, "hold": holdAll, "slow": slowAll, "start": startAll,
}

// Child runs the clients of a rig and ends, if this process was started for
// that. It does nothing otherwise.
func Child() {
	socket := os.Getenv(childVariable)
	if socket == "" {
		return
	}
	clients, _ := strconv.Atoi(os.Args[2])
	stop, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the rig
		cancel()
	}()
	f := roles[os.Args[1]](stop, socket, clients, func() { fmt.Println("ready") })
	_ = json.NewEncoder(os.Stdout).Encode(seen{f, f.took})
	os.Exit(0)
}

// loopAll has clients ask for tokens until stop ends. Every other one keeps its
// connection, the rest connect for each call. None tries anything twice.
func loopAll(stop context.Context, socket string, clients int, ready func()) Figures {
	ready()
	return together(clients, func(i int) Figures { return loop(stop, socket, i%2 == 0) })
}

// together runs clients and adds up what they saw.
func together(clients int, one func(i int) Figures) (sum Figures) {
	var all sync.WaitGroup
	var mu sync.Mutex
	for i := range clients {
		all.Go(func() {
			f := one(i)
			mu.Lock()
			defer mu.Unlock()
			sum.add(f)
		})
	}
	all.Wait()
	return sum
}

func loop(stop context.Context, socket string, keep bool) (f Figures) {
	var c *agent.Client
	defer func() {
		if c != nil {
			c.Close()
		}
	}()
	for stop.Err() == nil {
		began := time.Now()
		var err error
		if c == nil {
			c, err = agent.Dial(context.Background(), socket)
		}
		if err == nil {
			_, err = c.Token(context.Background(), agent.Caller{}, agent.TokenRequest{Profile: "prod"})
		}
		f.note(time.Since(began), err)
		if c != nil && (!keep || err != nil) {
			c.Close()
			c = nil
		}
		time.Sleep(10*time.Millisecond + rand.N(40*time.Millisecond))
	}
	return f
}

// A crowd is processes of clients that run.
type crowd []*crowdMember

type crowdMember struct {
	cmd *exec.Cmd
	in  io.Closer
	out *bufio.Reader
}

// gather starts clients of a role, so many in a process, and waits until they
// are there.
func gather(ctx context.Context, socket, role string, clients, perProcess int) (crowd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var c crowd
	for left := clients; left > 0 && err == nil; left -= perProcess {
		m := &crowdMember{cmd: exec.CommandContext(ctx, self, role, strconv.Itoa(min(left, perProcess)))}
		m.cmd.Env = append(os.Environ(), childVariable+"="+socket, "GOMAXPROCS=2")
		m.cmd.Stderr = os.Stderr
		if err = m.start(); err == nil {
			c = append(c, m)
		}
	}
	for _, m := range c {
		if err == nil {
			_, err = m.out.ReadString('\n')
		}
	}
	if err != nil {
		_, _ = c.end()
	}
	return c, err
}

func (m *crowdMember) start() (err error) {
	if m.in, err = m.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	m.out = bufio.NewReader(out)
	return m.cmd.Start()
}

// end ends the clients and returns what they saw.
func (c crowd) end() (sum Figures, err error) {
	for _, m := range c {
		m.in.Close()
	}
	for _, m := range c {
		var s seen
		said := json.NewDecoder(m.out).Decode(&s)
		if e := errors.Join(said, m.cmd.Wait()); e != nil {
			err = e
		}
		s.Figures.took = s.Took
		sum.add(s.Figures)
	}
	return sum, err
}
