package agent

import (
	"context"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// What was said in protocol 1, method by method: this file is never changed. It
// stands for clients and agents of that version.
const protocol1 = "testdata/protocol-1.txt"

// transcripts returns the blocks of a file, each on a connection of its own.
func transcripts(t *testing.T, path string) [][]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for block := range strings.SplitSeq(string(text), "\n\n") {
		all = append(all, strings.Split(strings.TrimSpace(block), "\n"))
	}
	return all
}

// TestOldClient: this agent gives clients of protocol 1 what they expect,
// whether they state it or not, and whatever else they send.
func TestOldClient(t *testing.T) {
	path := serve(t, &Server{Agent: &exemplary{}, Config: configPath})
	for name, change := range map[string]func(string) string{
		"as it is": func(s string) string { return s },
		"stated":   func(s string) string { return withParam(s, `"protocol":1`) },
		"with members of the future": func(s string) string {
			return strings.Replace(withParam(s, `"flavour":{"a":[1,2]}`), `"jsonrpc"`, `"trace":"x","jsonrpc"`, 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, block := range transcripts(t, protocol1) {
				nc := dialRaw(t, path)
				_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
				for _, line := range block {
					if strings.HasPrefix(line, "→ ") && strings.Contains(line, `"method"`) {
						line = change(line)
					}
					replay(t, nc, line)
				}
			}
		})
	}
}

// withParam adds a member to a call's params.
func withParam(line, member string) string {
	switch {
	case strings.Contains(line, `"params":{}`):
		return strings.Replace(line, `"params":{}`, `"params":{`+member+`}`, 1)
	case strings.Contains(line, `"params":{`):
		return strings.Replace(line, `"params":{`, `"params":{`+member+`,`, 1)
	}
	return strings.TrimSuffix(line, "}") + `,"params":{` + member + `}}`
}

// TestOldAgent: this client gets on with an agent that knows protocol 1 as it
// was then: every method of it works, and one that came later is an error that
// says what to do.
func TestOldAgent(t *testing.T) {
	answers := map[string]string{}
	for _, block := range transcripts(t, protocol1) {
		method := ""
		for _, line := range block {
			if m := regexp.MustCompile(`^→ .*"method":"([^"]*)"`).FindStringSubmatch(line); m != nil {
				method = m[1]
			}
			if result := regexp.MustCompile(`^← .*("result":.*)$`).FindStringSubmatch(line); result != nil && answers[method] == "" {
				answers[method] = `{"jsonrpc":"2.0","id":1,` + result[1] + "\n"
			}
		}
	}
	for name, call := range everyMethod {
		near, far := net.Pipe()
		go oldAgent(far, answers)
		c := NewClient(near)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err := call(ctx, c)
		cancel()
		c.Close()
		switch e := AsError(err); {
		case answers[name] != "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case answers[name] == "" && (e == nil || e.Hint != restartHint):
			t.Errorf("%s: %+v", name, e)
		}
	}
	if len(answers) < 11 {
		t.Errorf("the transcripts have %d methods", len(answers))
	}
}

// oldAgent answers one call as recorded, with a member that it didn't have then.
func oldAgent(nc net.Conn, answers map[string]string) {
	defer nc.Close()
	in := newFrameReader(nc, maxFromClient)
	data, err := in.next()
	if err != nil {
		return
	}
	m, _ := parseMessage(data)
	answer := answers[m.Method]
	if answer == "" {
		answer = `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"the agent has no such method"}}` + "\n"
	}
	_, _ = nc.Write([]byte(answer))
}

// TestStatedProtocol: a client that is too new or too old learns that at once,
// and in words that help.
func TestStatedProtocol(t *testing.T) {
	path := serve(t, &Server{Agent: &scripted{}})
	for _, tt := range []struct {
		stated int
		want   string
	}{
		{0, `"result"`},
		{ProtocolMin, `"result"`},
		{Protocol, `"result"`},
		{Protocol + 1, `"hint":"run: cogtok agent restart"`},
		{-1, `"kind":"protocol_unsupported"`},
	} {
		l := dialRaw(t, path)
		_ = l.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprintf(l, `{"jsonrpc":"2.0","id":1,"method":"version","params":{"protocol":%d}}`+"\n", tt.stated)
		got, err := newFrameReader(l, maxFromAgent).next()
		if err != nil || !strings.Contains(string(got), tt.want) {
			t.Errorf("%d: %s, %v", tt.stated, got, err)
		}
	}
	if Protocol > 1 && ProtocolMin != Protocol-1 {
		t.Errorf("protocols %d to %d", ProtocolMin, Protocol)
	}
}
