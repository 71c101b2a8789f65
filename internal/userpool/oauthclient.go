package userpool

import (
	"net/url"
	"slices"
	"strings"
)

// ownUsers is the name of the pool itself among the identity providers of an
// app client.
const ownUsers = "COGNITO"

const (
	codeFlow        = "code"
	credentialsFlow = "client_credentials"
)

// IdentityProvider is where federated users come from. The pool's domain has a
// page that stands in for it and believes what is typed.
type IdentityProvider struct {
	Name string // as in identity_provider and before "_" in usernames

	// Type is the providerType of the users' `identities`. Default: Name for
	// Google, Facebook, LoginWithAmazon and SignInWithApple, SAML for others.
	Type string

	Identifiers []string // for idp_identifier, as the domain of email addresses
}

func (i IdentityProvider) kind() string {
	switch {
	case i.Type != "":
		return i.Type
	case slices.Contains([]string{"Google", "Facebook", "LoginWithAmazon", "SignInWithApple"}, i.Name):
		return i.Name
	}
	return "SAML"
}

// federationFault says what CreateIdentityProvider would refuse:
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateIdentityProvider.html
func (c *PoolConfig) federationFault() string {
	seen := []string{ownUsers}
	for _, provider := range c.IdentityProviders {
		if !whole(`[^_\s][^\s]{1,30}[^_\s]`).MatchString(provider.Name) || slices.Contains(seen, provider.Name) {
			return "bad identity provider " + provider.Name
		}
		seen = append(seen, provider.Name)
	}
	return ""
}

func (p *Pool) identityProvider(name string) *IdentityProvider {
	for i, provider := range p.config.IdentityProviders {
		if provider.Name == name {
			return &p.config.IdentityProviders[i]
		}
	}
	return nil
}

// oauthFault says what CreateUserPoolClient would refuse about the OAuth
// settings:
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateUserPoolClient.html
func (p *Pool) oauthFault(c *Client) string {
	for _, check := range []func(*Client) string{flowsFault, urlsFault, p.scopesFault, p.providersFault} {
		if fault := check(c); fault != "" {
			return fault
		}
	}
	c.OAuthFlows, c.OAuthScopes = slices.Clone(c.OAuthFlows), slices.Clone(c.OAuthScopes)
	c.CallbackURLs, c.LogoutURLs = slices.Clone(c.CallbackURLs), slices.Clone(c.LogoutURLs)
	c.IdentityProviders = slices.Clone(c.IdentityProviders)
	return ""
}

func flowsFault(c *Client) string {
	for _, flow := range c.OAuthFlows {
		if flow != codeFlow && flow != credentialsFlow {
			return "OAuth flow not known here: " + flow
		}
	}
	switch {
	case (len(c.OAuthFlows) == 0) != (len(c.OAuthScopes) == 0):
		return "OAuth flows and scopes need each other"
	case c.hasFlow(credentialsFlow) && c.hasFlow(codeFlow):
		return "client_credentials excludes the code flow"
	case c.hasFlow(credentialsFlow) && c.Secret == "":
		return "client_credentials needs a client secret"
	case c.hasFlow(codeFlow) && len(c.CallbackURLs) == 0:
		return "the code flow needs a callback URL"
	}
	return ""
}

func (c *Client) hasFlow(flow string) bool { return slices.Contains(c.OAuthFlows, flow) }

func urlsFault(c *Client) string {
	if len(c.CallbackURLs) > 100 || len(c.LogoutURLs) > 100 {
		return "at most 100 callback and 100 logout URLs"
	}
	for _, address := range slices.Concat(c.CallbackURLs, c.LogoutURLs) {
		if !mayReturnTo(address) {
			return "bad callback or logout URL " + address
		}
	}
	return ""
}

// mayReturnTo judges a callback or logout URL: absolute, without a fragment,
// https unless it is this machine; schemes of apps are fine.
func mayReturnTo(address string) bool {
	u, err := url.Parse(address)
	switch {
	case err != nil, len(address) > 1024, strings.Contains(address, "#"), !strings.Contains(address, "://"):
		return false
	case u.Scheme == "http":
		return slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname())
	case u.Scheme == "https":
		return u.Host != ""
	}
	return !slices.Contains([]string{"javascript", "data", "file", "vbscript", "ftp"}, u.Scheme)
}

func (p *Pool) scopesFault(c *Client) string {
	for _, scope := range c.OAuthScopes {
		server, name := cutLastSlash(scope)
		switch {
		case slices.Contains(systemScopes(), scope):
			if c.hasFlow(credentialsFlow) {
				return "client_credentials has custom scopes only, not " + scope
			}
		case !slices.Contains(p.config.ResourceServers[server], name):
			return "no resource server has the scope " + scope
		}
	}
	return ""
}

// cutLastSlash splits a custom scope: the identifier of a resource server can
// have slashes, the name of a scope can't.
func cutLastSlash(scope string) (server, name string) {
	i := strings.LastIndexByte(scope, '/')
	if i < 0 {
		return "", scope
	}
	return scope[:i], scope[i+1:]
}

func (p *Pool) providersFault(c *Client) string {
	for _, name := range c.IdentityProviders {
		if name != ownUsers && p.identityProvider(name) == nil {
			return "the pool has no identity provider " + name
		}
	}
	return ""
}

func (c *Client) hasProvider(name string) bool { return slices.Contains(c.IdentityProviders, name) }
