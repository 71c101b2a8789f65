package agent

import (
	"context"
	"time"
)

// An Agent holds the sessions of a user's profiles and hands out their tokens.
// Every method returns an *[Error] when it fails.
type Agent interface {
	// Token returns a token that lives at least as long as the request asks.
	// Kinds: KindLoginRequired, KindMinTTLTooLong, KindNetwork and the rest of
	// what renewing or signing in can meet.
	Token(ctx context.Context, c Caller, r TokenRequest) (Token, error)
	// Login signs the profile's user in now, even where a session exists.
	Login(ctx context.Context, c Caller, r LoginRequest) (ProfileStatus, error)
	// Logout ends the profile's session. Without a session it succeeds.
	Logout(ctx context.Context, c Caller, r LogoutRequest) (LogoutResult, error)
	// Status describes every profile, or the one that is named.
	Status(ctx context.Context, c Caller, r StatusRequest) (Status, error)
	// SetSecret keeps a secret in the profile's store.
	SetSecret(ctx context.Context, c Caller, r SetSecretRequest) (None, error)
	// DeleteSecret removes a secret from the profile's store. Deleting what is
	// not there succeeds.
	DeleteSecret(ctx context.Context, c Caller, r SecretRequest) (None, error)
	// ListSecrets names the secrets that are kept, never their values.
	ListSecrets(ctx context.Context, c Caller, r StatusRequest) (SecretList, error)
	// Lock makes the agent hand out nothing, use nothing and forget what a store
	// can give back, until Unlock: across restarts too.
	Lock(ctx context.Context, c Caller, r None) (None, error)
	// Unlock ends that, and opens the stores that need a passphrase. Kinds:
	// KindLocked when that is missing or wrong, KindStore.
	Unlock(ctx context.Context, c Caller, r UnlockRequest) (None, error)
	// Reload reads the config again. A broken config is an error and the one
	// in force stays.
	Reload(ctx context.Context, c Caller, r None) (ReloadResult, error)
	// Devices lists the devices that the user pool knows of the profile's user.
	// It needs a session.
	Devices(ctx context.Context, c Caller, r DevicesRequest) (DeviceList, error)
	// ForgetDevice makes the user pool forget a device: this one, unless another is named.
	ForgetDevice(ctx context.Context, c Caller, r ForgetDeviceRequest) (None, error)
	// Upgrade makes the agent's own program take over from it, if that was
	// replaced. It keeps socket, sessions and connections.
	Upgrade(ctx context.Context, c Caller, r None) (UpgradeResult, error)
	// Watch tells c.Notify of what happens to one profile or to all, beginning
	// with how they are now. It ends with ctx, when Notify fails, or with
	// KindShuttingDown when the agent ends or is upgraded.
	Watch(ctx context.Context, c Caller, r WatchRequest) (None, error)
	// Version says which agent this is.
	Version(ctx context.Context, c Caller, r None) (Version, error)
	// Stop ends the agent after the calls in flight.
	Stop(ctx context.Context, c Caller, r None) (None, error)
}

// A Caller is who calls, and how to ask them something.
type Caller struct {
	// PID of the process at the other end of the socket; 0 if unknown.
	PID int
	// Prompter asks the person behind the call. It is nil when the call said
	// that nobody can be asked ("interactive": false).
	Prompter Prompter
	// Notify takes the events of Watch, one at a time. Its error ends the call.
	Notify func(Event) error
}

// A Prompter puts a question to a person and waits for the answer.
type Prompter interface {
	// Ask fails with KindPromptUnanswered when the person does not answer
	// within [PromptTimeout] or declines to.
	Ask(ctx context.Context, p Prompt) (Secret, error)
}

// PromptTimeout is how long a person has for an answer.
const PromptTimeout = 180 * time.Second

// Kinds of prompts. A client may treat them alike; they let it choose a better
// way of asking.
const (
	PromptPassword    = "password"     // the current password
	PromptNewPassword = "new-password" // a password to be set
	PromptPassphrase  = "passphrase"   // opens `store: file`
	PromptMFA         = "mfa"          // a one-time code
	PromptText        = "text"         // any other line, such as a user attribute
	PromptConfirm     = "confirm"      // the answer is "y" or "n"; anything else counts as "n"
	PromptChoice      = "choice"       // the answer is one of Choices
	PromptNotice      = "notice"       // only shown; the answer is empty
	// PromptBrowser has the address of a sign-in page in URL, to be opened in a
	// browser. A program that opens it gives the browser StartURL instead, and
	// shows URL alone. The answer is the address at which the browser ends up, pasted by
	// the person. Whoever has nothing to paste need not answer: the browser
	// comes to the agent by itself, and the call ends. An empty answer says that
	// nothing will be pasted.
	PromptBrowser = "browser"
)

