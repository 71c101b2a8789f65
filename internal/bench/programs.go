//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"

	"github.com/cogtok/cogtok/internal/userpool"
)

// The programs that targets speak of.
const (
	cTrue        = "true in C"
	emptyGo      = "empty Go program"
	cogtokToken  = "cogtok token"
	cogtokdStart = "cogtokd --version"
	sshAdd       = "ssh-add -l"
	oidcToken    = "oidc-token"
)

// A program is one of those that are compared.
type program struct {
	name   string
	argv   []string // beginning with the program's path
	prints string   // how its output begins
}

// build builds Go packages as they are released.
func (w *world) build(packages ...string) error {
	args := []string{"build", "-trimpath", "-ldflags=-s -w", "-o", w.path("bin") + string(filepath.Separator)}
	cmd := exec.CommandContext(w.ctx, "go", append(args, packages...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

func (w *world) cTrue() (program, error) {
	source, binary := w.path("true.c"), w.path("bin/true")
	if err := os.WriteFile(source, []byte("int main(void) { return 0; }\n"), 0o600); err != nil {
		return program{}, err
	}
	compiler, err := find("cc", "gcc")
	if err != nil { // the one of the system does the same
		binary, err = find("true", "coreutils")
		return program{name: cTrue, argv: []string{binary}}, err
	}
	_, err = w.command("", compiler, "-O2", "-o", binary, source)
	return program{name: cTrue, argv: []string{binary}}, err
}

func (w *world) emptyGo() (program, error) {
	source := w.path("empty.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		return program{}, err
	}
	return program{name: emptyGo, argv: []string{w.path("bin/empty")}}, w.build(source)
}

// cogtokToken is what this is about: the token of a session that is warm.
func (w *world) cogtokToken() (program, error) {
	if err := w.build("github.com/cogtok/cogtok/cmd/cogtok", "github.com/cogtok/cogtok/cmd/cogtokd"); err != nil {
		return program{}, err
	}
	if err := w.writeConfig(); err != nil {
		return program{}, err
	}
	if err := w.startAgent(w.path("run/cogtok/agent.sock"), w.path("bin/cogtokd")); err != nil {
		return program{}, err
	}
	cogtok := w.path("bin/cogtok")
	_, err := w.command(password+"\n", cogtok, "login", "--password-stdin", "bench")
	return program{name: cogtokToken, argv: []string{cogtok, "token", "bench"}, prints: "eyJ"}, err
}

// cogtokdStart is what the agent's start costs, and all commands but a warm
// `cogtok token`. cogtokToken has built it.
func (w *world) cogtokdStart() (program, error) {
	return program{name: cogtokdStart, argv: []string{w.path("bin/cogtokd"), "--version"}, prints: "cogtokd "}, nil
}

const password = "Correct horse 9"

// writeConfig starts a user pool and writes a config with a profile for it.
func (w *world) writeConfig() error {
	server := userpool.New(userpool.Config{})
	w.atEnd = append(w.atEnd, server.Close)
	url, err := server.Start("127.0.0.1:0")
	if err != nil {
		return err
	}
	pool := server.AddPool(userpool.PoolConfig{})
	client := pool.AddClient(userpool.Client{Flows: []string{"ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}})
	pool.AddUser(userpool.User{Username: "rob", Email: "rob@example.com", Password: password})
	dir := w.path(".config/cogtok")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(`version: 1
profiles:
  bench:
    user_pool_id: `+pool.ID()+`
    client_id: `+client.ID+`
    username: rob
    auth: password
    endpoint: `+url+`
    store: memory
`), 0o600)
}
