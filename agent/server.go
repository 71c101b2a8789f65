package agent

import (
	"context"
	"encoding/json"
	"path/filepath"
	"sync"
	"time"
)

// methods is the protocol: what a client may call, and which method of Agent
// answers. docs/protocol.md has the params and results of each.
var methods = map[string]method{
	"device.forget": handle(Agent.ForgetDevice),
	"device.list":   handle(Agent.Devices),
	"lock":          handle(Agent.Lock),
	"login":         handleSecret(loginParams.request, Agent.Login),
	"logout":        handle(Agent.Logout),
	"reload":        handle(Agent.Reload),
	"secret.delete": handle(Agent.DeleteSecret),
	"secret.list":   handle(Agent.ListSecrets),
	"secret.set":    handleSecret(setSecretParams.request, Agent.SetSecret),
	"status":        handle(Agent.Status),
	"stop":          handle(Agent.Stop),
	"token":         handle(Agent.Token),
	"unlock":        handleSecret(unlockParams.request, Agent.Unlock),
	"upgrade":       handle(Agent.Upgrade),
	"version":       handle(Agent.Version),
	watchMethod:     handle(Agent.Watch),
}

// A method decodes its params, calls a and returns what is to be encoded.
type method func(ctx context.Context, a Agent, c Caller, params json.RawMessage) (any, error)

// handle makes a method of one of Agent's.
func handle[Req, Res any](call func(Agent, context.Context, Caller, Req) (Res, error)) method {
	return handleSecret(func(r Req) (Req, error) { return r, nil }, call)
}

// handleSecret is handle for a request that has another form on the wire, since
// there a secret stands in it.
func handleSecret[Wire, Req, Res any](read func(Wire) (Req, error), call func(Agent, context.Context, Caller, Req) (Res, error)) method {
	return func(ctx context.Context, a Agent, c Caller, params json.RawMessage) (any, error) {
		var w Wire
		if err := decodeParams(params, &w); err != nil {
			return nil, err
		}
		request, err := read(w)
		if err != nil {
			return nil, err
		}
		return call(a, ctx, c, request)
	}
}

// A Server lets the clients of a socket call an Agent.
type Server struct {
	Agent Agent
	// Config is the path of the config file that the agent runs on. A call that
	// names another one is refused with KindOtherConfig.
	Config string
	// AllowRoot says whether root may call an agent that isn't root's. A root in
	// a container has the socket's uid 0 but no power over the host. nil: no.
	AllowRoot func() bool
	// Logf receives faults, one line a call and without secrets. nil: nowhere.
	Logf func(format string, args ...any)
	// Crowd is called when the number of connections has doubled since it was
	// last called, or halved, with a hundred or more: memory has been taken, or is
	// free. nil: nobody wants to know.
	Crowd func()

	open   connections
	mu     sync.Mutex      // guards what follows
	ended  context.Context // nil: not made yet; see ending
	stop   func()          // ends it
	door   *door           // nil: nobody is let in
	parked []Parked
}

const (
	// drainTimeout is how long calls in flight have to end after a stop: the last
	// answer is out within five seconds.
	drainTimeout = 4800 * time.Millisecond
	// queueLength is how many calls of one connection may wait for their turn.
	queueLength = 16
)

var errShuttingDown = Errorf(KindShuttingDown, "the agent is shutting down").WithHint("try again: a new agent starts by itself")

// call answers one call. ctx ends with the connection.
func (s *Server) call(ctx context.Context, c Caller, m message, prompter Prompter) (any, error) {
	run, ok := methods[m.Method]
	if !ok {
		return nil, fault(codeUnknownMethod, "the agent has no such method")
	}
	var params common
	if err := decodeParams(m.Params, &params); err != nil {
		return nil, err
	}
	if err := checkProtocol(params.Protocol); err != nil {
		return nil, err
	}
	if err := s.checkConfig(params.Config); err != nil {
		return nil, err
	}
	c.Prompter = nil
	if params.Interactive {
		c.Prompter = prompter
	}
	return run(ctx, s.Agent, c, m.Params)
}

// checkProtocol refuses a call in a protocol that this agent doesn't speak. A
// client that states none means the oldest.
func checkProtocol(stated int) error {
	switch {
	case stated == 0 || ProtocolMin <= stated && stated <= Protocol:
		return nil
	case stated > Protocol:
		return Errorf(KindProtocol, "this program speaks protocol %d, and the running agent %d at most", stated, Protocol).WithHint(restartHint)
	}
	return Errorf(KindProtocol, "this program speaks protocol %d, and the running agent %d at least", stated, ProtocolMin).
		WithHint("install a newer version of it")
}

// checkConfig refuses a call that is about another config than the agent's: its
// profiles would be other ones of the same name.
func (s *Server) checkConfig(path string) error {
	if path == "" || filepath.Clean(path) == filepath.Clean(s.Config) {
		return nil
	}
	return Errorf(KindOtherConfig, "the agent on this socket runs on another config, %s", s.Config).
		WithHint("give that config a socket of its own with --socket, or stop this agent: cogtok agent stop")
}

func (s *Server) logf(format string, args ...any) {
	if s.Logf != nil {
		s.Logf(format, args...)
	}
}
