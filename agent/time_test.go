package agent

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// These tests run on a clock of their own: see testing/synctest.

// took returns how long f took on the bubble's clock.
func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// blocking is an agent whose token waits for its context, and notes its end.
func blocking(begun chan<- Caller) *scripted {
	s := &scripted{}
	s.token = func(ctx context.Context, c Caller, _ TokenRequest) (Token, error) {
		begun <- c
		<-ctx.Done()
		s.note("ended: %v", context.Cause(ctx))
		return Token{}, ctx.Err()
	}
	return s
}

const callToken = `{"jsonrpc":"2.0","id":1,"method":"token","params":{"profile":"prod","interactive":true}}` + "\n"

func TestServerDeadlines(t *testing.T) {
	for _, tt := range []struct {
		name, send string
		want       time.Duration
		say        string
	}{
		{"silence", "", idleTimeout, ""},
		{"half a line", `{"jsonrpc"`, frameTimeout, errTooSlow.Error()},
		{"half a header", "Content-Le", frameTimeout, errTooSlow.Error()},
		{"half a body", "Content-Length: 10\r\n\r\n{}", frameTimeout, errTooSlow.Error()},
		{"a notification, then silence", `{"jsonrpc":"2.0","method":"initialized"}` + "\n", idleTimeout, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nc, ended := on(t.Context(), &Server{Agent: &scripted{}})
				var said []byte
				got := took(func() {
					_, _ = io.WriteString(nc, tt.send)
					said, _ = io.ReadAll(nc)
				})
				<-ended
				if got != tt.want || !strings.Contains(string(said), tt.say) || tt.say == "" && len(said) > 0 {
					t.Errorf("closed after %v with %q, want %v with %q", got, said, tt.want, tt.say)
				}
			})
		})
	}
}

// TestDrip: a byte a second is not a way to hold a connection.
func TestDrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc, ended := on(t.Context(), &Server{Agent: &scripted{}})
		go func() { _, _ = io.Copy(io.Discard, nc) }()
		got := took(func() {
			for range 100 {
				if _, err := io.WriteString(nc, "{"); err != nil {
					break
				}
				time.Sleep(time.Second)
			}
			<-ended
		})
		if got > 3*time.Second {
			t.Errorf("held for %v", got)
		}
	})
}

// TestIdleCounts from the end of a call, however long that was.
func TestIdleCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{}
		s.token = func(context.Context, Caller, TokenRequest) (Token, error) {
			time.Sleep(150 * time.Second)
			return Token{}, nil
		}
		nc, ended := on(t.Context(), &Server{Agent: s})
		var said []byte
		got := took(func() {
			_, _ = io.WriteString(nc, callToken)
			said, _ = io.ReadAll(nc)
		})
		<-ended
		if got != 150*time.Second+idleTimeout || !strings.Contains(string(said), `"result"`) {
			t.Errorf("closed after %v with %q", got, said)
		}
	})
}

// TestRest: a connection goes on after each pause, whatever came before it.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc, ended := on(t.Context(), &Server{Agent: codeAsked()})
		c := newLineClient(t, nc)
		for _, pause := range []time.Duration{0, lull / 2, lull, 2 * lull, idleTimeout - lull} {
			time.Sleep(pause)
			_, _ = io.WriteString(nc, `{"jsonrpc"`)
			time.Sleep(2 * lull)
			c.send(`:"2.0","id":2,"method":"version"}`)
			if answer := c.receive(); !strings.Contains(answer, `"id":2,"result"`) {
				t.Errorf("%s", answer)
			}
		}
		c.send(strings.TrimSpace(callToken))
		if prompt := c.receive(); !strings.Contains(prompt, `"method":"prompt"`) {
			t.Errorf("%s", prompt)
		}
		time.Sleep(PromptTimeout - time.Second) // rests beside a call too
		c.send(`{"jsonrpc":"2.0","id":"p1","result":{"answer":"123456"}}`)
		if answer := c.receive(); !strings.Contains(answer, `"id":1,"result"`) {
			t.Errorf("%s", answer)
		}
		nc.Close()
		<-ended
	})
}

// TestNotReading: a client that doesn't take its answer is hung up on.
func TestNotReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc, ended := on(t.Context(), &Server{Agent: &scripted{}})
		defer nc.Close()
		got := took(func() {
			_, _ = io.WriteString(nc, callToken)
			<-ended
		})
		if got != writeTimeout {
			t.Errorf("held for %v, want %v", got, writeTimeout)
		}
	})
}

func TestPromptTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc, ended := on(t.Context(), &Server{Agent: codeAsked()})
		c := newLineClient(t, nc)
		got := took(func() {
			c.send(strings.TrimSpace(callToken))
			if prompt := c.receive(); !strings.Contains(prompt, `"method":"prompt"`) {
				t.Errorf("%s", prompt)
			}
			if answer := c.receive(); !strings.Contains(answer, `"kind":"prompt_unanswered"`) || !strings.Contains(answer, "within 3 minutes") {
				t.Errorf("%s", answer)
			}
		})
		if got != PromptTimeout {
			t.Errorf("after %v, want %v", got, PromptTimeout)
		}
		// An answer that comes too late is dropped, and the connection goes on.
		c.send(`{"jsonrpc":"2.0","id":"p1","result":{"answer":"123456"}}`)
		c.send(`{"jsonrpc":"2.0","id":2,"method":"version"}`)
		if answer := c.receive(); !strings.Contains(answer, `"id":2,"result"`) {
			t.Errorf("%s", answer)
		}
		nc.Close()
		<-ended
	})
}

// TestPromptAfterCall: a goroutine that outlives its call can't ask any more.
func TestPromptAfterCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := make(chan Prompter, 1)
		s := &scripted{token: func(_ context.Context, c Caller, _ TokenRequest) (Token, error) {
			late <- c.Prompter
			return Token{}, nil
		}}
		nc, ended := on(t.Context(), &Server{Agent: s})
		c := newLineClient(t, nc)
		c.send(strings.TrimSpace(callToken))
		c.receive()
		synctest.Wait()
		if _, err := (<-late).Ask(t.Context(), Prompt{Kind: PromptMFA}); KindOf(err) != KindCanceled {
			t.Errorf("asked after the call: %v", err)
		}
		nc.Close()
		<-ended
	})
}

func TestHangUpCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := make(chan Caller, 1)
		s := blocking(begun)
		nc, ended := on(t.Context(), &Server{Agent: s})
		_, _ = io.WriteString(nc, callToken+callToken+callToken)
		if who := <-begun; who.PID != 42 || who.Prompter == nil {
			t.Errorf("caller %+v", who)
		}
		got := took(func() {
			nc.Close()
			<-ended
		})
		if got != 0 || s.noted() != "ended: context canceled" {
			t.Errorf("after %v: %q", got, s.noted())
		}
	})
}

// TestQueue: calls wait for their turn and are answered in order; too many of
// them are refused at once, and a prompt's answer overtakes them all.
func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc, ended := on(t.Context(), &Server{Agent: codeAsked()})
		c := newLineClient(t, nc)
		c.send(strings.TrimSpace(callToken))
		c.receive()
		for range queueLength - 1 {
			c.send(`{"jsonrpc":"2.0","id":2,"method":"version"}`)
		}
		c.send(`{"jsonrpc":"2.0","id":3,"method":"version"}`)
		if answer := c.receive(); !strings.Contains(answer, `"id":3`) || !strings.Contains(answer, `"kind":"busy"`) {
			t.Errorf("%s", answer)
		}
		c.send(`{"jsonrpc":"2.0","id":"p1","result":{"answer":"123456"}}`)
		if answer := c.receive(); !strings.Contains(answer, `"id":1,"result"`) {
			t.Errorf("%s", answer)
		}
		for range queueLength - 1 {
			if answer := c.receive(); !strings.Contains(answer, `"id":2,"result"`) {
				t.Errorf("%s", answer)
			}
		}
		nc.Close()
		<-ended
	})
}

