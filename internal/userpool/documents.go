package userpool

import (
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"strings"
)

// jsonWebKey is one key of a JWKS (RFC 7517).
type jsonWebKey struct {
	Algorithm string `json:"alg"`
	Exponent  string `json:"e"`
	ID        string `json:"kid"`
	Type      string `json:"kty"`
	Modulus   string `json:"n"`
	Use       string `json:"use"`
}

func (k signingKey) jwk() jsonWebKey {
	encode := base64.RawURLEncoding.EncodeToString
	return jsonWebKey{
		Algorithm: "RS256", ID: k.kid, Type: "RSA", Use: "sig",
		Exponent: encode(big.NewInt(int64(k.key.E)).Bytes()),
		Modulus:  encode(k.key.N.Bytes()),
	}
}

// JWKS is the pool's key set, as /<pool id>/.well-known/jwks.json serves it.
func (p *Pool) JWKS() []byte {
	keys := p.keys()
	data, err := json.Marshal(map[string][]jsonWebKey{"keys": {keys.id.jwk(), keys.access.jwk()}})
	if err != nil {
		panic(err) // strings only
	}
	return data
}

// serveDocument answers the pool's public documents:
// https://docs.aws.amazon.com/cognito/latest/developerguide/federation-endpoints.html
func (s *Server) serveDocument(w http.ResponseWriter, r *http.Request) {
	id, document, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/.well-known/")
	s.mu.Lock()
	pool := s.pools[id]
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
	case pool == nil:
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"message": "User pool " + id + " does not exist."})
	case document == "jwks.json":
		_, _ = w.Write(pool.JWKS())
	case document == "openid-configuration":
		_ = json.NewEncoder(w).Encode(pool.discovery("http://" + r.Host))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// discovery is the pool's OpenID Connect discovery document. Without a domain it
// names no OAuth endpoints. The keys are where the server is.
func (p *Pool) discovery(baseURL string) map[string]any {
	return merge(p.domainEndpoints(), map[string]any{
		"issuer":                                p.issuer(baseURL),
		"jwks_uri":                              baseURL + "/" + p.config.ID + "/.well-known/jwks.json",
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"subject_types_supported":               []string{"public"},
		"response_types_supported":              []string{"code", "token"},
		"scopes_supported":                      []string{"openid", "email", "phone", "profile"},
	})
}
