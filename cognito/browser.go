package cognito

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/cognito/oauth"
	"github.com/cogtok/cogtok/internal/jwt"
	"github.com/cogtok/cogtok/profiles"
)

const (
	// maxPastes is how often a person may paste something wrong.
	maxPastes = 3
	// lastWord is how long a prompter has to notice that it needn't ask any more,
	// and cleaning up after a sign-in to come to an end.
	lastWord = 2 * time.Second
)

// A browserSignIn is one sign-in on the pages of managed login: an authorization
// code with PKCE (RFC 8252, RFC 7636).
type browserSignIn struct {
	provider *Provider
	profile  profiles.Profile
	login    session.Login
	client   *appClient
	listener *oauth.Listener
	attempt  *oauth.Attempt
	server   *oauth.Server
	// signInPage is where the person signs in. The state is in it.
	signInPage string
}

// A comeback is what came back, by the browser itself or pasted.
type comeback struct {
	reply oauth.Reply
	err   error            // what is wrong with the reply
	show  func(oauth.Page) // to the browser that waits, if one does
}

// signInWithBrowser has a port before it sends anybody to the sign-in page: else
// somebody else could have it when the code comes.
func (p *Provider) signInWithBrowser(ctx context.Context, profile profiles.Profile, login session.Login) (session.Grant, error) {
	if login.Prompter == nil {
		return session.Grant{}, errorf(profile, agent.KindPromptNeeded, "the sign-in is done in a browser, and nobody can be asked here").
			WithHint("run: cogtok login %s", shown(profile.Name))
	}
	client, err := p.appClient(ctx, profile, login.ClientSecret)
	if err != nil {
		return session.Grant{}, err
	}
	listener, err := p.listen(ctx, profile)
	if err != nil {
		return session.Grant{}, err
	}
	b := &browserSignIn{provider: p, profile: profile, login: login, client: client, listener: listener}
	b.attempt = oauth.NewAttempt(listener.URL, client.endpoints.Issuer)
	b.signInPage = client.oauth.AuthorizeURL(b.attempt, oauth.Wishes{
		Scopes: profile.Scopes, IdentityProvider: profile.IdentityProvider, LoginHint: profile.LoginHint, Prompt: profile.Prompt,
	})
	b.server = listener.Serve(b.attempt, b.signInPage)
	defer b.close()
	back, err := b.wait(ctx)
	if err != nil {
		return session.Grant{}, err
	}
	grant, err := b.finish(ctx, back)
	back.show(b.page(grant, err))
	return grant, err
}

// close gives the port back. It may be called again.
func (b *browserSignIn) close() {
	b.server.Close()
	b.provider.ports.left(b.listener)
}

// listen takes the port of one of the profile's callback URLs.
func (p *Provider) listen(ctx context.Context, profile profiles.Profile) (*oauth.Listener, error) {
	listener, others, err := p.ports.listen(ctx, profile)
	var busy *oauth.BusyError
	switch {
	case ctx.Err() != nil:
		if err == nil {
			p.ports.close(listener)
		}
		return nil, agent.AsError(ctx.Err())
	case errors.As(err, &busy) && len(others) > 0:
		return nil, errorf(profile, agent.KindBusy, "can't wait for the browser: another sign-in of cogtok is waiting at %s", shownList(others)).
			WithHint("finish or end it, then run: cogtok login %s", shown(profile.Name))
	case errors.As(err, &busy) && len(busy.URLs) > 0:
		return nil, errorf(profile, agent.KindBusy, "can't wait for the browser: another program listens at %s", shownList(busy.URLs)).
			WithHint("end it, or register another callback URL at the app client and add it to `redirect_urls`")
	case err != nil:
		return nil, errorf(profile, agent.KindConfig, "`redirect_urls` must be callback URLs on this machine, such as http://localhost:8400/callback")
	}
	strange := slices.DeleteFunc(listener.Taken, func(text string) bool { return slices.Contains(others, text) })
	if len(strange) > 0 {
		p.config.Logf("profile %s: another program listens at %s", shown(profile.Name), shownList(strange))
	}
	return listener, nil
}

func shownList(all []string) string {
	var texts []string
	for _, text := range all {
		texts = append(texts, shown(text))
	}
	return strings.Join(texts, " and ")
}

