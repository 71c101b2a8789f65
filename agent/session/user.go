package session

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"net/url"
	"strings"

	"github.com/cogtok/cogtok/profiles"
)

// userKey names a user wherever their tries are counted: the same for all
// profiles of the user, whichever way the config spells what they are.
func userKey(p profiles.Profile) string {
	sum := sha256.Sum256([]byte(place(p.Endpoint) + "\n" + p.UserPoolID + "\n" + foldUser(p.Username)))
	return hex.EncodeToString(sum[:16])
}

// foldUser returns the one spelling of a user's name: user pools see no case,
// unless they were told to.
func foldUser(name string) string { return strings.ToLower(name) }

// place names the server behind an endpoint. All names of this machine are one
// and so are all of AWS: a pool's ID is unique there.
func place(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil || endpoint == "" {
		return endpoint
	}
	host, port := strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), u.Port()
	if strings.HasSuffix("."+host, ".amazonaws.com") {
		return ""
	}
	if addr, err := netip.ParseAddr(host); host == "localhost" || err == nil && addr.Unmap().IsLoopback() {
		host = "localhost"
	}
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return host + ":" + port
}
