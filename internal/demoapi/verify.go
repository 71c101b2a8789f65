package demoapi

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/sync/singleflight"
)

// claims are those of a Cognito ID or access token that the API looks at.
type claims struct {
	jwt.RegisteredClaims
	TokenUse        string `json:"token_use"`
	ClientID        string `json:"client_id"`        // access token
	AccessUsername  string `json:"username"`         // access token
	CognitoUsername string `json:"cognito:username"` // ID token
	Email           string `json:"email"`

	Username string `json:"-"` // from whichever claim the token has
}

// verifier checks tokens of one issuer:
// https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
type verifier struct {
	clientIDs []string
	parser    *jwt.Parser
	keys      *keySet
}

func newVerifier(config Config) *verifier {
	return &verifier{
		clientIDs: slices.Clone(config.ClientIDs),
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{"RS256"}),
			jwt.WithIssuer(config.Issuer),
			jwt.WithExpirationRequired(),
			jwt.WithTimeFunc(config.Now),
		),
		keys: &keySet{url: config.JWKSURL, now: config.Now},
	}
}

// errForeign means a token that is genuine and not meant for this API.
var errForeign = errors.New("token is of another app client")

// verify returns the claims of a token that is genuine, alive and meant for
// this API.
func (v *verifier) verify(ctx context.Context, token string) (claims, error) {
	var c claims
	_, err := v.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		return v.keys.key(ctx, kid)
	})
	if err != nil {
		return claims{}, err
	}
	var meantFor []string
	switch c.TokenUse {
	case "id":
		meantFor, c.Username = c.Audience, c.CognitoUsername
	case "access":
		meantFor, c.Username = []string{c.ClientID}, c.AccessUsername
	}
	if !slices.ContainsFunc(meantFor, func(id string) bool { return slices.Contains(v.clientIDs, id) }) {
		return claims{}, errForeign
	}
	return c, nil
}

const (
	keyFetchTimeout = 5 * time.Second
	keyFetchPause   = 10 * time.Second // between fetches for unknown key ids
	maxKeySet       = 64 << 10         // bytes
)

// keySet caches the issuer's public keys by id, and looks again for an id that
// it doesn't know; not more often than every keyFetchPause, so that forged ids
// can't make it call the issuer at will.
type keySet struct {
	url string
	now func() time.Time

	flight singleflight.Group

	mu      sync.Mutex
	keys    map[string]*rsa.PublicKey
	fetched time.Time
}

var errUnknownKey = errors.New("unknown signing key")

func (s *keySet) key(ctx context.Context, kid string) (*rsa.PublicKey, error) {
	key, known := s.cached(kid)
	if !known {
		// Others may wait for this fetch too: it doesn't end with this request.
		_, err, _ := s.flight.Do("", func() (any, error) { return nil, s.fetch(context.WithoutCancel(ctx)) })
		if err != nil {
			return nil, err
		}
		key, _ = s.cached(kid)
	}
	if key == nil {
		return nil, errUnknownKey
	}
	return key, nil
}

// cached returns the key, if it is there, and whether that is all that can be
// known now.
func (s *keySet) cached(kid string) (*rsa.PublicKey, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := s.keys[kid]
	return key, key != nil || s.keys != nil && s.now().Sub(s.fetched).Abs() < keyFetchPause
}

func (s *keySet) fetch(ctx context.Context) error {
	keys, err := fetchKeys(ctx, s.url)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys, s.fetched = keys, s.now()
	return nil
}

// fetchKeys reads a JWKS (RFC 7517) and takes its RSA signing keys.
func fetchKeys(ctx context.Context, url string) (map[string]*rsa.PublicKey, error) {
	ctx, cancel := context.WithTimeout(ctx, keyFetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("key set: HTTP %d", response.StatusCode)
	}
	var set struct {
		Keys []struct{ Kid, Kty, N, E string }
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxKeySet)).Decode(&set); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	keys := map[string]*rsa.PublicKey{}
	for _, k := range set.Keys {
		n, errN := base64.RawURLEncoding.DecodeString(k.N)
		e, errE := base64.RawURLEncoding.DecodeString(k.E)
		if k.Kty == "RSA" && errN == nil && errE == nil && len(e) <= 4 {
			keys[k.Kid] = &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
		}
	}
	return keys, nil
}
