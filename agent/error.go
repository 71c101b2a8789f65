package agent

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Code sorts errors by what a program does about them. It is the exit
// status of cogtok and error.code on the socket.
type Code int

// The codes. 0 is success and never stands in an Error.
const (
	CodeUnexpected  Code = 1 // a fault of cogtok's own
	CodeUsage       Code = 2 // the request or the config is wrong
	CodePerson      Code = 3 // a person is needed
	CodeUnreachable Code = 4 // no agent, a hung one, or one that isn't to be trusted
	CodeLocked      Code = 5 // the agent is locked, or the store's passphrase is needed
	CodeTemporary   Code = 6 // try again later
	CodeRefused     Code = 7 // Cognito said no
	CodeStore       Code = 8 // the store can't be used
)

// A Kind is the stable word for what went wrong; data.kind on the socket.
type Kind string

// The kinds, by code.
const (
	KindInternal Kind = "internal"

	KindUsage          Kind = "usage"
	KindUnknownProfile Kind = "unknown_profile"
	KindNoProfile      Kind = "no_profile" // none given and no default
	KindConfig         Kind = "config_invalid"
	KindOtherConfig    Kind = "other_config" // the agent runs on another config file
	KindMinTTLTooLong  Kind = "min_ttl_too_long"
	KindNoIDToken      Kind = "no_id_token" // the profile's sign-ins give an access token alone
	KindSocketPath     Kind = "socket_path"
	KindProtocol       Kind = "protocol_unsupported" // client and agent are too far apart

	KindLoginRequired         Kind = "login_required" // no session, or it is over
	KindPromptNeeded          Kind = "prompt_needed"  // something has to be asked and nobody can be
	KindPromptUnanswered      Kind = "prompt_unanswered"
	KindPasswordRefusedBefore Kind = "password_refused_before" // the stored password won't be tried again
	KindUserNotConfirmed      Kind = "user_not_confirmed"
	KindPasswordReset         Kind = "password_reset_required"
	KindCodeExpired           Kind = "code_expired" // the person was too slow

	KindUnreachable Kind = "agent_unreachable"
	KindHung        Kind = "agent_hung"
	KindUntrusted   Kind = "agent_untrusted"

	KindLocked Kind = "locked"

	KindNetwork      Kind = "network"
	KindThrottled    Kind = "throttled"
	KindService      Kind = "service_error" // 5xx and answers that make no sense
	KindBusy         Kind = "busy"
	KindShuttingDown Kind = "shutting_down"
	KindCanceled     Kind = "canceled"

	KindWrongPassword      Kind = "wrong_password"
	KindUserNotFound       Kind = "user_not_found"
	KindUserDisabled       Kind = "user_disabled"
	KindTooManyAttempts    Kind = "too_many_attempts" // Cognito locked the user for a while
	KindPasswordExpired    Kind = "temporary_password_expired"
	KindPasswordPolicy     Kind = "password_policy"
	KindCodeWrong          Kind = "code_wrong"
	KindCodeUsed           Kind = "code_used" // it was right, and good once
	KindFlowNotEnabled     Kind = "flow_not_enabled"
	KindUnknownChallenge   Kind = "unknown_challenge"
	KindClientSecret       Kind = "client_secret" // missing, wrong or not wanted
	KindClientNotFound     Kind = "client_not_found"
	KindClientMismatch     Kind = "client_mismatch" // the session belongs to another app client
	KindLambda             Kind = "lambda"          // a trigger of the pool refused or failed
	KindForbidden          Kind = "forbidden"       // a web ACL
	KindAWSCredentials     Kind = "aws_credentials" // admin-password: missing, expired or without the right
	KindRefused            Kind = "refused"         // Cognito said no in a way not listed here
	KindUnexpectedIdentity Kind = "unexpected_identity"
	KindDeviceUnknown      Kind = "device_unknown"    // Cognito doesn't know the device, or not any more
	KindPasskey            Kind = "passkey"           // the user signs in with one, in a browser
	KindScopeRefused       Kind = "scope_refused"     // the app client may not ask for a scope
	KindChallengeRefused   Kind = "challenge_refused" // the user pool took no answer to its custom challenges

	KindStore Kind = "store_unavailable"
)

