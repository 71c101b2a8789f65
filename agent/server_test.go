package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// codeAsked is a scripted agent whose token needs an MFA code.
func codeAsked() *scripted {
	return &scripted{token: func(ctx context.Context, c Caller, r TokenRequest) (Token, error) {
		if r.Profile != "prod" {
			return Token{}, Errorf(KindUnknownProfile, "there is no profile %q", r.Profile).WithHint("see: cogtok profile list")
		}
		if c.Prompter == nil {
			return Token{}, Errorf(KindPromptNeeded, "a code from your authenticator app is needed").WithHint("run: cogtok login prod")
		}
		code, err := c.Prompter.Ask(ctx, Prompt{Kind: PromptMFA, Text: "Code from your authenticator app", Echo: true, Profile: "prod"})
		if err != nil {
			return Token{}, err
		}
		if code.Reveal() != "123456" {
			return Token{}, Errorf(KindCodeWrong, "the code is wrong")
		}
		return (&scripted{}).Token(ctx, c, r)
	}}
}

// a lineClient talks to the agent a line at a time.
type lineClient struct {
	t  testing.TB
	nc net.Conn
	r  *bufio.Reader
}

func newLineClient(t testing.TB, nc net.Conn) *lineClient {
	return &lineClient{t, nc, bufio.NewReader(nc)}
}

func (c *lineClient) send(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.nc, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

func (c *lineClient) receive() string {
	c.t.Helper()
	line, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatalf("%v after %q", err, line)
	}
	return strings.TrimSuffix(line, "\n")
}

// closed expects that the agent hangs up without another byte.
func (c *lineClient) closed() {
	c.t.Helper()
	if rest, err := io.ReadAll(c.r); len(rest) > 0 || errors.Is(err, context.DeadlineExceeded) {
		c.t.Fatalf("the agent sent %q, %v", rest, err)
	}
}

func TestTranscript(t *testing.T) {
	c := newLineClient(t, dialRaw(t, serve(t, &Server{Agent: codeAsked(), Config: "/home/rob/config.yaml"})))
	for _, step := range []struct{ send, receive string }{
		{`{"jsonrpc":"2.0","id":1,"method":"token","params":{"profile":"prod","interactive":true}}`,
			`{"jsonrpc":"2.0","id":"p1","method":"prompt","params":{"kind":"mfa","text":"Code from your authenticator app","echo":true,"profile":"prod"}}`},
		{`{"jsonrpc":"2.0","id":"p1","result":{"answer":"123456"}}`,
			`{"jsonrpc":"2.0","id":1,"result":{"version":1,"profile":"prod","type":"id","token":"header.payload.signature","header":"Authorization","value":"header.payload.signature","expires_at":"2026-11-22T12:00:00Z","expires_in":3600,"issued_at":"2026-11-22T11:00:00Z","username":"rob","sub":"5f0c"}}`},
		// Some libraries send both members, one of them null.
		{`{"jsonrpc":"2.0","id":31,"method":"token","params":{"profile":"prod","interactive":true}}`,
			`{"jsonrpc":"2.0","id":"p2","method":"prompt","params":{"kind":"mfa","text":"Code from your authenticator app","echo":true,"profile":"prod"}}`},
		{`{"jsonrpc":"2.0","id":"p2","result":{"answer":"654321"},"error":null}`,
			`{"jsonrpc":"2.0","id":31,"error":{"code":7,"message":"the code is wrong","data":{"kind":"code_wrong","retryable":false}}}`},
		{`{"jsonrpc":"2.0","id":"two","method":"token","params":{"profile":"prod"}}`,
			`{"jsonrpc":"2.0","id":"two","error":{"code":3,"message":"a code from your authenticator app is needed","data":{"kind":"prompt_needed","hint":"run: cogtok login prod","retryable":false}}}`},
		{`{"jsonrpc":"2.0","id":3,"method":"token","params":{"profile":"prod","interactive":true}}`,
			`{"jsonrpc":"2.0","id":"p3","method":"prompt","params":{"kind":"mfa","text":"Code from your authenticator app","echo":true,"profile":"prod"}}`},
		{`{"jsonrpc":"2.0","id":"p3","result":null,"error":{"code":1,"message":"no"}}`,
			`{"jsonrpc":"2.0","id":3,"error":{"code":3,"message":"the question was not answered: Code from your authenticator app","data":{"kind":"prompt_unanswered","hint":"run: cogtok login prod","retryable":false}}}`},
		{`{"jsonrpc":"2.0","id":4.50,"method":"reload","params":{"config":"/home/rob/other.yaml"}}`,
			`{"jsonrpc":"2.0","id":4.50,"error":{"code":2,"message":"the agent on this socket runs on another config, /home/rob/config.yaml","data":{"kind":"other_config","hint":"give that config a socket of its own with --socket, or stop this agent: cogtok agent stop","retryable":false}}}`},
		{`{"jsonrpc":"2.0","id":5,"method":"reload","params":{"config":"/home/rob/../rob/config.yaml","unknown":[{}]}}`,
			`{"jsonrpc":"2.0","id":5,"result":{"config":"/home/rob/config.yaml","profiles":2}}`},
		{`{"jsonrpc":"2.0","id":6,"method":"dance"}`,
			`{"jsonrpc":"2.0","id":6,"error":{"code":-32601,"message":"the agent has no such method"}}`},
		// What can't be a secret isn't one: nobody means a line break.
		{`{"jsonrpc":"2.0","id":61,"method":"secret.set","params":{"profile":"prod","kind":"password","value":"MARKER\nMARKER"}}`,
			`{"jsonrpc":"2.0","id":61,"error":{"code":2,"message":"the secret has a line break in it","data":{"kind":"usage","retryable":false}}}`},
		{`{"jsonrpc":"2.0","id":62,"method":"login","params":{"profile":"prod","password":"MARKER\u0000"}}`,
			`{"jsonrpc":"2.0","id":62,"error":{"code":2,"message":"the password has a NUL character in it","data":{"kind":"usage","retryable":false}}}`},
		{`{"jsonrpc":"2.0","id":63,"method":"token","params":{"profile":"prod","interactive":true}}`,
			`{"jsonrpc":"2.0","id":"p4","method":"prompt","params":{"kind":"mfa","text":"Code from your authenticator app","echo":true,"profile":"prod"}}`},
		{`{"jsonrpc":"2.0","id":"p4","result":{"answer":"MARKER\r\n"}}`,
			`{"jsonrpc":"2.0","id":63,"error":{"code":2,"message":"the answer has a line break in it: Code from your authenticator app","data":{"kind":"usage","retryable":false}}}`},
		{`{"jsonrpc":"2.0","id":7,"method":"token","params":{"min_ttl":"MARKER"}}`,
			`{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"the member min_ttl has the wrong type"}}`},
	} {
		c.send(step.send)
		if got := c.receive(); got != step.receive {
			t.Errorf("to     %s\ncame   %s\nwanted %s", step.send, got, step.receive)
		}
	}
}