// TestShutdown: idle connections end at once, a call has five seconds, and no
// new one begins.
func TestShutdown(t *testing.T) {
	for _, tt := range []struct {
		name string
		call time.Duration // how long the call in flight would take
		end  time.Duration
		say  string
	}{
		{"idle", 0, 0, ""},
		{"short call", 3 * time.Second, 3 * time.Second, `"id":1,"result"`},
		{"long call", time.Hour, drainTimeout, `"id":1,"error":{"code":6,"message":"the agent is shutting down","data":{"kind":"shutting_down"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &scripted{token: func(ctx context.Context, _ Caller, _ TokenRequest) (Token, error) {
					select {
					case <-time.After(tt.call):
						return Token{}, nil
					case <-ctx.Done():
						return Token{}, ctx.Err()
					}
				}}
				ctx, stop := context.WithCancel(t.Context())
				nc, ended := on(ctx, &Server{Agent: s})
				if tt.call > 0 {
					_, _ = io.WriteString(nc, callToken)
				}
				synctest.Wait()
				stop()
				synctest.Wait()
				if tt.call > 0 {
					_, _ = io.WriteString(nc, `{"jsonrpc":"2.0","id":7,"method":"version"}`+"\n")
				}
				var said []byte
				got := took(func() { said, _ = io.ReadAll(nc) })
				<-ended
				if got > tt.end || got < tt.end || !strings.Contains(string(said), tt.say) {
					t.Errorf("ended after %v with %s", got, said)
				}
				if tt.call > 0 && !strings.Contains(string(said), `"id":7,"error":{"code":6`) {
					t.Errorf("a new call in the meantime: %s", said)
				}
			})
		})
	}
}

// silent returns a client of an agent that takes what is sent and says nothing
// but what say does.
func silent(say func(agent *lineClient)) (*Client, func()) {
	near, far := net.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		say(newLineClient(nil, far))
		_, _ = io.Copy(io.Discard, far)
	}()
	return NewClient(near), func() { near.Close(); far.Close(); <-ended }
}

func TestClientDeadlines(t *testing.T) {
	slowPerson := asked(func(ctx context.Context, _ Prompt) (Secret, error) {
		time.Sleep(100 * time.Second)
		return NewSecret("x"), nil
	})
	nobody := asked(func(ctx context.Context, _ Prompt) (Secret, error) {
		<-ctx.Done()
		return Secret{}, ctx.Err()
	})
	prompt := func(c *lineClient) {
		_, _ = c.r.ReadString('\n')
		_, _ = io.WriteString(c.nc, `{"jsonrpc":"2.0","id":"p1","method":"prompt","params":{"kind":"mfa","text":"Code","echo":true}}`+"\n")
	}
	notice := func(c *lineClient) {
		_, _ = c.r.ReadString('\n')
		_, _ = io.WriteString(c.nc, `{"jsonrpc":"2.0","id":"p1","method":"prompt","params":{"kind":"notice","text":"Somebody else is asked"}}`+"\n")
	}
	reader := asked(func(context.Context, Prompt) (Secret, error) { return Secret{}, nil })
	for _, tt := range []struct {
		name  string
		say   func(*lineClient)
		limit time.Duration // of the caller's context
		who   Caller
		call  string
		took  time.Duration
		kind  Kind
	}{
		{"token", func(*lineClient) {}, 0, Caller{}, "token", callTimeout, KindHung},
		{"version", func(*lineClient) {}, 0, Caller{}, "version", quickTimeout, KindHung},
		{"status", func(*lineClient) {}, 0, Caller{}, "status", quickTimeout, KindHung},
		{"deadline", func(*lineClient) {}, time.Second, Caller{}, "token", time.Second, KindNetwork},
		{"longer deadline", func(*lineClient) {}, 500 * time.Second, Caller{}, "token", 500 * time.Second, KindNetwork},
		{"half an answer", func(c *lineClient) { _, _ = c.r.ReadString('\n'); _, _ = io.WriteString(c.nc, `{"json`) }, 0, Caller{}, "token", callTimeout, KindHung},
		{"slow person", prompt, 0, Caller{Prompter: slowPerson}, "token", 100*time.Second + callTimeout, KindHung},
		{"notice", notice, 0, Caller{Prompter: reader}, "token", PromptTimeout + callTimeout, KindHung},
		{"nobody", prompt, 0, Caller{Prompter: nobody}, "token", PromptTimeout + callTimeout, KindHung},
		{"hang-up", func(c *lineClient) { _, _ = c.r.ReadString('\n'); c.nc.Close() }, 0, Caller{}, "token", 0, KindUnreachable},
		{"hang-up at once", func(c *lineClient) { c.nc.Close() }, 0, Caller{}, "token", 0, KindUnreachable},
		{"hang-up at a prompt", func(c *lineClient) { prompt(c); c.nc.Close() }, 0, Caller{Prompter: nobody}, "token", 0, KindUnreachable},
		{"garbage", func(c *lineClient) { _, _ = c.r.ReadString('\n'); _, _ = io.WriteString(c.nc, "MARKER\n") }, 0, Caller{}, "token", 0, KindUntrusted},
		{"too long", func(c *lineClient) {
			_, _ = c.r.ReadString('\n')
			_, _ = io.Copy(c.nc, io.LimitReader(endlessly('x'), maxFromAgent+4096))
		}, 0, Caller{}, "token", 0, KindUntrusted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, end := silent(tt.say)
				defer end()
				ctx := t.Context()
				if tt.limit > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.limit)
					defer cancel()
				}
				var err error
				got := took(func() {
					switch tt.call {
					case "version":
						_, err = client.Version(ctx, tt.who, None{})
					case "status":
						_, err = client.Status(ctx, tt.who, StatusRequest{})
					default:
						_, err = client.Token(ctx, tt.who, TokenRequest{})
					}
				})
				if e := AsError(err); got != tt.took || KindOf(err) != tt.kind || e.Code == CodeUnreachable && e.Hint == "" || strings.Contains(e.Message, "MARKER") {
					t.Errorf("after %v: %+v, want %s after %v", got, e, tt.kind, tt.took)
				}
			})
		})
	}
}

