package userpool

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"
)

// MFA says whether users of a pool need a second factor.
type MFA string

const (
	// MFAOptional asks the users for a code that have a factor. The default.
	MFAOptional MFA = "OPTIONAL"
	// MFAOff never asks.
	MFAOff MFA = "OFF"
	// MFARequired makes users without a factor set up TOTP (MFA_SETUP).
	MFARequired MFA = "ON"
)

// PoolConfig defines a user pool. The zero value is a pool whose users sign in
// by username, as in a pool made with defaults.
type PoolConfig struct {
	ID     string // default: a random id in Region
	Region string // default: the part of ID before the last "_", or us-east-1

	// UsernameAttributes makes a pool whose users sign in by "email" or
	// "phone_number"; their username is then their sub.
	UsernameAttributes []string
	// AliasAttributes lets users of a username pool sign in by their verified
	// "email" or "phone_number", or their "preferred_username", too.
	AliasAttributes []string
	CaseSensitive   bool // usernames; default false as in new pools

	MFA                MFA
	RequiredAttributes []string // asked for by NEW_PASSWORD_REQUIRED where missing
	CustomAttributes   []string // names without "custom:"
	MinimumLength      int      // of passwords, default 8

	TemporaryPasswordValidity time.Duration // default 7 days

	// WrongCodeKeepsSession lets a client answer an MFA challenge again after a
	// wrong code. Reports on AWS differ; by default the session is used up.
	WrongCodeKeepsSession bool

	// Issuer replaces https://cognito-idp.REGION.amazonaws.com/ID in tokens and
	// discovery; "self" stands for this server's own address and the pool's id.
	Issuer string

	// OwnKeys gives the pool signing keys that no other pool of this process
	// has. Making them takes some tenths of a second.
	OwnKeys bool

	// ResourceServers are the custom scopes that app clients can have: the names
	// of the scopes by the identifier of their resource server.
	ResourceServers map[string][]string
	// IdentityProviders are those that federated users come from.
	IdentityProviders []IdentityProvider
}

// Client defines an app client.
type Client struct {
	ID     string // default: random
	Secret string // default: none; 24 to 64 letters and digits

	// Flows are the client's ExplicitAuthFlows, ALLOW_…; default
	// ALLOW_USER_SRP_AUTH, ALLOW_CUSTOM_AUTH and ALLOW_REFRESH_TOKEN_AUTH.
	Flows []string

	IDTokenLife      time.Duration // default 1 hour
	AccessTokenLife  time.Duration // default 1 hour
	RefreshTokenLife time.Duration // default 30 days
	SessionLife      time.Duration // of a challenge (AuthSessionValidity), default 3 minutes

	Rotation   bool          // RefreshTokenRotation ENABLED; excludes ALLOW_REFRESH_TOKEN_AUTH
	RetryGrace time.Duration // RetryGracePeriodSeconds, 0 to 60 s

	PreventUserExistenceErrors bool // ENABLED instead of LEGACY
	DisableTokenRevocation     bool // EnableTokenRevocation false

	// What the pool's domain lets the client do; see Pool.StartDomain.
	OAuthFlows        []string // AllowedOAuthFlows: "code" or "client_credentials"
	OAuthScopes       []string // AllowedOAuthScopes
	CallbackURLs      []string // each compared character by character
	LogoutURLs        []string
	IdentityProviders []string // SupportedIdentityProviders, default "COGNITO"
}

// Pool is a user pool of a Server.
type Pool struct {
	config   PoolConfig
	server   *Server
	clients  map[string]*Client
	users    map[string]*user // by username, folded
	keys     func() keyPair
	salt     []byte // makes up salts for users that don't exist
	signIns  map[string]*signIn
	blocks   map[string]*srpExchange // by SECRET_BLOCK
	refresh  map[string]*refreshToken
	made     map[string]madeToken // access tokens by jti
	messages []Message
	login    managedLogin
}

