//go:build !windows

package torture

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cogtok/cogtok/agent"
)

// Figures are what clients saw.
type Figures struct {
	Calls  int           `json:"calls"`
	Failed int           `json:"failed"`
	Worst  time.Duration `json:"worst"` // the longest that a call took
	Errors []string      `json:"errors"`
}

// add adds what others saw.
func (f *Figures) add(o Figures) {
	f.Calls, f.Failed, f.Worst = f.Calls+o.Calls, f.Failed+o.Failed, max(f.Worst, o.Worst)
	for _, e := range o.Errors {
		f.complain(e)
	}
}

// note counts a call.
func (f *Figures) note(took time.Duration, err error) {
	f.Calls++
	f.Worst = max(f.Worst, took)
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

// Child runs the clients of a rig and ends, if this process was started for
// that. It does nothing otherwise.
func Child() {
	socket := os.Getenv(childVariable)
	if socket == "" {
		return
	}
	clients, _ := strconv.Atoi(os.Args[1])
	stop, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the rig
		cancel()
	}()
	_ = json.NewEncoder(os.Stdout).Encode(loopAll(stop, socket, clients))
	os.Exit(0)
}

// loopAll has clients ask for tokens until stop ends. Every other one keeps its
// connection, the rest connect for each call. None tries anything twice.
func loopAll(stop context.Context, socket string, clients int) Figures {
	var all sync.WaitGroup
	var mu sync.Mutex
	var sum Figures
	for i := range clients {
		all.Go(func() {
			f := loop(stop, socket, i%2 == 0)
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
	out strings.Builder
}

// gather starts clients.
func gather(ctx context.Context, socket string, clients int) (crowd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var c crowd
	for left := clients; left > 0; left -= perProcess {
		m := &crowdMember{cmd: exec.CommandContext(ctx, self, strconv.Itoa(min(left, perProcess)))}
		m.cmd.Env = append(os.Environ(), childVariable+"="+socket)
		m.cmd.Stdout, m.cmd.Stderr = &m.out, os.Stderr
		if m.in, err = m.cmd.StdinPipe(); err == nil {
			err = m.cmd.Start()
		}
		if err != nil {
			_, _ = c.end()
			return nil, err
		}
		c = append(c, m)
	}
	return c, nil
}

// end ends the clients and returns what they saw.
func (c crowd) end() (sum Figures, err error) {
	for _, m := range c {
		m.in.Close()
	}
	for _, m := range c {
		var f Figures
		if e := m.cmd.Wait(); e != nil {
			err = e
		} else if e := json.Unmarshal([]byte(m.out.String()), &f); e != nil {
			err = e
		}
		sum.add(f)
	}
	return sum, err
}
