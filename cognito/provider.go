package cognito

import (
	"context"
	"crypto/x509"
	"net/http"
	"sync"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/profiles"
)

// Limits of a Config that says nothing else.
const (
	DefaultTryTimeout  = 10 * time.Second
	DefaultCallTimeout = 30 * time.Second
)

// A Config is what a Provider works with. The zero Config is good.
type Config struct {
	// RootCAs are the certificate authorities that are trusted; nil: the system's.
	RootCAs *x509.CertPool
	// TryTimeout is how long one request may take, CallTimeout how long a call
	// with all its tries; 0: the defaults.
	TryTimeout, CallTimeout time.Duration
	// BrowserTimeout is how long a sign-in in the browser may take; 0:
	// agent.PromptTimeout.
	BrowserTimeout time.Duration
	// Logf writes a line to the log. It gets no secrets. nil: no log.
	Logf func(format string, args ...any)
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// A Provider signs users in to user pools. It is safe for use by many
// goroutines and keeps no session: only the servers that don't know an operation,
// and the domains of user pools.
type Provider struct {
	config Config
	http   *http.Client

	ports ports

	mu sync.Mutex
	// oldRefresh holds the endpoints that don't know GetTokensFromRefreshToken.
	oldRefresh map[string]bool
	domains    map[string]knownDomain
	lastCall   time.Time // by the wall clock
}

var _ session.Provider = (*Provider)(nil)

// New returns a Provider.
func New(c Config) *Provider {
	if c.TryTimeout <= 0 {
		c.TryTimeout = DefaultTryTimeout
	}
	if c.CallTimeout <= 0 {
		c.CallTimeout = DefaultCallTimeout
	}
	if c.BrowserTimeout <= 0 {
		c.BrowserTimeout = agent.PromptTimeout
	}
	if c.Logf == nil {
		c.Logf = func(string, ...any) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Provider{config: c, http: newHTTPClient(c.RootCAs), oldRefresh: map[string]bool{}, domains: map[string]knownDomain{}}
}

// SignIn implements session.Provider.
func (p *Provider) SignIn(ctx context.Context, profile profiles.Profile, login session.Login) (session.SignedIn, error) {
	if profile.UsesOAuth() {
		grant, err := p.signInOAuth(ctx, profile, login)
		return session.SignedIn{Grant: grant}, err
	}
	s, err := p.newSignIn(ctx, profile, login)
	if err != nil {
		return session.SignedIn{}, err
	}
	grant, err := s.run(ctx)
	if err != nil {
		return session.SignedIn{NewPassword: s.changedPassword, CodeRefused: s.madeWrong}, s.outcome(err)
	}
	return session.SignedIn{
		Grant: grant, NewPassword: s.changedPassword, CodeRefused: s.madeWrong, DeviceRemembered: s.remembered,
	}, nil
}
