//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// startLimit is how long an agent may take until it listens, endLimit until it
// has ended.
const (
	startLimit = 10 * time.Second
	endLimit   = 10 * time.Second
)

// A world is a home directory of its own, with the agents that run in it, so
// that nothing here touches the user's.
type world struct {
	ctx    context.Context
	dir    string
	env    []string // of all that is run, and so the same for all programs
	agents []*exec.Cmd
	atEnd  []func() error
}

func newWorld(ctx context.Context) (*world, error) {
	dir, err := os.MkdirTemp("", "cogtok-bench")
	if err != nil {
		return nil, err
	}
	w := &world{ctx: ctx, dir: dir}
	w.env = []string{
		"HOME=" + dir,
		"PATH=" + os.Getenv("PATH"),
		"XDG_CONFIG_HOME=" + w.path(".config"),
		"XDG_STATE_HOME=" + w.path("state"),
		"XDG_CACHE_HOME=" + w.path("cache"),
		"XDG_DATA_HOME=" + w.path("data"),
		"XDG_RUNTIME_DIR=" + w.path("run"),
		"LANG=C.UTF-8",
	}
	return w, errors.Join(os.Mkdir(w.path("run"), 0o700), os.Mkdir(w.path("bin"), 0o700))
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// command runs a program to its end in this world and returns its output.
func (w *world) command(stdin, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(w.ctx, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Env, cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = w.env, w.dir, strings.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", filepath.Base(name), strings.Join(args, " "), err, strings.TrimSpace(stdout.String()+stderr.String()))
	}
	return stdout.String(), nil
}

// try runs a program once and checks that it does what it is measured for.
func (w *world) try(p program) error {
	out, err := w.command("", p.argv[0], p.argv[1:]...)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(out, p.prints) {
		return fmt.Errorf("%s prints %.80q instead of %q…", p.name, out, p.prints)
	}
	return nil
}

// startAgent starts an agent and waits until it listens at the socket.
func (w *world) startAgent(socket, name string, args ...string) error {
	log, err := os.Create(w.path(filepath.Base(name) + ".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = w.env, w.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // some have children
	if err := cmd.Start(); err != nil {
		return err
	}
	w.agents = append(w.agents, cmd)
	for end := time.Now().Add(startLimit); time.Now().Before(end) && w.ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		if info, err := os.Stat(socket); err == nil && info.Mode().Type() == os.ModeSocket {
			return nil
		}
	}
	text, _ := os.ReadFile(log.Name())
	return fmt.Errorf("%s doesn't listen: %s", filepath.Base(name), text)
}

// close ends what was started and removes all files.
func (w *world) close() error {
	var errs []error
	for _, cmd := range w.agents {
		errs = append(errs, end(cmd))
	}
	for _, f := range w.atEnd {
		errs = append(errs, f())
	}
	return errors.Join(append(errs, os.RemoveAll(w.dir))...)
}

// end ends an agent and its children, which are a process group.
func end(cmd *exec.Cmd) error {
	group := -cmd.Process.Pid
	kill := time.AfterFunc(endLimit, func() { syscall.Kill(group, syscall.SIGKILL) })
	defer kill.Stop()
	if err := syscall.Kill(group, syscall.SIGTERM); err != nil && err != syscall.ESRCH {
		return err
	}
	cmd.Wait() // how it ends doesn't matter
	return nil
}

// notInstalled is the error of a peer that can't be measured here.
type notInstalled struct{ program, debianPackage string }

func (e notInstalled) Error() string {
	return fmt.Sprintf("%s is not installed (Debian's package %s), so it isn't measured", e.program, e.debianPackage)
}

func find(program, debianPackage string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return "", notInstalled{program, debianPackage}
	}
	return filepath.Abs(path)
}
