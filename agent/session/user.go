package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/cogtok/cogtok/profiles"
)

// userKey names a user wherever their tries are counted: the same for all
// profiles of the user, whichever way the config spells what they are.
func userKey(p profiles.Profile) string { return userKeyOf(p, p.Username) }

func userKeyOf(p profiles.Profile, username string) string {
	sum := sha256.Sum256([]byte(place(p.Endpoint) + "\n" + p.UserPoolID + "\n" + foldUser(username)))
	return hex.EncodeToString(sum[:16])
}

// userKeys are all that a profile's user is counted under: what the config says,
// and Cognito's own names for them as far as they are known. So rob and
// rob@example.com have their tries together once each has signed in.
func userKeys(p profiles.Profile, known ...string) []string {
	keys := []string{userKey(p)}
	for _, name := range known {
		if key := userKeyOf(p, name); name != "" && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// knownAs is Cognito's name for the session's user, from the last sign-in; empty
// if there was none, or the store doesn't say.
func (s *session) knownAs(ctx context.Context) string {
	if !s.isLoaded() { // else whoever has the turn may be waiting for the network
		ctx, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		if s.takeTurn(ctx) != nil {
			return ""
		}
		defer s.endTurn()
		if s.load(ctx) != nil {
			return ""
		}
	}
	return s.currentRecord().Username
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
