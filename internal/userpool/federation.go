package userpool

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode"
)

// askProvider is the page that stands in for an identity provider: who types a
// user id is that user.
func askProvider(v *visit) reply {
	a, refusal := v.readAuthorization()
	switch {
	case refusal != nil:
		return *refusal
	case v.pool.identityProvider(a.provider) == nil:
		return a.refuse("invalid_request", "identity_provider is missing")
	}
	return v.providerPage(a, nil)
}

func (v *visit) providerPage(a *authRequest, refusal *apiError) reply {
	return v.refused("provider", page{
		Title: "Sign in with " + a.provider, Username: a.hint, Action: "/oauth2/idpresponse?" + v.query.Encode(),
	}, refusal)
}

// providerAnswered is POST /oauth2/idpresponse. The error words are those of the
// authorization endpoint's page; the status code there is the provider's own.
//
// https://docs.aws.amazon.com/cognito/latest/developerguide/authorization-endpoint.html
func providerAnswered(v *visit) reply {
	a, refusal := v.readAuthorization()
	if refusal != nil {
		return *refusal
	}
	provider := v.pool.identityProvider(a.provider)
	id := strings.TrimSpace(v.form.Get("user_id"))
	switch {
	case !v.ownForm():
		return v.foreignForm()
	case provider == nil:
		return a.refuse("invalid_request", "identity_provider is missing")
	case v.form.Get("action") == "cancel":
		return a.refuse("invalid_request", provider.Name+" Error - 400 access_denied")
	case id == "" || len(provider.Name+"_"+id) > 128 || strings.ContainsFunc(id, isNoIDCharacter):
		return v.providerPage(a, invalidParameter("Enter a user id."))
	}
	u := v.federatedUser(provider, id, strings.TrimSpace(v.form.Get("email")))
	if u == nil || u.disabled {
		return a.refuse("invalid_request", "User is not enabled")
	}
	return v.giveCode(a, v.remember(u, provider.Name))
}

func isNoIDCharacter(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// federatedUser finds the user of an identity provider, made at the first
// sign-in, and updates what the provider says about it at each:
// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-identity-federation.html
//
// It returns nil if a user of the pool's own has that name.
func (v *visit) federatedUser(provider *IdentityProvider, id, email string) *user {
	p, username := v.pool, provider.Name+"_"+id
	u := p.users[p.fold(username)]
	if u == nil {
		u = v.newFederatedUser(provider, username, id)
		p.users[p.fold(username)] = u
	}
	if u.status != ExternalProvider {
		return nil
	}
	if email != "" {
		u.attributes["email"], u.attributes["email_verified"] = email, "false"
	}
	return u
}

// newFederatedUser makes a user with a password that nobody knows: flows of the
// API fail as with a wrong one.
func (v *visit) newFederatedUser(provider *IdentityProvider, username, id string) *user {
	identities, _ := json.Marshal([]map[string]any{{
		"userId": id, "providerName": provider.Name, "providerType": provider.kind(), "issuer": nil,
		"primary": "true", "dateCreated": strconv.FormatInt(v.now.UnixMilli(), 10),
	}})
	u := &user{
		username: username, sub: newUUID(), status: ExternalProvider,
		attributes: map[string]string{"identities": string(identities)},
		groups:     []string{v.pool.config.ID + "_" + provider.Name},
	}
	u.setPassword(v.pool, newUUID()+newUUID())
	return u
}
