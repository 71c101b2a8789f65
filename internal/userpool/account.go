package userpool

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// accessTokenUser finds the user of the AccessToken of a request, and refuses
// tokens that are forged, over, revoked or without the scope.
func (c *call) accessTokenUser() (*Pool, *user, *apiError) {
	token := c.params.text("AccessToken")
	if token == "" {
		return nil, nil, missingParameter("AccessToken")
	}
	for _, pool := range c.server.pools {
		claims, ok := pool.accessClaims(token)
		if !ok {
			continue
		}
		made, known := pool.made[claims.JTI]
		if !known {
			continue // of another pool with the same keys
		}
		u := made.by.family.user
		c.entry.ClientID, c.entry.Username = made.by.family.clientID, u.username
		return pool, u, c.alive(pool, made, claims)
	}
	return nil, nil, notAuthorized("Invalid Access Token")
}

func (c *call) alive(pool *Pool, made madeToken, claims accessTokenClaims) *apiError {
	u := made.by.family.user
	switch {
	case !c.now.Before(time.Unix(claims.Expires, 0)):
		return notAuthorized("Access Token has expired")
	case pool.users[pool.fold(u.username)] != u:
		return userNotFound()
	case u.disabled:
		return notAuthorized("User is disabled.")
	case made.by.dead():
		return notAuthorized("Access Token has been revoked")
	case !slices.Contains(strings.Fields(claims.Scope), "aws.cognito.signin.user.admin"):
		return notAuthorized("Access Token does not have required scopes")
	}
	return nil
}

type accessTokenClaims struct {
	JTI     string `json:"jti"`
	Expires int64  `json:"exp"`
	Scope   string `json:"scope"`
}

// accessClaims reads an access token that this pool's key signed.
func (p *Pool) accessClaims(token string) (claims accessTokenClaims, ok bool) {
	payload, ok := p.keys().access.verify(token)
	return claims, ok && json.Unmarshal(payload, &claims) == nil
}

type attribute struct{ Name, Value string }

// getUser tells who an access token belongs to.
func getUser(c *call) (any, *apiError) {
	_, u, refusal := c.accessTokenUser()
	if refusal != nil {
		return nil, refusal
	}
	attributes := []attribute{{"sub", u.sub}}
	for _, name := range slices.Sorted(maps.Keys(u.attributes)) {
		attributes = append(attributes, attribute{name, u.attributes[name]})
	}
	return struct {
		Username            string
		UserAttributes      []attribute
		PreferredMfaSetting string   `json:",omitempty"`
		UserMFASettingList  []string `json:",omitempty"`
	}{u.username, attributes, u.preferredMFA, u.factors()}, nil
}
