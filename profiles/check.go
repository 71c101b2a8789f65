package profiles

import (
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// The patterns of names and IDs. Those of Cognito are from the model of the
// user pools API (UserPoolIdType, ClientIdType).
var (
	namePattern     = compiledLater(`^[A-Za-z0-9._][A-Za-z0-9._-]{0,63}$`)
	userPoolPattern = compiledLater(`^[\w-]+_[0-9a-zA-Z]+$`)
	clientIDPattern = compiledLater(`^[\w+]{1,128}$`)
	regionPattern   = compiledLater(`^[a-z]{2,5}(-[a-z]+){1,2}-[0-9]{1,2}$`)
	hostPattern     = compiledLater(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)
)

// A pattern is a regular expression that is compiled when it is first used:
// not every run of the program reads a config.
type pattern struct{ compiled func() *regexp.Regexp }

func compiledLater(expression string) pattern {
	return pattern{sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })}
}

// MatchString reports whether s matches the pattern.
func (p pattern) MatchString(s string) bool { return p.compiled().MatchString(s) }

// The checks say what is wrong with a value, as a phrase that follows the
// key's name. They never repeat the value: it may be a secret in the wrong place.

func checkName(s string) string {
	if !namePattern.MatchString(s) {
		return "must be the name of a profile"
	}
	return ""
}

func checkUserPoolID(s string) string {
	if len(s) > 55 || !userPoolPattern.MatchString(s) {
		return "must look like us-east-1_AbCdEf123"
	}
	return ""
}

func checkClientID(s string) string {
	if !clientIDPattern.MatchString(s) {
		return "must be letters and digits, at most 128 of them"
	}
	return ""
}

// checkUsername follows UsernameType, [\p{L}\p{M}\p{S}\p{N}\p{P}]+ of at most
// 128 characters. As a regular expression it would take 5 MB.
func checkUsername(s string) string {
	if !isText(s, 1, 128, unicode.L, unicode.M, unicode.S, unicode.N, unicode.P) {
		return "must be 1 to 128 characters without spaces"
	}
	return ""
}

// isText reports whether s has so many characters, all of these classes.
func isText(s string, least, most int, classes ...*unicode.RangeTable) bool {
	wrong := func(r rune) bool { return r == utf8.RuneError || !unicode.In(r, classes...) }
	n := utf8.RuneCountInString(s)
	return n >= least && n <= most && !strings.ContainsFunc(s, wrong)
}

func checkAWSProfile(s string) string {
	if len(s) > 256 || strings.ContainsAny(s, "[]") {
		return "must be the name of a profile in ~/.aws/config"
	}
	return ""
}

func checkCommand(list []string) string {
	switch {
	case list[0] == "":
		return "must begin with the name of a program"
	case strings.ContainsRune(list[0], ' ') && !strings.ContainsRune(list[0], '/'):
		return "must have each word as an item of its own: [pass, show, cogtok]"
	}
	return ""
}

func checkRegion(s string) string {
	if !isRegion(s) {
		return "must be an AWS region such as us-east-1"
	}
	return ""
}

func isRegion(s string) bool { return regionPattern.MatchString(s) }

func checkEndpoint(s string) string {
	return checkBaseURL(s, "must be a URL such as https://cognito.example.com or http://localhost:9229")
}

// checkBaseURL accepts https anywhere, and http where nobody can listen in.
// Passwords go there, so anything unusual is refused.
func checkBaseURL(s, what string) string {
	u, err := url.Parse(s)
	if err != nil || u.Opaque != "" || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return what
	}
	switch {
	case u.User != nil:
		return "must not hold a user name or a password"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(s, "#"):
		return "must not hold a query or a fragment"
	case u.Path != "" && u.Path != "/":
		return "must not hold a path"
	case !validHost(u.Hostname()) || !validPort(u):
		return "must have a plain host name or address, and a port from 1 to 65535 if any"
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return "must be https: http would show passwords to the network; it is for localhost, 127.0.0.1 and [::1] only"
	}
	return ""
}

func validHost(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Zone() == ""
	}
	return len(host) <= 253 && hostPattern.MatchString(host)
}

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0
}

// isLoopback judges the name alone: what a resolver answers could change.
func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && a.IsLoopback()
}

// normalEndpoint makes one text of a base URL's spellings, since it is a part
// of a session's identity.
func normalEndpoint(s string) string {
	u, err := url.Parse(s)
	if err != nil || s == "" {
		return s
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }
