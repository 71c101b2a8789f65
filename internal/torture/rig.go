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
	"slices"
	"strings"
	"syscall"
	"time"

	"filippo.io/age"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/failpoint"
	"github.com/cogtok/cogtok/internal/userpool"
)

// What the user of a machine signs in with, and opens the store by. They are markers.
const (
	rightPassword  = "Marker-Passw0rd-91!"
	wrongPassword  = "Marker-Wr0ng-92!"
	filePassphrase = "Marker-Passphrase-93"
)

// BuildPrograms builds cogtok and cogtokd into a directory, with build tags if
// any: `failpoints` makes programs that crash where they are told to.
func BuildPrograms(ctx context.Context, dir string, tags ...string) error {
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", strings.Join(tags, ","), "-o", dir+string(filepath.Separator),
		"github.com/cogtok/cogtok/cmd/cogtok", "github.com/cogtok/cogtok/cmd/cogtokd")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the programs: %w\n%s", err, out)
	}
	return nil
}

// A machine is one user's: a home, an agent of their own that is started and
// killed by hand, and a user pool.
type machine struct {
	ctx      context.Context
	programs string
	home     string
	socket   string
	env      []string
	server   *userpool.Server
	pool     *userpool.Pool
	url      string
	agent    *process // nil: none was started
	files    int      // that the agent may open; 0: as many as it gets
}