// TestOvertaken: when the agent ends a call while a person thinks, the question
// is taken away.
func TestOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, end := silent(func(c *lineClient) {
			_, _ = c.r.ReadString('\n')
			_, _ = io.WriteString(c.nc, `{"jsonrpc":"2.0","id":"p1","method":"prompt","params":{"kind":"mfa","text":"Code"}}`+"\n")
			time.Sleep(30 * time.Second)
			_, _ = io.WriteString(c.nc, `{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"too slow","data":{"kind":"code_expired","retryable":false}}}`+"\n")
		})
		defer end()
		var takenAway time.Duration
		start := time.Now()
		person := asked(func(ctx context.Context, _ Prompt) (Secret, error) {
			<-ctx.Done()
			takenAway = time.Since(start)
			return Secret{}, ctx.Err()
		})
		_, err := client.Token(t.Context(), Caller{Prompter: person}, TokenRequest{})
		if KindOf(err) != KindCodeExpired || takenAway != 30*time.Second {
			t.Errorf("%v, taken away after %v", err, takenAway)
		}
	})
}

// TestCancelTakesConnection: Ctrl-C ends a call at once, and the agent's with it.
func TestCancelTakesConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := make(chan Caller, 1)
		s := blocking(begun)
		nc, ended := on(t.Context(), &Server{Agent: s})
		client := NewClient(nc)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-begun; cancel() }()
		_, err := client.Token(ctx, Caller{}, TokenRequest{})
		<-ended
		if KindOf(err) != KindCanceled || s.noted() != "ended: context canceled" {
			t.Errorf("%v; the agent %s", err, s.noted())
		}
		if _, err := client.Token(t.Context(), Caller{}, TokenRequest{}); KindOf(err) != KindUnreachable {
			t.Errorf("afterwards: %v", err)
		}
	})
}
