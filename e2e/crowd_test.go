//go:build !windows

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/cogtoktest"
	"github.com/cogtok/cogtok/internal/userpool"
)

// newUser returns a user of a new world whose profiles keep their secrets in store.
func newUser(t *testing.T, store string) (*cogtoktest.User, *world) {
	t.Helper()
	w, err := newWorld()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.server.Close() })
	u := cogtoktest.NewUser(t)
	credential := userpool.TestCredential()
	u.Env = append(u.Env, "AWS_ACCESS_KEY_ID="+credential.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+credential.SecretAccessKey)
	u.WriteConfig(w.config(store))
	return u, w
}

// withPassphrase makes the config's file store open itself.
func withPassphrase(u *cogtoktest.User, w *world) {
	u.WriteConfig(w.config("file") + "passphrase_command: [printf, \"Marker-Passphrase-83\"]\n")
}

// agentPID returns the process id of the user's agent; 0 if none runs.
func agentPID(t *testing.T, u *cogtoktest.User) int {
	t.Helper()
	var v struct {
		Agent struct{ PID int }
	}
	r := u.Run("", "agent", "status", "--output", "json")
	if err := json.Unmarshal([]byte(r.Stdout), &v); err != nil {
		var flat struct{ PID int }
		if err := json.Unmarshal([]byte(r.Stdout), &flat); err != nil {
			return 0
		}
		return flat.PID
	}
	if v.Agent.PID == 0 {
		var flat struct{ PID int }
		_ = json.Unmarshal([]byte(r.Stdout), &flat)
		return flat.PID
	}
	return v.Agent.PID
}

// All terminals of a person ask at once, and no agent runs.
func TestTwoHundredClientsOneAgent(t *testing.T) {
	u, w := newUser(t, "file")
	withPassphrase(u, w)
	u.Must(password, "login", "prod", "--password-stdin")
	u.StopAgent()
	w.server.ResetCalls()

	const clients = 200
	results := make([]cogtoktest.Result, clients)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() { results[i] = runQuietly(u, "token", "prod") })
	}
	all.Wait()
	for i, r := range results {
		if r.Code != 0 || r.Stdout != results[0].Stdout || !strings.HasPrefix(r.Stdout, "eyJ") {
			t.Fatalf("client %d: %s", i, r)
		}
	}
	if n := w.server.Count(""); n != 1 {
		t.Errorf("%d calls to Cognito, want one refresh", n)
	}
	if n := agents(t, u); n != 1 {
		t.Errorf("%d agents run, want 1", n)
	}
}

// runQuietly is Run for goroutines, where a test can't be failed.
func runQuietly(u *cogtoktest.User, args ...string) cogtoktest.Result {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := u.Command(ctx, "cogtok", args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	_ = cmd.Run()
	return cogtoktest.Result{Stdout: out.String(), Stderr: errOut.String(), Code: cmd.ProcessState.ExitCode()}
}

// agents counts the processes of cogtokd that belong to the user, by the
// socket in their arguments.
func agents(t *testing.T, u *cogtoktest.User) (n int) {
	t.Helper()
	processes, err := os.ReadDir("/proc")
	if err != nil {
		cogtoktest.Missing(t, "counting processes needs /proc")
	}
	for _, p := range processes {
		line, err := os.ReadFile("/proc/" + p.Name() + "/cmdline")
		if err == nil && bytes.Contains(line, []byte("cogtokd")) && bytes.Contains(line, []byte(u.Socket())) {
			n++
		}
	}
	return n
}

// An agent that was killed leaves nothing behind that stops the next one, and
// the session goes on.
func TestKilledAgent(t *testing.T) {
	t.Parallel()
	u, w := newUser(t, "file")
	withPassphrase(u, w)
	for _, profile := range []string{"prod", "rotating"} {
		u.Must(password, "login", profile, "--password-stdin")
		for range 5 {
			pid := agentPID(t, u)
			if pid == 0 {
				t.Fatal("no agent runs")
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if token := u.Must("", "token", profile); !strings.HasPrefix(token, "eyJ") {
				t.Errorf("token %q", token)
			}
		}
	}
}

// A restart asks nothing: the stored refresh token is enough.
func TestRestartWithPassphraseCommand(t *testing.T) {
	t.Parallel()
	u, w := newUser(t, "file")
	withPassphrase(u, w)
	u.Must(password, "login", "prod", "--password-stdin")
	u.Must("", "agent", "restart")
	w.server.ResetCalls()
	u.Must("", "token", "prod")
	if n := w.server.Count("InitiateAuth"); n != 0 {
		t.Errorf("signed in %d times after the restart, want a refresh", n)
	}
}

// A stored password that Cognito refused is not tried again, however often a
// token is asked for and the agent is restarted.
func TestWrongStoredPasswordIsTriedOnce(t *testing.T) {
	t.Parallel()
	u, w := newUser(t, "file")
	withPassphrase(u, w)
	u.Must("Wrong-Passw0rd-82!", "secret", "set", "prod", "password")
	for i := range 30 {
		if r := u.Run("", "token", "prod"); r.Code != 3 && (r.Code != 7 || i > 0) || r.Stdout != "" {
			t.Fatalf("call %d: %s", i, r)
		}
		if i%10 == 9 {
			u.Must("", "agent", "restart")
		}
	}
	if n := w.pool.PasswordAttempts("rob").Total; n != 1 {
		t.Errorf("the password was tried %d times, want once", n)
	}
}

// A passphrase_command that was wrong and is corrected is used by the agent
// that runs.
func TestCorrectedPassphraseCommand(t *testing.T) {
	t.Parallel()
	u, w := newUser(t, "file")
	withPassphrase(u, w)
	u.Must(password, "login", "prod", "--password-stdin")
	u.WriteConfig(w.config("file") + "passphrase_command: [printf, wrong]\n")
	u.Must("", "agent", "restart")
	if r := u.Run("", "token", "prod"); r.Code != 5 {
		t.Errorf("with a wrong passphrase: %s", r)
	}
	withPassphrase(u, w)
	if token := u.Must("", "token", "prod"); !strings.HasPrefix(token, "eyJ") {
		t.Errorf("token %q", token)
	}
}
