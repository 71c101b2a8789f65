//go:build !windows

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/startlock"
)

// report is what a started agent sees of the world it was put in.
type report struct {
	Env   []string
	FDs   []string
	Dir   string
	SID   int
	PID   int
	Umask int
	Args  []string
}

// testAgent is what the client starts in the tests of the ready protocol. The
// file "conduct" beside the socket's directory says how it misbehaves.
func testAgent(args []string) int {
	ready := os.NewFile(3, "ready")
	socket := args[slices.Index(args, "--socket")+1]
	dir := filepath.Dir(filepath.Dir(socket))
	conduct, _ := os.ReadFile(filepath.Join(dir, "conduct"))
	switch string(conduct) {
	case "die":
		return 1
	case "hang":
		time.Sleep(time.Minute)
	case "error":
		fmt.Fprintf(ready, "error config_invalid: /c.yaml:3:1: unknown key\nhint: run: cogtok profile edit\n")
		return 2
	case "garbage":
		fmt.Fprint(ready, "\x1b[2Jwhat\n")
		return 1
	case "killed": // by somebody else
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "mute": // says that it is ready and isn't
		fmt.Fprint(ready, "ok\n")
		return 0
	}
	return serveTestAgent(ready, socket, dir, args)
}

func serveTestAgent(ready *os.File, socket, dir string, args []string) int {
	listener, release, err := agent.Listen(socket)
	if errors.Is(err, agent.ErrAlreadyRunning) {
		fmt.Fprint(ready, "busy\n")
		return 0
	}
	if err != nil {
		fmt.Fprintf(ready, "error %s: %s\n", agent.KindOf(err), err)
		return 1
	}
	defer release()
	writeReport(dir, args)
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	fmt.Fprint(ready, "ok\n")
	ready.Close()
	// Nothing that a test forgets lives on.
	ctx, stop := context.WithTimeout(ctx, 30*time.Second)
	defer stop()
	(&agent.Server{Config: filepath.Join(dir, "config.yaml"), Agent: &scripted{tokens: twoTokens(), stop: cancel}}).Serve(ctx, listener)
	return 0
}

func writeReport(dir string, args []string) {
	r := report{Env: os.Environ(), Args: args, PID: os.Getpid(), Umask: syscall.Umask(0o077)}
	r.Dir, _ = os.Getwd()
	r.SID, _ = unix.Getsid(0)
	entries, _ := os.ReadDir("/dev/fd")
	for _, e := range entries {
		target, err := os.Readlink("/dev/fd/" + e.Name())
		if err == nil && !strings.HasPrefix(target, "anon_inode") && !strings.HasPrefix(target, "/proc") {
			r.FDs = append(r.FDs, e.Name()+" "+strings.SplitN(target, ":", 2)[0])
		}
	}
	data, _ := json.Marshal(r)
	os.WriteFile(filepath.Join(dir, "report-"+strconv.Itoa(r.PID)), data, 0o600)
}

func (w *world) reports() []report {
	w.Helper()
	files, _ := filepath.Glob(w.path("report-*"))
	var all []report
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			w.Fatal(err)
		}
		var r report
		if err := json.Unmarshal(data, &r); err != nil {
			w.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// child returns a run of the client in a process of its own, without a
// terminal.
func (w *world) child(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], append([]string{"cli"}, args...)...)
	cmd.Dir = w.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "COGTOK_SECRET_TRAP=" + marker, "LD_PRELOAD=", "EDITOR=" + w.env["EDITOR"]}
	for name, value := range w.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

func (w *world) stopAgent() {
	w.Helper()
	if r := w.run("agent", "stop"); r.code != 0 {
		w.Errorf("agent stop: %s", r)
	}
}