// A Prompt is a question to the person behind a call.
type Prompt struct {
	Kind    string   `json:"kind"`
	Text    string   `json:"text"`              // what to show, without a colon at the end
	Echo    bool     `json:"echo"`              // false: don't show what is typed
	Profile string   `json:"profile,omitempty"` // the profile that is being signed in
	Choices []string `json:"choices,omitempty"` // for PromptChoice
	// URL is the page to open for PromptBrowser. For a PromptNotice it may be an
	// otpauth: address, to be shown as a QR code; the text says the same.
	URL string `json:"url,omitempty"`
	// StartURL is a page of the agent's that leads to URL, once. Other users can
	// read the command line that opens a browser; this address is of no use there
	// without being noticed.
	StartURL string `json:"start_url,omitempty"`
}

// None is the request or result of a method that has none.
type None struct{}

// The two tokens of a session that are handed out.
const (
	TypeID     = "id"
	TypeAccess = "access"
)

// A TokenRequest asks for a token.
type TokenRequest struct {
	Profile string `json:"profile,omitempty"` // empty: the config's default
	Type    string `json:"type,omitempty"`    // TypeID or TypeAccess; empty: the profile's
	// MinTTL is for how many seconds the token has to live yet. Without it: two
	// minutes or half the token's life, whichever is less.
	MinTTL *int64 `json:"min_ttl,omitempty"`
	// Force renews the token even if the one at hand would do.
	Force bool `json:"force,omitempty"`
	// SessionOnly fails with KindLoginRequired instead of signing in.
	SessionOnly bool `json:"session_only,omitempty"`
	// Scopes are those that the token must have, instead of the profile's. Only
	// OAuth flows give others than aws.cognito.signin.user.admin.
	Scopes []string `json:"scopes,omitempty"`
}

// A Token is the result of the token method, and of `cogtok token --output json`.
type Token struct {
	Version   int       `json:"version"` // of this object: 1
	Profile   string    `json:"profile"`
	Type      string    `json:"type"`  // TypeID or TypeAccess
	Token     string    `json:"token"` // the bare JWT
	Header    string    `json:"header"`
	Value     string    `json:"value"` // what goes in the header: the token with the profile's scheme
	ExpiresAt time.Time `json:"expires_at"`
	ExpiresIn int64     `json:"expires_in"` // seconds
	IssuedAt  time.Time `json:"issued_at"`
	Username  string    `json:"username"`
	Subject   string    `json:"sub"`
	// Warning says why the token is not what was asked for, for instance that
	// it lives for less than MinTTL because renewing it failed for now.
	Warning string `json:"warning,omitempty"`
}

// A LoginRequest asks to sign in.
type LoginRequest struct {
	Profile string `json:"profile,omitempty"`
	// Password is used instead of the stored one or of asking.
	Password Secret `json:"-"`
	// Reset sets a new password first, by a code that Cognito sends ("forgot
	// password").
	Reset bool `json:"reset,omitempty"`
}

// A LogoutRequest ends a session.
type LogoutRequest struct {
	Profile    string `json:"profile,omitempty"`
	Revoke     bool   `json:"revoke,omitempty"`     // revoke the refresh token at Cognito
	Everywhere bool   `json:"everywhere,omitempty"` // global sign-out: all of the user's sessions
	Forget     bool   `json:"forget,omitempty"`     // delete the stored secrets too
}

// A LogoutResult says what a logout could not undo.
type LogoutResult struct {
	Profile string `json:"profile"`
	// Ended is false when there was no session.
	Ended bool `json:"ended"`
	// Also are the other profiles that had the same session.
	Also []string `json:"also,omitempty"`
	// ValidUntil is when the last token that was handed out expires: JWTs that
	// are checked offline stay good until then.
	ValidUntil *time.Time `json:"valid_until,omitempty"`
	// Warning tells what went wrong at Cognito though the session is gone here.
	Warning string `json:"warning,omitempty"`
	// BrowserURL is the page that ends managed login's own session, a cookie of
	// at most an hour in the browser; empty where there is none.
	BrowserURL string `json:"browser_url,omitempty"`
}

// A DevicesRequest asks for a user's devices.
type DevicesRequest struct {
	Profile string `json:"profile,omitempty"`
}

// A ForgetDeviceRequest names a device.
type ForgetDeviceRequest struct {
	Profile string `json:"profile,omitempty"`
	Key     string `json:"key,omitempty"` // empty: this machine's
}

// A DeviceList is what a user pool knows of a user's devices.
type DeviceList struct {
	Profile string   `json:"profile"`
	Devices []Device `json:"devices"`
}

// A Device is one that a user has signed in from. Its key is no secret.
type Device struct {
	Key      string    `json:"key"`
	Name     string    `json:"name,omitempty"`
	LastIP   string    `json:"last_ip,omitempty"`
	LastUsed time.Time `json:"last_used,omitzero"`
	Created  time.Time `json:"created,omitzero"`
	// Remembered devices may stand for a second factor.
	Remembered bool `json:"remembered"`
	Current    bool `json:"current"` // this machine, for this user
}

