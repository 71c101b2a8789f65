//go:build !windows

package compat

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/cogtoktest"
)

func TestMain(m *testing.M) {
	code := cogtoktest.Main(m)
	for _, end := range endings.all {
		end()
	}
	os.Exit(code)
}

var endings struct {
	mu  sync.Mutex
	all []func()
}

// atEnd has end called after all tests. What runs for all of them ends there.
func atEnd(end func()) {
	endings.mu.Lock()
	defer endings.mu.Unlock()
	endings.all = append(endings.all, end)
}

// A script is a running script of scripts/, which answers lines of JSON.
type script struct {
	mu     sync.Mutex // one request at a time
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr tail
}

var scripts struct {
	mu      sync.Mutex
	running map[string]*script
}

// node has one of the scripts answer a request.
func node(t testing.TB, name string, request, answer any) {
	t.Helper()
	s := runningScript(t, name)
	s.mu.Lock()
	defer s.mu.Unlock()
	line, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	watch := time.AfterFunc(time.Minute, func() { _ = s.cmd.Process.Kill() })
	defer watch.Stop()
	if _, err := s.stdin.Write(append(line, '\n')); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, s.stderr.String())
	}
	out, err := s.stdout.ReadBytes('\n')
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, s.stderr.String())
	}
	if err := json.Unmarshal(out, answer); err != nil {
		t.Fatalf("%s printed %q: %v", name, out, err)
	}
}

func runningScript(t testing.TB, name string) *script {
	t.Helper()
	path := cogtoktest.Tool(t, "node", "nodejs")
	modules(t)
	scripts.mu.Lock()
	defer scripts.mu.Unlock()
	if s := scripts.running[name]; s != nil {
		return s
	}
	s := &script{cmd: exec.Command(path, filepath.Join("scripts", name))}
	s.cmd.Stderr = &s.stderr
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.stdin, s.stdout = stdin, bufio.NewReader(stdout)
	if scripts.running == nil {
		scripts.running = map[string]*script{}
	}
	scripts.running[name] = s
	atEnd(func() {
		_ = s.stdin.Close() // it ends what it started, and itself
		late := time.AfterFunc(5*time.Second, func() { _ = s.cmd.Process.Kill() })
		defer late.Stop()
		_ = s.cmd.Wait()
	})
	return s
}

// tail keeps what a program said.
type tail struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *tail) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *tail) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// modules makes sure that the npm packages are there.
func modules(t testing.TB) {
	t.Helper()
	for name := range dependencies(t) {
		if _, err := os.Stat(filepath.Join("node_modules", name)); err != nil {
			cogtoktest.Missing(t, "the npm packages are missing: run npm ci in compat/")
		}
	}
}

// dependencies are the npm packages with their versions.
func dependencies(t testing.TB) map[string]string {
	t.Helper()
	data, err := os.ReadFile("package.json")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct{ Dependencies map[string]string }
	if err := json.Unmarshal(data, &manifest); err != nil {
		t.Fatal(err)
	}
	return manifest.Dependencies
}

// tokenPair is what the scripts print of a session.
type tokenPair struct{ ID, Access string }

// verifyTokens verifies tokens with aws-jwt-verify, and that it would notice.
func verifyTokens(t testing.TB, p *ownPool, pairs ...tokenPair) {
	t.Helper()
	type use struct {
		Use   string `json:"use"`
		Token string `json:"token"`
	}
	var uses []use
	for _, pair := range pairs {
		uses = append(uses, use{"id", pair.ID}, use{"access", pair.Access})
	}
	broken := pairs[0].ID[:len(pairs[0].ID)-10] + "AAAAAAAAAA"
	uses = append(uses, use{"access", pairs[0].ID}, use{"id", broken})
	var results []string
	node(t, "verify.mjs", map[string]any{
		"pool": p.pool.ID(), "client": p.open.ID, "jwks": json.RawMessage(p.pool.JWKS()), "tokens": uses,
	}, &results)
	for i, r := range results {
		if good := i < len(results)-2; good != (r == "ok") {
			t.Errorf("aws-jwt-verify on token %d (%s): %s", i, uses[i].Use, r)
		}
	}
}
