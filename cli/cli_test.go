package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
)

// The test binary is also the programs that the tests start: the client when
// its first argument is "cli", and an agent when it is "--ready-fd".
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "cli":
			os.Exit(Run(context.Background(), os.Args[2:], System("test")))
		case "--ready-fd":
			os.Exit(testAgent(os.Args[2:]))
		}
	}
	os.Exit(m.Run())
}

const marker = "s3cret-m4rker"

// scripted is an agent that answers what a test tells it to. It keeps what it
// was asked. Sessions are the keeper's business, not of these tests.
type scripted struct {
	agent.Agent // nil: a method that no test expects panics
	mu          sync.Mutex
	calls       []string
	tokens      map[string]agent.Token // by type; "" is the profile's
	err         error                  // of every method but Version and Stop
	prompts     []agent.Prompt         // put by Token and Login before they answer
	comes       chan struct{}          // when closed, the browser has come by itself
	answers     []string
	loggedIn    agent.ProfileStatus // instead of rob's
	devices     []agent.Device
	status      agent.Status
	loggedOut   agent.LogoutResult
	stop        context.CancelFunc
}

func (s *scripted) called(format string, args ...any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, fmt.Sprintf(format, args...))
	return s.err
}

func (s *scripted) ask(ctx context.Context, c agent.Caller) error {
	for _, p := range s.prompts {
		if c.Prompter == nil {
			return agent.Errorf(agent.KindLoginRequired, "prod: sign-in needed").WithHint("run: cogtok login prod")
		}
		answer, err := s.put(ctx, c, p)
		if err != nil {
			return err
		}
		s.answers = append(s.answers, answer.Reveal())
	}
	return nil
}

// put asks, but doesn't wait for the answer once the browser has come.
func (s *scripted) put(ctx context.Context, c agent.Caller, p agent.Prompt) (answer agent.Secret, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		answer, err = c.Prompter.Ask(ctx, p)
	}()
	select {
	case <-answered:
		return answer, err
	case <-s.comes: // nil: never
		cancel()
		<-answered
		return agent.Secret{}, nil
	}
}

func (s *scripted) Token(ctx context.Context, c agent.Caller, r agent.TokenRequest) (agent.Token, error) {
	minTTL := "default"
	if r.MinTTL != nil {
		minTTL = fmt.Sprint(*r.MinTTL)
	}
	scopes := ""
	if r.Scopes != nil {
		scopes = fmt.Sprintf(" scopes=%q", r.Scopes)
	}
	if err := s.called("token profile=%s type=%s min_ttl=%s force=%t asks=%t%s", r.Profile, r.Type, minTTL, r.Force, c.Prompter != nil, scopes); err != nil {
		return agent.Token{}, err
	}
	return s.tokens[r.Type], s.ask(ctx, c)
}

func (s *scripted) Login(ctx context.Context, c agent.Caller, r agent.LoginRequest) (agent.ProfileStatus, error) {
	reset := ""
	if r.Reset {
		reset = " reset"
	}
	if err := s.called("login profile=%s password=%s%s", r.Profile, r.Password.Reveal(), reset); err != nil {
		return agent.ProfileStatus{}, err
	}
	if s.loggedIn.Profile != "" {
		return s.loggedIn, s.ask(ctx, c)
	}
	expires := time.Now().Add(time.Hour + 500*time.Millisecond)
	return agent.ProfileStatus{Profile: "prod", Username: "rob", IDExpiresAt: &expires}, s.ask(ctx, c)
}

func (s *scripted) Logout(_ context.Context, _ agent.Caller, r agent.LogoutRequest) (agent.LogoutResult, error) {
	return s.loggedOut, s.called("logout profile=%s revoke=%t everywhere=%t forget=%t", r.Profile, r.Revoke, r.Everywhere, r.Forget)
}

func (s *scripted) Status(_ context.Context, _ agent.Caller, r agent.StatusRequest) (agent.Status, error) {
	return s.status, s.called("status profile=%s", r.Profile)
}

func (s *scripted) SetSecret(_ context.Context, _ agent.Caller, r agent.SetSecretRequest) (agent.None, error) {
	return agent.None{}, s.called("set %s/%s=%q", r.Profile, r.Kind, r.Value.Reveal())
}

func (s *scripted) DeleteSecret(_ context.Context, _ agent.Caller, r agent.SecretRequest) (agent.None, error) {
	return agent.None{}, s.called("delete %s/%s", r.Profile, r.Kind)
}

func (s *scripted) ListSecrets(_ context.Context, _ agent.Caller, r agent.StatusRequest) (agent.SecretList, error) {
	return agent.SecretList{Secrets: []agent.SecretEntry{{Profile: "prod", Kind: "password", Store: "keychain"}}}, s.called("list %s", r.Profile)
}

func (s *scripted) Devices(_ context.Context, _ agent.Caller, r agent.DevicesRequest) (agent.DeviceList, error) {
	return agent.DeviceList{Profile: "prod", Devices: s.devices}, s.called("devices of %s", r.Profile)
}