// A StatusRequest asks about one profile, or about all when Profile is empty.
type StatusRequest struct {
	Profile string `json:"profile,omitempty"`
}

// Status is the state of the agent and of its profiles.
type Status struct {
	Version     int             `json:"version"` // of this object: 1
	Default     string          `json:"default,omitempty"`
	Profiles    []ProfileStatus `json:"profiles"`
	Config      string          `json:"config"`                 // the path of the config file
	ConfigError string          `json:"config_error,omitempty"` // why the file as it is now isn't in force
	Locked      bool            `json:"locked,omitempty"`       // by the lock method
}

// States of a profile's session.
const (
	StateSignedIn  = "signed-in"
	StateSignedOut = "signed-out"
	StateReady     = "ready"   // client-credentials: a token is got when one is asked for
	StateLocked    = "locked"  // the agent is, or `store: file` is without its passphrase
	StateUnknown   = "unknown" // the store can't be read now
)

// ProfileStatus is the state of one profile.
type ProfileStatus struct {
	Profile    string `json:"profile"`
	UserPoolID string `json:"user_pool_id"`
	ClientID   string `json:"client_id"`
	Username   string `json:"username"`
	Auth       string `json:"auth"`
	Store      string `json:"store"`
	State      string `json:"state"`
	Subject    string `json:"sub,omitempty"`
	// SignedInAs is the user's name as the session has it. A profile that signs in
	// by a browser may have no Username.
	SignedInAs string `json:"signed_in_as,omitempty"`
	// SignedInAt is when the person signed in; renewing doesn't change it.
	SignedInAt *time.Time `json:"signed_in_at,omitempty"`
	// IDExpiresAt and AccessExpiresAt are absent while the agent holds no such
	// token in memory, for instance after a restart.
	IDExpiresAt     *time.Time `json:"id_expires_at,omitempty"`
	AccessExpiresAt *time.Time `json:"access_expires_at,omitempty"`
	// Unpersisted is true while the newest refresh token is in memory only.
	Unpersisted bool `json:"unpersisted,omitempty"`
	// Problem is what went wrong last, with what to do in Hint.
	Problem string `json:"problem,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// Kinds of secrets that a user entrusts to a store.
const (
	SecretPassword     = "password"
	SecretClientSecret = "client-secret"
	SecretTOTPSeed     = "totp-seed" // base32: what an authenticator app makes codes of
)

// SecretKinds are the kinds that SetSecret takes, in the order of listing.
var SecretKinds = []string{SecretPassword, SecretClientSecret, SecretTOTPSeed}

// A SecretRequest names a secret.
type SecretRequest struct {
	Profile string `json:"profile"`
	Kind    string `json:"kind"`
}

// A SetSecretRequest gives a secret to a store.
type SetSecretRequest struct {
	Profile string `json:"profile"`
	Kind    string `json:"kind"`
	Value   Secret `json:"-"`
}

// A SecretList names the secrets that are kept.
type SecretList struct {
	Secrets []SecretEntry `json:"secrets"`
}

// A SecretEntry tells that a secret is kept, and where.
type SecretEntry struct {
	Profile string `json:"profile"`
	// From is the profile that it was stored for, where that is another one,
	// which this one extends.
	From  string `json:"from,omitempty"`
	Kind  string `json:"kind"`
	Store string `json:"store"`
}

// An UnlockRequest unlocks an agent.
type UnlockRequest struct {
	// Passphrase is used instead of passphrase_command or of asking.
	Passphrase Secret `json:"-"`
}

// A ReloadResult says what is in force after a reload.
type ReloadResult struct {
	Config   string `json:"config"`
	Profiles int    `json:"profiles"`
}

// An UpgradeResult says whether a new program takes over.
type UpgradeResult struct {
	// Upgrading is true when it is about to.
	Upgrading bool `json:"upgrading"`
	// Version is that of the program that is about to take over.
	Version string `json:"version,omitempty"`
	// Reason is why none does, for people.
	Reason string `json:"reason,omitempty"`
}

// Version identifies an agent.
type Version struct {
	Version     string    `json:"version"`      // of the program
	Protocol    int       `json:"protocol"`     // the newest protocol that it speaks
	ProtocolMin int       `json:"protocol_min"` // the oldest
	PID         int       `json:"pid"`
	StartedAt   time.Time `json:"started_at"`
	// Takeovers is how often a new program has taken over since then.
	Takeovers int    `json:"takeovers,omitempty"`
	Config    string `json:"config"`
	Socket    string `json:"socket"`
	Log       string `json:"log,omitempty"`
	Locked    bool   `json:"locked,omitempty"` // by the lock method
}

// The versions of the protocol that this package speaks: the newest, and the
// oldest that it still answers. An agent answers clients of one version before
// its own, so that an upgrade may reach the two in any order.
const (
	Protocol    = 1
	ProtocolMin = 1
)
