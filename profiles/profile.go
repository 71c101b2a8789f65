// Package profiles says which profiles there are: it loads, validates and
// edits the config file. It knows nothing of sessions, sockets or Cognito's
// API.
package profiles

import (
	"slices"
	"strings"
	"time"
)

// How a profile signs in; the `auth` key.
const (
	AuthSRP           = "srp"            // USER_SRP_AUTH
	AuthPassword      = "password"       // USER_PASSWORD_AUTH
	AuthAdminPassword = "admin-password" // ADMIN_USER_PASSWORD_AUTH, signed with AWS credentials
	AuthChoice        = "choice"         // USER_AUTH: the first factor is chosen at sign-in
	AuthCustom        = "custom"         // CUSTOM_AUTH: the challenges of the user pool's Lambda triggers
	AuthBrowser       = "browser"        // managed login: an authorization code with PKCE
	// AuthClientCredentials signs in no user: the app client itself gets an access token.
	AuthClientCredentials = "client-credentials"
)

// The first factors of AuthChoice; the `preferred_challenge` key.
const (
	ChallengePasswordSRP = "PASSWORD_SRP"
	ChallengePassword    = "PASSWORD"
	ChallengeEmailOTP    = "EMAIL_OTP"
	ChallengeSMSOTP      = "SMS_OTP"
)

// Where a profile's secrets rest; the `store` key.
const (
	StoreKeychain = "keychain"
	StoreFile     = "file"
	StoreMemory   = "memory"
)

// How a token stands in the Authorization header; the `scheme` key.
const (
	SchemeNone   = "none"
	SchemeBearer = "bearer"
)

// A Profile is a named entry of the config, complete: what it extends and the
// defaults are filled in.
type Profile struct {
	Name           string
	Extends        []string // the profile that it extends, that one's, and so on
	Region         string   // never empty: `region`, or the pool id up to the "_"
	UserPoolID     string
	ClientID       string
	Username       string
	Auth           string
	Token          string        // "id" or "access"
	Scheme         string        // SchemeNone or SchemeBearer
	Endpoint       string        // base URL of Cognito's APIs; empty: AWS
	FIPS           bool          // AWS's FIPS endpoint
	MinTTL         time.Duration // 0: not set
	AWSProfile     string        // AuthAdminPassword: the shared-config profile that signs; empty: the default chain
	Store          string
	ClientMetadata map[string]string

	PreferredChallenge string   // AuthChoice: one of the Challenge… constants; empty: the person chooses
	CustomSRP          bool     // AuthCustom: prove the password by SRP before the custom challenges
	TOTPCommand        []string // prints the code of the authenticator app; nil: the stored seed, or the person

	// The keys of managed login and of its OAuth endpoints, for AuthBrowser and AuthClientCredentials.
	Domain           string   // base URL, https://… without a path; empty: the one that the user pool tells
	RedirectURLs     []string // AuthBrowser: registered callback URLs on this machine, tried in turn; never empty
	Scopes           []string // asked for; nil: all of the app client's
	IdentityProvider string   // AuthBrowser: goes straight to this provider; empty: the person chooses
	LoginHint        string   // AuthBrowser: fills in who signs in
	Prompt           string   // AuthBrowser: login, select_account or consent; empty: as the cookie says
}

// SessionID is what makes one session: when any part of it changes, an old
// session isn't used for the new one. What an OAuth session may do, and where
// its refresh token goes, is a part of it.
func (p Profile) SessionID() string {
	parts := []string{p.UserPoolID, p.ClientID, p.Username, p.Auth, p.Endpoint}
	if p.UsesOAuth() {
		scopes := slices.Sorted(slices.Values(p.Scopes))
		parts = append(parts, p.Domain, strings.Join(slices.Compact(scopes), " "), p.IdentityProvider)
	}
	return strings.Join(parts, "\n")
}

// UsesOAuth reports whether the profile's tokens come from the OAuth endpoints
// of a user pool's domain and not from the user pools API.
func (p Profile) UsesOAuth() bool { return p.Auth == AuthBrowser || p.Auth == AuthClientCredentials }

// GivesIDToken reports whether the profile's sign-ins end with an ID token: that
// of an OAuth session is for the scope openid
// (https://openid.net/specs/openid-connect-core-1_0.html, section 3.1.2.1).
func (p Profile) GivesIDToken() bool {
	return p.HasUser() && (p.Auth != AuthBrowser || len(p.Scopes) == 0 || slices.Contains(p.Scopes, "openid"))
}

// HasUser reports whether the profile signs in a user. Without one there is
// nobody to ask, no password and no refresh token.
func (p Profile) HasUser() bool { return p.Auth != AuthClientCredentials }

// HeaderValue returns what stands in the Authorization header for token.
func (p Profile) HeaderValue(token string) string {
	if p.Scheme == SchemeBearer {
		return "Bearer " + token
	}
	return token
}

// A Config is a config file, valid and complete.
type Config struct {
	Path              string
	Default           string             // may be empty
	Profiles          map[string]Profile // by name
	Names             []string           // in the order of the file
	Store             string             // the default store
	PassphraseCommand []string           // prints the passphrase of StoreFile
	IdleExit          time.Duration      // 0: never
	AllowRoot         bool               // serve root too
	OnLoginNeeded     []string           // runs when a session is lost
	OnError           []string           // runs when renewing has failed for more than a minute
}
