package agent

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/cogtok/cogtok/internal/printable"
)

// A message is what was received: a call when it has a method and an id, a
// notification with a method alone, an answer with neither method nor params.
// The specification is https://www.jsonrpc.org/specification.
type message struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"` // as sent, since it is echoed
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   json.RawMessage `json:"error"`
}

// An outgoing message is what is sent.
type outgoing struct {
	Version string `json:"jsonrpc"` // set by send
	ID      any    `json:"id"`
	Method  string `json:"method,omitempty"`
	Params  any    `json:"params,omitempty"`
	Result  any    `json:"result,omitempty"`
	Error   any    `json:"error,omitempty"`
}

// A wireError is the error member of an answer.
type wireError struct {
	Code    int        `json:"code"`
	Message string     `json:"message"`
	Data    *errorData `json:"data,omitempty"` // absent for a protocol fault
}

type errorData struct {
	Kind      Kind   `json:"kind"`
	Hint      string `json:"hint,omitempty"`
	Retryable bool   `json:"retryable"`
}

// JSON-RPC's own codes for protocol faults.
const (
	codeParse         = -32700
	codeRequest       = -32600
	codeUnknownMethod = -32601
	codeParams        = -32602
)

// Error makes a protocol fault an error; only its constant text is shown.
func (e *wireError) Error() string { return e.Message }

func fault(code int, text string) *wireError { return &wireError{Code: code, Message: text} }

// parseMessage reads a message strictly. With a fault it returns as much of the
// id as the answer has to echo.
func parseMessage(data []byte) (message, *wireError) {
	var m message
	var err error
	if splitStrict(data, func(name []byte, value json.RawMessage) { err = errors.Join(err, m.set(name, value)) }) != nil {
		return message{}, fault(codeParse, "a message has to be one JSON object in UTF-8, without duplicate names, nested at most 16 deep")
	}
	if data = bytes.TrimLeft(data, " \t\r\n"); data[0] != '{' {
		return m, fault(codeRequest, "a message has to be an object; batches are not supported")
	}
	if !validID(m.ID) {
		m.ID = nil
		return m, fault(codeRequest, "an id has to be a number or a string")
	}
	switch {
	case err != nil:
		return m, fault(codeRequest, "the method has to be a string")
	case m.Version != "2.0":
		return m, fault(codeRequest, `the member "jsonrpc" has to be "2.0"`)
	case m.Method != "" && string(m.ID) == "null":
		return m, fault(codeRequest, "the id of a call has to be a number or a string")
	case m.Method == "" && m.Result == nil && m.Error == nil:
		return m, fault(codeRequest, "a message has to have a method, a result or an error")
	}
	return m, nil
}

// set fills the member of that name.
func (m *message) set(name []byte, value json.RawMessage) error {
	switch string(name) {
	case "jsonrpc":
		return json.Unmarshal(value, &m.Version)
	case "method":
		return json.Unmarshal(value, &m.Method)
	case "id":
		m.ID = value
	case "params":
		m.Params = value
	case "result":
		m.Result = value
	case "error":
		m.Error = value
	}
	return nil
}

// validID reports whether an id is absent, a number or a string. An answer to
// what could not be read has the id null.
func validID(id json.RawMessage) bool {
	return len(id) == 0 || id[0] == '"' || id[0] == '-' || '0' <= id[0] && id[0] <= '9' || string(id) == "null"
}

// isCall reports whether somebody waits for an answer to m.
func (m message) isCall() bool { return m.Method != "" && len(m.ID) > 0 }

// decodeParams fills v, a pointer to a struct, from a call's params. Absent
// params, null and {} are the same.
func decodeParams(params json.RawMessage, v any) error {
	if len(params) == 0 || string(params) == "null" {
		return nil
	}
	if params[0] != '{' {
		return fault(codeParams, "params have to be an object")
	}
	err := decode(params, v)
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong) && wrong.Field != "": // a name of ours; never the value
		return fault(codeParams, "the member "+printable.Limit(wrong.Field, 40)+" has the wrong type")
	}
	return fault(codeParams, "a member has the wrong type")
}

