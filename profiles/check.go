package profiles

import (
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// The patterns of names and IDs. Those of Cognito are from the model of the
// user pools API (UserPoolIdType, ClientIdType, UsernameType).
var (
	namePattern     = regexp.MustCompile(`^[A-Za-z0-9._][A-Za-z0-9._-]{0,63}$`)
	userPoolPattern = regexp.MustCompile(`^[\w-]+_[0-9a-zA-Z]+$`)
	clientIDPattern = regexp.MustCompile(`^[\w+]{1,128}$`)
	usernamePattern = regexp.MustCompile(`^[\p{L}\p{M}\p{S}\p{N}\p{P}]{1,128}$`)
	regionPattern   = regexp.MustCompile(`^[a-z]{2,5}(-[a-z]+){1,2}-[0-9]{1,2}$`)
	hostPattern     = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)
)

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

func checkUsername(s string) string {
	if !usernamePattern.MatchString(s) {
		return "must be 1 to 128 characters without spaces"
	}
	return ""
}

func checkAWSProfile(s string) string {
	if len(s) > 256 || strings.ContainsAny(s, "[]") {
		return "must be the name of a profile in ~/.aws/config"
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

// checkEndpoint accepts https anywhere, and http where nobody can listen in.
// Passwords go there, so anything unusual is refused.
func checkEndpoint(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Opaque != "" || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return "must be a URL such as https://cognito.example.com or http://localhost:9229"
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

// normalEndpoint makes one text of an endpoint's spellings, since it is a part
// of a session's identity.
func normalEndpoint(s string) string {
	u, err := url.Parse(s)
	if err != nil || s == "" {
		return s
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }
