//go:build !windows

package torture

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/cognito"
	"github.com/cogtok/cogtok/internal/userpool"
	"github.com/cogtok/cogtok/profiles"
	"github.com/cogtok/cogtok/store"
	"github.com/cogtok/cogtok/store/vault"
)

// An inside is the agent without its process: a Keeper on a real user pool, over
// HTTP, with clocks that are set by hand. Hours pass in it in seconds.
type inside struct {
	ctx    context.Context
	dir    string
	server *userpool.Server
	pool   *userpool.Pool
	config session.Config
	keeper *session.Keeper
	close  func()

	mu     sync.Mutex
	truth  time.Time     // the server's time
	off    time.Duration // of the machine's wall clock
	boot   time.Duration
	answer http.HandlerFunc // what answers in the pool's place; nil: the pool
}

// newInside makes one with the profile prod.
func newInside(ctx context.Context, kind string, client userpool.Client) (*inside, error) {
	dir, err := os.MkdirTemp("", "cogtok")
	if err != nil {
		return nil, err
	}
	in := &inside{ctx: ctx, dir: dir, truth: time.Now().Truncate(time.Second), boot: 1000 * time.Hour}
	in.server = userpool.New(userpool.Config{Now: in.now})
	in.pool = in.server.AddPool(userpool.PoolConfig{ID: "us-east-1_AbCdEf123"})
	client.ID = "client"
	in.pool.AddClient(client)
	in.pool.AddUser(userpool.User{Username: "rob", Password: rightPassword})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	front := &http.Server{Handler: http.HandlerFunc(in.serve)}
	go func() { _ = front.Serve(listener) }()
	path := filepath.Join(dir, "config.yaml")
	text := fmt.Sprintf("version: 1\nstore: %s\npassphrase_command: [printf, %q]\nprofiles:\n  prod: {user_pool_id: us-east-1_AbCdEf123, client_id: client, username: rob, endpoint: \"http://%s\"}\n", kind, filePassphrase, listener.Addr())
	in.close = func() {
		in.stop()
		_ = front.Close()
		_ = os.RemoveAll(dir)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if err := cheapPassphrase(filepath.Join(dir, "file-key.age")); err != nil {
		return nil, err
	}
	v, err := vault.Open(kind, dir, nil)
	if err != nil {
		return nil, err
	}
	in.config = session.Config{
		Load: func() (profiles.Config, error) { return profiles.Load(path) }, Path: path, StateDir: dir,
		Provider: cognito.New(cognito.Config{Now: in.wall}),
		Vaults:   map[string]store.Vault{kind: v},
		Clock:    session.Clock{Wall: in.wall, Boot: in.sinceBoot},
	}
	in.start()
	return in, nil
}

// reopen starts the agent anew, with nothing in memory.
func (in *inside) reopen(kind string) error {
	in.stop()
	v, err := vault.Open(kind, in.dir, nil)
	if err != nil {
		return err
	}
	in.config.Vaults = map[string]store.Vault{kind: v}
	in.start()
	return nil
}

func (in *inside) start() { in.keeper = session.New(in.config) }

func (in *inside) stop() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(in.ctx), 5*time.Second)
	defer cancel()
	in.keeper.Close(ctx)
}

func (in *inside) serve(w http.ResponseWriter, r *http.Request) {
	in.mu.Lock()
	answer := in.answer
	in.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	in.server.ServeHTTP(w, r)
}

// answerWith makes f answer all requests; nil: the pool does.
func (in *inside) answerWith(f http.HandlerFunc) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.answer = f
}

func (in *inside) now() time.Time {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.truth
}

func (in *inside) wall() time.Time {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.truth.Add(in.off)
}

func (in *inside) sinceBoot() time.Duration {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.boot
}

// pass lets time pass, awake or suspended: to the clocks it is the same. set is
// by how much the wall clock is set meanwhile.
func (in *inside) pass(d, set time.Duration) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.truth, in.boot, in.off = in.truth.Add(d), in.boot+d, in.off+set
}

func (in *inside) token(r agent.TokenRequest) (agent.Token, error) {
	return in.keeper.Token(in.ctx, agent.Caller{}, r)
}

func (in *inside) login() error {
	_, err := in.keeper.Login(in.ctx, agent.Caller{}, agent.LoginRequest{Password: agent.NewSecret(rightPassword)})
	return err
}