// toWire returns err as the error member of an answer.
func toWire(err error) *wireError {
	var f *wireError
	if errors.As(err, &f) {
		return f
	}
	e := AsError(err)
	return &wireError{
		Code:    int(e.Code),
		Message: printableMessage(e.Kind, e.Message),
		Data:    &errorData{Kind: e.Kind, Hint: printable.Text(e.Hint), Retryable: e.Retryable()},
	}
}

// printableMessage makes a message fit to be shown. What is wrong with a config
// may be several things, a line each.
func printableMessage(kind Kind, message string) string {
	if kind == KindConfig {
		return printable.Lines(message)
	}
	return printable.Text(message)
}

// fromWire is the inverse of toWire, for a client. A code that this version
// doesn't know comes from a newer agent and counts as unexpected.
func fromWire(raw json.RawMessage) *Error {
	var w wireError
	if decode(raw, &w) != nil {
		return errGarbled
	}
	if w.Code == codeUnknownMethod {
		return Errorf(KindInternal, "the running agent is older than this program and does not know the request").WithHint(restartHint)
	}
	e := Errorf(KindInternal, "%s", printable.Text(w.Message))
	if w.Data != nil {
		e.Kind, e.Hint = w.Data.Kind, printable.Text(w.Data.Hint)
		e.Message = printableMessage(e.Kind, w.Message)
	}
	if code := Code(w.Code); CodeUnexpected <= code && code <= CodeStore {
		e.Code = code
	}
	return e
}

// ParseError reads the error member of an answer, for whoever has it from
// somebody else. What it can't read becomes an error that says so.
func ParseError(member []byte) *Error {
	if checkStrict(member) != nil || len(member) == 0 || member[0] != '{' {
		return errGarbled
	}
	e := fromWire(member)
	if e.Message == "" {
		return errGarbled
	}
	e.Message, e.Hint = printable.Limit(e.Message, maxPromptText), printable.Limit(e.Hint, maxPromptText)
	return e
}

// The requests whose secrets cross the socket. These structs alone hold one
// revealed, for as long as it takes to encode or decode them.
type (
	loginParams struct {
		LoginRequest
		Password string `json:"password,omitempty"`
	}
	setSecretParams struct {
		SetSecretRequest
		Value string `json:"value"`
	}
	unlockParams struct {
		Passphrase string `json:"passphrase,omitempty"`
	}
	// An answer to a prompt.
	answer struct {
		Answer *string `json:"answer"`
	}
)

func (p loginParams) request() (LoginRequest, error) {
	p.LoginRequest.Password = NewSecret(p.Password)
	return p.LoginRequest, checkSecret("password", p.LoginRequest.Password)
}

func (p setSecretParams) request() (SetSecretRequest, error) {
	p.SetSecretRequest.Value = NewSecret(p.Value)
	return p.SetSecretRequest, checkSecret("secret", p.SetSecretRequest.Value)
}

func (p unlockParams) request() (UnlockRequest, error) {
	r := UnlockRequest{Passphrase: NewSecret(p.Passphrase)}
	return r, checkSecret("passphrase", r.Passphrase)
}

// checkSecret refuses what can't be a secret.
func checkSecret(what string, s Secret) error {
	if flaw := s.Flaw(); flaw != "" {
		return Errorf(KindUsage, "the %s %s", what, flaw)
	}
	return nil
}

// common are the members that every call's params may have.
type common struct {
	// Interactive says that the client answers prompts.
	Interactive bool `json:"interactive,omitempty"`
	// Config is the path of the config file that the client means.
	Config string `json:"config,omitempty"`
	// Protocol is the one that the client speaks; 0: it doesn't say.
	Protocol int `json:"protocol,omitempty"`
}

// encodeParams joins the common members with a request's own.
func encodeParams(c common, request any) (json.RawMessage, error) {
	head, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	own, err := json.Marshal(request)
	if err != nil || len(own) <= len("{}") {
		return head, err
	}
	if len(head) <= len("{}") {
		return own, nil
	}
	return append(append(head[:len(head)-1], ','), own[1:]...), nil
}