// AddPool adds a user pool. It panics on a definition that Cognito would
// refuse, and so do AddClient and AddUser: definitions are the caller's code.
func (s *Server) AddPool(config PoolConfig) *Pool {
	if config.ID == "" {
		config.ID = firstOf(config.Region, "us-east-1") + "_" + rand.Text()[:9]
	}
	if !whole(`[\w-]+_[0-9a-zA-Z]+`).MatchString(config.ID) || len(config.ID) > 55 {
		panic("userpool: bad pool id " + config.ID)
	}
	if config.Region == "" {
		config.Region = config.ID[:strings.LastIndex(config.ID, "_")]
	}
	config.MFA = MFA(firstOf(string(config.MFA), string(MFAOptional)))
	setDefault(&config.MinimumLength, 8)
	setDefault(&config.TemporaryPasswordValidity, 7*24*time.Hour)
	pool := &Pool{
		config: config, server: s, keys: sharedKeys, salt: randomBytes(32),
		clients: map[string]*Client{}, users: map[string]*user{},
		signIns: map[string]*signIn{}, blocks: map[string]*srpExchange{},
		refresh: map[string]*refreshToken{}, made: map[string]madeToken{},
		login: newManagedLogin(),
	}
	if fault := config.federationFault(); fault != "" {
		panic("userpool: " + fault)
	}
	if config.OwnKeys {
		pool.keys = ownKeys()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pools[config.ID] != nil {
		panic("userpool: pool exists: " + config.ID)
	}
	s.pools[config.ID] = pool
	return pool
}

// ID is the pool's id.
func (p *Pool) ID() string { return p.config.ID }

// Issuer is the `iss` of the pool's tokens.
func (p *Pool) Issuer() string { return p.issuer(p.server.URL()) }

func (p *Pool) issuer(baseURL string) string {
	switch p.config.Issuer {
	case "":
		return fmt.Sprintf("https://cognito-idp.%s.amazonaws.com/%s", p.config.Region, p.config.ID)
	case "self":
		return firstOf(p.server.URL(), baseURL) + "/" + p.config.ID
	}
	return p.config.Issuer
}

// AddClient adds an app client and returns it with its defaults filled in.
func (p *Pool) AddClient(client Client) Client {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	if client.ID == "" {
		client.ID = strings.ToLower(rand.Text())
	}
	if _, other := p.server.client(client.ID); other != nil {
		panic("userpool: app client exists: " + client.ID)
	}
	return p.setClient(client)
}

// UpdateClient replaces the app client with client.ID, as UpdateUserPoolClient
// does: what isn't given goes back to its default.
func (p *Pool) UpdateClient(client Client) Client {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	if p.clients[client.ID] == nil {
		panic("userpool: no app client " + client.ID)
	}
	return p.setClient(client)
}

func (p *Pool) setClient(client Client) Client {
	if client.Flows == nil {
		client.Flows = []string{"ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
		if client.Rotation {
			client.Flows = client.Flows[:2]
		}
	}
	setDefault(&client.IDTokenLife, time.Hour)
	setDefault(&client.AccessTokenLife, time.Hour)
	setDefault(&client.RefreshTokenLife, 30*24*time.Hour)
	setDefault(&client.SessionLife, 3*time.Minute)
	if len(client.IdentityProviders) == 0 {
		client.IdentityProviders = []string{ownUsers}
	}
	if fault := firstOf(client.fault(), p.oauthFault(&client)); fault != "" {
		panic("userpool: app client " + client.ID + ": " + fault)
	}
	client.Flows = slices.Clone(client.Flows)
	p.clients[client.ID] = &client
	return client
}

// fault says what CreateUserPoolClient would refuse.
func (c *Client) fault() string {
	known := []string{"ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH",
		"ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
	for _, flow := range c.Flows {
		if !slices.Contains(known, flow) {
			return "flow not known here: " + flow
		}
	}
	switch {
	case !whole(`[\w+]{1,128}`).MatchString(c.ID):
		return "bad id"
	case c.Secret != "" && !whole(`[\w+]{24,64}`).MatchString(c.Secret):
		return "a client secret has 24 to 64 letters and digits"
	case c.RetryGrace < 0 || c.RetryGrace > time.Minute:
		return "the grace period is 0 to 60 s"
	case c.Rotation && c.allows("ALLOW_REFRESH_TOKEN_AUTH"):
		return "rotation excludes ALLOW_REFRESH_TOKEN_AUTH"
	}
	return ""
}

func (c *Client) allows(flow string) bool { return slices.Contains(c.Flows, flow) }

// client finds an app client by its id, which is unique in a region.
func (s *Server) client(id string) (*Pool, *Client) {
	for _, pool := range s.pools {
		if client := pool.clients[id]; client != nil {
			return pool, client
		}
	}
	return nil, nil
}

// poolAndClient finds what a request names by ClientId and, where the operation
// has it, UserPoolId.
func (c *call) poolAndClient() (*Pool, *Client, *apiError) {
	id := c.params.text("ClientId")
	pool, client := c.server.client(id)
	if c.signed {
		poolID := c.params.text("UserPoolId")
		named := c.server.pools[poolID]
		if named == nil {
			return nil, nil, refuse("ResourceNotFoundException", "User pool %s does not exist.", poolID)
		}
		if pool != named {
			client = nil
		}
	}
	if client == nil {
		return nil, nil, refuse("ResourceNotFoundException", "User pool client %s does not exist.", id)
	}
	return pool, client, nil
}

func setDefault[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return b
}

// newUUID returns a random UUID, version 4 (RFC 9562).
func newUUID() string {
	b := randomBytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return uuidText(b)
}

func uuidText(b []byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
