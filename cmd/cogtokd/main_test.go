//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/userpool"
)

// The tests run this very test binary as cogtokd.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_AS_COGTOKD") == "1" {
		main()
	}
	os.Exit(m.Run())
}

const (
	password     = "Marker-Passw0rd-81!"
	clientSecret = "markerClientSecret0123456789abcdefghijklmnop"
)

// A home is the world of one user's agent.
type home struct {
	t    *testing.T
	dir  string
	sock string
	env  []string
}

func newHome(t *testing.T) *home {
	dir, err := os.MkdirTemp("", "cogtokd") // t.TempDir can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h := &home{t: t, dir: dir, sock: dir + "/run/cogtok/agent.sock"}
	h.env = []string{
		"TEST_AS_COGTOKD=1", "HOME=" + dir, "XDG_CONFIG_HOME=" + dir + "/config", "XDG_STATE_HOME=" + dir + "/state",
		"XDG_RUNTIME_DIR=" + dir + "/run", "PATH=" + os.Getenv("PATH"), "GOCOVERDIR=" + os.Getenv("GOCOVERDIR"),
	}
	for _, sub := range []string{"run", "config", "config/cogtok"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func (h *home) config(text string) {
	h.t.Helper()
	if err := os.WriteFile(h.dir+"/config/cogtok/config.yaml", []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// A process is a cogtokd that runs.
type process struct {
	*exec.Cmd
	t      *testing.T
	ready  *os.File // what it says at the ready pipe
	output bytes.Buffer
	ended  chan error
}

// start runs cogtokd with a ready pipe.
func (h *home) start(args ...string) *process {
	h.t.Helper()
	ready, write, err := os.Pipe()
	if err != nil {
		h.t.Fatal(err)
	}
	p := &process{t: h.t, ready: ready, ended: make(chan error, 1)}
	p.Cmd = exec.Command(os.Args[0], append([]string{"--ready-fd", "3"}, args...)...)
	p.Env, p.Dir, p.ExtraFiles = h.env, h.dir, []*os.File{write}
	p.Stdout, p.Stderr = &p.output, &p.output
	if err := p.Start(); err != nil {
		h.t.Fatal(err)
	}
	write.Close()
	go func() { p.ended <- p.Wait() }()
	h.t.Cleanup(func() {
		p.Process.Kill()
		ready.Close()
	})
	return p
}

// said waits for what the process says at the ready pipe.
func (p *process) said() string {
	p.t.Helper()
	_ = p.ready.SetReadDeadline(time.Now().Add(10 * time.Second))
	text, err := io.ReadAll(p.ready)
	if err != nil {
		p.t.Fatalf("the ready pipe: %v", err)
	}
	return string(text)
}

// end waits for the end and returns the exit status; -1 for a signal's.
func (p *process) end() int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.ProcessState.ExitCode()
	case <-time.After(15 * time.Second):
		p.t.Fatal("cogtokd does not end")
		return 0
	}
}

func (h *home) running(args ...string) *process {
	h.t.Helper()
	p := h.start(args...)
	if said := p.said(); said != "ok\n" {
		h.t.Fatalf("cogtokd said %q; log:\n%s", said, h.log())
	}
	return p
}

func (h *home) client() *agent.Client {
	h.t.Helper()
	c, err := agent.Dial(h.t.Context(), h.sock)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	return c
}

func (h *home) log() string {
	data, _ := os.ReadFile(h.dir + "/state/cogtok/agent.log")
	return string(data)
}

func (h *home) noSocket() {
	h.t.Helper()
	if _, err := os.Lstat(h.sock); !errors.Is(err, os.ErrNotExist) {
		h.t.Errorf("the socket is still there: %v", err)
	}
}

func TestSecondOneEnds(t *testing.T) {
	h := newHome(t)
	first := h.running()
	for range 3 {
		second := h.start()
		if said, status := second.said(), second.end(); said != "busy\n" || status != 0 || second.output.Len() != 0 {
			t.Errorf("the second said %q, ended with %d and printed %q", said, status, second.output.String())
		}
	}
	v, err := h.client().Version(t.Context(), agent.Caller{}, agent.None{})
	if err != nil || v.PID != first.Process.Pid || v.Socket != h.sock || v.Log != h.dir+"/state/cogtok/agent.log" {
		t.Errorf("version %+v, %v", v, err)
	}
}

func TestCrowdOfAgents(t *testing.T) {
	h := newHome(t)
	var all []*process
	for range 20 {
		all = append(all, h.start())
	}
	serving := 0
	for _, p := range all {
		switch said := p.said(); said {
		case "ok\n":
			serving++
		case "busy\n":
			if status := p.end(); status != 0 {
				t.Errorf("exit status %d", status)
			}
		default:
			t.Errorf("said %q", said)
		}
	}
	if serving != 1 {
		t.Errorf("%d agents", serving)
	}
}

func TestStop(t *testing.T) {
	h := newHome(t)
	for name, stop := range map[string]func(*process){
		"SIGTERM": func(p *process) { p.Process.Signal(stopSignal) },
		"Ctrl-C":  func(p *process) { p.Process.Signal(os.Interrupt) },
		"stop": func(*process) {
			if _, err := h.client().Stop(t.Context(), agent.Caller{}, agent.None{}); err != nil {
				t.Error(err)
			}
		},
	} {
		p := h.running()
		idle := h.client() // a connection without a call holds nothing up
		began := time.Now()
		stop(p)
		if status := p.end(); status != 0 {
			t.Errorf("%s: exit status %d, output %q", name, status, p.output.String())
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("%s took %v", name, took)
		}
		idle.Close()
		h.noSocket()
	}
}

func TestKillAndStartAgain(t *testing.T) {
	h := newHome(t)
	for range 3 {
		p := h.running()
		p.Process.Kill()
		p.end()
		if _, err := os.Lstat(h.sock); err != nil {
			t.Errorf("a killed agent leaves its socket: %v", err)
		}
	}
	h.running()
	h.client()
}

func TestBrokenConfig(t *testing.T) {
	h := newHome(t)
	h.config("version: 1\nprofiles:\n  prod:\n    user_pool: x\n")
	p := h.running()
	_, err := h.client().Token(t.Context(), agent.Caller{}, agent.TokenRequest{})
	if e := agent.AsError(err); e.Kind != agent.KindConfig || !strings.Contains(e.Message, "config.yaml:4:5") {
		t.Errorf("error %+v", e)
	}
	h.config("version: 1\nprofiles:\n  prod: {user_pool_id: us-east-1_AbCdEf123, client_id: abc, username: rob}\n")
	reload(p.Process)
	st, err := h.client().Status(t.Context(), agent.Caller{}, agent.StatusRequest{})
	if err != nil || st.ConfigError != "" || len(st.Profiles) != 1 {
		t.Errorf("status %+v, %v", st, err)
	}
}

func TestIdleExit(t *testing.T) {
	h := newHome(t)
	h.config("version: 1\nagent: {idle_exit: 1s}\n")
	p := h.running()
	c := h.client()
	for range 8 { // calls keep it up
		if _, err := c.Status(t.Context(), agent.Caller{}, agent.StatusRequest{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
	}
	if status := p.end(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	h.noSocket()
}

func TestCommandLine(t *testing.T) {
	h := newHome(t)
	for _, tt := range []struct {
		args         []string
		status       int
		said, prints string
	}{
		{[]string{"--version"}, 0, "", "cogtokd "},
		{[]string{"--help"}, 0, "", "Usage: cogtokd"},
		{[]string{"--no-such-flag"}, 2, "", "Usage: cogtokd"},
		{[]string{"serve"}, 2, "", `unknown argument "serve"`},
		{[]string{"--socket", "relative"}, 2, "error socket_path: the socket's path is not absolute: relative\nhint: ", ""},
		{[]string{"--socket", "/" + strings.Repeat("x", 200)}, 2, "error socket_path: the socket's path is 201 bytes long", ""},
	} {
		p := h.start(tt.args...)
		said, status := p.said(), p.end()
		if status != tt.status || !strings.HasPrefix(said, tt.said) || !strings.Contains(p.output.String(), tt.prints) {
			t.Errorf("%v: exit status %d, said %q, printed %q", tt.args, status, said, p.output.String())
		}
	}
	// By hand, without a pipe, the error is on standard error.
	cmd := exec.Command(os.Args[0], "--socket", "relative")
	cmd.Env = h.env
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.HasPrefix(string(out), "cogtokd: the socket's path is not absolute: relative\ncogtokd: hint: ") {
		t.Errorf("%v: %q", err, out)
	}
	// `cogtokd cli` is the full client.
	cmd = exec.Command(os.Args[0], "cli", "version")
	cmd.Env = h.env
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "cogtok") {
		t.Errorf("%v: %q", err, out)
	}
}

// A caller may say any profile name: of a long one the log has the beginning.
func TestLongNamesInTheLog(t *testing.T) {
	h := newHome(t)
	h.config("version: 1\n")
	h.running()
	name := strings.Repeat("x", 60_000)
	if _, err := h.client().Token(t.Context(), agent.Caller{}, agent.TokenRequest{Profile: name}); err == nil {
		t.Fatal("a token")
	}
	log := h.log()
	if !strings.Contains(log, "token xxxx") {
		t.Errorf("the call isn't logged: %.300s", log)
	}
	if len(log) > 2000 {
		t.Errorf("the log has %d bytes", len(log))
	}
}

// An agent that can't write its state serves all the same.
func TestStateDirectoryInTheWay(t *testing.T) {
	h := newHome(t)
	if err := os.WriteFile(h.dir+"/state", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h.running()
	if _, err := h.client().Status(t.Context(), agent.Caller{}, agent.StatusRequest{}); err != nil {
		t.Error(err)
	}
}

// A sign-in, tokens and failures leave no secret and no token in any file.
func TestNothingIsWrittenDown(t *testing.T) {
	h := newHome(t)
	server := userpool.New(userpool.Config{})
	pool := server.AddPool(userpool.PoolConfig{ID: "us-east-1_AbCdEf123"})
	pool.AddClient(userpool.Client{ID: "client", Secret: clientSecret})
	pool.AddUser(userpool.User{Username: "rob", Password: password})
	url, err := server.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	h.env = append(h.env, "COGTOK_LOG=debug")
	h.config(fmt.Sprintf("version: 1\nstore: memory\nprofiles:\n  prod: {user_pool_id: %s, client_id: client, username: rob, endpoint: %q}\n", pool.ID(), url))
	p := h.running()
	c := h.client()
	set := agent.SetSecretRequest{Profile: "prod", Kind: agent.SecretClientSecret, Value: agent.NewSecret(clientSecret)}
	if _, err := c.SetSecret(t.Context(), agent.Caller{}, set); err != nil {
		t.Fatal(err)
	}
	set.Kind, set.Value = agent.SecretPassword, agent.NewSecret(password)
	if _, err := c.SetSecret(t.Context(), agent.Caller{}, set); err != nil {
		t.Fatal(err)
	}
	got, err := c.Token(t.Context(), agent.Caller{}, agent.TokenRequest{})
	if err != nil {
		t.Fatal(err)
	}
	pool.SetPassword("rob", "Marker-another-1!")
	pool.SignOutEverywhere("rob")
	for range 3 {
		if _, err := c.Token(t.Context(), agent.Caller{}, agent.TokenRequest{Force: true}); err == nil {
			t.Error("a token for a wrong password")
		}
	}
	if _, err := c.Logout(t.Context(), agent.Caller{}, agent.LogoutRequest{Forget: true}); err != nil {
		t.Error(err)
	}
	p.Process.Signal(stopSignal)
	p.end()
	if !strings.Contains(h.log(), "token prod failed") && !strings.Contains(h.log(), "token  failed") {
		t.Errorf("the log tells nothing of the failures:\n%s", h.log())
	}
	signature := got.Token[strings.LastIndex(got.Token, ".")+1:]
	h.scan("arker", password, clientSecret, signature, "eyJ")
}

// scan fails the test if a marker stands in a file below the home, or if
// others may read it.
func (h *home) scan(markers ...string) {
	h.t.Helper()
	err := filepath.WalkDir(h.dir+"/state", func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, marker := range markers {
			if bytes.Contains(data, []byte(marker)) {
				h.t.Errorf("%s holds %q:\n%s", path, marker, data)
			}
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			h.t.Errorf("%s has the mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		h.t.Error(err)
	}
}

// Calls in flight are answered before the agent ends.
func TestStopWithCallsInFlight(t *testing.T) {
	h := newHome(t)
	server := userpool.New(userpool.Config{})
	pool := server.AddPool(userpool.PoolConfig{ID: "us-east-1_AbCdEf123"})
	pool.AddClient(userpool.Client{ID: "client"})
	pool.AddUser(userpool.User{Username: "rob", Password: password})
	url, err := server.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	h.config(fmt.Sprintf("version: 1\nstore: memory\nprofiles:\n  prod: {user_pool_id: %s, client_id: client, username: rob, endpoint: %q}\n", pool.ID(), url))
	p := h.running()
	if _, err := h.client().SetSecret(t.Context(), agent.Caller{}, agent.SetSecretRequest{
		Profile: "prod", Kind: agent.SecretPassword, Value: agent.NewSecret(password)}); err != nil {
		t.Fatal(err)
	}
	server.Delay("", 500*time.Millisecond)
	results := make(chan error, 20)
	var clients []*agent.Client
	for range cap(results) {
		clients = append(clients, h.client())
	}
	for _, c := range clients {
		go func() {
			_, err := c.Token(context.Background(), agent.Caller{}, agent.TokenRequest{})
			results <- err
		}()
	}
	for server.Count("InitiateAuth") == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond) // the others have been read too; the pool takes a second in all
	p.Process.Signal(stopSignal)
	if status := p.end(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	for range cap(results) {
		if err := <-results; err != nil && agent.KindOf(err) != agent.KindShuttingDown {
			t.Errorf("a call in flight: %v", err)
		}
	}
	h.noSocket()
}
