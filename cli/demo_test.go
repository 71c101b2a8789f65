//go:build !windows

package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// demoPrograms builds the real programs and gives them a temporary directory
// of their own, so that what is left there can be seen.
func demoPrograms(t *testing.T) (bin, temp string) {
	t.Helper()
	bin = t.TempDir()
	build := exec.Command("go", "build", "-o", bin+"/", "github.com/cogtok/cogtok/cmd/cogtok", "github.com/cogtok/cogtok/cmd/cogtokd")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	temp, err := os.MkdirTemp("", "cogtok") // a short path, for the socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(temp) })
	return bin, temp
}

// demoProcess has a home that must stay empty, and settings of the
// user's that must not matter.
func demoProcess(bin, temp string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(bin, "cogtok"), append([]string{"demo"}, args...)...)
	cmd.Env = []string{
		"HOME=" + temp + "/home", "TMPDIR=" + temp, "PATH=" + os.Getenv("PATH"),
		"COGTOK_SOCKET=" + temp + "/of-the-user", "COGTOK_CONFIG=" + temp + "/of-the-user.yaml", "COGTOK_PROFILE=nobody",
		"HTTP_PROXY=http://127.0.0.1:9", "http_proxy=http://127.0.0.1:9", "AWS_PROFILE=nobody",
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

func TestDemo(t *testing.T) {
	bin, temp := demoPrograms(t)
	t.Run("once", func(t *testing.T) { testDemoOnce(t, bin, temp) })
	t.Run("until Ctrl-C", func(t *testing.T) { testDemoUntilInterrupted(t, bin, temp) })
	t.Run("closed pipe", func(t *testing.T) { testDemoClosedPipe(t, bin, temp) })
	t.Run("without cogtok and curl", func(t *testing.T) { testDemoAlone(t, bin, temp) })
}

func testDemoOnce(t *testing.T, bin, temp string) {
	out, err := demoProcess(bin, temp, "--once").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"UnauthorizedException", "signed in to demo as rob", `"whoami":{"username":"rob"`, " characters)\n", "demo (default)"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q isn't shown", want)
		}
	}
	if t.Failed() || strings.Count(string(out), "eyJ") != 2 {
		t.Errorf("shown:\n%s", out)
	}
	expectEmpty(t, temp)
}

// expectEmpty makes sure that the demo removed its files and ended its agent.
func expectEmpty(t *testing.T, temp string) {
	t.Helper()
	if entries, err := os.ReadDir(temp); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	processes, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range processes {
		if line, err := os.ReadFile(p); err == nil && strings.Contains(string(line), temp) {
			t.Errorf("still runs: %q", line)
		}
	}
}

func testDemoUntilInterrupted(t *testing.T, bin, temp string) {
	for signal, code := range map[syscall.Signal]int{syscall.SIGINT: 0, syscall.SIGTERM: 0} {
		shown, err := os.Create(filepath.Join(t.TempDir(), "shown"))
		if err != nil {
			t.Fatal(err)
		}
		defer shown.Close()
		demo := demoProcess(bin, temp)
		demo.Stdout, demo.Stderr = shown, shown
		if err := demo.Start(); err != nil {
			t.Fatal(err)
		}
		defer demo.Process.Kill()
		exports := waitForExports(t, shown.Name())
		// Another terminal, as the demo says.
		other := exec.Command("sh", "-c", exports+"\ncogtok token; cogtok token --output creds")
		other.Env = []string{"HOME=" + temp + "/home", "PATH=" + os.Getenv("PATH")}
		if out, err := other.CombinedOutput(); err != nil || strings.Count(string(out), "eyJ") < 3 {
			t.Errorf("%v\n%s", err, out)
		}
		demo.Process.Signal(signal)
		if demo.Wait(); demo.ProcessState.ExitCode() != code {
			t.Errorf("after %s: %s", signal, demo.ProcessState)
		}
		expectEmpty(t, temp)
	}
}

func waitForExports(t *testing.T, path string) string {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		shown, _ := os.ReadFile(path)
		_, after, ok := strings.Cut(string(shown), "export PATH=")
		if before, _, ended := strings.Cut(after, "\ncogtok token\n"); ok && ended {
			return "export PATH=" + before
		}
	}
	shown, _ := os.ReadFile(path)
	t.Fatalf("no exports are shown:\n%s", shown)
	return ""
}

// `cogtok demo | head` cleans up too.
func testDemoClosedPipe(t *testing.T, bin, temp string) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	demo := demoProcess(bin, temp)
	demo.Stdout = write
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	defer demo.Process.Kill()
	write.Close()
	read.Read(make([]byte, 1))
	read.Close()
	demo.Wait()
	if demo.ProcessState.ExitCode() != 1 {
		t.Errorf("%s", demo.ProcessState)
	}
	expectEmpty(t, temp)
}

// Without a cogtok beside it, a curl and a shell in PATH.
func testDemoAlone(t *testing.T, bin, temp string) {
	if err := os.Remove(filepath.Join(bin, "cogtok")); err != nil {
		t.Fatal(err)
	}
	demo := demoProcess(bin, temp, "--once")
	demo.Path, demo.Args = filepath.Join(bin, "cogtokd"), []string{"cogtokd", "cli", "demo", "--once"}
	demo.Env = append(demo.Env, "PATH=/nonexistent")
	out, err := demo.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "cogtok makes this request itself") || !strings.Contains(string(out), `"username":"rob"`) {
		t.Errorf("%v\n%s", err, out)
	}
	expectEmpty(t, temp)
}
