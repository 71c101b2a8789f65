//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/userpool"
)

// installed puts a copy of this program where it can be replaced.
func (h *home) installed() string {
	h.t.Helper()
	path := h.dir + "/cogtokd"
	text, err := os.ReadFile(os.Args[0])
	if err != nil {
		h.t.Fatal(err)
	}
	h.install(path, text, 0o755)
	return path
}

// install replaces a program in one step.
func (h *home) install(path string, text []byte, mode os.FileMode) {
	h.t.Helper()
	if err := os.WriteFile(path+".new", text, mode); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Chmod(path+".new", mode); err != nil { // whatever the umask is
		h.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		h.t.Fatal(err)
	}
}

// runningAt is running for another program than the test's own.
func (h *home) runningAt(program string) *process {
	h.t.Helper()
	self := os.Args[0]
	os.Args[0] = program
	defer func() { os.Args[0] = self }()
	return h.running()
}

// pool is a user pool with a user rob and a profile prod of theirs.
func (h *home) pool(store string) *userpool.Server {
	h.t.Helper()
	server := userpool.New(userpool.Config{})
	pool := server.AddPool(userpool.PoolConfig{ID: "us-east-1_AbCdEf123"})
	pool.AddClient(userpool.Client{ID: "client"})
	pool.AddUser(userpool.User{Username: "rob", Password: password})
	url, err := server.Start("127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { server.Close() })
	h.config(fmt.Sprintf("version: 1\nstore: %s\nprofiles:\n  prod: {user_pool_id: %s, client_id: client, username: rob, endpoint: %q}\n", store, pool.ID(), url))
	return server
}

func upgradeOf(t *testing.T, c *agent.Client) agent.UpgradeResult {
	t.Helper()
	r, err := c.Upgrade(t.Context(), agent.Caller{}, agent.None{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// takeovers waits until so many programs have taken over.
func takeovers(t *testing.T, c *agent.Client, want int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		v, err := c.Version(t.Context(), agent.Caller{}, agent.None{})
		if err == nil && v.Takeovers == want {
			return
		}
		if err != nil || time.Now().After(end) {
			t.Fatalf("%+v, %v; want %d takeovers", v, err, want)
		}
	}
}

// prompter answers what the tests ask for.
type prompter func(agent.Prompt) string

func (p prompter) Ask(_ context.Context, q agent.Prompt) (agent.Secret, error) {
	return agent.NewSecret(p(q)), nil
}

// The new program knows the passphrase, the tokens, and what was stored in
// memory; connections stay.
func TestUpgradeKeepsAll(t *testing.T) {
	for _, store := range []string{"file", "memory"} {
		h := newHome(t)
		server := h.pool(store)
		program := h.installed()
		p := h.runningAt(program)
		c := h.client()
		asked := 0
		who := agent.Caller{Prompter: prompter(func(q agent.Prompt) string {
			asked++
			switch q.Kind {
			case agent.PromptPassphrase:
				return "Marker-Passphrase-83"
			case agent.PromptPassword:
				return password
			}
			return "n"
		})}
		if _, err := c.Login(t.Context(), who, agent.LoginRequest{Profile: "prod"}); err != nil {
			t.Fatal(err)
		}
		before, err := c.Token(t.Context(), agent.Caller{}, agent.TokenRequest{})
		if err != nil {
			t.Fatal(err)
		}
		server.ResetCalls()
		for round := range 2 {
			h.installed()
			if r := upgradeOf(t, c); !r.Upgrading || r.Version == "" {
				t.Fatalf("%+v", r)
			}
			takeovers(t, c, round+1)
			after, err := c.Token(t.Context(), agent.Caller{}, agent.TokenRequest{})
			if err != nil || after.Token != before.Token {
				t.Errorf("%s: another token after the upgrade, %v", store, err)
			}
		}
		if n := server.Count(""); n != 0 {
			t.Errorf("%s: %d calls to Cognito", store, n)
		}
		asked = 0
		if _, err := c.Token(t.Context(), who, agent.TokenRequest{Force: true}); err != nil || asked != 0 {
			t.Errorf("%s: the session can't go on without asking: %v", store, err)
		}
		if p.ProcessState != nil {
			t.Errorf("%s: the process ended", store)
		}
		p.Process.Signal(stopSignal)
		p.end()
		h.noSocket()
		h.withoutMarkers()
	}
}

// withoutMarkers makes sure that no secret lies in a file.
func (h *home) withoutMarkers() {
	h.t.Helper()
	_ = filepath.WalkDir(h.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && filepath.Base(path) != "cogtokd" {
			text, _ := os.ReadFile(path)
			if strings.Contains(string(text), "Marker-") || strings.Contains(string(text), "eyJ") {
				h.t.Errorf("a secret in %s", path)
			}
		}
		return nil
	})
}

// What can't take over doesn't, and the agent serves on.
func TestUpgradeRefused(t *testing.T) {
	h := newHome(t)
	program := h.installed()
	good, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	h.runningAt(program)
	c := h.client()
	if r := upgradeOf(t, c); r.Upgrading || r.Reason != "the agent's program was not replaced" {
		t.Errorf("not replaced: %+v", r)
	}
	for name, tt := range map[string]struct {
		text   string
		mode   os.FileMode
		reason string
	}{
		"others may write": {string(good), 0o777, "others may write to"},
		"half of it":       {string(good[:len(good)/2]), 0o755, "--self-test"},
		"not executable":   {string(good), 0o644, "permission denied"},
		"an older one":     {"#!/bin/sh\necho cogtokd 0.9\n", 0o755, "another way"},
		"a newer one":      {"#!/bin/sh\necho cogtokd 9.0 takes over 2\n", 0o755, "another way"},
		"one that fails":   {"#!/bin/sh\nexit 1\n", 0o755, "exit status 1"},
		"a liar":           {"#!/nowhere\n", 0o755, "no such file"},
	} {
		h.install(program, []byte(tt.text), tt.mode)
		if r := upgradeOf(t, c); r.Upgrading || !strings.Contains(r.Reason, tt.reason) {
			t.Errorf("%s: %+v", name, r)
		}
	}
	os.Remove(program)
	if r := upgradeOf(t, c); r.Upgrading {
		t.Errorf("gone: %+v", r)
	}
	h.install(program, good, 0o755)
	if r := upgradeOf(t, c); !r.Upgrading {
		t.Errorf("a good one: %+v", r)
	}
	takeovers(t, c, 1)
}

// A program that says that it can take over and can't be run any more in the
// moment when it should: the agent serves on, with the connections it has.
func TestUpgradeFails(t *testing.T) {
	h := newHome(t)
	program := h.installed()
	interpreter := h.dir + "/sh" // which is gone after the test of the program
	if err := os.Symlink("/bin/sh", interpreter); err != nil {
		t.Fatal(err)
	}
	script := "#!" + interpreter + "\nrm " + interpreter + "\necho cogtokd 9.0 takes over 1\n"
	h.runningAt(program)
	c := h.client()
	h.install(program, []byte(script), 0o755)
	upgradeOf(t, c)
	for range 20 {
		if _, err := h.client().Status(t.Context(), agent.Caller{}, agent.StatusRequest{}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Version(t.Context(), agent.Caller{}, agent.None{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !strings.Contains(h.log(), "the upgrade is put off") || !strings.Contains(h.log(), "can't be run") {
		t.Errorf("the log: %s", h.log())
	}
}

// A program that says that it can take over and dies at once leaves what a crash
// leaves: the next agent starts as after any.
func TestUpgradeDies(t *testing.T) {
	h := newHome(t)
	program := h.installed()
	p := h.runningAt(program)
	c := h.client()
	h.install(program, []byte("#!/bin/sh\n[ \"$1\" = --self-test ] && echo cogtokd 9.0 takes over 1\n"), 0o755)
	if r := upgradeOf(t, c); !r.Upgrading {
		t.Fatalf("%+v", r)
	}
	if status := p.end(); status != 1 {
		t.Errorf("exit status %d", status)
	}
	h.running()
	if _, err := h.client().Status(t.Context(), agent.Caller{}, agent.StatusRequest{}); err != nil {
		t.Error(err)
	}
	if !strings.Contains(h.log(), "cogtokd 9.0 takes over") {
		t.Errorf("the log: %s", h.log())
	}
}

// A person who is being asked isn't interrupted; the upgrade comes after that, by
// itself.
func TestUpgradeWaitsForAPerson(t *testing.T) {
	h := newHome(t)
	h.pool("memory")
	program := h.installed()
	h.runningAt(program)
	asked, answer := make(chan bool), make(chan string)
	done := make(chan error, 1)
	busy, other := h.client(), h.client()
	go func() {
		_, err := busy.Login(context.Background(), agent.Caller{Prompter: prompter(func(agent.Prompt) string {
			asked <- true
			return <-answer
		})}, agent.LoginRequest{Profile: "prod"})
		done <- err
	}()
	<-asked
	h.installed()
	if r := upgradeOf(t, other); r.Upgrading || !strings.Contains(r.Reason, "being asked") {
		t.Errorf("%+v", r)
	}
	answer <- password
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	takeovers(t, other, 1) // each call looks
	if _, err := busy.Token(t.Context(), agent.Caller{}, agent.TokenRequest{}); err != nil {
		t.Error(err)
	}
}

// What a predecessor has left and is of no use makes a start as any.
func TestBadInheritance(t *testing.T) {
	h := newHome(t)
	for name, text := range map[string]string{"nothing": "", "garbage": "{", "wrong numbers": `{"version":1,"socket":3,"lock":3,"legacy":""}`} {
		file, err := os.CreateTemp(h.dir, "will")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteString(text); err != nil {
			t.Fatal(err)
		}
		ready, write, _ := os.Pipe()
		cmd := exec.Command(os.Args[0], "--ready-fd", "4", "--take-over", "3")
		cmd.Env, cmd.ExtraFiles = h.env, []*os.File{file, write}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		write.Close()
		said := make([]byte, 100)
		_ = ready.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, _ := ready.Read(said)
		if got := string(said[:n]); got != "ok\n" {
			t.Errorf("%s: %q; %s", name, got, h.log())
		}
		_ = cmd.Process.Signal(stopSignal)
		_ = cmd.Wait()
		ready.Close()
	}
}

// SIGHUP is ignored in the moment of the exec, and listened to after it.
func TestReloadAfterUpgrade(t *testing.T) {
	h := newHome(t)
	program := h.installed()
	p := h.runningAt(program)
	c := h.client()
	h.installed()
	upgradeOf(t, c)
	takeovers(t, c, 1)
	h.config("version: 1\nnonsense: 1\n")
	reload(p.Process)
	for range 500 {
		if strings.Contains(h.log(), "reload failed") {
			return
		}
		brief()
	}
	t.Errorf("no reload; the log: %s", h.log())
}

// Nobody has to ask for it: calls alone make the agent look.
func TestUpgradeByItself(t *testing.T) {
	h := newHome(t)
	program := h.installed()
	h.runningAt(program)
	c := h.client()
	h.installed()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err := c.Status(t.Context(), agent.Caller{}, agent.StatusRequest{}); err != nil {
			t.Fatal(err)
		}
		v, err := c.Version(t.Context(), agent.Caller{}, agent.None{})
		if err == nil && v.Takeovers == 1 {
			return
		}
		if err != nil || time.Now().After(end) {
			t.Fatalf("%+v, %v; the log: %s", v, err, h.log())
		}
	}
}
