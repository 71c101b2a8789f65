package cognito

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/cognito/oauth"
	"github.com/cogtok/cogtok/profiles"
)

// oauthRules say what an OAuth error means. The words are those of RFC 6749,
// sections 4.1.2.1 and 5.2, of OpenID Connect Core 1.0, section 3.1.2.6, and of
// https://docs.aws.amazon.com/cognito/latest/developerguide/authorization-endpoint.html
// and https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html.
// What a Lambda trigger or an identity provider said comes as the description of
// whichever word; {because} is the description after a colon.
var oauthRules = []rule{
	{opOAuth, "too_many_requests|slow_down", "", agent.KindThrottled, "Cognito gets too many requests for this AWS account", hintAgain},
	{opBrowser | opCredentials, "invalid_request|invalid_grant|access_denied|server_error", "failed with error", agent.KindLambda, "the user pool refuses{because}", ""},
	{opOAuth, "server_error|temporarily_unavailable", "", agent.KindService, "Cognito has trouble of its own{because}", hintAgain},

	{opReply, "access_denied", "", agent.KindRefused, "the sign-in was refused in the browser{because}", hintLogin},
	{opReply, "login_required|interaction_required|consent_required|account_selection_required", "", agent.KindLoginRequired, "the sign-in page would have to ask something, and was told not to{because}", hintLogin},
	{opReply, "invalid_request", "", agent.KindRefused, "the sign-in was refused{because}", hintLogin},

	{opReply | opToken, "invalid_scope", "", agent.KindScopeRefused, "the app client {client} may not ask for {scopes}", "correct `scopes`, or allow them on the app client"},
	{opReply | opToken, "unauthorized_client|unsupported_grant_type|unsupported_response_type", "", agent.KindFlowNotEnabled, "the app client {client} doesn't allow `auth: {auth}`", "tick the OAuth grant type \"{box}\" on the app client"},
	{opRevokeOAuth, "unauthorized_client", "", agent.KindClientMismatch, "the session belongs to another app client than {client}", hintLogin},
	{opToken | opRevokeOAuth, "invalid_client", "secret", agent.KindClientSecret, "{secret}", "{secret hint}"},
	{opToken | opRevokeOAuth, "invalid_client", "", agent.KindClientSecret, "{secret}, or there is no app client {client}", "{secret hint}"},

	{opExchange, "invalid_grant", "", agent.KindCodeExpired, "Cognito refuses the code that the browser brought: it was used already, or has expired", hintLogin},
	{opRenewOAuth | opRevokeOAuth, "invalid_grant", "", agent.KindLoginRequired, "sign-in needed: the session has expired or was revoked", hintLogin},
	{opRevokeOAuth, "invalid_request", "", agent.KindRefused, "Cognito doesn't revoke the refresh token: the app client {client} may have token revocation off", "turn on token revocation for the app client"},
}

// oauthFailure makes an error for people of an oauth.Error, and logs what kind
// it was. endpoint is where the request went.
func (p *Provider) oauthFailure(ctx context.Context, a attempt, endpoint string, err error) error {
	if ctx.Err() != nil {
		return agent.AsError(ctx.Err())
	}
	a.secrets = append(secrets{a.clientSecret.Reveal()}, a.secrets...)
	answer := readAnswer(err)
	p.config.Logf("profile %s: %s failed: %s", shown(a.profile.Name), a.op, answer.summary(a.secrets))
	return p.sayWhen(p.oauthMeaning(a, at(a.profile, endpoint), answer, err), answer)
}

// oauthMeaning is what an answer of an OAuth endpoint means. there is the
// profile with that endpoint for its server.
func (p *Provider) oauthMeaning(a attempt, there profiles.Profile, answer answer, err error) error {
	switch {
	case answer.status == http.StatusTooManyRequests:
		return p.oauthRefusal(a, answerOf("too_many_requests"))
	case answer.tooLong, answer.html, answer.status >= 500:
		return nonsense(there, answer)
	case answer.code != "":
		return p.oauthRefusal(a, answer)
	case answer.status != 0:
		return senseless(there, "it is no OAuth endpoint's (HTTP %d)", answer.status)
	}
	refused := networkError(there, err, p.config.TryTimeout)
	if unsent := (unsentError{}); errors.As(err, &unsent) {
		return session.NotSent{Err: refused}
	}
	return refused
}

func answerOf(code string) answer { return answer{code: code} }

// oauthRefusal returns the error for an OAuth error.
func (p *Provider) oauthRefusal(a attempt, answer answer) *agent.Error {
	text := strings.ToLower(answer.message)
	for _, r := range oauthRules {
		if r.fits(a.op, answer.code, text) {
			fill := p.fill(a, answer)
			// The foreign text is the last to come in.
			message := strings.ReplaceAll(fill.Replace(r.message), "{scopes}", scopesOf(a))
			message = strings.ReplaceAll(message, "{because}", because(a.secrets.redact(answer.message, 300)))
			return errorf(a.profile, r.kind, "%s", message).WithHint("%s", fill.Replace(r.hint))
		}
	}
	return errorf(a.profile, agent.KindRefused, "Cognito refuses (%s)", a.secrets.typeName(answer.code)).WithHint("see: cogtok agent log")
}

func because(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

func scopesOf(a attempt) string {
	if len(a.profile.Scopes) == 0 {
		return "its own scopes"
	}
	return "all of these scopes: " + shown(strings.Join(a.profile.Scopes, " "))
}

// readOAuthAnswer is readAnswer for the requests of package oauth.
func readOAuthAnswer(e *oauth.Error) answer {
	return answer{
		status: e.Status, code: e.Code, message: e.Description, html: e.HTML, date: e.Date, retryAfter: e.RetryAfter, err: e,
		tooLong: errors.Is(e, oauth.ErrTooLong) || errors.Is(e, errTooLong),
	}
}
