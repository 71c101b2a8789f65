package profiles

import (
	"slices"
	"time"
)

// The keys that the code names, apart from the tables.
const (
	keyVersion    = "version"
	keyDefault    = "default"
	keyProfiles   = "profiles"
	keyAgent      = "agent"
	keyExtends    = "extends"
	keyUserPoolID = "user_pool_id"
	keyRegion     = "region"
	keyEndpoint   = "endpoint"
	keyFIPS       = "fips"
	keyUsername   = "username"
	keyAuth       = "auth"
	keyToken      = "token"
	keyScopes     = "scopes"
)

const (
	tokenID     = "id"
	tokenAccess = "access"
)

// The values of `auth`: all, those that go through the user pools API, and
// those that go through the OAuth endpoints.
var (
	auths      = slices.Concat(apiAuths, oauthAuths)
	apiAuths   = []string{AuthSRP, AuthPassword, AuthAdminPassword, AuthChoice, AuthCustom}
	oauthAuths = []string{AuthBrowser, AuthClientCredentials}
)

// Keys are the keys of a profile, in the order of `profile show`.
var Keys = []Key[Profile]{
	{Name: keyExtends, Example: "prod", check: checkName,
		Help:  "a profile whose keys this one has too, unless it sets them itself",
		field: func(p *Profile) any { return (*parents)(&p.Extends) }},
	{Name: keyUserPoolID, Example: "us-east-1_AbCdEf123", Required: true, check: checkUserPoolID,
		Help:  "the user pool's ID",
		field: func(p *Profile) any { return &p.UserPoolID }},
	{Name: "client_id", Example: "1h57kf5cpq17m0eml12example", Required: true, check: checkClientID,
		Help:  "the app client's ID",
		field: func(p *Profile) any { return &p.ClientID }},
	{Name: keyUsername, Example: "rob@example.com", only: slices.Concat(apiAuths, []string{AuthBrowser}), needed: apiAuths, check: checkUsername,
		Help:  "who signs in: a username, or an alias such as an email address",
		field: func(p *Profile) any { return &p.Username }},
	{Name: keyAuth, Example: "password", Choices: auths,
		Help:  "how to sign in; the app client must allow it",
		field: func(p *Profile) any { return &p.Auth }},
	{Name: keyToken, Example: "access", Choices: []string{tokenID, tokenAccess},
		Help:  "the token that \"cogtok token\" prints",
		field: func(p *Profile) any { return &p.Token }},
	{Name: "scheme", Example: "bearer", Choices: []string{SchemeNone, SchemeBearer},
		Help:  "what stands before the token in the Authorization header",
		field: func(p *Profile) any { return &p.Scheme }},
	{Name: "min_ttl", Example: "10m", most: 24 * time.Hour,
		Help:  "how long a token that is handed out has to live at least",
		field: func(p *Profile) any { return &p.MinTTL }},
	{Name: keyRegion, Example: "us-west-2", check: checkRegion,
		Help:  "the AWS region, where it isn't the part of the pool's ID before the \"_\"",
		field: func(p *Profile) any { return &p.Region }},
	{Name: keyEndpoint, Example: "http://localhost:9229", check: checkEndpoint,
		Help:  "the URL of Cognito's APIs, for an emulator or a proxy",
		field: func(p *Profile) any { return &p.Endpoint }},
	{Name: keyFIPS, Example: "true",
		Help:  "use AWS's FIPS endpoint; the default in us-gov regions",
		field: func(p *Profile) any { return &p.FIPS }},
	{Name: "aws_profile", Example: "ops", only: []string{AuthAdminPassword}, check: checkAWSProfile,
		Help:  "the profile of ~/.aws that signs the requests of admin-password",
		field: func(p *Profile) any { return &p.AWSProfile }},
	{Name: "preferred_challenge", Example: ChallengeEmailOTP, only: []string{AuthChoice}, NoDefault: true,
		Choices: []string{ChallengePasswordSRP, ChallengePassword, ChallengeEmailOTP, ChallengeSMSOTP},
		Help:    "the first factor that choice uses, instead of asking which",
		field:   func(p *Profile) any { return &p.PreferredChallenge }},
	{Name: "custom_srp", Example: "true", only: []string{AuthCustom},
		Help:  "prove the password by SRP before the challenges of custom",
		field: func(p *Profile) any { return &p.CustomSRP }},
	{Name: "totp_command", Example: "[pass, otp, cognito]", only: apiAuths, whole: checkCommand,
		Help:  "a program and its arguments that print the code of the authenticator app, instead of asking",
		field: func(p *Profile) any { return &p.TOTPCommand }},
	{Name: "domain", Example: "myapp.auth.us-east-1.amazoncognito.com", only: oauthAuths, check: checkDomain,
		Help:  "the host or URL of managed login, where it isn't the one that the user pool tells",
		field: func(p *Profile) any { return &p.Domain }},
	{Name: "redirect_urls", Example: "[http://localhost:8400/callback]", only: []string{AuthBrowser}, check: checkRedirectURL, whole: distinct(20),
		Help:  "where the browser comes back to, as registered with the app client; the first whose port is free is used",
		field: func(p *Profile) any { return &p.RedirectURLs }},
	{Name: keyScopes, Example: "[openid, orders/read]", only: oauthAuths, check: checkScope, whole: distinct(50),
		Help:  "the scopes to ask for; without it, all of the app client's",
		field: func(p *Profile) any { return &p.Scopes }},
	{Name: "identity_provider", Example: "Google", only: []string{AuthBrowser}, check: checkIdentityProvider,
		Help:  "the identity provider to sign in with, instead of asking which",
		field: func(p *Profile) any { return &p.IdentityProvider }},
	{Name: "login_hint", Example: "rob@example.com", only: []string{AuthBrowser}, check: checkLoginHint,
		Help:  "what the sign-in page has filled in, where that isn't username",
		field: func(p *Profile) any { return &p.LoginHint }},
	{Name: "prompt", Example: "login", only: []string{AuthBrowser}, NoDefault: true, Choices: []string{"login", "select_account", "consent"},
		Help:  "what the sign-in page asks even if the browser is signed in",
		field: func(p *Profile) any { return &p.Prompt }},
	{Name: "client_metadata", Example: "{team: blue}",
		Help:  "names and texts that the pool's Lambda triggers get",
		field: func(p *Profile) any { return &p.ClientMetadata }},
	{Name: "store", Example: StoreFile, Choices: stores,
		Help:  "where the profile's secrets rest; the default is that of the file",
		field: func(p *Profile) any { return &p.Store }},
}

