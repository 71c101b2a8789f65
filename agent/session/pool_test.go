package session_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/cognito"
	"github.com/cogtok/cogtok/internal/userpool"
	"github.com/cogtok/cogtok/profiles"
	"github.com/cogtok/cogtok/store"
)

// These tests join the real parts: the embedded user pool, package cognito,
// the config and a Keeper.

const password = "Marker-Passw0rd-81!"

type machine struct {
	t      *testing.T
	server *userpool.Server
	proxy  *proxy
	pool   *userpool.Pool
	vault  store.Vault
	dir    string
	config session.Config
	keeper *session.Keeper
}

// newMachine returns a machine with the profile prod, of a pool with an app
// client.
func newMachine(t *testing.T, client userpool.Client) *machine {
	return newMachineAt(t, client, time.Now)
}

// newMachineAt returns one where it is the same time at both ends.
func newMachineAt(t *testing.T, client userpool.Client, now func() time.Time) *machine {
	m := &machine{t: t, dir: t.TempDir(), server: userpool.New(userpool.Config{Now: now})}
	m.proxy = &proxy{pool: m.server}
	m.pool = m.server.AddPool(userpool.PoolConfig{ID: "us-east-1_AbCdEf123"})
	client.ID = "client"
	m.pool.AddClient(client)
	m.pool.AddUser(userpool.User{Username: "rob", Password: password})
	listening := httptest.NewServer(m.proxy)
	t.Cleanup(listening.Close)
	url := listening.URL
	began := now()
	clock := session.Clock{Wall: now, Boot: func() time.Duration { return now().Sub(began) }}
	path := filepath.Join(m.dir, "config.yaml")
	text := fmt.Sprintf("version: 1\nstore: memory\nprofiles:\n  prod:\n    user_pool_id: %s\n    client_id: client\n    username: rob\n    endpoint: %s\n", m.pool.ID(), url)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m.vault = store.Vault{Secrets: new(store.Memory), Sessions: new(store.Memory)}
	m.config = session.Config{
		Load: func() (profiles.Config, error) { return profiles.Load(path) }, Path: path, StateDir: m.dir,
		Provider: cognito.New(cognito.Config{TryTimeout: time.Second, CallTimeout: 3 * time.Second}),
		Vaults:   map[string]store.Vault{profiles.StoreMemory: m.vault}, Clock: clock,
		Logf: t.Logf,
	}
	m.start()
	t.Cleanup(m.stop)
	return m
}

func (m *machine) start() { m.keeper = session.New(m.config) }

func (m *machine) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	m.keeper.Close(ctx)
}

func (m *machine) restart() {
	m.stop()
	m.start()
}

func (m *machine) login() {
	m.t.Helper()
	if _, err := m.keeper.Login(m.t.Context(), agent.Caller{}, agent.LoginRequest{Password: agent.NewSecret(password)}); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) token(force bool) (agent.Token, error) {
	return m.keeper.Token(m.t.Context(), agent.Caller{}, agent.TokenRequest{Force: force})
}

