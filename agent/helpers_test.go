package agent

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if run := os.Getenv("AGENT_TEST_CHILD"); run != "" {
		os.Exit(child(run))
	}
	goleak.VerifyTestMain(m)
}

// A scripted agent answers with what its functions say; without one, with a
// fixed value. It notes what it was asked, secrets revealed.
type scripted struct {
	token func(ctx context.Context, c Caller, r TokenRequest) (Token, error)
	stop  func()

	mu    sync.Mutex
	calls []string
}

func (s *scripted) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, fmt.Sprintf(format, args...))
}

func (s *scripted) noted() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.calls, "\n")
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func (s *scripted) Token(ctx context.Context, c Caller, r TokenRequest) (Token, error) {
	if s.token != nil {
		return s.token(ctx, c, r)
	}
	s.note("token %s %s %s force=%t interactive=%t", r.Profile, r.Type, r.Scopes, r.Force, c.Prompter != nil)
	return Token{Version: 1, Profile: r.Profile, Type: TypeID, Token: "header.payload.signature", Header: "Authorization",
		Value: "header.payload.signature", ExpiresAt: noon, ExpiresIn: 3600, IssuedAt: noon.Add(-time.Hour), Username: "rob", Subject: "5f0c"}, nil
}

func (s *scripted) Login(_ context.Context, _ Caller, r LoginRequest) (ProfileStatus, error) {
	s.note("login %s %s reset=%t", r.Profile, r.Password.Reveal(), r.Reset)
	return ProfileStatus{Profile: r.Profile, State: StateSignedIn, SignedInAt: &noon}, nil
}

func (s *scripted) Logout(_ context.Context, _ Caller, r LogoutRequest) (LogoutResult, error) {
	s.note("logout %s revoke=%t everywhere=%t forget=%t", r.Profile, r.Revoke, r.Everywhere, r.Forget)
	return LogoutResult{Profile: r.Profile, Ended: true, ValidUntil: &noon}, nil
}

func (s *scripted) Status(_ context.Context, _ Caller, r StatusRequest) (Status, error) {
	s.note("status %s", r.Profile)
	return Status{Version: 1, Profiles: []ProfileStatus{{Profile: "prod", State: StateSignedOut}}}, nil
}

func (s *scripted) SetSecret(_ context.Context, _ Caller, r SetSecretRequest) (None, error) {
	s.note("secret.set %s %s %s", r.Profile, r.Kind, r.Value.Reveal())
	return None{}, nil
}

func (s *scripted) DeleteSecret(_ context.Context, _ Caller, r SecretRequest) (None, error) {
	s.note("secret.delete %s %s", r.Profile, r.Kind)
	return None{}, nil
}

func (s *scripted) ListSecrets(_ context.Context, _ Caller, r StatusRequest) (SecretList, error) {
	s.note("secret.list %s", r.Profile)
	return SecretList{Secrets: []SecretEntry{{Profile: "prod", Kind: SecretPassword, Store: "keychain"}}}, nil
}

func (s *scripted) Devices(_ context.Context, _ Caller, r DevicesRequest) (DeviceList, error) {
	s.note("device.list %s", r.Profile)
	return DeviceList{Profile: "prod", Devices: []Device{{Key: "us-east-1_abc"}}}, nil
}

func (s *scripted) ForgetDevice(_ context.Context, _ Caller, r ForgetDeviceRequest) (None, error) {
	s.note("device.forget %s %s", r.Profile, r.Key)
	return None{}, nil
}

func (s *scripted) Lock(context.Context, Caller, None) (None, error) {
	s.note("lock")
	return None{}, nil
}

func (s *scripted) Unlock(_ context.Context, _ Caller, r UnlockRequest) (None, error) {
	s.note("unlock %s", r.Passphrase.Reveal())
	return None{}, nil
}

func (s *scripted) Reload(context.Context, Caller, None) (ReloadResult, error) {
	s.note("reload")
	return ReloadResult{Config: "/home/rob/config.yaml", Profiles: 2}, nil
}

func (s *scripted) Upgrade(context.Context, Caller, None) (UpgradeResult, error) {
	s.note("upgrade")
	return UpgradeResult{Upgrading: true, Version: "1.3.0"}, nil
}

// Watch tells of two events and of the end.
func (s *scripted) Watch(_ context.Context, c Caller, r WatchRequest) (None, error) {
	s.note("watch %s", r.Profile)
	if c.Notify == nil {
		return None{}, nil
	}
	for _, event := range []string{EventState, EventRenewed} {
		if err := c.Notify(Event{Profile: r.Profile, Event: event, IDExpiresAt: &noon}); err != nil {
			return None{}, err
		}
	}
	return None{}, nil
}

func (s *scripted) Version(_ context.Context, c Caller, _ None) (Version, error) {
	s.note("version")
	return Version{Version: "1.2.3", Protocol: Protocol, ProtocolMin: 1, PID: c.PID, StartedAt: noon}, nil
}

func (s *scripted) Stop(context.Context, Caller, None) (None, error) {
	s.note("stop")
	if s.stop != nil {
		s.stop()
	}
	return None{}, nil
}

// asked is a Prompter that answers at once.
type asked func(ctx context.Context, p Prompt) (Secret, error)

func (a asked) Ask(ctx context.Context, p Prompt) (Secret, error) { return a(ctx, p) }

// shortDir returns a directory whose path leaves room for a socket's.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cogtok")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// serve runs a server on a socket of its own until the test ends, and returns
// the socket's path.
func serve(t testing.TB, s *Server) string {
	t.Helper()
	path := filepath.Join(shortDir(t), "agent.sock")
	l, release, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
		release()
	})
	return path
}

func dial(t testing.TB, path string) *Client {
	t.Helper()
	c, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// dialRaw connects without a client.
func dialRaw(t testing.TB, path string) net.Conn {
	t.Helper()
	nc, err := connect(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return nc
}

// on serves one end of a pipe and returns the other.
func on(ctx context.Context, s *Server) (nc net.Conn, ended chan struct{}) {
	near, far := net.Pipe()
	ended = make(chan struct{})
	go func() {
		s.ServeConn(ctx, Caller{PID: 42}, far)
		close(ended)
	}()
	return near, ended
}
