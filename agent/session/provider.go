package session

import (
	"context"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

// A Provider signs users in to their user pools. cognito.Provider is the one
// that the daemon uses. Its methods return *agent.Error and end when ctx does.
type Provider interface {
	// SignIn goes through the profile's flow and all its challenges. It asks
	// for everything that it needs before it starts, tries a password once, and
	// asks nothing when login.Prompter is nil.
	SignIn(ctx context.Context, p profiles.Profile, login Login) (SignedIn, error)
	// Refresh renews the tokens of g. The result is complete: what the answer
	// does not carry (such as the refresh token without rotation) is g's.
	// KindLoginRequired means that Cognito ended the session for good; every
	// other error leaves it as it was.
	Refresh(ctx context.Context, p profiles.Profile, clientSecret agent.Secret, g Grant) (Grant, error)
	// Revoke ends the refresh tokens of one sign-in.
	Revoke(ctx context.Context, p profiles.Profile, clientSecret agent.Secret, g Grant) error
	// SignOutEverywhere ends all sessions of g's user (GlobalSignOut).
	SignOutEverywhere(ctx context.Context, p profiles.Profile, g Grant) error
	// LogoutURL is the page that ends managed login's session in the browser;
	// empty for a profile that doesn't sign in there.
	LogoutURL(ctx context.Context, p profiles.Profile) (string, error)
	// Devices lists the devices of g's user, and ForgetDevice ends one. g has
	// an access token that has not expired.
	Devices(ctx context.Context, p profiles.Profile, g Grant) ([]agent.Device, error)
	ForgetDevice(ctx context.Context, p profiles.Profile, g Grant, key string) error
}

// NotSent wraps the error of a sign-in that came to nothing before a password,
// or a proof of it, had left the machine: it wasn't a try of one.
type NotSent struct{ Err error }

func (e NotSent) Error() string { return e.Err.Error() }

// Unwrap returns the *agent.Error.
func (e NotSent) Unwrap() error { return e.Err }

// A Login is what a Provider has to sign in with.
type Login struct {
	ClientSecret agent.Secret // empty: the app client has none
	// Password returns the user's password, asking for it if need be. A
	// Provider calls it at most once for each try and before the first request: each call counts as an attempt.
	Password func(ctx context.Context) (agent.Secret, error)
	// Prompter asks the person; nil: nobody can be asked.
	Prompter agent.Prompter
	// Code returns a code of the user's authenticator app without asking, from
	// what the user has entrusted for that. An empty one means that nothing is.
	Code func(ctx context.Context) (agent.Secret, error)
	// Devices keeps the devices that this machine is to the user pool.
	Devices DeviceStore
	// KnownAs is Cognito's name for the user at the last sign-in; empty if there
	// was none.
	KnownAs string
	// Reset says that the password is forgotten and a new one is to be set.
	Reset bool
}

// A DeviceStore keeps devices by Cognito's name for the user, whatever the user
// types to sign in.
type DeviceStore interface {
	// Load returns the zero Device when there is none, or none can be read.
	Load(ctx context.Context, username string) Device
	Save(ctx context.Context, username string, d Device) error
	Forget(ctx context.Context, username string) error
}

// A Device is one that a user pool knows. See
// https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-device-tracking.html
type Device struct {
	Key, GroupKey string
	Password      agent.Secret // proves that this is the device
}

// SignedIn is the outcome of a sign-in.
type SignedIn struct {
	Grant Grant
	// CodeRefused says that Cognito refused the code that came from Login.Code,
	// also where a person has typed a better one since, or the sign-in failed.
	CodeRefused bool
	// DeviceRemembered says that the next sign-in from here may take no second
	// factor, though this one did.
	DeviceRemembered bool
	// NewPassword is set when the sign-in changed the user's password, even if
	// it failed after that.
	NewPassword agent.Secret
}

// A Grant is what Cognito gave for a sign-in: all that is needed to hand out
// tokens and to renew them.
type Grant struct {
	IDToken      string
	AccessToken  string
	RefreshToken agent.Secret
	// FirstRefreshToken is the sign-in's own, before any rotation: revoking it
	// ends all that came of it.
	FirstRefreshToken agent.Secret
	// Username is the access token's `username` claim: what SECRET_HASH is
	// made over, whatever the user typed.
	Username string
	// ServerTime is the server's clock when it made the tokens (the answer's
	// Date header); zero if it didn't say. It tells an old token that comes
	// again from a server whose clock is behind.
	ServerTime time.Time
	// SignedInAt is when the person signed in; renewing doesn't change it.
	SignedInAt time.Time
	// DeviceKey is set where the user pool tracks devices: the refresh token is
	// bound to the device, so it is kept with it. It is no secret.
	DeviceKey string
}