// wait waits for the browser or for a pasted address, whichever comes first.
// Unless it is the browser, which wants a page yet, the port is free at once.
func (b *browserSignIn) wait(ctx context.Context) (back comeback, err error) {
	waiting, cancel := context.WithTimeout(ctx, b.provider.config.BrowserTimeout)
	defer cancel()
	pasted, failed, done := make(chan comeback, 1), make(chan error, 1), make(chan struct{})
	go func() {
		defer close(done)
		b.ask(waiting, pasted, failed)
	}()
	// The prompter is to be through before the tokens are made.
	defer func() {
		if back.show == nil {
			b.close()
		}
		cancel()
		select {
		case <-done:
		case <-time.After(lastWord):
		}
	}()
	select {
	case c := <-b.server.Callbacks:
		return b.cameBack(ctx, c), nil
	case <-b.server.Twice():
		return comeback{}, b.openedTwice()
	case back := <-pasted:
		b.close()
		return back, nil
	case err := <-failed:
		select {
		case c := <-b.server.Callbacks: // at the same time
			return b.cameBack(ctx, c), nil
		default:
		}
		if waiting.Err() == nil {
			return comeback{}, agent.AsError(err)
		}
	case <-waiting.Done():
	}
	if ctx.Err() != nil {
		return comeback{}, agent.AsError(ctx.Err())
	}
	return comeback{}, b.nobodyCame()
}

func (b *browserSignIn) cameBack(ctx context.Context, c *oauth.Callback) comeback {
	return comeback{c.Reply, c.Err, func(p oauth.Page) { c.Answer(ctx, p) }}
}

// openedTwice says what an address on a command line can come to. Who of the two
// was the person can't be told.
func (b *browserSignIn) openedTwice() error {
	return errorf(b.profile, agent.KindPromptUnanswered,
		"the sign-in page was opened twice: somebody else on this machine may have read its address, so this sign-in is over").
		WithHint("run it again: cogtok login %s; if it happens again, with --no-browser", shown(b.profile.Name))
}

// nobodyCame names the one mistake that Cognito tells the browser and nobody else.
func (b *browserSignIn) nobodyCame() error {
	return errorf(b.profile, agent.KindPromptUnanswered, "nobody came back from the browser within %s", b.provider.config.BrowserTimeout).
		WithHint("if the browser says redirect_mismatch, register exactly this callback URL at the app client: %s", shown(b.attempt.RedirectURL()))
}

// ask has the sign-in page opened, and takes what is pasted. Without an answer
// it sends nothing: then the browser has to come by itself.
func (b *browserSignIn) ask(ctx context.Context, pasted chan<- comeback, failed chan<- error) {
	prompt := agent.Prompt{
		Kind: agent.PromptBrowser, Profile: b.profile.Name, Echo: true,
		Text: "Sign in to profile " + shown(b.profile.Name) + " in the browser. If it can't come back here by itself, paste the address where it ends",
		URL:  b.signInPage, StartURL: b.server.StartURL(),
	}
	for range maxPastes {
		answer, err := b.login.Prompter.Ask(ctx, prompt)
		if err != nil {
			failed <- err
			return
		}
		if strings.TrimSpace(answer.Reveal()) == "" {
			return
		}
		reply, err := b.attempt.TakePasted(answer.Reveal())
		switch {
		case errors.Is(err, oauth.ErrSecondReply):
			return // the browser was quicker
		case !errors.Is(err, oauth.ErrNotReply):
			pasted <- comeback{reply, err, func(oauth.Page) {}}
			return
		}
		prompt.Text = "That was not the address where this sign-in ends. It begins with " + shown(b.attempt.RedirectURL()) + "?"
		prompt.URL, prompt.StartURL = "", "" // the page is open
	}
	failed <- errorf(b.profile, agent.KindPromptUnanswered, "what was pasted is not the address where the sign-in ends").
		WithHint("run: cogtok login %s", shown(b.profile.Name))
}

// finish turns the reply into a grant. The code goes out once.
func (b *browserSignIn) finish(ctx context.Context, back comeback) (session.Grant, error) {
	sent := append(secrets{back.reply.Code}, b.attempt.Secrets()...)
	switch {
	case errors.Is(back.err, oauth.ErrIssuer):
		return session.Grant{}, errorf(b.profile, agent.KindUnexpectedIdentity, "the reply that came by the browser is not of the user pool %s", shown(b.profile.UserPoolID)).
			WithHint("run: cogtok login %s", shown(b.profile.Name))
	case back.err != nil:
		return session.Grant{}, errorf(b.profile, agent.KindService, "the reply that came by the browser makes no sense").
			WithHint("run: cogtok login %s", shown(b.profile.Name))
	case back.reply.Error != "":
		refused := &oauth.Error{Status: 302, Code: back.reply.Error, Description: back.reply.Description}
		return session.Grant{}, b.client.failed(ctx, opReply, sent, b.client.endpoints.Authorize, refused)
	}
	result, at, err := b.client.tokens(ctx, opExchange, sent, func(ctx context.Context) (oauth.Tokens, error) {
		return b.client.oauth.Exchange(ctx, back.reply.Code, b.attempt.RedirectURL(), b.attempt.Verifier())
	})
	if err != nil {
		return session.Grant{}, err
	}
	grant, err := b.grant(result, at)
	if err == nil && b.server.WasTwice() { // while the tokens were got
		err = b.openedTwice()
	}
	if err != nil {
		b.discard(ctx, aws.ToString(result.RefreshToken))
		return session.Grant{}, err
	}
	return grant, nil
}

func (b *browserSignIn) grant(result *types.AuthenticationResultType, at time.Time) (session.Grant, error) {
	grant := session.Grant{
		ServerTime:        at,
		IDToken:           aws.ToString(result.IdToken), // absent if `openid` was not asked for
		AccessToken:       aws.ToString(result.AccessToken),
		RefreshToken:      agent.NewSecret(aws.ToString(result.RefreshToken)),
		FirstRefreshToken: agent.NewSecret(aws.ToString(result.RefreshToken)),
	}
	access, err := checkTokens(b.client.there(), grant)
	if err != nil {
		return session.Grant{}, err
	}
	var id jwt.Claims
	if grant.IDToken != "" {
		id, _ = jwt.Decode(grant.IDToken) // checked above
		if err := b.checkNonce(id); err != nil {
			return session.Grant{}, err
		}
	}
	if err := b.checkUser(access, id); err != nil {
		return session.Grant{}, err
	}
	grant.Username, grant.SignedInAt = access.Username, access.AuthTime
	if grant.SignedInAt.IsZero() {
		grant.SignedInAt = b.provider.config.Now()
	}
	return grant, nil
}

// checkNonce follows OpenID Connect Core 1.0, section 3.1.3.7. Some servers that
// stand in for Cognito leave the nonce out (cognito-local 5.3.0); the code is
// bound to this sign-in by PKCE as well.
func (b *browserSignIn) checkNonce(id jwt.Claims) error {
	nonce, there := id.Raw["nonce"]
	if nonce == b.attempt.Nonce() || !there && b.profile.Endpoint != "" {
		return nil
	}
	return errorf(b.profile, agent.KindUnexpectedIdentity, "the ID token was not made for this sign-in").
		WithHint("run: cogtok login %s", shown(b.profile.Name))
}

// checkUser refuses another user than the profile's: the browser may have been
// signed in already, as somebody else.
func (b *browserSignIn) checkUser(access, id jwt.Claims) error {
	want := b.profile.Username
	if want == "" || isUser(want, access, id) {
		return nil
	}
	hint := "correct `username` in the config, or sign out in the browser first"
	if page := b.client.logoutURL(); page != "" {
		hint += ": " + page
	}
	if _, hasEmail := id.Raw["email"]; strings.Contains(want, "@") && !hasEmail {
		hint = "the tokens tell no email address: add openid and email to `scopes`, or set `username` to what the user pool calls the user"
	}
	return errorf(b.profile, agent.KindUnexpectedIdentity, "you signed in as %s, but the profile is for %s",
		shown(nameOf(access, id)), shown(want)).WithHint("%s", hint)
}

// isUser reports whether a name is one of those that a user has in the tokens.
// User pools see no case, unless they were told to.
func isUser(name string, access, id jwt.Claims) bool {
	known := []any{
		access.Username, access.Subject, id.Username,
		id.Raw["email"], id.Raw["phone_number"], id.Raw["preferred_username"],
	}
	identities, _ := id.Raw["identities"].([]any)
	for _, identity := range identities {
		if of, ok := identity.(map[string]any); ok {
			known = append(known, of["userId"])
		}
	}
	for _, k := range known {
		if text, _ := k.(string); text != "" && strings.EqualFold(text, name) {
			return true
		}
	}
	return false
}

// nameOf is what a person knows the user by.
func nameOf(access, id jwt.Claims) string {
	for _, claim := range []string{"email", "preferred_username"} {
		if text, _ := id.Raw[claim].(string); text != "" {
			return text
		}
	}
	return access.Username
}

// discard revokes the refresh token of a sign-in that is not to be used.
func (b *browserSignIn) discard(ctx context.Context, token string) {
	ctx, cancel := context.WithTimeout(ctx, lastWord)
	defer cancel()
	if token != "" {
		_ = b.client.revoke(ctx, token) // it is in the log
	}
}

// page tells in the browser what came of the sign-in.
func (b *browserSignIn) page(grant session.Grant, err error) oauth.Page {
	if err != nil {
		e := agent.AsError(err)
		return oauth.Page{Status: 400, Heading: "You are not signed in", Lines: []string{e.Message, e.Hint}}
	}
	access, _ := jwt.Decode(grant.AccessToken)
	id, _ := jwt.Decode(grant.IDToken)
	return oauth.Page{Status: 200, Heading: "You are signed in", Lines: []string{
		"You are signed in to profile " + shown(b.profile.Name) + " as " + shown(nameOf(access, id)) + ". You can close this window.",
	}}
}