func TestAutostart(t *testing.T) {
	w := newWorld(t)
	w.write("config.yaml", goodConfig)
	read, write, err := os.Pipe() // stands for a pipe of the caller's shell
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	cmd := w.child("token", "prod")
	cmd.ExtraFiles = []*os.File{write, write}
	out, err := cmd.Output()
	if err != nil || string(out) != "eyJ.id.sig\n" {
		t.Fatalf("%q, %v", out, err)
	}
	defer w.stopAgent()
	all := w.reports()
	if len(all) != 1 {
		t.Fatalf("%d agents", len(all))
	}
	r := all[0]
	if r.Dir != "/" || r.SID != r.PID || r.Umask != 0o077 {
		t.Errorf("directory %s, session %d of pid %d, umask %o", r.Dir, r.SID, r.PID, r.Umask)
	}
	if want := []string{"3", "--socket", w.socket, "--config", w.path("config.yaml")}; !slices.Equal(r.Args, want) {
		t.Errorf("arguments: %q", r.Args)
	}
	for _, e := range r.Env {
		if name, _, _ := strings.Cut(e, "="); !slices.Contains([]string{"HOME", "PATH", "LC_ALL", "XDG_STATE_HOME"}, name) {
			t.Errorf("the agent got %s", e)
		}
	}
	if want := []string{"0 /dev/null", "1 /dev/null", "2 /dev/null", "3 pipe"}; len(r.FDs) != 0 && !slices.Equal(trimmed(r.FDs), want) {
		t.Errorf("the agent's files: %q", r.FDs)
	}
	write.Close()
	read.SetReadDeadline(time.Now().Add(5 * time.Second))
	if n, err := read.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the agent holds the caller's pipe open: %d, %v", n, err)
	}
}

// trimmed leaves out what the agent opened itself.
func trimmed(fds []string) []string {
	return slices.DeleteFunc(fds, func(s string) bool {
		return strings.Contains(s, "socket") || strings.Contains(s, "/run") || strings.Contains(s, "/sys/")
	})
}

// A stopped agent's successor may be started while the old one still holds the
// lock, and any number of clients may start one at once.
func TestManyClientsStartOneAgent(t *testing.T) {
	w := newWorld(t)
	w.write("config.yaml", goodConfig)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			cmd := w.child("token", "prod")
			out, err := cmd.Output()
			if err != nil || string(out) != "eyJ.id.sig\n" {
				var exit *exec.ExitError
				errors.As(err, &exit)
				t.Errorf("%q, %v: %s", out, err, exit.Stderr)
			}
		})
	}
	wg.Wait()
	if n := len(w.reports()); n != 1 {
		t.Errorf("%d agents", n)
	}
	w.stopAgent()
	if r := w.run("agent", "status"); r.code != 4 {
		t.Errorf("after stop: %s", r)
	}
}

// An agent that is killed before it is ready is no reason to fail.
func TestKilledBeforeItIsReady(t *testing.T) {
	w := newWorld(t)
	w.write("config.yaml", goodConfig)
	w.write("conduct", "killed")
	time.AfterFunc(300*time.Millisecond, func() { w.write("conduct", "") })
	r := w.run("token", "prod")
	defer w.stopAgent()
	if r.code != 0 || r.stdout != "eyJ.id.sig\n" {
		t.Error(r)
	}
}

