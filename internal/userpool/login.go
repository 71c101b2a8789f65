package userpool

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// browserLife is how long a browser stays signed in, from the sign-in on:
// https://docs.aws.amazon.com/cognito/latest/developerguide/managed-login-cookies.html
const browserLife = time.Hour

const (
	sessionCookie = "cognito"
	csrfCookie    = "XSRF-TOKEN"
)

// browserSession is a browser that is signed in.
type browserSession struct {
	user     *user
	provider string
	since    time.Time
}

// loginStep is a sign-in that waits for what a page asks after the password.
type loginStep struct {
	in      *signIn
	created time.Time
	details map[string]string // challenge parameters
}

// loggedIn is what advance answers to a sign-in on a page that is complete.
type loggedIn struct{ in signIn }

// browser finds the session of the request's cookie; nil for none. GlobalSignOut
// doesn't end it.
func (v *visit) browser() *browserSession {
	cookie, err := v.request.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	session := v.pool.login.browsers[cookie.Value]
	if session == nil || v.now.Sub(session.since) >= browserLife {
		return nil
	}
	u := session.user
	if v.pool.users[v.pool.fold(u.username)] != u || u.disabled {
		return nil
	}
	return session
}

// remember keeps who signed in in this browser.
func (v *visit) remember(u *user, provider string) *browserSession {
	v.endBrowser()
	browsers := v.pool.login.browsers
	forget(browsers, v.now, browserLife, func(s *browserSession) time.Time { return s.since })
	id, session := rand.Text()+rand.Text(), &browserSession{u, provider, v.now}
	browsers[id] = session
	v.setCookie(sessionCookie, id, int(browserLife/time.Second))
	return session
}

// endBrowser signs the browser out.
func (v *visit) endBrowser() {
	if cookie, err := v.request.Cookie(sessionCookie); err == nil {
		delete(v.pool.login.browsers, cookie.Value)
	}
	v.setCookie(sessionCookie, "", -1)
}

// setCookie sets a cookie, in place of one that was to be set. It isn't Secure:
// this domain has no TLS.
func (v *visit) setCookie(name, value string, seconds int) {
	cookie := &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	for i, other := range v.cookies {
		if other.Name == name {
			v.cookies[i] = cookie
			return
		}
	}
	v.cookies = append(v.cookies, cookie)
}

// csrf is what the forms of this browser carry in a hidden field. Several tabs
// share it.
func (v *visit) csrf() string {
	if cookie, err := v.request.Cookie(csrfCookie); err == nil && len(cookie.Value) >= 26 {
		return cookie.Value
	}
	for _, cookie := range v.cookies {
		if cookie.Name == csrfCookie {
			return cookie.Value
		}
	}
	value := rand.Text()
	v.setCookie(csrfCookie, value, 0)
	return value
}

// ownForm says whether the form that was sent is one that this browser got here.
func (v *visit) ownForm() bool {
	cookie, err := v.request.Cookie(csrfCookie)
	given := v.form.Get("_csrf")
	return err == nil && given != "" && subtle.ConstantTimeCompare([]byte(given), []byte(cookie.Value)) == 1
}

// foreignForm refuses a form of another site, or of a browser without cookies.
func (v *visit) foreignForm() reply {
	r := v.page("error", page{Title: "This form was not made for this browser.", Error: "invalid_csrf_token"})
	r.status, r.word = http.StatusForbidden, "invalid_csrf_token"
	return r
}

// login is /login: GET shows the form, POST takes the answers to it and to the
// pages that follow.
//
// https://docs.aws.amazon.com/cognito/latest/developerguide/login-endpoint.html
func login(v *visit) reply {
	a, refusal := v.readAuthorization()
	switch {
	case refusal != nil:
		return *refusal
	case v.request.Method == http.MethodGet:
		return v.firstPage(a)
	case !v.ownForm():
		return v.foreignForm()
	case v.form.Has("session"):
		return v.nextStep(a)
	case v.form.Get("account") == "continue":
		return v.sameAccount(a)
	}
	return v.password(a)
}

// firstPage asks who signs in. With prompt=select_account that can be who is
// signed in already.
func (v *visit) firstPage(a *authRequest) reply {
	session := v.browser()
	if a.prompted("select_account") && !v.query.Has("other") && session != nil && v.fits(session, a) {
		return v.page("account", page{Title: "Choose an account", Username: session.user.username})
	}
	return v.loginPage(a, a.hint, nil)
}

func (v *visit) sameAccount(a *authRequest) reply {
	session := v.browser()
	if session == nil || !v.fits(session, a) || a.prompted("login") {
		return v.loginPage(a, a.hint, nil)
	}
	return v.giveCode(a, session)
}

// loginPage is the form for a username and a password, and the buttons for
// other identity providers.
func (v *visit) loginPage(a *authRequest, username string, refusal *apiError) reply {
	p := page{Title: "Sign in", Username: username, Query: v.query, Passwords: a.client.hasProvider(ownUsers)}
	for _, name := range a.client.IdentityProviders {
		if name != ownUsers {
			p.Providers = append(p.Providers, name)
		}
	}
	return v.refused("login", p, refusal)
}

// password judges a username and a password, by the rules of the API's flows.
func (v *visit) password(a *authRequest) reply {
	username := v.form.Get("username")
	u, refusal := v.prove(a, username, v.form.Get("password"))
	if refusal != nil {
		return v.loginPage(a, username, refusal)
	}
	answer, refusal := v.advance(signIn{pool: v.pool, client: a.client, user: u, page: true})
	if refusal != nil {
		return v.loginPage(a, username, refusal)
	}
	return v.proceed(a, answer)
}

