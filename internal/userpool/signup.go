package userpool

import (
	"maps"
	"time"
)

// Sign-up and its confirmation:
// https://docs.aws.amazon.com/cognito/latest/developerguide/signing-up-users-in-your-app.html

const signUpCodeLife = 24 * time.Hour

// signUp makes an unconfirmed user. Any address or number that the user brings is
// sent a code, email first: the pool verifies both.
func signUp(c *call) (any, *apiError) {
	pool, client, refusal := c.poolAndClient()
	if refusal != nil {
		return nil, refusal
	}
	name, password := c.params.text("Username"), c.params.text("Password")
	c.entry.Username = name
	if refusal := client.checkHash(c.params.text("SecretHash"), name); refusal != nil {
		return nil, refusal
	}
	if password == "" {
		return nil, missingParameter("Password")
	}
	if refusal := pool.checkPolicy(password); refusal != nil {
		return nil, refusal
	}
	u, refusal := pool.signedUp(name, c.params.texts("UserAttributes"), c.now)
	if refusal != nil {
		return nil, refusal
	}
	u.setPassword(pool, password)
	pool.users[pool.fold(u.username)] = u
	answer := struct {
		UserConfirmed       bool
		UserSub             string
		CodeDeliveryDetails *codeDelivery `json:",omitempty"`
	}{UserSub: u.sub}
	if medium := u.signUpMedium(); medium != "" {
		details := c.deliver(pool, u, &u.confirmation, medium)
		answer.CodeDeliveryDetails = &details
	}
	return answer, nil
}

// signedUp makes the user of a sign-up. In pools with UsernameAttributes the name
// is the value of one of them, and the username is the sub.
func (p *Pool) signedUp(name string, attributes map[string]string, now time.Time) (*user, *apiError) {
	given := map[string]string{}
	maps.Copy(given, attributes)
	u := &user{
		username: name, sub: newUUID(), status: Unconfirmed, temporarySince: now,
		attributes: map[string]string{}, devices: map[string]*device{},
	}
	if len(p.config.UsernameAttributes) > 0 {
		attribute := "phone_number"
		if isEmail(name) {
			attribute = "email"
		}
		u.username = u.sub
		given[attribute] = name
	}
	if refusal := p.checkNewAttributes(u, given); refusal != nil {
		return nil, refusal
	}
	u.attributes = given
	if p.find(name) != nil {
		return nil, refuse("UsernameExistsException", "User already exists")
	}
	return u, nil
}

// signUpMedium is how the code of a sign-up reaches the user, or "".
func (u *user) signUpMedium() string {
	for _, medium := range []string{byEmail, bySMS} {
		if _, to := u.destination(medium); to != "" {
			return medium
		}
	}
	return ""
}

// confirmSignUp confirms a user who gives the code, and the address it went to.
func confirmSignUp(c *call) (any, *apiError) {
	_, _, u, refusal := c.account()
	switch {
	case refusal != nil:
		return nil, refusal
	case u == nil:
		return nil, codeExpired()
	case u.status != Unconfirmed:
		return nil, notAuthorized("User cannot be confirmed. Current status is %s", u.status)
	}
	if refusal := u.confirmation.judge(c.params.text("ConfirmationCode"), c.now, signUpCodeLife); refusal != nil {
		return nil, refusal
	}
	attribute, _ := u.destination(u.confirmation.medium)
	u.attributes[attribute+"_verified"] = "true"
	u.confirmation.use()
	u.status = Confirmed
	return struct{}{}, nil
}

// resendConfirmationCode sends another code. The one before is void.
func resendConfirmationCode(c *call) (any, *apiError) {
	pool, _, u, refusal := c.account()
	if refusal != nil {
		return nil, refusal
	}
	if u == nil {
		return c.pretend(pool), nil
	}
	medium := u.signUpMedium()
	switch {
	case u.status != Unconfirmed:
		return nil, invalidParameter("User is already confirmed.")
	case medium == "": // the text isn't documented
		return nil, invalidParameter("Cannot resend codes. Auto verification not turned on.")
	case u.confirmation.exhausted(c.now):
		return nil, limitExceeded()
	}
	return deliveryAnswer{c.deliver(pool, u, &u.confirmation, medium)}, nil
}
