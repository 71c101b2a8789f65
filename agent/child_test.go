package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childRuns are what a test has done by another process or user. The result is
// printed; "ready" comes first when the child then waits for its stdin to end.
var childRuns = map[string]func(path string) string{
	"hold":    childHold,
	"connect": childConnect,
	"accept":  childAccept,
	"dial":    childDial,
	"listen":  childListen,
	"relay":   childRelay,
	"serve":   childServe,
}

func child(run string) int {
	fmt.Println(childRuns[run](os.Getenv("AGENT_TEST_PATH")))
	return 0
}

func waitForParent() {
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// childHold opens as many connections as one process may have, of three slow kinds.
func childHold(path string) string {
	for i := range maxConnsPerPID {
		nc, err := net.Dial("unix", path)
		if err != nil {
			return err.Error()
		}
		switch i % 3 {
		case 0: // never completes a message
			_, _ = io.WriteString(nc, `{"j`)
		case 1: // never reads
			_, _ = io.WriteString(nc, strings.Repeat(`{"jsonrpc":"2.0","id":1,"method":"version"}`+"\n", 10))
		}
	}
	waitForParent()
	return ""
}

// childConnect connects a thousand times and counts how often it was let in,
// and the bytes that it got.
func childConnect(path string) string {
	connected, bytes := 0, 0
	for range 1000 {
		nc, err := net.Dial("unix", path)
		if errors.Is(err, syscall.EACCES) {
			continue
		}
		if err != nil {
			return err.Error()
		}
		connected++
		_, _ = io.WriteString(nc, `{"jsonrpc":"2.0","id":1,"method":"version"}`+"\n")
		said, _ := io.ReadAll(nc)
		bytes += len(said)
		nc.Close()
	}
	return fmt.Sprintf("connected %d bytes %d", connected, bytes)
}

// childAccept listens as a false agent would, and counts what it receives.
func childAccept(path string) string {
	l, err := net.Listen("unix", path)
	if err != nil {
		return err.Error()
	}
	_ = os.Chmod(path, 0o777)
	fmt.Println("ready")
	nc, err := l.Accept()
	if err != nil {
		return err.Error()
	}
	_ = nc.SetReadDeadline(time.Now().Add(5 * time.Second))
	said, _ := io.ReadAll(nc)
	return fmt.Sprintf("received %d", len(said))
}

// childDial asks for the version, as a user's own client would.
func childDial(path string) string {
	c, err := Dial(context.Background(), path)
	if err != nil {
		return fmt.Sprintf("%s: %v", KindOf(err), err)
	}
	defer c.Close()
	if _, err := c.Version(context.Background(), Caller{}, None{}); err != nil {
		return fmt.Sprintf("%s: %v", KindOf(err), err)
	}
	return "answered"
}

// childListen becomes the agent, or says why not, and stays until killed.
func childListen(path string) string {
	_, _, err := Listen(path)
	if err != nil {
		return err.Error()
	}
	waitForParent()
	return "listened"
}

// childServe is an agent until its stdin ends; ROOT says whether root may call it.
func childServe(path string) string {
	l, release, err := Listen(path)
	if err != nil {
		return err.Error()
	}
	defer release()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		waitForParent()
		cancel()
	}()
	s := &Server{Agent: &scripted{}, AllowRoot: func() bool { return os.Getenv("ROOT") == "yes" }}
	if err := s.Serve(ctx, l); err != nil {
		return err.Error()
	}
	return "served"
}

// childRelay joins its stdin and stdout to the socket, for programs that talk to
// a process.
func childRelay(path string) string {
	nc, err := net.Dial("unix", path)
	if err != nil {
		return err.Error()
	}
	go func() {
		_, _ = io.Copy(nc, os.Stdin)
		nc.Close()
	}()
	_, _ = io.Copy(os.Stdout, nc)
	return ""
}

// A childProcess is a run of this test's program.
type childProcess struct {
	t     testing.TB
	cmd   *exec.Cmd
	stdin io.Closer
	out   *os.File
}

// startChild starts a run as the given user; 0: the test's own.
func startChild(t testing.TB, uid uint32, run, path string, env ...string) *childProcess {
	t.Helper()
	cmd := exec.Command(publicCopy(t, uid))
	cmd.Env = append(env, "AGENT_TEST_CHILD="+run, "AGENT_TEST_PATH="+path)
	cmd.Dir = "/"
	if uid != 0 {
		cmd.SysProcAttr = asUser(uid)
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.CreateTemp(shortDir(t), "out")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &childProcess{t, cmd, stdin, out}
	t.Cleanup(func() { stdin.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait(); out.Close() })
	return c
}

func (c *childProcess) output() string {
	b, err := os.ReadFile(c.out.Name())
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// ready waits until the child says that it is.
func (c *childProcess) ready() {
	c.t.Helper()
	for range 1000 {
		if strings.HasPrefix(c.output(), "ready") {
			return
		}
		time.Sleep(5 * time.Millisecond) // another process has no clock of ours
	}
	c.t.Fatalf("the child said %q", c.output())
}

// result lets the child end and returns the last line that it printed.
func (c *childProcess) result() string {
	c.stdin.Close()
	_ = c.cmd.Wait()
	out := strings.Split(c.output(), "\n")
	return out[len(out)-1]
}

// The users of the tests: the agent's, and a stranger.
const userU, userV = 61001, 61002

// needRoot skips a test that acts as other users.
func needRoot(t testing.TB) {
	t.Helper()
	if runtime.GOOS == "windows" || os.Geteuid() != 0 {
		t.Skip("acts as other users: run the tests as root")
	}
}

// publicCopy returns this program where other users may run it.
func publicCopy(t testing.TB, uid uint32) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if uid == 0 {
		return self
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	dir := shortDir(t)
	path := filepath.Join(dir, "agent.test")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(path, program, 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}
