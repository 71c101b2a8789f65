//go:build linux || darwin

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/startlock"
)

// fullStatus is the exit status of the program that stands in for cogtokd.
const fullStatus = 42

var cogtok string // the program under test

func TestMain(m *testing.M) {
	if os.Args[0] == full {
		json.NewEncoder(os.Stdout).Encode(os.Args)
		fmt.Fprintln(os.Stderr, "in", os.Getenv("COGTOK_TEST"))
		if os.Getenv("STAY") != "" {
			time.Sleep(time.Minute)
		}
		os.Exit(fullStatus)
	}
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "cogtok")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	cogtok = filepath.Join(dir, "cogtok")
	build := exec.Command("go", "build", "-trimpath", "-o", cogtok, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// An installation is a folder with cogtok, a stand-in for cogtokd and a socket.
type installation struct {
	t      *testing.T
	dir    string
	socket string
	env    []string
}

func install(t *testing.T) *installation {
	t.Helper()
	// Not t.TempDir: a test's name can make the socket's path too long.
	dir, err := os.MkdirTemp("", "cogtok")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	test, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Link(cogtok, dir+"/cogtok"), os.Symlink(test, dir+"/cogtokd"), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	in := &installation{t: t, dir: dir, socket: dir + "/s"}
	in.env = []string{"HOME=" + dir, "COGTOK_SOCKET=" + in.socket, "COGTOK_CONFIG=", "PATH=/bin:/usr/bin"}
	return in
}

// agent answers each line that comes in at the socket with the given function.
func (in *installation) agent(answer func(conn net.Conn, request string)) {
	in.t.Helper()
	l, err := net.Listen("unix", in.socket)
	if err != nil {
		in.t.Fatal(err)
	}
	in.serve(l, answer)
}

func (in *installation) serve(l net.Listener, answer func(conn net.Conn, request string)) {
	in.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(conn).ReadString('\n')
			answer(conn, line)
			conn.Close()
		}
	}()
}

func says(text string) func(net.Conn, string) {
	return func(conn net.Conn, _ string) { conn.Write([]byte(text)) }
}

type outcome struct {
	stdout, stderr string
	state          *os.ProcessState
}

func (in *installation) run(program string, args ...string) outcome {
	in.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(in.t.Context(), program, args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = in.env, in.dir, &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		in.t.Fatal(err)
	}
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState}
}

func (in *installation) cogtok(args ...string) outcome {
	in.t.Helper()
	return in.run(in.dir+"/cogtok", args...)
}

func (o outcome) want(t *testing.T, stdout, stderr string, code int) {
	t.Helper()
	if o.stdout != stdout || o.stderr != stderr || o.state.ExitCode() != code {
		t.Errorf("got  %q, %q, exit status %d\nwant %q, %q, %d", o.stdout, o.stderr, o.state.ExitCode(), stdout, stderr, code)
	}
}

// wantFull checks that the full client took over with all arguments.
func (o outcome) wantFull(t *testing.T, args ...string) {
	t.Helper()
	argv, err := json.Marshal(append([]string{"cogtokd", "cli"}, args...))
	if err != nil {
		t.Fatal(err)
	}
	o.want(t, string(argv)+"\n", "in \n", fullStatus)
}

const answer = `{"jsonrpc":"2.0","id":1,"result":` + result + "}\n"

func TestToken(t *testing.T) {
	in := install(t)
	requests := make(chan string, 1)
	in.agent(func(conn net.Conn, request string) {
		requests <- request
		conn.Write([]byte(answer))
	})
	for _, tt := range []struct{ args, stdout, params string }{
		{"token", "eyJ.a.b", ``},
		{"token prod", "eyJ.a.b", `,"profile":"prod"`},
		{"token prod -o bearer", "Bearer eyJ.a.b", `,"profile":"prod"`},
		{"token --output=header", "Authorization: Bearer eyJ.a.b", ``},
		{"token --config /c --type access --min-ttl 2m --force", "eyJ.a.b", `,"type":"access","config":"/c","min_ttl":120,"force":true`},
	} {
		in.cogtok(strings.Fields(tt.args)...).want(t, tt.stdout+"\n", "", 0)
		want := `{"jsonrpc":"2.0","id":1,"method":"token","params":{"interactive":false,"session_only":true` + tt.params + "}}\n"
		if got := <-requests; got != want {
			t.Errorf("%s: sent %q, want %q", tt.args, got, want)
		}
	}
}

func TestTokenInPieces(t *testing.T) {
	in := install(t)
	long := strings.Replace(answer, "eyJ", strings.Repeat("e", 100<<10), 1)
	in.agent(func(conn net.Conn, _ string) {
		for piece := range slices.Chunk([]byte(long), 7001) {
			conn.Write(piece)
			time.Sleep(time.Millisecond)
		}
	})
	in.cogtok("token").want(t, strings.Repeat("e", 100<<10)+".a.b\n", "", 0)
}

