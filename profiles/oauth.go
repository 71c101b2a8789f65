package profiles

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What the keys of managed login may hold. The patterns are those of the model
// of the user pools API, unless it says otherwise.

const (
	defaultRedirectURL = "http://localhost:8400/callback"
	scopeOpenID        = "openid"
)

// scopePattern is RFC 6749's scope-token; the length is ScopeType's.
var scopePattern = compiledLater(`^[\x21\x23-\x5B\x5D-\x7E]{1,256}$`)

// checkDomain accepts a base URL, or its host alone. A word without a dot is no
// host but the prefix that the console shows.
func checkDomain(s string) string {
	whole := domainURL(s)
	if u, err := url.Parse(whole); whole != s && err == nil && isWord(u.Hostname()) {
		return "must be the whole host, such as myapp.auth.us-east-1.amazoncognito.com"
	}
	return checkBaseURL(whole, "must be a host or a URL, such as myapp.auth.us-east-1.amazoncognito.com or https://login.example.com")
}

func isWord(host string) bool {
	_, err := netip.ParseAddr(host)
	return err != nil && !isLoopback(host) && !strings.Contains(host, ".") && hostPattern.MatchString(host)
}

// domainURL returns the URL that a domain stands for.
func domainURL(s string) string {
	if s == "" || strings.Contains(s, "://") {
		return s
	}
	return "https://" + s
}

// loopbackHosts are the hosts of http callback URLs that Cognito registers.
var loopbackHosts = []string{"localhost", "127.0.0.1", "[::1]"}

// checkRedirectURL accepts what this machine can listen to. Cognito compares
// callback URLs as texts, and so nothing in them is ever changed.
func checkRedirectURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || !strings.HasPrefix(s, "http://") || u.Host == "" {
		return "must begin with http:// and be on this machine, such as " + defaultRedirectURL
	}
	switch {
	case u.User != nil:
		return "must not hold a user name or a password"
	case strings.ContainsAny(s, "?#"):
		return "must not hold a query or a fragment"
	case !slices.Contains(loopbackHosts, strings.TrimSuffix(u.Host, ":"+u.Port())):
		return "must be on this machine: http://localhost, http://127.0.0.1 or http://[::1]"
	case u.Port() == "" || !validPort(u):
		return "must have a port from 1 to 65535, such as " + defaultRedirectURL
	case !isText(s, 1, 1024, unicode.L, unicode.M, unicode.S, unicode.N, unicode.P):
		return "must be at most 1024 characters without spaces"
	}
	return ""
}

func checkScope(s string) string {
	if strings.Contains(s, ",") || strings.HasPrefix(s, "[") {
		return "must be a list of scopes, each an item of its own: [openid, email]"
	}
	if !scopePattern.MatchString(s) {
		return `must be scopes such as openid or orders/read: ASCII without spaces, quotes and \`
	}
	return ""
}

// checkIdentityProvider follows ProviderNameType, and the beginning of its
// successor ProviderNameTypeV2.
func checkIdentityProvider(s string) string {
	if !isText(s, 1, 32, unicode.L, unicode.M, unicode.S, unicode.N, unicode.P, unicode.Zs) || strings.HasPrefix(s, "_") || strings.TrimSpace(s) != s {
		return "must be the name of a provider: 1 to 32 characters, not with _ or a space at the beginning"
	}
	return ""
}

func checkLoginHint(s string) string {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > 256 {
		return "must be 1 to 256 characters"
	}
	return ""
}

// distinct returns a check of lists that hold each text once, and at most that many.
func distinct(most int) func([]string) string {
	return func(list []string) string {
		if len(list) > most {
			return fmt.Sprintf("must be at most %d", most)
		}
		for i, s := range list {
			if slices.Contains(list[:i], s) {
				return "must not hold the same twice"
			}
		}
		return ""
	}
}

// checkToken gives a profile without a user the only token that there is.
func (p *parser) checkToken(profile *Profile, own *entry) {
	if profile.HasUser() || profile.Token == tokenAccess {
		return
	}
	if at := own.value.value(keyToken); at != nil {
		p.problem(at, "delete it", "token of profile %s must be access: %s gives no ID token", quote(profile.Name), profile.Auth)
	}
	profile.Token = tokenAccess
}

// checkOpenID refuses scopes that bring no ID token where that is what the
// profile is for. A fault that is wholly inherited was told where it stands.
func (p *parser) checkOpenID(profile *Profile, own *entry) {
	if profile.Auth != AuthBrowser || profile.Token != tokenID || profile.Scopes == nil || slices.Contains(profile.Scopes, scopeOpenID) {
		return
	}
	for _, key := range []string{keyScopes, keyToken, keyAuth} {
		if at := own.value.value(key); at != nil {
			p.problem(at, "add openid, or set token: access",
				"scopes of profile %s must have openid in them: without it there is no ID token", quote(profile.Name))
			return
		}
	}
}
