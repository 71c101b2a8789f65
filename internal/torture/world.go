//go:build !windows

package torture

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
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/userpool"
)

// What the pool and the file store know. The secrets are markers.
const (
	password   = "Marker-Passw0rd-81!"
	passphrase = filePassphrase
)

// A World is one user with a home, copies of the programs, and a user pool.
type World struct {
	Home   string
	Socket string
	Server *userpool.Server
	Pool   *userpool.Pool
	env    []string
}

// NewWorld makes a world with the programs of a directory. The config has a
// profile prod, whose secrets are kept in store (as `store:`), rotating, whose
// refresh token is another one after each use.
func NewWorld(programs, store string) (_ *World, err error) {
	home, err := os.MkdirTemp("", "cogtok")
	if err != nil {
		return nil, err
	}
	w := &World{Home: home, Socket: filepath.Join(home, "run/cogtok/agent.sock"), Server: userpool.New(userpool.Config{})}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()
	w.env = environment(home)
	for _, dir := range []string{"bin", "run", "config/cogtok", "state/cogtok"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o700); err != nil {
			return nil, err
		}
	}
	if err := cheapPassphrase(filepath.Join(home, "state/cogtok/file-key.age")); err != nil {
		return nil, err
	}
	for _, name := range []string{"cogtok", "cogtokd"} {
		if err := copyFile(filepath.Join(programs, name), w.program(name)); err != nil {
			return nil, err
		}
	}
	flows := []string{"ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
	w.Pool = w.Server.AddPool(userpool.PoolConfig{ID: "us-east-1_AbCdEf123"})
	w.Pool.AddClient(userpool.Client{ID: "openclient", Flows: flows})
	w.Pool.AddClient(userpool.Client{ID: "rotating", Flows: flows[:2], Rotation: true, RetryGrace: 10 * time.Second})
	w.Pool.AddUser(userpool.User{Username: "rob", Password: password})
	url, err := w.Server.Start("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf(`version: 1
store: %s
default: prod
passphrase_command: [printf, %q]
profiles:
  prod: {user_pool_id: us-east-1_AbCdEf123, client_id: openclient, username: rob, auth: password, endpoint: %q}
  rotating: {extends: prod, client_id: rotating}
`, store, passphrase, url)
	return w, os.WriteFile(filepath.Join(home, "config/cogtok/config.yaml"), []byte(config), 0o600)
}

func environment(home string) []string {
	env := []string{"HOME=" + home, "PATH=" + filepath.Join(home, "bin") + ":" + os.Getenv("PATH"), "XDG_RUNTIME_DIR=" + filepath.Join(home, "run"), "LANG=C.UTF-8"}
	for _, dir := range []string{"config", "state", "cache", "data"} {
		env = append(env, "XDG_"+strings.ToUpper(dir)+"_HOME="+filepath.Join(home, dir))
	}
	return env
}

// Close ends the agent and removes everything.
func (w *World) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, _ = w.Run(ctx, "", "agent", "stop")
	_ = w.Server.Close()
	_ = os.RemoveAll(w.Home)
}

func (w *World) program(name string) string { return filepath.Join(w.Home, "bin", name) }

// Command returns a command of cogtok's programs, without a terminal.
func (w *World) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.program(name), args...)
	cmd.Env, cmd.Dir = w.env, w.Home
	detach(cmd)
	return cmd
}

// Run runs cogtok and returns its standard output without the last newline.
func (w *World) Run(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := w.Command(ctx, "cogtok", args...)
	var out, errOut bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errOut
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("cogtok %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(errOut.Bytes()))
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

// SignIn signs in to a profile.
func (w *World) SignIn(ctx context.Context, profile string) error {
	_, err := w.Run(ctx, password, "login", profile, "--password-stdin")
	return err
}

// Agent asks the agent that runs which one it is.
func (w *World) Agent(ctx context.Context) (agent.Version, error) {
	c, err := agent.Dial(ctx, w.Socket)
	if err != nil {
		return agent.Version{}, err
	}
	defer c.Close()
	return c.Version(ctx, agent.Caller{}, agent.None{})
}

// Agents returns the processes of agents on the world's socket. It needs /proc.
func (w *World) Agents() (pids []string, err error) {
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, p := range processes {
		line, err := os.ReadFile(filepath.Join("/proc", p.Name(), "cmdline"))
		if err == nil && bytes.Contains(line, []byte("cogtokd")) && bytes.Contains(line, []byte(w.Socket)) {
			pids = append(pids, p.Name())
		}
	}
	return pids, nil
}

// Log returns the agent's log.
func (w *World) Log() string {
	text, _ := os.ReadFile(filepath.Join(w.Home, "state/cogtok/agent.log"))
	return string(text)
}

// Replace puts another copy of cogtokd in its place, as an installer does.
func (w *World) Replace() error {
	next := w.program("cogtokd.new")
	if err := copyFile(w.program("cogtokd"), next); err != nil {
		return err
	}
	return os.Rename(next, w.program("cogtokd"))
}

// copyFile copies a program.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
