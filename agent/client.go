package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// How long a call without a deadline of its own may take, times at a prompt
// apart. The agent's own limits are shorter: these are for one that hangs.
const (
	callTimeout  = 40 * time.Second
	quickTimeout = 5 * time.Second // for what the agent answers from memory
)

var (
	errGarbled = Errorf(KindUntrusted, "the agent's answer could not be understood").WithHint(restartHint)
	errHungUp  = Errorf(KindUnreachable, "the agent hung up before it answered").WithHint("try again; if that does not help, " + restartHint)
	errHung    = Errorf(KindHung, "the agent does not answer").WithHint(restartHint)
	errTooBig  = Errorf(KindUsage, "the request is longer than the 64 KiB that an agent takes")
)

// A Client calls an agent over a connection. Calls from several goroutines take
// turns; a call whose context ends takes the connection with it.
type Client struct {
	// Config is the path of the config file that the calls are about, if the
	// agent is to refuse them when it runs on another one.
	Config string

	nc      net.Conn
	in      *frameReader
	turn    chan struct{} // holds a value while nobody calls
	calls   int
	writing sync.Mutex
}

var _ Agent = (*Client)(nil)

// Dial connects to the agent whose socket is at path. Kinds: KindUnreachable
// when there is none, KindHung, KindUntrusted when it is another user's,
// KindSocketPath.
func Dial(ctx context.Context, path string) (*Client, error) {
	nc, err := connect(ctx, path)
	if err != nil {
		return nil, err
	}
	return NewClient(nc), nil
}

// NewClient returns a client on a connection to an agent that the caller trusts.
func NewClient(nc net.Conn) *Client {
	c := &Client{nc: nc, in: newFrameReader(nc, maxFromAgent), turn: make(chan struct{}, 1)}
	c.turn <- struct{}{}
	return c
}

// PID is the process that listens at the other end, as the kernel says; 0 if it
// doesn't.
func (c *Client) PID() int {
	who, err := peerOf(c.nc)
	if err != nil {
		return 0
	}
	return who.pid
}

// Close hangs up, which cancels a call that runs.
func (c *Client) Close() error { return c.nc.Close() }

// Token implements Agent.
func (c *Client) Token(ctx context.Context, who Caller, r TokenRequest) (Token, error) {
	return do[Token](ctx, c, who, "token", callTimeout, r)
}

// Login implements Agent.
func (c *Client) Login(ctx context.Context, who Caller, r LoginRequest) (ProfileStatus, error) {
	if err := checkSecret("password", r.Password); err != nil {
		return ProfileStatus{}, err
	}
	return do[ProfileStatus](ctx, c, who, "login", callTimeout, loginParams{r, r.Password.Reveal()})
}

// Logout implements Agent.
func (c *Client) Logout(ctx context.Context, who Caller, r LogoutRequest) (LogoutResult, error) {
	return do[LogoutResult](ctx, c, who, "logout", callTimeout, r)
}

// Status implements Agent.
func (c *Client) Status(ctx context.Context, who Caller, r StatusRequest) (Status, error) {
	return do[Status](ctx, c, who, "status", quickTimeout, r)
}

// SetSecret implements Agent.
func (c *Client) SetSecret(ctx context.Context, who Caller, r SetSecretRequest) (None, error) {
	if err := checkSecret("secret", r.Value); err != nil {
		return None{}, err
	}
	return do[None](ctx, c, who, "secret.set", callTimeout, setSecretParams{r, r.Value.Reveal()})
}

// DeleteSecret implements Agent.
func (c *Client) DeleteSecret(ctx context.Context, who Caller, r SecretRequest) (None, error) {
	return do[None](ctx, c, who, "secret.delete", callTimeout, r)
}

// ListSecrets implements Agent.
func (c *Client) ListSecrets(ctx context.Context, who Caller, r StatusRequest) (SecretList, error) {
	return do[SecretList](ctx, c, who, "secret.list", callTimeout, r)
}

// Devices implements Agent.
func (c *Client) Devices(ctx context.Context, who Caller, r DevicesRequest) (DeviceList, error) {
	return do[DeviceList](ctx, c, who, "device.list", callTimeout, r)
}

