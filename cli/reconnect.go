package cli

import (
	"context"
	"time"

	"github.com/cogtok/cogtok/agent"
)

// A steady agent outlives the process behind it. An agent may end at any moment,
// killed, stopped, or because nobody has called for long. Calls that do no harm when they are made
// twice are then made again, on a connection that open makes; the others
// fail, since what they do may be done already. (A new program that takes over
// keeps the connections.)
type steady struct {
	*agent.Client
	open func(context.Context) (*agent.Client, error)
}

// Token implements agent.Agent.
func (s *steady) Token(ctx context.Context, c agent.Caller, r agent.TokenRequest) (agent.Token, error) {
	return twice(ctx, s, func(a *agent.Client) (agent.Token, error) { return a.Token(ctx, c, r) })
}

// Status implements agent.Agent.
func (s *steady) Status(ctx context.Context, c agent.Caller, r agent.StatusRequest) (agent.Status, error) {
	return twice(ctx, s, func(a *agent.Client) (agent.Status, error) { return a.Status(ctx, c, r) })
}

// Lock implements agent.Agent.
func (s *steady) Lock(ctx context.Context, c agent.Caller, r agent.None) (agent.None, error) {
	return twice(ctx, s, func(a *agent.Client) (agent.None, error) { return a.Lock(ctx, c, r) })
}

// ListSecrets implements agent.Agent.
func (s *steady) ListSecrets(ctx context.Context, c agent.Caller, r agent.StatusRequest) (agent.SecretList, error) {
	return twice(ctx, s, func(a *agent.Client) (agent.SecretList, error) { return a.ListSecrets(ctx, c, r) })
}

// Devices implements agent.Agent.
func (s *steady) Devices(ctx context.Context, c agent.Caller, r agent.DevicesRequest) (agent.DeviceList, error) {
	return twice(ctx, s, func(a *agent.Client) (agent.DeviceList, error) { return a.Devices(ctx, c, r) })
}

// Version implements agent.Agent. It waits for aliveLimit at most.
func (s *steady) Version(ctx context.Context, _ agent.Caller, _ agent.None) (agent.Version, error) {
	return twice(ctx, s, func(a *agent.Client) (agent.Version, error) { return alive(ctx, a) })
}

// twice makes a call, and makes it again when the agent ended before it
// answered. Who connects while a killed agent's descriptors are being closed is
// hung up on once more, by the same agent: so it may take a few more times.
func twice[T any](ctx context.Context, s *steady, call func(*agent.Client) (T, error)) (T, error) {
	for wait := firstBackOff; ; wait *= 8 {
		res, err := call(s.Client)
		if !ended(err) || wait > time.Second {
			return res, err
		}
		select {
		case <-ctx.Done():
			return res, err
		case <-time.After(wait):
		}
		if err := s.reopen(ctx); err != nil {
			return res, err
		}
	}
}

// reopen replaces a connection that is of no use any more.
func (s *steady) reopen(ctx context.Context) error {
	client, err := s.open(ctx)
	if err != nil {
		return err
	}
	s.Client.Close()
	s.Client = client
	return nil
}

// ended reports whether a call came to nothing because its agent ended.
func ended(err error) bool {
	kind := agent.KindOf(err)
	return kind == agent.KindUnreachable || kind == agent.KindShuttingDown
}

// upgrade has a new program take over from an agent of another version than this
// one, if it was replaced: whoever has just installed it wants that one. It is no
// matter for the call at hand if none does, unless the connection is lost for it.
func (s *steady) upgrade(ctx context.Context) (agent.UpgradeResult, error) {
	limited, cancel := context.WithTimeout(ctx, upgradeLimit)
	defer cancel()
	result, err := s.Upgrade(limited, agent.Caller{}, agent.None{})
	switch {
	case err == nil:
		return result, nil
	case ended(err), limited.Err() != nil:
		return agent.UpgradeResult{Reason: agent.AsError(err).Message}, s.reopen(ctx)
	}
	return agent.UpgradeResult{Reason: agent.AsError(err).Message}, nil // it is too old to know how
}

// upgradeLimit is how long an agent may take to try out a new program.
const upgradeLimit = 10 * time.Second

// aliveLimit is how long an agent may take to say which one it is.
const aliveLimit = 3 * time.Second

// alive makes sure that the agent answers at all, before a call that it may
// take half a minute for: one that was stopped would keep the user waiting.
func alive(ctx context.Context, client *agent.Client) (agent.Version, error) {
	limited, cancel := context.WithTimeout(ctx, aliveLimit)
	defer cancel()
	v, err := client.Version(limited, agent.Caller{}, agent.None{})
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = agent.Errorf(agent.KindHung, "the agent does not answer").WithHint("run: cogtok agent restart")
	}
	return v, err
}
