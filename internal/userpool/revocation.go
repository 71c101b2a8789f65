package userpool

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// revoke is POST /oauth2/revoke. The secret comes in a Basic header alone. A
// token of another client is refused (RFC 7009, section 2.1); AWS's word for it
// isn't documented.
//
// https://docs.aws.amazon.com/cognito/latest/developerguide/revocation-endpoint.html
func revoke(v *visit) reply {
	if v.form == nil || repeated(v.form) != "" {
		return (&oauthError{word: "invalid_request"}).reply()
	}
	client, refusal := v.authenticateClient("")
	if refusal != nil {
		if refusal.word == "invalid_client" {
			refusal.status = http.StatusUnauthorized
		}
		return refusal.reply()
	}
	text := v.form.Get("token")
	token := v.pool.refresh[text]
	switch {
	case text == "", client.DisableTokenRevocation:
		return (&oauthError{word: "invalid_request"}).reply()
	case strings.Count(text, ".") == 2:
		return (&oauthError{word: "unsupported_token_type"}).reply()
	case token == nil:
		return reply{status: http.StatusOK}
	case token.family.clientID != client.ID:
		return (&oauthError{word: "unauthorized_client"}).reply()
	case token.first:
		token.family.revoked = true
	}
	token.revoked = true
	return reply{status: http.StatusOK}
}

// userInfo is GET /oauth2/userInfo: what the scopes of an access token show of
// its user. All values are strings.
//
// https://docs.aws.amazon.com/cognito/latest/developerguide/userinfo-endpoint.html
func userInfo(v *visit) reply {
	scheme, text, _ := strings.Cut(v.request.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || text == "" {
		return bearerRefusal(http.StatusBadRequest, "invalid_request", "Bad OAuth2 request at UserInfo Endpoint")
	}
	claims, ok := v.pool.accessClaims(text)
	made, known := v.pool.made[claims.JTI]
	if !ok || !known || v.overdue(made, claims) {
		return bearerRefusal(http.StatusUnauthorized, "invalid_token", "Access token is expired, disabled, or deleted, or the user has globally signed out.")
	}
	f := made.by.family
	v.entry.ClientID, v.entry.Username = f.clientID, f.user.username
	if !slices.Contains(strings.Fields(claims.Scope), "openid") {
		return bearerRefusal(http.StatusUnauthorized, "invalid_token", "Access token does not contain openid scope")
	}
	body := map[string]string{"sub": f.user.sub, "username": f.user.username}
	for name, value := range f.user.attributes {
		if f.shows(name) {
			body[name] = value
		}
	}
	return jsonReply(http.StatusOK, body)
}

// overdue says whether an access token, or its user, is over.
func (v *visit) overdue(made madeToken, claims accessTokenClaims) bool {
	u := made.by.family.user
	return !v.now.Before(time.Unix(claims.Expires, 0)) || v.pool.users[v.pool.fold(u.username)] != u || u.disabled || made.by.dead()
}

func bearerRefusal(status int, word, description string) reply {
	r := (&oauthError{word, description, status}).reply()
	r.header["WWW-Authenticate"] = `Bearer error="` + word + `", error_description="` + description + `"`
	return r
}
