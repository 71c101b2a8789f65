//go:build !windows

package torture

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/userpool"
)

// SoakFigures are what Soak saw.
type SoakFigures struct {
	Calls    int `json:"calls"`
	Renewals int `json:"renewals"`
	Reloads  int `json:"reloads"`
	Failed   int `json:"failed"`
	// Slope is by how many bytes the resident memory grows in a million calls, by
	// the line that fits best after the first third; First and Last are what it was.
	Slope    float64       `json:"slope"`
	First    int           `json:"first"`
	Last     int           `json:"last"`
	FDs      int           `json:"fds"`     // more than before
	Threads  int           `json:"threads"` // of the process, at the end
	CallTime time.Duration `json:"call_time"`
}

// Soak asks the real agent for so many tokens, on a few connections, with a
// renewal and a reload now and then, and watches its memory. It needs /proc.
func Soak(ctx context.Context, programs string, calls int) (f SoakFigures, err error) {
	m, err := newMachine(ctx, programs, "memory", userpool.Client{Rotation: true})
	if err != nil {
		return f, err
	}
	defer m.close()
	if err := m.start(); err != nil {
		return f, err
	}
	if err := m.login(); err != nil {
		return f, err
	}
	pid := m.agent.cmd.Process.Pid
	before := openFiles(pid)
	const rounds = 60
	var at, size []float64
	began := time.Now()
	for round := range rounds {
		n := calls / rounds
		f.Failed += m.ask(n)
		f.Calls += n
		if _, err := m.token(agent.TokenRequest{Force: true}); err != nil {
			f.Failed++
		}
		if _, err := call(m, 10*time.Second, (*agent.Client).Reload, agent.None{}); err != nil {
			f.Failed++
		}
		f.Reloads++
		if bytes := resident(pid); round >= rounds/3 {
			at, size = append(at, float64(f.Calls)), append(size, float64(bytes))
		}
	}
	f.CallTime = time.Since(began) / time.Duration(max(1, f.Calls))
	f.Renewals = m.server.Count("GetTokensFromRefreshToken")
	f.First, f.Last = int(size[0]), int(size[len(size)-1])
	f.Slope = slope(at, size) * 1e6
	for deadline := time.Now().Add(5 * time.Second); openFiles(pid) > before && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
	}
	f.FDs = openFiles(pid) - before
	f.Threads = threadsOf(pid)
	if !m.end(syscall.SIGTERM, 15*time.Second) {
		return f, fmt.Errorf("the agent doesn't end")
	}
	return f, nil
}

// ask calls for so many tokens on four connections, and returns how many
// failed.
func (m *machine) ask(n int) (failed int) {
	const connections = 4
	var all sync.WaitGroup
	var mu sync.Mutex
	for range connections {
		all.Go(func() {
			bad := n / connections
			defer func() { mu.Lock(); failed += bad; mu.Unlock() }()
			c, err := agent.Dial(m.ctx, m.socket)
			if err != nil {
				return
			}
			defer c.Close()
			for range n / connections {
				if _, err := c.Token(m.ctx, agent.Caller{}, agent.TokenRequest{Profile: "prod"}); err == nil {
					bad--
				}
			}
		})
	}
	all.Wait()
	return failed
}

// resident is how many bytes of memory a process has.
func resident(pid int) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.Atoi(fields[1])
	return pages * os.Getpagesize()
}

func openFiles(pid int) int {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	return len(files)
}

func threadsOf(pid int) int {
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	return len(tasks)
}

// slope is that of the line that fits best.
func slope(x, y []float64) float64 {
	var sx, sy, sxx, sxy float64
	n := float64(len(x))
	for i := range x {
		sx, sy, sxx, sxy = sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
	}
	if d := n*sxx - sx*sx; d != 0 {
		return (n*sxy - sx*sy) / d
	}
	return 0
}
