//go:build !windows

package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cogtok/cogtok/agent"
)

// FramesFigures are what an agent did that was sent nonsense.
type FramesFigures struct {
	Frames     int        `json:"frames"`
	Answers    int        `json:"answers"` // bytes of them
	Crashed    bool       `json:"crashed"`
	Panics     int        `json:"panics"` // that the log names
	Growth     int        `json:"growth"` // of the resident memory, in bytes, after the first tenth
	Complaints complaints `json:"complaints"`
}

// framesPerConnection is how many frames a connection takes, if none ends it.
const framesPerConnection = 50

// Frames sends so many frames that are broken in one way or another: changed
// bytes, cuts, wrong lengths, too long ones, deep ones, and noise. It needs /proc.
func Frames(ctx context.Context, programs string, frames int, seed uint64) (f FramesFigures, err error) {
	m, err := newBusyMachine(ctx, programs, 0)
	if err != nil {
		return f, err
	}
	defer m.close()
	pid := m.agent.cmd.Process.Pid
	var before int
	for part := range 10 {
		f.send(m, frames/10, seed+uint64(part))
		if part == 0 {
			before = resident(pid)
		}
	}
	f.Growth = resident(pid) - before
	f.Panics = strings.Count(m.log(), "panic in ")
	f.Crashed = !m.lives(pid)
	return f, nil
}

// lives reports whether the same agent gives tokens still.
func (m *machine) lives(pid int) bool {
	m.untilAdmitted(time.Now())
	v, err := call(m, 10*time.Second, (*agent.Client).Version, agent.None{})
	return err == nil && v.PID == pid && m.server.Count("InitiateAuth") == 0 && syscall.Kill(pid, 0) == nil
}

// send sends frames on four connections at a time.
func (f *FramesFigures) send(m *machine, frames int, seed uint64) {
	const workers = 4
	var all sync.WaitGroup
	var mu sync.Mutex
	for worker := range workers {
		all.Go(func() {
			source := rand.New(rand.NewPCG(seed, uint64(worker)))
			for sent := 0; sent < frames/workers && m.ctx.Err() == nil; sent += framesPerConnection {
				n, err := sendFrames(rand.New(rand.NewPCG(source.Uint64(), 0)), m.socket)
				mu.Lock()
				f.Frames, f.Answers = f.Frames+framesPerConnection, f.Answers+n
				if err != nil {
					f.Complaints.add("%v", err)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
}

// sendFrames sends the frames of one connection and reads all that comes back.
func sendFrames(source *rand.Rand, socket string) (answers int, err error) {
	nc, err := dialRaw(socket)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	go func() {
		headers := source.IntN(4) == 0
		for range framesPerConnection {
			if _, err := io.WriteString(nc, brokenFrame(source, headers)); err != nil {
				break // the agent has had enough of it
			}
		}
		_ = nc.(*net.UnixConn).CloseWrite()
	}()
	n, err := io.Copy(io.Discard, nc)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil // hung up on
	}
	return int(n), err
}

// goodMessages are calls that do no harm whatever becomes of them.
var goodMessages = []string{
	strings.TrimSpace(tokenCall),
	`{"jsonrpc":"2.0","id":"a","method":"status","params":{}}`,
	`{"jsonrpc":"2.0","id":2,"method":"version"}`,
	`{"jsonrpc":"2.0","method":"$/cancel","params":{"id":1}}`,
	`{"jsonrpc":"2.0","id":3,"result":{"text":"x"}}`,
}

// brokenFrame is one that is wrong in a way that source chooses.
func brokenFrame(source *rand.Rand, headers bool) string {
	text := goodMessages[source.IntN(len(goodMessages))]
	switch source.IntN(200) {
	case 0:
		text = `{"a":"` + strings.Repeat("x", 64<<10) + `"}`
	case 1:
		text = strings.Repeat("[", 1+source.IntN(60<<10))
	case 2:
		text = strings.Repeat(`{"a":`, 1+source.IntN(10<<10))
	case 3:
		text = noise(source, 1+source.IntN(2000))
	default:
		text = mutate(source, text)
	}
	if !headers {
		return text + "\n"
	}
	return header(source, len(text)) + text
}

// header is one of a message of that length, or nearly.
func header(source *rand.Rand, length int) string {
	switch source.IntN(100) {
	case 0:
		return "Content-Length: 4294967296\r\n\r\n"
	case 1:
		return "Content-Length: 65537\r\n\r\n"
	case 2:
		return "Content-Length: -1\r\n\r\n"
	case 3:
		return noise(source, 40) + "\r\n\r\n"
	case 4:
		return strings.Repeat("C: x\r\n", source.IntN(20)) + "\r\n"
	}
	return fmt.Sprintf("Content-Length: %d\r\n\r\n", length)
}

func noise(source *rand.Rand, length int) string {
	b := make([]byte, length)
	for i := range b {
		b[i] = byte(source.IntN(256))
	}
	return string(b)
}

// HangUpFigures are what an agent did whose clients left early.
type HangUpFigures struct {
	HangUps    int        `json:"hang_ups"`
	Survived   int        `json:"survived"` // of them, by the agent
	Files      int        `json:"files"`    // that it has open, more than before
	Complaints complaints `json:"complaints"`
}

// HangUps has so many clients connect and leave again, at every moment of a
// call. The agent has to be the same at the end, with its session. It needs /proc.
func HangUps(ctx context.Context, programs string, hangUps int) (f HangUpFigures, err error) {
	m, err := newBusyMachine(ctx, programs, 0)
	if err != nil {
		return f, err
	}
	defer m.close()
	pid := m.agent.cmd.Process.Pid
	before := openFiles(pid)
	const workers, part = 4, 1000
	for f.HangUps < hangUps && ctx.Err() == nil {
		seen := together(workers, func(worker int) Figures { return hangUp(m.socket, part/workers, worker) })
		f.HangUps += seen.Calls
		for _, e := range seen.Errors {
			f.Complaints.add("%s", e)
		}
		if !m.lives(pid) {
			f.Complaints.add("the agent is gone: %s", m.log())
			return f, nil
		}
		f.Survived = f.HangUps
	}
	for range 100 {
		if f.Files = openFiles(pid) - before; f.Files <= 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return f, nil
}

// hangUp connects so often, sends all or a part of a call, and leaves, at
// times in the middle of the answer.
func hangUp(socket string, times, worker int) (f Figures) {
	for i := range times {
		nc, err := dialRaw(socket)
		if err != nil {
			f.note(0, err)
			continue
		}
		_, _ = io.WriteString(nc, tokenCall[:(i+worker)%(len(tokenCall)+1)])
		if i%7 == 0 {
			_ = nc.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, _ = nc.Read(make([]byte, 8))
		}
		nc.Close()
		f.note(0, nil)
	}
	return f
}
