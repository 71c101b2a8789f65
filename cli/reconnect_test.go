//go:build !windows

package cli

import (
	"bytes"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
)

// dyingAgent listens where the agent should, and ends like one that is killed
// when it has read the call of that number: first nobody listens any more, since
// the kernel closes files in the order in which they were opened.
func (w *world) dyingAgent(call int) {
	w.Helper()
	listener, release, err := agent.Listen(w.socket)
	if err != nil {
		w.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		nc, err := listener.Accept()
		defer release()
		if err != nil {
			return
		}
		defer nc.Close()
		defer listener.Close()
		for n := 1; ; n++ {
			line, err := readLine(nc)
			if err != nil || n == call {
				return
			}
			id := line[bytes.Index(line, []byte(`"id":`))+5:]
			id = id[:bytes.IndexByte(id, ',')]
			nc.Write([]byte(`{"jsonrpc":"2.0","id":` + string(id) + `,"result":{"version":"1.2.3"}}` + "\n"))
		}
	}()
	w.Cleanup(func() { listener.Close(); <-gone })
}

func readLine(nc net.Conn) ([]byte, error) {
	nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	var line []byte
	one := make([]byte, 1)
	for {
		if _, err := nc.Read(one); err != nil {
			return nil, err
		}
		if line = append(line, one[0]); one[0] == '\n' {
			return line, nil
		}
	}
}

// An agent that is killed in the middle of a call, or before it, costs nothing
// where the call may be made again: a new one is started, or none is missed.
func TestAgentThatEnds(t *testing.T) {
	note := "cogtok: no agent is running; the next cogtok token or login starts one\n"
	for _, tt := range []struct {
		args string
		want result
	}{
		{"token prod", result{"eyJ.id.sig\n", "", 0}},
		{"headers prod", result{`{"Authorization":"Bearer eyJ.id.sig"}` + "\n", "", 0}},
		{"token prod -o env --type id", result{"export COGTOK_TOKEN='eyJ.id.sig'\nexport COGTOK_ID_TOKEN='eyJ.id.sig'\n" +
			"export COGTOK_ACCESS_TOKEN='eyJ.access.sig'\nexport COGTOK_EXPIRES_AT='2126-11-22T19:00:00Z'\n", "", 0}},
		{"secret list prod", result{"PROFILE  SECRET    KEPT IN\nprod     password  keychain\n", "", 0}},
		{"status prod", result{"PROFILE         USER             STATE    TOKEN FOR  KEPT IN   PROBLEM\n" +
			"prod (default)  rob@example.com  unknown  -          keychain\n", note, 0}},
		{"version", result{"cogtok 9.9\nagent: none is running\n", "", 0}},
		{"agent status", result{"", "cogtok: no agent is running\ncogtok: hint: run: cogtok agent start\n", 4}},
	} {
		for call := 1; call <= 3; call++ { // of three: version, upgrade and the one that is meant
			if call == 3 && (strings.HasSuffix(tt.args, "status") || tt.args == "status prod" || tt.args == "version") {
				break // these ask for no upgrade, and are through by then
			}
			w := newWorld(t)
			w.write("config.yaml", goodConfig)
			w.dyingAgent(call)
			w.expect(tt.want, strings.Fields(tt.args)...)
			w.stopAgent()
		}
	}
}

// A restart may meet the last moments of the agent before.
func TestStartAfterAnAgentThatEnds(t *testing.T) {
	w := newWorld(t)
	w.write("config.yaml", goodConfig)
	w.dyingAgent(1)
	if r := w.run("agent", "start"); r.code != 0 || !strings.Contains(r.stderr, "the agent started (pid ") {
		t.Error(r)
	}
	w.stopAgent()
}

// What may have been done is not done twice.
func TestAgentThatEndsInACallWithEffects(t *testing.T) {
	for args, call := range map[string]int{"login prod --password-stdin": 3, "secret set prod password": 3, "logout prod": 3} {
		w := newWorld(t)
		w.write("config.yaml", goodConfig)
		w.stdin = marker
		w.dyingAgent(call)
		if r := w.run(strings.Fields(args)...); r.code != 4 || !strings.Contains(r.stderr, "hung up before it answered") || len(w.reports()) != 0 {
			t.Errorf("%s: %s", args, r)
		}
	}
}

// hungAgent listens and says nothing, like a process that was stopped.
func (w *world) hungAgent() {
	w.Helper()
	if err := os.MkdirAll(w.path("run"), 0o700); err != nil {
		w.Fatal(err)
	}
	listener, err := net.Listen("unix", w.socket)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { listener.Close() })
}

// No command waits for long for an agent that says nothing.
func TestHungAgent(t *testing.T) {
	w := newWorld(t)
	w.write("config.yaml", goodConfig)
	w.stdin = marker
	w.hungAgent()
	hung := "cogtok: the agent does not answer\ncogtok: hint: run: cogtok agent restart\n"
	for _, args := range []string{"token", "headers", "whoami", "login --password-stdin", "logout", "secret set prod password", "secret delete prod password",
		"secret list", "status", "agent status", "agent reload", "agent start"} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			begin := time.Now()
			code := Run(t.Context(), strings.Fields(args), IO{
				Stdin: strings.NewReader(marker), Stdout: &stdout, Stderr: &stderr, Getenv: func(name string) string { return w.env[name] },
			})
			if code != 4 || stdout.Len() != 0 || stderr.String() != hung {
				t.Errorf("exit status %d, %q, %q", code, stdout.String(), stderr.String())
			}
			if took := time.Since(begin); took > aliveLimit+time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestTimeoutOfHungAgent(t *testing.T) {
	w := newWorld(t)
	w.write("config.yaml", goodConfig)
	w.hungAgent()
	w.expect(result{"", "cogtok: no answer within 100ms\ncogtok: hint: that is the limit of --timeout or COGTOK_TIMEOUT\n", 6}, "token", "--timeout", "100ms")
	begin := time.Now()
	r := w.run("token", "--timeout", "1m")
	if took := time.Since(begin); r.code != 4 || took > aliveLimit+time.Second {
		t.Errorf("after %s: %s", took, r)
	}
}

// The agent that the thin client met was about to end: the next one is asked.
func TestAgentThatToldTheThinClientThatItEnds(t *testing.T) {
	w := newWorld(t)
	w.write("config.yaml", goodConfig)
	w.expect(result{"eyJ.id.sig\n", "", 0}, "token", "prod",
		`--agent-error={"code":6,"message":"the agent is shutting down","data":{"kind":"shutting_down","retryable":true}}`)
	w.stopAgent()
}

// An agent that says that it is ready and ends, again and again, is given up.
func TestAgentThatEndsAtEachStart(t *testing.T) {
	w := newWorld(t)
	w.write("config.yaml", goodConfig)
	w.write("conduct", "mute")
	begin := time.Now()
	w.expect(result{"", "cogtok: the agent was started 6 times and ended at once each time\ncogtok: hint: see: cogtok agent log\n", 4}, "token")
	if took := time.Since(begin); took > startLimit {
		t.Errorf("it took %s", took)
	}
}