var kindCodes = map[Kind]Code{
	KindInternal: CodeUnexpected,

	KindUsage: CodeUsage, KindUnknownProfile: CodeUsage, KindNoProfile: CodeUsage, KindConfig: CodeUsage,
	KindOtherConfig: CodeUsage, KindMinTTLTooLong: CodeUsage, KindNoIDToken: CodeUsage, KindSocketPath: CodeUsage, KindProtocol: CodeUsage,

	KindLoginRequired: CodePerson, KindPromptNeeded: CodePerson, KindPromptUnanswered: CodePerson,
	KindPasswordRefusedBefore: CodePerson, KindUserNotConfirmed: CodePerson, KindPasswordReset: CodePerson,
	KindCodeExpired: CodePerson,

	KindUnreachable: CodeUnreachable, KindHung: CodeUnreachable, KindUntrusted: CodeUnreachable,

	KindLocked: CodeLocked,

	KindNetwork: CodeTemporary, KindThrottled: CodeTemporary, KindService: CodeTemporary, KindBusy: CodeTemporary,
	KindShuttingDown: CodeTemporary, KindCanceled: CodeTemporary,

	KindWrongPassword: CodeRefused, KindUserNotFound: CodeRefused, KindUserDisabled: CodeRefused,
	KindTooManyAttempts: CodeRefused, KindPasswordExpired: CodeRefused, KindPasswordPolicy: CodeRefused,
	KindCodeWrong: CodeRefused, KindCodeUsed: CodeRefused, KindFlowNotEnabled: CodeRefused, KindUnknownChallenge: CodeRefused,
	KindClientSecret: CodeRefused, KindClientNotFound: CodeRefused, KindClientMismatch: CodeRefused,
	KindLambda: CodeRefused, KindForbidden: CodeRefused, KindAWSCredentials: CodeRefused, KindRefused: CodeRefused,
	KindUnexpectedIdentity: CodeRefused, KindDeviceUnknown: CodeRefused, KindPasskey: CodeRefused, KindScopeRefused: CodeRefused, KindChallengeRefused: CodeRefused,

	KindStore: CodeStore,
}

// An Error is the only kind of error that crosses the socket. Its message is
// written for people: lower case, no full stop, no secret, printable.
type Error struct {
	Code    Code
	Kind    Kind
	Message string
	Hint    string // what to type next; may be empty
	// RetryAfter is for how long the server wants not to be asked again; 0: it
	// didn't say. It doesn't cross the socket: the agent keeps to it.
	RetryAfter time.Duration
}

// Errorf returns an Error of the given kind, with the code that belongs to it.
func Errorf(k Kind, format string, args ...any) *Error {
	code, ok := kindCodes[k]
	if !ok {
		code = CodeUnexpected
	}
	return &Error{Code: code, Kind: k, Message: fmt.Sprintf(format, args...)}
}

// WithHint returns a copy of e that says what to type next.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Retryable reports whether the same call may succeed later without anybody
// doing anything.
func (e *Error) Retryable() bool { return e.Code == CodeTemporary }

// KindOf returns the kind of err: KindInternal for what is no *Error, the empty
// Kind for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	return AsError(err).Kind
}

// AsError returns the *Error in err's chain. An expired or canceled context is
// temporary; anything else becomes KindInternal with a text that tells nothing, since only
// an Error's message is written to be shown.
func AsError(err error) *Error {
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.Canceled):
		return Errorf(KindCanceled, "the call was canceled")
	case errors.Is(err, context.DeadlineExceeded):
		return Errorf(KindNetwork, "the call took too long")
	}
	return Errorf(KindInternal, "something went wrong inside the agent").WithHint("see: cogtok agent log")
}
