package userpool

import (
	"slices"
	"time"
)

// Password reset by the user:
// https://docs.aws.amazon.com/cognito/latest/developerguide/managing-users-passwords.html

const (
	resetCodeLife = time.Hour
	// maxResets is how many codes and wrong tries a user has in an hour. AWS says
	// 5 to 20; this is the strict end.
	maxResets = 5
)

// sentCode is a code that waits outside of a sign-in, for one purpose.
type sentCode struct {
	text     string // "": none was sent, or it was used
	medium   string
	sent     time.Time
	attempts []time.Time // codes sent and wrong tries
}

// exhausted says whether the last hour has seen too many attempts. It forgets
// the older ones.
func (s *sentCode) exhausted(now time.Time) bool {
	s.attempts = slices.DeleteFunc(s.attempts, func(t time.Time) bool { return now.Sub(t) >= time.Hour })
	return len(s.attempts) >= maxResets
}

// judge refuses a code that is wrong or too old. A right one is used up by use.
func (s *sentCode) judge(code string, now time.Time, life time.Duration) *apiError {
	switch {
	case s.exhausted(now):
		return limitExceeded()
	case s.text == "" || now.Sub(s.sent) > life:
		return codeExpired()
	case code != s.text:
		s.attempts = append(s.attempts, now)
		return codeMismatch()
	}
	return nil
}

func (s *sentCode) use() { *s = sentCode{} }

func limitExceeded() *apiError {
	return refuse("LimitExceededException", "Attempt limit exceeded, please try after some time.")
}

func codeExpired() *apiError {
	return refuse("ExpiredCodeException", "Invalid code provided, please request a code again.")
}

// codeDelivery is CodeDeliveryDetails: where a code went.
type codeDelivery struct{ Destination, DeliveryMedium, AttributeName string }

type deliveryAnswer struct{ CodeDeliveryDetails codeDelivery }

// deliver sends a code that waits in s.
func (c *call) deliver(pool *Pool, u *user, s *sentCode, medium string) codeDelivery {
	attribute, to := u.destination(medium)
	s.text, s.medium, s.sent = pool.send(u, medium, to, c.now), medium, c.now
	s.attempts = append(s.attempts, c.now)
	return codeDelivery{mask(medium, to), medium, attribute}
}

// account finds whom an operation without a sign-in is about. With
// PreventUserExistenceErrors it returns nil for an unknown one.
func (c *call) account() (*Pool, *Client, *user, *apiError) {
	pool, client, refusal := c.poolAndClient()
	if refusal != nil {
		return nil, nil, nil, refusal
	}
	name := c.params.text("Username")
	c.entry.Username = name
	if refusal := client.checkHash(c.params.text("SecretHash"), name); refusal != nil {
		return nil, nil, nil, refusal
	}
	u := pool.find(name)
	if u == nil && !client.PreventUserExistenceErrors {
		return nil, nil, nil, refuse("UserNotFoundException", "Username/client id combination not found.")
	}
	return pool, client, u, nil
}

// pretend answers as if a code had gone to somebody who doesn't exist.
func (c *call) pretend(pool *Pool) deliveryAnswer {
	to := pool.inventedDestination(byEmail, c.params.text("Username"))
	return deliveryAnswer{codeDelivery{mask(byEmail, to), byEmail, "email"}}
}

// resetMedium is how a code to reset the password reaches a user: by email if it
// can, else by SMS, the order of new pools. The channel of MFA isn't used.
func (p *Pool) resetMedium(u *user) string {
	mfa := p.config.MFA != MFAOff
	for _, medium := range []struct {
		name string
		mfa  bool
	}{{byEmail, u.emailMFA}, {bySMS, u.smsMFA}} {
		if u.verified(medium.name) != "" && !(mfa && medium.mfa) {
			return medium.name
		}
	}
	return ""
}

// forgotPassword sends a code to set a new password with.
func forgotPassword(c *call) (any, *apiError) {
	pool, _, u, refusal := c.account()
	if refusal != nil {
		return nil, refusal
	}
	if u == nil {
		return c.pretend(pool), nil
	}
	medium := pool.resetMedium(u)
	switch {
	case u.disabled:
		return nil, notAuthorized("User is disabled.")
	case u.status == ForceChangePassword:
		return nil, notAuthorized("User password cannot be reset in the current state.")
	case u.status == Unconfirmed || medium == "":
		return nil, invalidParameter("Cannot reset password for the user as there is no registered/verified email or phone_number")
	case u.reset.exhausted(c.now):
		return nil, limitExceeded()
	}
	return deliveryAnswer{c.deliver(pool, u, &u.reset, medium)}, nil
}

// confirmForgotPassword sets the new password. A password that the policy
// refuses leaves the code good.
func confirmForgotPassword(c *call) (any, *apiError) {
	pool, _, u, refusal := c.account()
	switch {
	case refusal != nil:
		return nil, refusal
	case u == nil:
		return nil, codeMismatch()
	case u.disabled:
		return nil, notAuthorized("User is disabled.")
	}
	if refusal := u.reset.judge(c.params.text("ConfirmationCode"), c.now, resetCodeLife); refusal != nil {
		return nil, refusal
	}
	password := c.params.text("Password")
	if refusal := pool.checkPolicy(password); refusal != nil {
		return nil, refusal
	}
	u.reset.use()
	u.setPassword(pool, password)
	u.status = Confirmed
	return struct{}{}, nil
}

// ResetPassword ends a user's password, as AdminResetUserPassword does. A code
// for ConfirmForgotPassword goes to the user, if there is a way.
func (p *Pool) ResetPassword(name string) {
	p.change(name, func(u *user) {
		u.status = ResetRequired
		if medium := p.resetMedium(u); medium != "" {
			c := &call{server: p.server, now: p.server.config.Now()}
			c.deliver(p, u, &u.reset, medium)
		}
	})
}