func TestWarning(t *testing.T) {
	in := install(t)
	in.agent(says(strings.Replace(answer, `"header"`, `"warning":"the token lives for 30 s only","header"`, 1)))
	in.cogtok("token").want(t, "eyJ.a.b\n", "cogtok: the token lives for 30 s only\n", 0)
	in.cogtok("token", "-q").want(t, "eyJ.a.b\n", "", 0)
}

// Whatever isn't a plain answer is the full client's.
func TestHandOver(t *testing.T) {
	for name, agent := range map[string]func(*installation){
		"no agent": func(*installation) {},
		"a socket that nobody listens at": func(in *installation) {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: in.socket})
			if err != nil {
				t.Fatal(err)
			}
			l.SetUnlinkOnClose(false)
			l.Close()
		},
		"no socket but a file": func(in *installation) { os.WriteFile(in.socket, []byte(answer), 0o700) },
		"a directory":          func(in *installation) { os.Mkdir(in.socket, 0o700) },
		"an error": func(in *installation) {
			in.agent(says(`{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"sign-in needed","data":{"kind":"login_required","hint":"run: cogtok login prod","retryable":false}}}` + "\n"))
		},
		"a prompt": func(in *installation) {
			in.agent(says(`{"jsonrpc":"2.0","id":"p1","method":"prompt","params":{"kind":"mfa","text":"Code","echo":true}}` + "\n"))
		},
		"a prompt before the token": func(in *installation) {
			in.agent(says(`{"jsonrpc":"2.0","method":"prompt"}` + "\n" + answer))
		},
		"garbage":         func(in *installation) { in.agent(says("SSH-2.0-OpenSSH_9.2\r\n")) },
		"NUL bytes":       func(in *installation) { in.agent(says("\x00\x00\x00\x00\n")) },
		"other framing":   func(in *installation) { in.agent(says("Content-Length: 2\r\n\r\n{}")) },
		"nothing":         func(in *installation) { in.agent(says("")) },
		"half a reply":    func(in *installation) { in.agent(says(answer[:len(answer)/2])) },
		"no end of line":  func(in *installation) { in.agent(says(answer[:len(answer)-1])) },
		"two replies":     func(in *installation) { in.agent(says(answer + answer)) },
		"a huge reply":    func(in *installation) { in.agent(says(strings.Replace(answer, "eyJ", strings.Repeat("e", 1<<20), 1))) },
		"an endless line": func(in *installation) { in.agent(says(strings.Repeat("x", 1<<20))) },
		"hang-up": func(in *installation) {
			in.agent(func(conn net.Conn, _ string) { conn.(*net.UnixConn).CloseWrite() })
		},
		"hang-up before the request": func(in *installation) {
			l, err := net.Listen("unix", in.socket)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			go func() {
				if conn, err := l.Accept(); err == nil {
					conn.Close()
				}
			}()
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := install(t)
			agent(in)
			in.cogtok("token", "prod", "-o", "header").wantFull(t, "token", "prod", "-o", "header")
		})
	}
}

// An error that is final is handed over with the call, so that the full client
// doesn't bring it about a second time; where a person may help it asks anew.
func TestHandOverOfErrors(t *testing.T) {
	for code, final := range map[string]bool{
		"1": true, "2": true, "6": true, "7": true, "8": true,
		"3": false, "4": false, "5": false, "0": false, "-32603": false, "70": false, "1.5": false, "null": false, `"7"`: false,
	} {
		in := install(t)
		failure := `{"code":` + code + `,"message":"it's \"no\"","data":{"kind":"wrong_password"}}`
		in.agent(says(`{"jsonrpc":"2.0","id":1,"error": ` + failure + ` }` + "\n"))
		want := []string{"token", "prod", "-q"}
		if final {
			want = append([]string{"--agent-error=" + failure}, want...)
		}
		in.cogtok("token", "prod", "-q").wantFull(t, want...)
	}
	in := install(t)
	in.agent(says(`{"jsonrpc":"2.0","id":2,"error":{"code":7}}` + "\n")) // another call's
	in.cogtok("token").wantFull(t, "token")
	in = install(t)
	in.agent(says(`{"jsonrpc":"2.0","id":1,"error":{"code":7,"message":"` + strings.Repeat("x", maxFailure) + `"}}` + "\n"))
	in.cogtok("token").wantFull(t, "token")
}

func TestHandOverOfOtherCommands(t *testing.T) {
	in := install(t)
	in.agent(func(net.Conn, string) { t.Error("the agent was asked") })
	for _, args := range [][]string{
		nil, {"--help"}, {"status"}, {"token", "--output", "json"}, {"token", "prod", "--timeout", "5s"}, {"token", "", "a b", "\xff\n'"},
		{"exec", "prod", "--", "sh", "-c", "echo $0"},
	} {
		in.cogtok(args...).wantFull(t, args...)
	}
}

func TestHandOverKeepsEnvironment(t *testing.T) {
	in := install(t)
	in.env = append(in.env, "COGTOK_TEST=a b=c")
	in.cogtok("token").want(t, `["cogtokd","cli","token"]`+"\n", "in a b=c\n", fullStatus)
}

