// Package profiles says which profiles there are: it loads, validates and
// edits the config file. It knows nothing of sessions, sockets or Cognito's
// API.
package profiles

import (
	"strings"
	"time"
)

// How a profile signs in; the `auth` key.
const (
	AuthSRP           = "srp"            // USER_SRP_AUTH
	AuthPassword      = "password"       // USER_PASSWORD_AUTH
	AuthAdminPassword = "admin-password" // ADMIN_USER_PASSWORD_AUTH, signed with AWS credentials
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
}

// SessionID is what makes one session: when any part of it changes, an old
// session isn't used for the new one.
func (p Profile) SessionID() string {
	return strings.Join([]string{p.UserPoolID, p.ClientID, p.Username, p.Auth, p.Endpoint}, "\n")
}

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
}