// FileKeys are the keys at the top of the file, beside `profiles` and `agent`.
var FileKeys = []Key[Config]{
	{Name: keyVersion, Example: "1", Required: true, Choices: []string{"1"},
		Help:  "the version of the file's format",
		field: func(*Config) any { return new(string) }},
	{Name: keyDefault, Example: "prod", check: checkName,
		Help:  "the profile of commands that name none",
		field: func(c *Config) any { return &c.Default }},
	{Name: "store", Example: StoreFile, Choices: stores,
		Help:  "where secrets rest: the system's keychain, a sealed file, or the agent's memory alone",
		field: func(c *Config) any { return &c.Store }},
	{Name: "passphrase_command", Example: "[pass, show, cogtok]", whole: checkCommand,
		Help:  "a program and its arguments that print the passphrase of the file store, instead of asking",
		field: func(c *Config) any { return &c.PassphraseCommand }},
}

// AgentKeys are the keys below `agent`.
var AgentKeys = []Key[Config]{
	{Name: "idle_exit", Example: "8h",
		Help:  "end the agent when nothing was asked for so long; 0s: never",
		field: func(c *Config) any { return &c.IdleExit }},
	{Name: "refresh", Example: "on-demand", Choices: []string{"on-demand"},
		Help:  "when tokens are renewed: when they are asked for",
		field: func(*Config) any { return new(string) }},
	{Name: "allow_root", Example: "true",
		Help:  "serve the root user too",
		field: func(c *Config) any { return &c.AllowRoot }},
	{Name: "on_login_needed", Example: "[notify-send, cogtok, sign in again]", whole: checkCommand,
		Help:  "a program and its arguments that the agent runs when a session is lost",
		field: func(c *Config) any { return &c.OnLoginNeeded }},
	{Name: "on_error", Example: "[notify-send, cogtok, no new tokens]", whole: checkCommand,
		Help:  "the same for when renewing has failed for more than a minute",
		field: func(c *Config) any { return &c.OnError }},
}

var stores = []string{StoreKeychain, StoreFile, StoreMemory}

// keyNames returns the names of a table's keys.
func keyNames[T any](keys []Key[T]) []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	return names
}

// find returns the key of that name.
func find[T any](keys []Key[T], name string) (Key[T], bool) {
	for _, k := range keys {
		if k.Name == name {
			return k, true
		}
	}
	return Key[T]{}, false
}