func (s *scripted) ForgetDevice(_ context.Context, _ agent.Caller, r agent.ForgetDeviceRequest) (agent.None, error) {
	return agent.None{}, s.called("forget device %q of %s", r.Key, r.Profile)
}

func (s *scripted) Lock(context.Context, agent.Caller, agent.None) (agent.None, error) {
	return agent.None{}, s.called("lock")
}

func (s *scripted) Unlock(ctx context.Context, c agent.Caller, r agent.UnlockRequest) (agent.None, error) {
	if r.Passphrase.Empty() && c.Prompter != nil {
		var err error
		if r.Passphrase, err = c.Prompter.Ask(ctx, agent.Prompt{Kind: agent.PromptPassphrase, Text: "Passphrase of cogtok's secrets"}); err != nil {
			return agent.None{}, err
		}
	}
	return agent.None{}, s.called("unlock with %s", r.Passphrase.Reveal())
}

func (s *scripted) Reload(context.Context, agent.Caller, agent.None) (agent.ReloadResult, error) {
	return agent.ReloadResult{Config: "/c.yaml", Profiles: 2}, s.called("reload")
}

func (s *scripted) Version(context.Context, agent.Caller, agent.None) (agent.Version, error) {
	return agent.Version{Version: "1.2.3", Protocol: 1, ProtocolMin: 1, PID: os.Getpid(), Config: "/c.yaml", Socket: "/s", StartedAt: time.Now()}, nil
}

func (s *scripted) Upgrade(context.Context, agent.Caller, agent.None) (agent.UpgradeResult, error) {
	return agent.UpgradeResult{Reason: "the agent's program was not replaced"}, nil
}

func (s *scripted) Stop(context.Context, agent.Caller, agent.None) (agent.None, error) {
	s.stop()
	return agent.None{}, nil
}

// world is a user's surroundings: a home, and an agent if one is served.
type world struct {
	*testing.T
	dir    string
	env    map[string]string
	stdin  string
	agent  *scripted
	socket string
}

func newWorld(t *testing.T) *world {
	// Not t.TempDir: a test's name can make the socket's path too long.
	dir, err := os.MkdirTemp("", "cogtok")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w := &world{T: t, dir: dir, socket: filepath.Join(dir, "run", "agent.sock")}
	w.env = map[string]string{
		"HOME": dir, "XDG_STATE_HOME": dir + "/state", "COGTOK_SOCKET": w.socket, "COGTOK_CONFIG": w.path("config.yaml"),
	}
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// serve runs an agent at the world's socket for as long as the test.
func (w *world) serve(s *scripted) *scripted {
	w.Helper()
	listener, release, err := agent.Listen(w.socket)
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	served := make(chan struct{})
	go func() {
		defer close(served)
		(&agent.Server{Agent: s, Config: w.path("config.yaml")}).Serve(ctx, listener)
		release()
	}()
	w.Cleanup(func() { cancel(); <-served })
	w.agent = s
	return s
}

type result struct {
	stdout, stderr string
	code           int
}

func (r result) String() string {
	return fmt.Sprintf("exit status %d\nstdout: %s\nstderr: %s", r.code, r.stdout, r.stderr)
}

// run runs a command in this process, without a terminal.
func (w *world) run(args ...string) result {
	w.Helper()
	var stdout, stderr bytes.Buffer
	code := Run(w.Context(), args, IO{
		Stdin: strings.NewReader(w.stdin), Stdout: &stdout, Stderr: &stderr,
		Getenv: func(name string) string { return w.env[name] }, Version: "9.9",
	})
	return result{stdout.String(), stderr.String(), code}
}

// expect runs a command and compares all of its outcome.
func (w *world) expect(want result, args ...string) {
	w.Helper()
	if got := w.run(args...); got != want {
		w.Errorf("cogtok %s\ngot:  %s\nwant: %s", strings.Join(args, " "), got, want)
	}
}

func (w *world) write(name, text string) {
	w.Helper()
	if err := os.WriteFile(w.path(name), []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
}

// tokenOf makes a token as an agent gives it.
func tokenOf(kind, jwt string) agent.Token {
	expires := time.Date(2126, 11, 22, 19, 0, 0, 0, time.UTC)
	return agent.Token{
		Version: 1, Profile: "prod", Type: kind, Token: jwt, Header: "Authorization", Value: "Bearer " + jwt,
		ExpiresAt: expires, ExpiresIn: 3600, IssuedAt: expires.Add(-time.Hour), Username: "rob", Subject: "s-1",
	}
}

func twoTokens() map[string]agent.Token {
	id, access := tokenOf("id", "eyJ.id.sig"), tokenOf("access", "eyJ.access.sig")
	return map[string]agent.Token{"": id, "id": id, "access": access}
}

const goodConfig = `version: 1
default: prod
profiles:
  prod: # the real one
    user_pool_id: us-east-1_AbCdEf123
    client_id: 1h57kf5cpq17m0eml12example
    username: rob@example.com
  admin:
    extends: prod
    username: admin@example.com
`