func TestSiblingBesideTheProgramOnly(t *testing.T) {
	in := install(t)
	links := t.TempDir()
	if err := errors.Join(os.Symlink(in.dir+"/cogtok", links+"/one"), os.Symlink("one", links+"/two")); err != nil {
		t.Fatal(err)
	}
	in.run(links+"/two", "status").wantFull(t, "status")

	// Now cogtokd is in $PATH and in the working directory, but not beside it.
	elsewhere := t.TempDir() + "/cogtok"
	if err := os.Link(cogtok, elsewhere); err != nil {
		t.Fatal(err)
	}
	in.env = append(in.env, "PATH="+in.dir)
	in.run(elsewhere, "status").want(t, "", "cogtok: cogtokd is not beside "+elsewhere+
		"\ncogtok: hint: cogtok is two programs: install cogtok and cogtokd in the same folder\n", 1)

	os.WriteFile(filepath.Dir(elsewhere)+"/cogtokd", nil, 0o600)
	in.run(elsewhere, "status").want(t, "", "cogtok: can't run "+elsewhere+"d: permission denied\n", 1)
}

func TestFollow(t *testing.T) {
	dir := t.TempDir()
	real := dir + "/libexec/cogtok"
	if err := errors.Join(os.Mkdir(dir+"/libexec", 0o700), os.WriteFile(real, nil, 0o600), os.Mkdir(dir+"/bin", 0o700),
		os.Symlink(real, dir+"/bin/absolute"), os.Symlink("absolute", dir+"/bin/two"), os.Symlink("../libexec/cogtok", dir+"/bin/relative"),
		os.Symlink("bin", dir+"/sbin"), os.Symlink("loop", dir+"/loop")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		real:                   real,
		dir + "/bin/absolute":  real,
		dir + "/bin/two":       real,
		dir + "/bin/relative":  dir + "/bin/../libexec/cogtok",
		dir + "/sbin/relative": dir + "/sbin/../libexec/cogtok",
		dir + "/loop":          dir + "/loop",
		dir + "/none":          dir + "/none",
	} {
		if got := follow(path); got != want {
			t.Errorf("follow(%s) = %s, want %s", path, got, want)
		}
	}
}

func TestOutputThatFails(t *testing.T) {
	in := install(t)
	in.agent(says(answer))

	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	cmd := exec.CommandContext(t.Context(), in.dir+"/cogtok", "token")
	cmd.Env, cmd.Stdout = in.env, write
	cmd.Run()
	write.Close()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGPIPE {
		t.Errorf("reader gone: %v, want death by SIGPIPE", cmd.ProcessState)
	}

	fullDisk, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return // macOS has none
	}
	if err != nil {
		t.Fatal(err)
	}
	defer fullDisk.Close()
	var stderr bytes.Buffer
	cmd = exec.CommandContext(t.Context(), in.dir+"/cogtok", "token")
	cmd.Env, cmd.Stdout, cmd.Stderr = in.env, fullDisk, &stderr
	cmd.Run()
	if want := "cogtok: can't write the token: write /dev/stdout: no space left on device\n"; stderr.String() != want || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("disk full: %q, %v, want %q", stderr.String(), cmd.ProcessState, want)
	}
}

// While another client starts the agent, this one waits for it, and doesn't
// become the full client for that. But it doesn't wait for ever.
func TestWaitsForAStart(t *testing.T) {
	in := install(t)
	lock, err := startlock.Take(in.socket)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(200*time.Millisecond, func() { in.agent(says(answer)) })
	in.cogtok("token", "prod").want(t, "eyJ.a.b\n", "", 0)
	lock.Release()

	in = install(t)
	if lock, err = startlock.Take(in.socket); err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	begin := time.Now()
	in.cogtok("token", "prod").wantFull(t, "token", "prod")
	if took := time.Since(begin); took < startLimit || took > startLimit+2*time.Second {
		t.Errorf("it waited for %v", took)
	}
}

// An agent that is killed in the middle of a call is no reason to become the full
// client. But one that always hangs up is.
func TestAsksAgain(t *testing.T) {
	in := install(t)
	var calls atomic.Int32
	in.agent(func(conn net.Conn, _ string) {
		if calls.Add(1) > 2 {
			conn.Write([]byte(answer))
		}
	})
	in.cogtok("token", "prod").want(t, "eyJ.a.b\n", "", 0)
	in = install(t)
	calls.Store(-10)
	in.agent(func(conn net.Conn, _ string) { calls.Add(1) })
	in.cogtok("token", "prod").wantFull(t, "token", "prod")
	if n := calls.Load() + 10; n != 3 {
		t.Errorf("asked %d times", n)
	}
}

// Who finds no agent has the lock, and as the full client still.
func TestStartsAsTheFullClient(t *testing.T) {
	in := install(t)
	cmd := exec.CommandContext(t.Context(), in.dir+"/cogtok", "token")
	cmd.Env = append(in.env, "STAY=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.Contains(line, `"cogtokd","cli"`) {
		t.Fatalf("%q, %v", line, err)
	}
	if _, err := startlock.Take(in.socket); err != startlock.ErrHeld {
		t.Errorf("somebody else could take the lock: %v", err)
	}
}