func TestClientPrompts(t *testing.T) {
	path := serve(t, &Server{Agent: codeAsked()})
	client := dial(t, path)
	person := asked(func(_ context.Context, p Prompt) (Secret, error) {
		if p.Kind != PromptMFA || !p.Echo || p.Profile != "prod" {
			t.Errorf("asked %+v", p)
		}
		return NewSecret("123456"), nil
	})
	for range 3 {
		if tok, err := client.Token(t.Context(), Caller{Prompter: person}, TokenRequest{Profile: "prod"}); err != nil || tok.Token != "header.payload.signature" {
			t.Fatalf("%+v, %v", tok, err)
		}
	}
	for _, tt := range []struct {
		person Prompter
		r      TokenRequest
		want   Kind
	}{
		{nil, TokenRequest{Profile: "prod"}, KindPromptNeeded},
		{person, TokenRequest{Profile: "dev"}, KindUnknownProfile},
		{asked(func(context.Context, Prompt) (Secret, error) { return NewSecret("000000"), nil }), TokenRequest{Profile: "prod"}, KindCodeWrong},
		{asked(func(context.Context, Prompt) (Secret, error) { return Secret{}, fmt.Errorf("no terminal") }), TokenRequest{Profile: "prod"}, KindPromptUnanswered},
		{asked(func(context.Context, Prompt) (Secret, error) {
			return NewSecret(strings.Repeat("x", maxFromClient)), nil
		}), TokenRequest{Profile: "prod"}, KindPromptUnanswered},
	} {
		_, err := client.Token(t.Context(), Caller{Prompter: tt.person}, tt.r)
		if KindOf(err) != tt.want {
			t.Errorf("%v: %v, want %s", tt.r, err, tt.want)
		}
	}
	_, err := client.Token(t.Context(), Caller{}, TokenRequest{Profile: "dev"})
	if e := AsError(err); e.Code != CodeUsage || e.Message != `there is no profile "dev"` || e.Hint != "see: cogtok profile list" {
		t.Errorf("%+v", e)
	}
}