func (v *visit) prove(a *authRequest, username, password string) (*user, *apiError) {
	u := v.pool.find(username)
	switch {
	case username == "":
		return nil, missingParameter("USERNAME")
	case password == "":
		return nil, missingParameter("PASSWORD")
	case !a.client.hasProvider(ownUsers):
		return nil, notAuthorized("Users of this pool can't sign in to this app.")
	case u == nil && a.client.PreventUserExistenceErrors:
		v.pool.madeUp(username) // takes as long as for a user who exists
		return nil, incorrectPassword()
	case u == nil:
		return nil, userNotFound()
	case u.status == ResetRequired:
		return nil, refuse("PasswordResetRequiredException", "Password reset required for the user")
	}
	return u, u.provePassword(v.now, func() bool { return u.hasPassword(v.pool, password) })
}

// proceed goes where advance says: back to the app, or to the next page.
func (v *visit) proceed(a *authRequest, answer any) reply {
	if done, complete := answer.(loggedIn); complete {
		return v.giveCode(a, v.remember(done.in.user, ownUsers))
	}
	next, ok := answer.(authAnswer)
	if !ok {
		return v.loginPage(a, "", notAuthorized("This sign-in has no page here."))
	}
	// What waits for a page can't be answered through the API, and the other way
	// round.
	step := &loginStep{in: v.pool.signIns[next.Session], created: v.now, details: next.ChallengeParameters}
	delete(v.pool.signIns, next.Session)
	steps := v.pool.login.steps
	forget(steps, v.now, time.Hour, func(s *loginStep) time.Time { return s.created })
	id := rand.Text() + rand.Text()
	steps[id] = step
	return v.stepPage(a, id, step, nil)
}

// stepField is the field of a challenge's page.
func stepField(challenge string) string {
	switch challenge {
	case "NEW_PASSWORD_REQUIRED":
		return "new_password"
	case "SELECT_MFA_TYPE":
		return "answer"
	}
	return "code"
}

// stepPage asks what a challenge asks.
func (v *visit) stepPage(a *authRequest, id string, step *loginStep, refusal *apiError) reply {
	p := page{Session: id}
	name := "code"
	switch step.in.challenge {
	case "SOFTWARE_TOKEN_MFA":
		p.Title, p.Text = "Enter your code", "Enter the code from your authenticator app."
	case "SMS_MFA":
		p.Title, p.Text = "Enter your code", "A code was sent by text message to "+step.details["CODE_DELIVERY_DESTINATION"]+"."
	case "EMAIL_OTP":
		p.Title, p.Text = "Enter your code", "A code was sent by email to "+step.details["CODE_DELIVERY_DESTINATION"]+"."
	case "SELECT_MFA_TYPE":
		name, p.Title, p.Factors = "factor", "Choose how to get a code", step.in.user.factors()
	case "MFA_SETUP":
		if len(step.in.setup.seed) == 0 {
			step.in.setup = newTOTP()
		}
		p.Title, p.Text, p.Secret = "Set up an authenticator app", "Add this key to your authenticator app and enter its code.", step.in.setup.secretCode()
	case "NEW_PASSWORD_REQUIRED":
		name, p.Title, p.Attributes = "password", "Set a new password", v.pool.missingAttributes(step.in.user)
	default:
		return v.loginPage(a, "", notAuthorized("This sign-in has no page here."))
	}
	return v.refused(name, p, refusal)
}

// nextStep judges the answer to a challenge's page. Unlike the API's Sessions,
// the page can be answered again after a wrong answer.
func (v *visit) nextStep(a *authRequest) reply {
	id := v.form.Get("session")
	step := v.pool.login.steps[id]
	if step == nil || step.in.client.ID != a.client.ID {
		return v.loginPage(a, "", notAuthorized("Invalid session for the user."))
	}
	v.entry.Username = step.in.user.username
	if v.now.Sub(step.created) > step.in.client.SessionLife {
		return v.loginPage(a, "", notAuthorized("Invalid session for the user, session is expired."))
	}
	answer, refusal := v.judge(step.in)
	if refusal != nil {
		return v.stepPage(a, id, step, refusal)
	}
	delete(v.pool.login.steps, id)
	return v.proceed(a, answer)
}

// judge has the answer judged by what judges it in the API.
func (v *visit) judge(in *signIn) (any, *apiError) {
	challenge := challengeTable()[in.challenge]
	given := strings.TrimSpace(v.form.Get(stepField(in.challenge)))
	if in.challenge == "NEW_PASSWORD_REQUIRED" {
		given = v.form.Get("new_password")
	}
	if given == "" {
		return nil, missingParameter(challenge.needs)
	}
	if in.challenge == "MFA_SETUP" {
		if refusal := in.user.takeToken(&in.setup, given, v.now, true); refusal != nil {
			return nil, refusal
		}
		in.setupDone = true
	}
	return challenge.answer(v.call, in, formAnswers(v.form, challenge.needs, given))
}

// formAnswers are ChallengeResponses from a form.
func formAnswers(form url.Values, needs, given string) map[string]string {
	answers := map[string]string{needs: given}
	for name := range form {
		if strings.HasPrefix(name, "userAttributes.") {
			answers[name] = form.Get(name)
		}
	}
	return answers
}