// ForgetDevice implements Agent.
func (c *Client) ForgetDevice(ctx context.Context, who Caller, r ForgetDeviceRequest) (None, error) {
	return do[None](ctx, c, who, "device.forget", callTimeout, r)
}

// Lock implements Agent.
func (c *Client) Lock(ctx context.Context, who Caller, r None) (None, error) {
	return do[None](ctx, c, who, "lock", callTimeout, r)
}

// Unlock implements Agent.
func (c *Client) Unlock(ctx context.Context, who Caller, r UnlockRequest) (None, error) {
	if err := checkSecret("passphrase", r.Passphrase); err != nil {
		return None{}, err
	}
	return do[None](ctx, c, who, "unlock", callTimeout, unlockParams{r.Passphrase.Reveal()})
}

// Reload implements Agent.
func (c *Client) Reload(ctx context.Context, who Caller, r None) (ReloadResult, error) {
	return do[ReloadResult](ctx, c, who, "reload", callTimeout, r)
}

// Upgrade implements Agent.
func (c *Client) Upgrade(ctx context.Context, who Caller, r None) (UpgradeResult, error) {
	return do[UpgradeResult](ctx, c, who, "upgrade", callTimeout, r)
}

// Watch implements Agent. Nothing else can be called on the connection meanwhile.
// An error of Notify hangs up.
func (c *Client) Watch(ctx context.Context, who Caller, r WatchRequest) (None, error) {
	return do[None](ctx, c, who, watchMethod, 0, r)
}

// Version implements Agent.
func (c *Client) Version(ctx context.Context, who Caller, r None) (Version, error) {
	return do[Version](ctx, c, who, "version", quickTimeout, r)
}

// Stop implements Agent.
func (c *Client) Stop(ctx context.Context, who Caller, r None) (None, error) {
	return do[None](ctx, c, who, "stop", callTimeout, r)
}

// do calls a method and decodes its result.
func do[Res any](ctx context.Context, c *Client, who Caller, method string, limit time.Duration, request any) (Res, error) {
	var res Res
	params, err := encodeParams(common{Interactive: who.Prompter != nil, Config: c.Config}, request)
	if err != nil {
		return res, err
	}
	raw, err := c.call(ctx, who, method, limit, params)
	if err != nil {
		return res, err
	}
	if decode(raw, &res) != nil {
		return res, errGarbled
	}
	return res, nil
}

