// Package cogtoktest runs the real programs for tests: it builds cogtok and
// cogtokd once for a test binary and gives each test a user with a home of
// their own, so that no test touches the config, keychain or agent of the
// person who runs it.
package cogtoktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var programs string

// Main builds the programs, runs the tests and removes what it built. Call it
// from TestMain: os.Exit(cogtoktest.Main(m)).
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "cogtok-bin")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-trimpath", "-o", dir+string(filepath.Separator),
		"github.com/cogtok/cogtok/cmd/cogtok", "github.com/cogtok/cogtok/cmd/cogtokd")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the programs: %v\n%s", err, out)
		return 1
	}
	programs = dir
	return m.Run()
}

// Programs returns the directory of the programs that Main built.
func Programs() string { return programs }

// Tool returns the path of a command that a test needs. Without it the test
// is skipped, or fails where CI is set: there nothing is skipped silently.
func Tool(t testing.TB, command, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(command)
	if err == nil {
		return path
	}
	Missing(t, fmt.Sprintf("%s is not installed (Debian's package %s)", command, debianPackage))
	return ""
}

// Missing skips a test that can't run here, or fails it where CI is set.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// A User has a home, a config and an agent of their own.
type User struct {
	Home string
	Env  []string // of everything that the user runs
	t    testing.TB
}

// NewUser returns a user with an empty home. Their agent is stopped when the test ends.
func NewUser(t testing.TB) *User {
	t.Helper()
	// Not t.TempDir: a test's name can make the socket's path too long.
	home, err := os.MkdirTemp("", "cogtok")
	if err != nil {
		t.Fatal(err)
	}
	u := &User{Home: home, t: t, Env: Environ(home)}
	if err := os.Mkdir(u.Path("run"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		u.StopAgent()
		if t.Failed() {
			if log, err := os.ReadFile(u.Path("state/cogtok/agent.log")); err == nil {
				t.Logf("agent.log:\n%s", log)
			}
		}
		os.RemoveAll(home)
	})
	return u
}

// In returns the same user in a subtest, which fails in place of the test.
func (u *User) In(t testing.TB) *User {
	same := *u
	same.t = t
	return &same
}

// Environ returns the environment of a user whose home is dir: the tests' own
// without what could lead out of it.
func Environ(dir string) []string {
	env := []string{
		"HOME=" + dir,
		"PATH=" + programs + string(os.PathListSeparator) + os.Getenv("PATH"),
		"XDG_CONFIG_HOME=" + filepath.Join(dir, "config"),
		"XDG_STATE_HOME=" + filepath.Join(dir, "state"),
		"XDG_CACHE_HOME=" + filepath.Join(dir, "cache"),
		"XDG_DATA_HOME=" + filepath.Join(dir, "data"),
		"XDG_RUNTIME_DIR=" + filepath.Join(dir, "run"),
		"AWS_CONFIG_FILE=" + filepath.Join(dir, "aws-config"),
		"AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(dir, "aws-credentials"),
		"AWS_EC2_METADATA_DISABLED=true",
		"TERM=xterm",
		"LANG=C.UTF-8",
	}
	for _, keep := range []string{"TMPDIR", "GOCACHE", "GOCOVERDIR", "SYSTEMROOT", "GOFLAGS"} {
		if v, ok := os.LookupEnv(keep); ok {
			env = append(env, keep+"="+v)
		}
	}
	return env
}

// Path returns the path of a file below the user's home.
func (u *User) Path(name string) string { return filepath.Join(u.Home, filepath.FromSlash(name)) }

// Socket returns the path of the user's agent socket.
func (u *User) Socket() string { return u.Path("run/cogtok/agent.sock") }

// WriteConfig writes the user's config file.
func (u *User) WriteConfig(yaml string) {
	u.t.Helper()
	path := u.Path("config/cogtok/config.yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		u.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		u.t.Fatal(err)
	}
}

// A Result is what a program left behind.
type Result struct {
	Stdout, Stderr string
	Code           int // exit status
}

func (r Result) String() string {
	return fmt.Sprintf("exit status %d\nstdout: %s\nstderr: %s", r.Code, r.Stdout, r.Stderr)
}

// Command returns a command with the user's environment and no terminal.
func (u *User) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	if !filepath.IsAbs(name) && (name == "cogtok" || name == "cogtokd") {
		name = filepath.Join(programs, name)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = u.Env
	cmd.Dir = u.Home
	detachFromTerminal(cmd)
	return cmd
}

// Run runs cogtok with stdin as its input. It ends after a minute at the latest.
func (u *User) Run(stdin string, args ...string) Result {
	u.t.Helper()
	return u.RunProgram(stdin, "cogtok", args...)
}

// RunProgram is Run for any program.
func (u *User) RunProgram(stdin, name string, args ...string) Result {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := u.Command(ctx, name, args...)
	var out, errOut bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		u.t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	if ctx.Err() != nil {
		u.t.Fatalf("%s %s hangs: killed after a minute\nstderr: %s", name, strings.Join(args, " "), errOut.String())
	}
	return Result{out.String(), errOut.String(), cmd.ProcessState.ExitCode()}
}

// Must is Run for a command that has to succeed; it returns the standard
// output without its last newline.
func (u *User) Must(stdin string, args ...string) string {
	u.t.Helper()
	r := u.Run(stdin, args...)
	if r.Code != 0 {
		u.t.Fatalf("cogtok %s: %s", strings.Join(args, " "), r)
	}
	return strings.TrimSuffix(r.Stdout, "\n")
}

// StopAgent stops the user's agent, if one runs.
func (u *User) StopAgent() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_ = u.Command(ctx, "cogtok", "agent", "stop").Run()
}

// FindMarkers returns where below the user's home one of the markers stands,
// as "file: marker". The sockets are left out.
func (u *User) FindMarkers(markers ...string) []string {
	u.t.Helper()
	var found []string
	err := filepath.WalkDir(u.Home, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range markers {
			if bytes.Contains(data, []byte(m)) {
				found = append(found, path+": "+m)
			}
		}
		return nil
	})
	if err != nil {
		u.t.Fatal(err)
	}
	return found
}
