//go:build !windows

package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cogtok/cogtok/internal/cogtoktest"
	"github.com/cogtok/cogtok/internal/userpool"
)

func TestMain(m *testing.M) {
	if os.Getenv(browserUser) != "" {
		os.Exit(runBrowser(os.Args[1]))
	}
	flag.Parse()
	// The programs wait for each other more than they compute.
	if err := flag.Set("test.parallel", strconv.Itoa(3*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	os.Exit(cogtoktest.Main(m))
}

// What the pool of all tests here knows. The secrets are markers: they may
// stand in no file, log, argument or environment.
const (
	password     = "Marker-Passw0rd-81!"
	clientSecret = "markerClientSecret0123456789abcdefghijklmnop"
	totpSeed     = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
)

// world is a user pool with some users and two app clients, "open" and one
// with a secret.
type world struct {
	server *userpool.Server
	url    string
	pool   *userpool.Pool
}

func newWorld() (*world, error) {
	w := &world{server: userpool.New(userpool.Config{RecordParameters: true})}
	w.pool = w.server.AddPool(userpool.PoolConfig{ID: "us-east-1_AbCdEf123", AliasAttributes: []string{"email"}})
	flows := []string{"ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
	w.pool.AddClient(userpool.Client{ID: "openclient", Flows: flows})
	w.pool.AddClient(userpool.Client{ID: "secretclient", Flows: flows, Secret: clientSecret})
	w.pool.AddClient(userpool.Client{ID: "srponly"})
	w.pool.AddClient(userpool.Client{ID: "rotating", Flows: flows[:3], Rotation: true, RetryGrace: 10 * time.Second})
	w.pool.AddUser(userpool.User{Username: "rob", Email: "rob@example.com", Password: password})
	w.pool.AddUser(userpool.User{Username: "totp", Password: password, TOTPSeed: totpSeed})
	w.pool.AddUser(userpool.User{Username: "sms", Password: password, Phone: "+15555550123", SMSMFA: true})
	w.pool.AddUser(userpool.User{Username: "fresh", Password: password, Status: userpool.ForceChangePassword})
	w.pool.AddUser(userpool.User{Username: "disabled", Password: password, Disabled: true})
	url, err := w.server.Start("127.0.0.1:0")
	w.url = url
	return w, err
}

// config is a config with a profile for each client and some for users of
// other kinds. store is the `store:` setting.
func (w *world) config(store string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\nstore: %s\ndefault: prod\nprofiles:\n", store)
	fmt.Fprintf(&b, "  prod:\n    user_pool_id: %s\n    client_id: openclient\n    username: rob\n    endpoint: %s\n", w.pool.ID(), w.url)
	for _, p := range []struct{ name, key, value string }{
		{"password", "auth", "password"},
		{"admin", "auth", "admin-password"},
		{"secret", "client_id", "secretclient"},
		{"rotating", "client_id", "rotating"},
		{"email", "username", "rob@example.com"},
		{"totp", "username", "totp"},
		{"sms", "username", "sms"},
		{"fresh", "username", "fresh"},
		{"disabled", "username", "disabled"},
		{"nobody", "username", "nobody"},
		{"bearer", "scheme", "bearer"},
		{"access", "token", "access"},
	} {
		fmt.Fprintf(&b, "  %s:\n    extends: prod\n    %s: %s\n", p.name, p.key, p.value)
	}
	fmt.Fprintf(&b, "  flowoff:\n    extends: prod\n    client_id: srponly\n    auth: password\n")
	return b.String()
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		Setup:         setUp,
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Deadline:      time.Now().Add(5 * time.Minute),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"pool": poolCommand,
		},
	})
}

// setUp gives a script a world, a home and a config with the memory store. $password and
// the like hold what the pool knows.
func setUp(env *testscript.Env) error {
	w, err := newWorld()
	if err != nil {
		return err
	}
	home, err := os.MkdirTemp("", "cogtok")
	if err != nil {
		return err
	}
	env.Defer(func() {
		stopAgent(home)
		w.server.Close()
		os.RemoveAll(home)
	})
	for _, entry := range cogtoktest.Environ(home) {
		name, value, _ := strings.Cut(entry, "=")
		env.Setenv(name, value)
	}
	credential := userpool.TestCredential()
	env.Setenv("AWS_ACCESS_KEY_ID", credential.AccessKeyID)
	env.Setenv("AWS_SECRET_ACCESS_KEY", credential.SecretAccessKey)
	env.Setenv("ENDPOINT", w.url)
	env.Values["world"] = w
	for name, text := range map[string]string{
		"password": password, "wrong": "Wrong-Passw0rd-82!", "client-secret": clientSecret,
	} {
		if err := os.WriteFile(filepath.Join(env.WorkDir, name+".txt"), []byte(text+"\n"), 0o600); err != nil {
			return err
		}
	}
	if err := os.Mkdir(filepath.Join(home, "run"), 0o700); err != nil {
		return err
	}
	dir := filepath.Join(home, "config", "cogtok")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(w.config("memory")), 0o600)
}

func stopAgent(home string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(cogtoktest.Programs(), "cogtok"), "agent", "stop")
	cmd.Env = cogtoktest.Environ(home)
	_ = cmd.Run()
}

// poolCommand does something to a script's pool, or asks about it:
//
//	pool calls OPERATION N      fails unless the operation was called N times
//	pool fail OPERATION FAULT   makes the operation fail until "pool heal"
//	pool heal
//	pool sign-out USER          AdminUserGlobalSignOut
//	pool disable USER
func poolCommand(ts *testscript.TestScript, neg bool, args []string) {
	w, ok := ts.Value("world").(*world)
	if neg || !ok || len(args) == 0 {
		ts.Fatalf("usage: pool calls|fail|heal|sign-out|disable …")
	}
	switch args[0] {
	case "calls":
		if got := fmt.Sprint(w.server.Count(args[1])); got != args[2] {
			ts.Fatalf("%s was called %s times, want %s", args[1], got, args[2])
		}
	case "fail":
		w.server.Fail(args[1], fault(ts, args[2]), userpool.Always)
	case "heal":
		w.server.Heal()
	case "sign-out":
		w.pool.SignOutEverywhere(args[1])
	case "disable":
		w.pool.Disable(args[1])
	default:
		ts.Fatalf("pool %s: no such command", args[0])
	}
}

func fault(ts *testscript.TestScript, name string) userpool.Fault {
	for _, f := range []userpool.Fault{
		userpool.Throttle, userpool.InternalError, userpool.Unavailable, userpool.Reset, userpool.Garbage, userpool.HTML,
	} {
		if strings.EqualFold(f.String(), name) {
			return f
		}
	}
	ts.Fatalf("no such fault: %s", name)
	return 0
}

// readmeClient is the app client that the README speaks of.
func readmeClient() userpool.Client {
	return userpool.Client{
		ID:    "1h57kf5cpq17m0eml12example",
		Flows: []string{"ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
	}
}