// call takes its turn, sends a call and waits for the answer.
func (c *Client) call(ctx context.Context, who Caller, method string, limit time.Duration, params json.RawMessage) (json.RawMessage, error) {
	select {
	case <-c.turn:
		defer func() { c.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, AsError(ctx.Err())
	}
	hangUp := context.AfterFunc(ctx, func() { c.nc.Close() })
	defer hangUp()
	if _, own := ctx.Deadline(); own {
		limit = 0
	}
	c.expect(limit)
	c.calls++
	id := json.RawMessage(strconv.Itoa(c.calls))
	sent := c.send(outgoing{ID: id, Method: method, Params: params})
	if errors.Is(sent, errTooLong) {
		return nil, errTooBig
	}
	// An agent that hung up may have said why, so a failed write is no reason
	// not to read.
	return c.awaitAnswer(ctx, id, &asking{client: c, prompter: who.Prompter, notify: who.Notify, limit: limit})
}

// awaitAnswer reads until the answer to the call with that id arrives.
func (c *Client) awaitAnswer(ctx context.Context, id json.RawMessage, a *asking) (json.RawMessage, error) {
	// The questions end with the call. Why the call ended, only the caller's ctx
	// says for sure: it is done before anything that follows from it.
	asking, cancel := context.WithCancel(ctx)
	defer a.wait()
	defer cancel()
	for {
		data, err := c.in.next()
		if err != nil {
			return nil, c.readError(ctx, err)
		}
		m, broken := parseMessage(data)
		switch {
		case broken != nil:
			c.nc.Close()
			return nil, errGarbled
		case m.Method == "prompt" && m.isCall():
			a.start(asking, m)
		case m.isCall():
			_ = c.send(outgoing{ID: m.ID, Error: fault(codeUnknownMethod, "the client has no such method")})
		case m.Method == "event" && a.notify != nil:
			if err := a.tell(m.Params); err != nil {
				c.nc.Close()
				return nil, err
			}
		case m.Method != "": // another notification
		case m.Error != nil && (bytes.Equal(m.ID, id) || string(m.ID) == "null" || m.ID == nil):
			if own := a.refused.Load(); own != nil {
				return nil, own // which the agent only knows as a question without an answer
			}
			return nil, fromWire(m.Error)
		case bytes.Equal(m.ID, id):
			return m.Result, nil
		}
	}
}

// readError says why there is no answer. The connection is of no use any more.
func (c *Client) readError(ctx context.Context, err error) error {
	c.nc.Close()
	switch {
	case ctx.Err() != nil:
		return AsError(ctx.Err())
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errHung
	case errors.Is(err, errTooLong), errors.Is(err, errBadHeader):
		return errGarbled
	}
	return errHungUp
}

// expect sets how long the agent may be silent; 0: the context decides.
func (c *Client) expect(limit time.Duration) {
	var at time.Time
	if limit > 0 {
		at = time.Now().Add(limit)
	}
	_ = c.nc.SetReadDeadline(at)
}

func (c *Client) send(m outgoing) error {
	m.Version = "2.0"
	frame, err := lines.encode(m, maxFromClient)
	if err != nil {
		return err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	_ = c.nc.SetWriteDeadline(time.Now().Add(quickTimeout))
	_, err = c.nc.Write(frame)
	return err
}

// asking answers the prompts of one call. It does so beside the reader, since
// the agent may end the call while a person still thinks.
type asking struct {
	client   *Client
	prompter Prompter
	notify   func(Event) error // nil: it wants to know of none
	limit    time.Duration     // of the call, without times at a prompt
	asked    bool
	refused  atomic.Pointer[Error] // why an answer wasn't sent on
	open     sync.WaitGroup
	turn     sync.Mutex // one question at a time
}

func (a *asking) start(ctx context.Context, m message) {
	a.asked = true
	if a.limit > 0 {
		a.client.expect(PromptTimeout + a.limit)
	}
	a.open.Go(func() {
		a.turn.Lock()
		defer a.turn.Unlock()
		reply, isNotice := a.answer(ctx, m)
		if ctx.Err() != nil && reply.Error != nil {
			return // the caller hangs up, which is no answer: others may be asked
		}
		switch {
		case a.limit == 0 || ctx.Err() != nil:
		case isNotice: // it says what has to be waited for, such as another person
			a.client.expect(PromptTimeout + a.limit)
		default:
			a.client.expect(a.limit)
		}
		if errors.Is(a.client.send(reply), errTooLong) {
			_ = a.client.send(outgoing{ID: m.ID, Error: toWire(errTooBig)})
		}
	})
}

// tell hands on an event.
func (a *asking) tell(params json.RawMessage) error {
	var e Event
	if decodeParams(params, &e) != nil {
		return errGarbled
	}
	return a.notify(e.printable())
}

func (a *asking) answer(ctx context.Context, m message) (reply outgoing, isNotice bool) {
	var question Prompt
	if err := decodeParams(m.Params, &question); err != nil {
		return outgoing{ID: m.ID, Error: toWire(err)}, false
	}
	isNotice = question.Kind == PromptNotice
	if a.prompter == nil {
		return outgoing{ID: m.ID, Error: toWire(Errorf(KindPromptNeeded, "nobody can be asked"))}, isNotice
	}
	ctx, cancel := context.WithTimeout(ctx, PromptTimeout)
	defer cancel()
	secret, err := a.prompter.Ask(ctx, question.printable())
	if err != nil {
		return outgoing{ID: m.ID, Error: toWire(err)}, isNotice
	}
	if err := checkAnswer(question, secret); err != nil {
		a.refused.Store(err)
		return outgoing{ID: m.ID, Error: toWire(err)}, isNotice
	}
	revealed := secret.Reveal()
	return outgoing{ID: m.ID, Result: answer{&revealed}}, isNotice
}

// wait lets a prompt that was overtaken clear the terminal, but not for ever.
func (a *asking) wait() {
	if !a.asked {
		return
	}
	done := make(chan struct{})
	go func() {
		a.open.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Second):
	}
}