// newMachine makes a machine whose config has the profile prod for an app
// client with the ID client. store is the `store:` setting.
func newMachine(ctx context.Context, programs, store string, client userpool.Client) (*machine, error) {
	home, err := os.MkdirTemp("", "cogtok")
	if err != nil {
		return nil, err
	}
	m := &machine{ctx: ctx, programs: programs, home: home, socket: filepath.Join(home, "run/cogtok/agent.sock")}
	m.server = userpool.New(userpool.Config{})
	m.env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "XDG_RUNTIME_DIR=" + m.path("run"), "LANG=C.UTF-8", "AWS_EC2_METADATA_DISABLED=true"}
	for _, dir := range []string{"config", "state", "cache", "data"} {
		m.env = append(m.env, "XDG_"+strings.ToUpper(dir)+"_HOME="+m.path(dir))
	}
	m.pool = m.server.AddPool(userpool.PoolConfig{ID: "us-east-1_AbCdEf123", AliasAttributes: []string{"email"}})
	client.ID = "client"
	m.pool.AddClient(client)
	m.pool.AddUser(userpool.User{Username: "rob", Email: "rob@example.com", Password: rightPassword})
	m.pool.AddUser(userpool.User{Username: "totp", Password: rightPassword, TOTPSeed: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"})
	m.url, err = m.server.Start("127.0.0.1:0")
	for _, dir := range []string{"run", "config/cogtok", "state/cogtok"} {
		err = errors.Join(err, os.MkdirAll(m.path(dir), 0o700))
	}
	if err = errors.Join(err, m.writeConfig(m.config(store)), m.cheapPassphrase()); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

func (m *machine) path(name string) string { return filepath.Join(m.home, filepath.FromSlash(name)) }

func (m *machine) config(store string) string {
	return fmt.Sprintf(`version: 1
store: %s
passphrase_command: [printf, %q]
default: prod
profiles:
  prod:
    user_pool_id: us-east-1_AbCdEf123
    client_id: client
    username: rob
    endpoint: %q
  email:
    extends: prod
    username: rob@example.com
  totp:
    extends: prod
    username: totp
`, store, filePassphrase, m.url)
}

// writeConfig replaces the config as editors do.
func (m *machine) writeConfig(text string) error {
	path := m.path("config/cogtok/config.yaml")
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// cheapPassphrase makes the key of `store: file` one whose passphrase is tried
// fast: the rigs start agents by the hundred.
func (m *machine) cheapPassphrase() error {
	return cheapPassphrase(m.path("state/cogtok/file-key.age"))
}

func cheapPassphrase(path string) error {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	recipient, err := age.NewScryptRecipient(filePassphrase)
	if err != nil {
		return err
	}
	recipient.SetWorkFactor(6)
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, recipient)
	if err != nil {
		return err
	}
	if _, err = io.WriteString(w, id.String()); err == nil {
		err = w.Close()
	}
	return errors.Join(err, os.WriteFile(path, sealed.Bytes(), 0o600))
}

func (m *machine) close() {
	m.kill()
	_ = m.server.Close()
	_ = os.RemoveAll(m.home)
}

// A process is an agent that runs.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// start starts the agent and waits until it is ready. With a point it is one
// that crashes there.
func (m *machine) start(crashAt ...failpoint.Point) error {
	ready, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ready.Close()
	cmd := m.daemon("--ready-fd", "3")
	cmd.Env, cmd.Dir, cmd.ExtraFiles = slices.Clone(m.env), m.home, []*os.File{write}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	for _, p := range crashAt {
		cmd.Env = append(cmd.Env, "COGTOK_FAILPOINT="+string(p))
	}
	err = cmd.Start()
	write.Close()
	if err != nil {
		return err
	}
	m.agent = &process{cmd, make(chan struct{})}
	go func(p *process) { _ = p.cmd.Wait(); close(p.ended) }(m.agent)
	_ = ready.SetReadDeadline(time.Now().Add(20 * time.Second))
	if said, err := io.ReadAll(ready); err != nil || string(said) != "ok\n" {
		return fmt.Errorf("the agent doesn't start: it says %q (%v); log:\n%s", said, err, m.log())
	}
	return nil
}

// daemon is a command that runs cogtokd.
func (m *machine) daemon(args ...string) *exec.Cmd {
	path := filepath.Join(m.programs, "cogtokd")
	if m.files == 0 {
		return exec.CommandContext(m.ctx, path, args...)
	}
	script := fmt.Sprintf(`ulimit -n %d; exec "$0" "$@"`, m.files)
	return exec.CommandContext(m.ctx, "/bin/sh", append([]string{"-c", script, path}, args...)...)
}

// kill ends the agent as kill -9 does.
func (m *machine) kill() { m.end(syscall.SIGKILL, 20*time.Second) }

// end sends a signal to the agent and reports whether it ended in time.
func (m *machine) end(s syscall.Signal, limit time.Duration) bool {
	if m.agent == nil {
		return true
	}
	_ = m.agent.cmd.Process.Signal(s)
	return m.ended(limit)
}

// ended reports whether the agent ends in time.
func (m *machine) ended(limit time.Duration) bool {
	select {
	case <-m.agent.ended:
		m.agent = nil
		return true
	case <-time.After(limit):
		return false
	}
}

func (m *machine) restart() error {
	m.kill()
	return m.start()
}

func (m *machine) log() string {
	text, _ := os.ReadFile(m.path("state/cogtok/agent.log"))
	return string(bytes.TrimSpace(text))
}

// call calls the agent on a connection of its own.
func call[Req, Res any](m *machine, limit time.Duration, method func(*agent.Client, context.Context, agent.Caller, Req) (Res, error), r Req) (res Res, err error) {
	ctx, cancel := context.WithTimeout(m.ctx, limit)
	defer cancel()
	c, err := agent.Dial(ctx, m.socket)
	if err != nil {
		return res, err
	}
	defer c.Close()
	return method(c, ctx, agent.Caller{}, r)
}

// token asks for a token of a profile.
func (m *machine) token(r agent.TokenRequest) (agent.Token, error) {
	if r.Profile == "" {
		r.Profile = "prod"
	}
	return call(m, 40*time.Second, (*agent.Client).Token, r)
}

func (m *machine) status() (agent.Status, error) {
	return call(m, 10*time.Second, (*agent.Client).Status, agent.StatusRequest{})
}

func (m *machine) login() error {
	_, err := call(m, 40*time.Second, (*agent.Client).Login, agent.LoginRequest{Profile: "prod", Password: agent.NewSecret(rightPassword)})
	return err
}

func (m *machine) store(profile, kind, value string) error {
	_, err := call(m, 20*time.Second, (*agent.Client).SetSecret, agent.SetSecretRequest{Profile: profile, Kind: kind, Value: agent.NewSecret(value)})
	return err
}

// A spread is how long something took.
type spread []time.Duration

func (s spread) at(percent int) time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}

// complaints are the first few things that went wrong.
type complaints []string

func (c *complaints) add(format string, args ...any) {
	if len(*c) < 5 {
		*c = append(*c, fmt.Sprintf(format, args...))
	}
}