func TestCrowdAtAnEndedToken(t *testing.T) {
	m := newMachine(t, userpool.Client{Rotation: true})
	m.login()
	m.restart() // only the refresh token is left
	m.server.Delay("GetTokensFromRefreshToken", 200*time.Millisecond)
	var all sync.WaitGroup
	for range 1000 {
		all.Go(func() {
			if _, err := m.token(false); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := m.server.Count("GetTokensFromRefreshToken"); n != 1 {
		t.Errorf("%d refreshes for 1000 callers", n)
	}
}

func TestRotationWithoutGrace(t *testing.T) {
	m := newMachine(t, userpool.Client{Rotation: true})
	m.login()
	for i := range 30 {
		if i%3 == 0 {
			m.restart()
		}
		if _, err := m.token(i%7 != 0 && i%6 != 0); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
	}
}

// What goes wrong between here and Cognito neither ends the session nor keeps
// the token at hand from being served.
func TestFaultsOnTheWay(t *testing.T) {
	for _, fault := range []userpool.Fault{
		userpool.Throttle, userpool.InternalError, userpool.Unavailable, userpool.Reset, userpool.Garbage, userpool.HTML, userpool.Hang,
	} {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, userpool.Client{})
			m.login()
			m.server.Fail("", fault, userpool.Always)
			got, err := m.token(true)
			if err != nil || got.Warning == "" {
				t.Errorf("token %+v, %v", got, err)
			}
			m.restart()
			if _, err := m.token(false); agent.AsError(err).Code != agent.CodeTemporary {
				t.Errorf("after a restart: %v", err)
			}
			m.server.Heal()
			m.restart()
			if _, err := m.token(false); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// The answer to a rotation is lost, and nobody asks for a token while Cognito
// would still give it again: the agent does.
func TestLostAnswer(t *testing.T) {
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	m := newMachineAt(t, userpool.Client{Rotation: true, RetryGrace: 10 * time.Second}, now)
	m.login()
	m.server.Fail("GetTokensFromRefreshToken", userpool.LoseAnswer, 1)
	if got, err := m.token(true); err != nil || got.Warning == "" {
		t.Fatalf("token %+v, %v", got, err)
	}
	for deadline := time.Now().Add(8 * time.Second); m.server.Count("GetTokensFromRefreshToken") < 2; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody asks again")
		}
	}
	time.Sleep(200 * time.Millisecond) // for the answer to be stored
	ahead.Add(int64(2 * time.Hour))
	m.restart()
	if _, err := m.token(false); err != nil {
		t.Errorf("after the time of grace: %v", err)
	}
}

// A thousand requests and many restarts with a wrong stored password are one
// try at the pool.
func TestWrongStoredPassword(t *testing.T) {
	m := newMachine(t, userpool.Client{})
	wrong := agent.SetSecretRequest{Profile: "prod", Kind: agent.SecretPassword, Value: agent.NewSecret("Marker-wrong-1!")}
	if _, err := m.keeper.SetSecret(t.Context(), agent.Caller{}, wrong); err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		if i%20 == 0 {
			m.restart()
		}
		if _, err := m.token(false); err == nil {
			t.Fatal("a token")
		} else if strings.Contains(err.Error(), "Marker") {
			t.Fatal(err)
		}
	}
	if n := m.pool.PasswordAttempts("rob").Total; n != 1 {
		t.Errorf("%d tries", n)
	}
	state, err := os.ReadFile(filepath.Join(m.dir, "attempts.json"))
	if err != nil || strings.Contains(string(state), "Marker") {
		t.Errorf("attempts.json: %s, %v", state, err)
	}
}

func TestLogoutRevokes(t *testing.T) {
	m := newMachine(t, userpool.Client{Rotation: true, RetryGrace: time.Minute})
	m.login()
	if _, err := m.token(true); err != nil {
		t.Fatal(err)
	}
	for _, r := range []agent.LogoutRequest{{Revoke: true}, {Everywhere: true}} {
		out, err := m.keeper.Logout(t.Context(), agent.Caller{}, r)
		if err != nil || !out.Ended || out.Warning != "" {
			t.Errorf("logout %+v: %+v, %v", r, out, err)
		}
		_, err = m.token(false)
		if agent.KindOf(err) != agent.KindLoginRequired {
			t.Error(err)
		}
		m.login()
	}
	// The sign-in's own refresh token and the newest one are revoked.
	if m.server.Count("RevokeToken") != 2 || m.server.Count("GlobalSignOut") != 1 {
		t.Errorf("RevokeToken %d times, GlobalSignOut %d times", m.server.Count("RevokeToken"), m.server.Count("GlobalSignOut"))
	}
}

func TestRevokedElsewhere(t *testing.T) {
	m := newMachine(t, userpool.Client{})
	m.login()
	m.pool.SignOutEverywhere("rob")
	_, err := m.token(true)
	if e := agent.AsError(err); e == nil || e.Kind != agent.KindLoginRequired || !strings.Contains(e.Message, "revoked") || e.Hint != "run: cogtok login prod" {
		t.Errorf("error %+v", e)
	}
}

// A proxy that answers each renewal with the first answer it saw, as a cache
// that is set up wrongly does: what it gives isn't handed out once it has
// expired, not even by an agent that never saw it before.
func TestCachingProxy(t *testing.T) {
	var ahead atomic.Int64 // how far time has moved on, at both ends
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	m := newMachineAt(t, userpool.Client{}, now)
	m.login()
	m.proxy.repeat.Store(true)
	first, err := m.token(true)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		ahead.Add(int64(25 * time.Minute))
		if got, err := m.token(false); err == nil && !got.ExpiresAt.After(now()) {
			t.Errorf("expired %s ago", now().Sub(got.ExpiresAt))
		}
	}
	for range 2 {
		got, err := m.token(false)
		if e := agent.AsError(err); e == nil || e.Kind != agent.KindService || !strings.Contains(e.Message, "expired already") {
			t.Errorf("token that expires %s (the first: %s): %v", got.ExpiresAt, first.ExpiresAt, err)
		}
		m.restart()
	}
	m.proxy.repeat.Store(false)
	m.restart()
	if got, err := m.token(false); err != nil || got.Warning != "" {
		t.Errorf("without the cache: %+v, %v", got, err)
	}
}

// A proxy stands before the user pool and passes everything on. When it is told
// to, it repeats its next answer to a renewal for ever, with the time of day.
type proxy struct {
	pool   http.Handler
	repeat atomic.Bool

	mu   sync.Mutex
	last []byte
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !p.repeat.Load() || !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetTokensFromRefreshToken") {
		p.pool.ServeHTTP(w, r)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	answer := httptest.NewRecorder()
	p.pool.ServeHTTP(answer, r)
	for name, values := range answer.Header() {
		if name != "Content-Length" && !strings.HasPrefix(name, "X-Amz") { // a checksum
			w.Header()[name] = values
		}
	}
	if p.last == nil {
		p.last = answer.Body.Bytes()
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(p.last)
}
