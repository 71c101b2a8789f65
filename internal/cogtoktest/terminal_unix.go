//go:build !windows

package cogtoktest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// A Terminal is a program that runs on a terminal of its own, with a person at it.
// Standard output is kept apart, as in a shell's $(…).
type Terminal struct {
	t      testing.TB
	cmd    *exec.Cmd
	tty    *os.File
	before term.State // of the terminal, with echo
	stdout bytes.Buffer
	closed chan struct{} // the terminal's output has ended

	mu    sync.Mutex
	shown strings.Builder
	seen  int // how much of shown Expect has passed
}

const patience = 30 * time.Second

// Terminal starts cogtok on a new terminal.
func (u *User) Terminal(args ...string) *Terminal {
	u.t.Helper()
	return u.TerminalProgram("cogtok", args...)
}

// TerminalProgram is Terminal for any program.
func (u *User) TerminalProgram(name string, args ...string) *Terminal {
	u.t.Helper()
	t := &Terminal{t: u.t, closed: make(chan struct{})}
	t.cmd = u.Command(context.Background(), name, args...)
	if err := t.start(); err != nil {
		u.t.Fatal(err)
	}
	go t.read()
	u.t.Cleanup(func() {
		t.tty.Close()
		if t.cmd.ProcessState == nil {
			_ = t.cmd.Process.Kill()
			_ = t.cmd.Wait()
		}
	})
	return t
}

// start opens a terminal and starts the program on it.
func (t *Terminal) start() error {
	person, program, err := pty.Open()
	if err != nil {
		return err
	}
	t.tty = interruptible(t.t, person)
	defer program.Close()
	if err := pty.Setsize(program, &pty.Winsize{Rows: 40, Cols: 200}); err != nil {
		return err
	}
	before, err := term.GetState(int(program.Fd()))
	if err != nil {
		return err
	}
	t.before = *before
	t.cmd.Stdin, t.cmd.Stdout, t.cmd.Stderr = program, &t.stdout, program
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	return t.cmd.Start()
}

// interruptible returns a file for the same terminal whose Close ends a Read
// that waits: package pty leaves its own in blocking mode, and a terminal that
// is being read can't hang up.
func interruptible(t testing.TB, tty *os.File) *os.File {
	t.Helper()
	fd, err := syscall.Dup(int(tty.Fd()))
	if err == nil {
		syscall.CloseOnExec(fd)
		err = syscall.SetNonblock(fd, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	tty.Close()
	return os.NewFile(uintptr(fd), tty.Name())
}

func (t *Terminal) read() {
	defer close(t.closed)
	buf := make([]byte, 4096)
	for {
		n, err := t.tty.Read(buf)
		t.mu.Lock()
		t.shown.Write(buf[:n])
		t.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Shown returns all that the terminal has shown so far.
func (t *Terminal) Shown() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.shown.String()
}

// Expect waits until the terminal shows text, after what the last Expect found.
func (t *Terminal) Expect(text string) {
	t.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if t.find(text) {
			return
		}
		select {
		case <-t.closed:
			if !t.find(text) {
				t.t.Fatalf("the program ended without showing %q; the terminal shows:\n%s", text, t.Shown())
			}
			return
		default:
		}
	}
	t.t.Fatalf("%q is not shown; the terminal shows:\n%s", text, t.Shown())
}

func (t *Terminal) find(text string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := strings.Index(t.shown.String()[t.seen:], text)
	if i < 0 {
		return false
	}
	t.seen += i + len(text)
	return true
}

// Type types text; "\n" is the return key and "\x03" is Ctrl-C, "\x04" Ctrl-D.
func (t *Terminal) Type(text string) {
	t.t.Helper()
	if _, err := t.tty.WriteString(text); err != nil {
		t.t.Fatal(err)
	}
}

// Answer waits for a prompt and types a line.
func (t *Terminal) Answer(prompt, line string) {
	t.t.Helper()
	t.Expect(prompt)
	t.Type(line + "\n")
}

// Restored reports whether the terminal is set as it was before the program ran:
// what is typed is shown, and Ctrl-C works.
func (t *Terminal) Restored() bool {
	t.t.Helper()
	var now *term.State
	raw, err := t.tty.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { now, _ = term.GetState(int(fd)) })
	}
	if err != nil || now == nil {
		t.t.Fatalf("the terminal's state can't be read: %v", err)
	}
	return *now == t.before
}

// Signal sends the program a signal.
func (t *Terminal) Signal(s syscall.Signal) {
	t.t.Helper()
	if err := t.cmd.Process.Signal(s); err != nil {
		t.t.Fatal(err)
	}
}

// Hangup closes the terminal, as when its window is closed.
func (t *Terminal) Hangup() { t.tty.Close() }

// PID returns the program's process id.
func (t *Terminal) PID() int { return t.cmd.Process.Pid }

// Wait waits for the program's end. Stderr is what the terminal has shown.
func (t *Terminal) Wait() Result {
	t.t.Helper()
	done := make(chan error, 1)
	go func() { done <- t.cmd.Wait() }()
	select {
	case err := <-done:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.t.Fatal(err)
		}
	case <-time.After(patience):
		t.t.Fatalf("the program hangs; the terminal shows:\n%s", t.Shown())
	}
	select {
	case <-t.closed:
	case <-time.After(time.Second): // a child may hold the terminal open
	}
	return Result{t.stdout.String(), t.Shown(), t.cmd.ProcessState.ExitCode()}
}
