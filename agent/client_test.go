package agent

import (
	"context"
	"encoding/json"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// everyMethod calls each method of an Agent once. Whoever adds a method is told
// by TestEveryMethod to add it here.
var everyMethod = map[string]func(ctx context.Context, a Agent) (any, error){
	"token": func(ctx context.Context, a Agent) (any, error) {
		ttl := int64(90)
		return a.Token(ctx, Caller{}, TokenRequest{Profile: "prod", Scopes: []string{"api/read", "openid"}, Type: TypeAccess, MinTTL: &ttl, Force: true})
	},
	"login": func(ctx context.Context, a Agent) (any, error) {
		return a.Login(ctx, Caller{}, LoginRequest{Profile: "prod", Password: NewSecret("MARKER-password"), Reset: true})
	},
	"logout": func(ctx context.Context, a Agent) (any, error) {
		return a.Logout(ctx, Caller{}, LogoutRequest{Profile: "prod", Revoke: true, Everywhere: true, Forget: true})
	},
	"status": func(ctx context.Context, a Agent) (any, error) {
		return a.Status(ctx, Caller{}, StatusRequest{Profile: "prod"})
	},
	"device.list": func(ctx context.Context, a Agent) (any, error) {
		return a.Devices(ctx, Caller{}, DevicesRequest{Profile: "prod"})
	},
	"device.forget": func(ctx context.Context, a Agent) (any, error) {
		return a.ForgetDevice(ctx, Caller{}, ForgetDeviceRequest{Profile: "prod", Key: "us-east-1_abc"})
	},
	"secret.set": func(ctx context.Context, a Agent) (any, error) {
		return a.SetSecret(ctx, Caller{}, SetSecretRequest{Profile: "prod", Kind: SecretClientSecret, Value: NewSecret("MARKER-secret")})
	},
	"secret.delete": func(ctx context.Context, a Agent) (any, error) {
		return a.DeleteSecret(ctx, Caller{}, SecretRequest{Profile: "prod", Kind: SecretPassword})
	},
	"secret.list": func(ctx context.Context, a Agent) (any, error) {
		return a.ListSecrets(ctx, Caller{}, StatusRequest{Profile: "prod"})
	},
	"lock": func(ctx context.Context, a Agent) (any, error) { return a.Lock(ctx, Caller{}, None{}) },
	"unlock": func(ctx context.Context, a Agent) (any, error) {
		return a.Unlock(ctx, Caller{}, UnlockRequest{Passphrase: NewSecret("MARKER-passphrase")})
	},
	"reload":  func(ctx context.Context, a Agent) (any, error) { return a.Reload(ctx, Caller{}, None{}) },
	"upgrade": func(ctx context.Context, a Agent) (any, error) { return a.Upgrade(ctx, Caller{}, None{}) },
	"version": func(ctx context.Context, a Agent) (any, error) { return a.Version(ctx, Caller{PID: 42}, None{}) },
	"watch": func(ctx context.Context, a Agent) (any, error) {
		return a.Watch(ctx, Caller{}, WatchRequest{Profile: "prod"})
	},
	"stop": func(ctx context.Context, a Agent) (any, error) { return a.Stop(ctx, Caller{}, None{}) },
}

// recorder keeps what an agent sends.
type recorder struct {
	net.Conn
	sent strings.Builder
}

func (r *recorder) Write(p []byte) (int, error) {
	r.sent.Write(p)
	return r.Conn.Write(p)
}

// TestEveryMethod: a call through a client and a server is the same as one on
// the agent itself, secrets arrive, and none comes back.
func TestEveryMethod(t *testing.T) {
	for name, call := range everyMethod {
		t.Run(name, func(t *testing.T) {
			direct, remote := &scripted{}, &scripted{}
			want, err := call(t.Context(), direct)
			if err != nil {
				t.Fatal(err)
			}
			near, far := net.Pipe()
			rec := &recorder{Conn: far}
			ended := make(chan struct{})
			go func() {
				(&Server{Agent: remote}).ServeConn(t.Context(), Caller{PID: 42}, rec)
				close(ended)
			}()
			client := NewClient(near)
			got, err := call(t.Context(), client)
			client.Close()
			<-ended
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("through the socket: %+v\ndirectly: %+v", got, want)
			}
			if direct.noted() == "" || direct.noted() != remote.noted() {
				t.Errorf("through the socket the agent was asked %q, directly %q", remote.noted(), direct.noted())
			}
			if sent := rec.sent.String(); strings.Contains(sent, "MARKER") || !strings.Contains(sent, `"result"`) {
				t.Errorf("the agent sent %s", sent)
			}
		})
	}
	var known, tested []string
	for name := range methods {
		known = append(known, name)
	}
	for name := range everyMethod {
		tested = append(tested, name)
	}
	slices.Sort(known)
	slices.Sort(tested)
	if !slices.Equal(known, tested) || len(known) != reflect.TypeFor[Agent]().NumMethod() {
		t.Errorf("methods %v, tested %v, Agent has %d", known, tested, reflect.TypeFor[Agent]().NumMethod())
	}
}

// TestFlawedSecrets: what JSON can't carry as it is isn't sent as something else.
func TestFlawedSecrets(t *testing.T) {
	agent := &scripted{}
	agent.token = func(ctx context.Context, c Caller, _ TokenRequest) (Token, error) {
		answer, err := c.Prompter.Ask(ctx, Prompt{Kind: PromptPassword, Text: "Password"})
		agent.note("answer %q", answer.Reveal())
		return Token{}, err
	}
	client := dial(t, serve(t, &Server{Agent: agent}))
	for flawed, want := range map[string]string{
		"a\xffb": "is not UTF-8 text", "a\x00b": "has a NUL character in it", "a\nb": "has a line break in it", "a\r": "has a line break in it",
	} {
		person := asked(func(context.Context, Prompt) (Secret, error) { return NewSecret(flawed), nil })
		_, login := client.Login(t.Context(), Caller{}, LoginRequest{Password: NewSecret(flawed)})
		_, set := client.SetSecret(t.Context(), Caller{}, SetSecretRequest{Kind: SecretPassword, Value: NewSecret(flawed)})
		_, token := client.Token(t.Context(), Caller{Prompter: person}, TokenRequest{})
		for err, want := range map[error]string{login: "the password " + want, set: "the secret " + want, token: "the answer " + want + ": Password"} {
			if KindOf(err) != KindUsage || err.Error() != want {
				t.Errorf("%q: %v, want %s", flawed, err, want)
			}
		}
	}
	if got := agent.noted(); strings.Trim(got, "answer \"\n") != "" {
		t.Errorf("the agent got %s", got)
	}
}

// TestSecretsDontMarshal: the contract's requests never encode to their secrets.
func TestSecretsDontMarshal(t *testing.T) {
	for _, v := range []any{
		LoginRequest{Password: NewSecret("MARKER")},
		SetSecretRequest{Value: NewSecret("MARKER")},
		struct{ S Secret }{NewSecret("MARKER")},
	} {
		if b, err := json.Marshal(v); err != nil || strings.Contains(string(b), "MARKER") {
			t.Errorf("%s, %v", b, err)
		}
	}
}