// A client that has the lock and does nothing, since it is stopped for instance,
// holds the others up for a second.
func TestStarterThatHangs(t *testing.T) {
	w := newWorld(t)
	w.write("config.yaml", goodConfig)
	lock, err := startlock.Take(w.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	begin := time.Now()
	out, err := w.child("token", "prod").Output()
	defer w.stopAgent()
	if took := time.Since(begin); err != nil || string(out) != "eyJ.id.sig\n" || took < othersLimit || took > othersLimit+2*time.Second {
		t.Errorf("%q, %v, after %v", out, err, took)
	}
}

func TestStartFailures(t *testing.T) {
	for _, tt := range []struct {
		conduct string
		want    result
	}{
		{"die", result{"", "cogtok: can't start the agent: it ended at once\ncogtok: hint: see: cogtok agent log\n", 4}},
		{"garbage", result{"", "cogtok: can't start the agent: it ended at once\ncogtok: hint: see: cogtok agent log\n", 4}},
		{"error", result{"", "cogtok: /c.yaml:3:1: unknown key\ncogtok: hint: run: cogtok profile edit\n", 2}},
		{"hang", result{"", "cogtok: no answer within 300ms\ncogtok: hint: that is the limit of --timeout or COGTOK_TIMEOUT\n", 6}},
		{"killed", result{"", "cogtok: the agent was started 6 times and ended at once each time\ncogtok: hint: see: cogtok agent log\n", 4}},
		{"mute", result{"", "cogtok: no answer within 300ms\ncogtok: hint: that is the limit of --timeout or COGTOK_TIMEOUT\n", 6}},
	} {
		w := newWorld(t)
		w.write("config.yaml", goodConfig)
		w.write("conduct", tt.conduct)
		args := []string{"token"}
		if tt.conduct == "hang" || tt.conduct == "mute" {
			args = append(args, "--timeout", "300ms")
		}
		w.expect(tt.want, args...)
	}
}

// Without --timeout the limit is five seconds.
func TestStartLimit(t *testing.T) {
	w := newWorld(t)
	w.write("config.yaml", goodConfig)
	w.write("conduct", "hang")
	begin := time.Now()
	w.expect(result{"", "cogtok: the agent did not start within 5s\ncogtok: hint: see: cogtok agent log\n", 4}, "token")
	if took := time.Since(begin); took > startLimit+2*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestNoProgramToStart(t *testing.T) {
	w := newWorld(t)
	w.write("config.yaml", goodConfig)
	a := &app{IO: IO{Getenv: func(string) string { return "" }, Executable: w.path("gone")}}
	_, err := a.startAgent(t.Context(), place{socket: w.socket})
	e := agent.AsError(err)
	if e.Kind != agent.KindUnreachable || !strings.HasPrefix(e.Message, "can't start the agent: ") || strings.Contains(e.Message, "fork") {
		t.Errorf("%+v", e)
	}
}

// Nothing is started just to say that nothing runs.
func TestCommandsThatStartNoAgent(t *testing.T) {
	w := newWorld(t)
	w.write("config.yaml", goodConfig)
	w.write("config.yaml", goodConfig)
	w.write("conduct", "die")
	for _, args := range []string{"status", "agent status", "agent stop", "agent reload", "version", "profile list", "__complete token ", "help token"} {
		if r := w.run(strings.Split(args, " ")...); strings.Contains(r.stderr, "start the agent") {
			t.Errorf("%s: %s", args, r)
		}
	}
}

func TestNoStartForAConfigThatIsNotThere(t *testing.T) {
	w := newWorld(t)
	w.expect(result{"", "cogtok: there is no config at " + w.path("config.yaml") + "\ncogtok: hint: check --config and COGTOK_CONFIG, or run: cogtok profile add NAME\n", 2}, "token")
	if agents := w.reports(); len(agents) != 0 {
		t.Errorf("%d agents were started", len(agents))
	}
}

// The first thread of a process that is killed may be gone while others still
// hold its sockets.
func TestIsOver(t *testing.T) {
	const between = " 1 42 42 0 -1 4228364 0 0 0 0 0 0 0 0 20 0 "
	for stat, want := range map[string]bool{
		"42 (cogtokd) Z" + between + "1 0 0": true, "42 (a) Z b) Z" + between + "1 0 0": true, "42 (cogtokd) Z" + between + "0 0 0": true,
		"42 (cogtokd) Z" + between + "7 0 0": false, "42 (cogtokd) Z" + between + "10 0 0": false,
		"42 (cogtokd) S" + between + "1 0 0": false, "42 () Z) T" + between + "1 0 0": false, "": false, "42": false, "42 (x) Z": false,
	} {
		if isOver([]byte(stat)) != want {
			t.Errorf("%q: %v", stat, !want)
		}
	}
}
