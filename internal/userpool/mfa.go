package userpool

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// factors are the second factors that a user has.
func (u *user) factors() []string {
	var have []string
	if u.smsMFA {
		have = append(have, "SMS_MFA")
	}
	if u.totp.enabled {
		have = append(have, "SOFTWARE_TOKEN_MFA")
	}
	if u.emailMFA {
		have = append(have, "EMAIL_OTP")
	}
	return have
}

// secondFactor is the challenge that comes after the password; "" for none.
func (p *Pool) secondFactor(u *user) string {
	have := u.factors()
	switch {
	case p.config.MFA == MFAOff:
		return ""
	case len(have) == 0 && p.config.MFA == MFARequired:
		return "MFA_SETUP"
	case len(have) == 0:
		return ""
	case len(have) == 1:
		return have[0]
	case slices.Contains(have, u.preferredMFA):
		return u.preferredMFA
	}
	return "SELECT_MFA_TYPE"
}

// askFactor makes the challenge for a second factor.
func (c *call) askFactor(in signIn, name string) authAnswer {
	switch name {
	case "SMS_MFA":
		return c.sendCode(in, name, bySMS)
	case "EMAIL_OTP":
		return c.sendCode(in, name, byEmail)
	case "SOFTWARE_TOKEN_MFA":
		return c.challenge(in, name, map[string]string{"FRIENDLY_DEVICE_NAME": ""})
	case "SELECT_MFA_TYPE":
		return c.challenge(in, name, map[string]string{in.pool.choiceParameter(): jsonList(in.user.factors()...)})
	}
	return c.challenge(in, name, map[string]string{"MFAS_CAN_SETUP": jsonList(in.pool.config.MFASetup...)})
}

// choiceParameter is the parameter of SELECT_MFA_TYPE: what AWS's own clients
// read, or what its guide says.
func (p *Pool) choiceParameter() string {
	if p.config.MFAsCanSelect {
		return "MFAS_CAN_SELECT"
	}
	return "MFAS_CAN_CHOOSE"
}

// sendCode sends a code to the user and makes the challenge that asks for it.
func (c *call) sendCode(in signIn, challenge, medium string) authAnswer {
	_, to := in.user.destination(medium)
	if in.setupEmail != "" {
		to = in.setupEmail
	}
	in.code = in.pool.send(in.user, medium, to, c.now)
	return c.challenge(in, challenge, delivered(medium, to))
}

// jsonList is a list as challenge parameters carry it: JSON in a string.
func jsonList(items ...string) string {
	list, _ := json.Marshal(items)
	return string(list)
}

// answerCode judges a code that was sent; response is what carries it.
func answerCode(response string) challengeAnswer {
	return challengeAnswer{response, func(c *call, in *signIn, answers map[string]string) (any, *apiError) {
		return c.judgeCode(in, func() *apiError {
			if in.code == "" || answers[response] != in.code {
				return codeMismatch()
			}
			return nil
		})
	}}
}

func answerSoftwareToken(c *call, in *signIn, answers map[string]string) (any, *apiError) {
	return c.judgeCode(in, func() *apiError {
		right, again := in.user.totp.take(answers["SOFTWARE_TOKEN_MFA_CODE"], c.now)
		switch {
		case again:
			return refuse("ExpiredCodeException", "Your software token has already been used once.")
		case !right:
			return codeMismatch()
		}
		return nil
	})
}

func codeMismatch() *apiError {
	return refuse("CodeMismatchException", "Invalid verification code provided, please try again.")
}

// judgeCode judges one code, of MFA or of a sign-in by code. Five wrong ones
// lock as wrong passwords do.
func (c *call) judgeCode(in *signIn, check func() *apiError) (any, *apiError) {
	u := in.user
	if u == nil { // nobody got a code
		in.used = !in.pool.config.WrongCodeKeepsSession
		return nil, codeMismatch()
	}
	if u.codes.locked(c.now) {
		return nil, notAuthorized("Too many invalid credentials attempts. User temporarily locked. Please try again after few seconds.")
	}
	if refusal := check(); refusal != nil {
		u.codes.failed(c.now)
		in.used = !in.pool.config.WrongCodeKeepsSession
		return nil, refusal
	}
	u.codes.passed()
	u.takeEmail(in.setupEmail)
	in.secondFactor = true
	in.answered(in.challenge)
	return c.advance(*in)
}

func answerSelectMFA(c *call, in *signIn, answers map[string]string) (any, *apiError) {
	if !slices.Contains(in.user.factors(), answers["ANSWER"]) {
		return nil, invalidParameter("Invalid MFA type %s", answers["ANSWER"])
	}
	return c.askFactor(*in, answers["ANSWER"]), nil
}

// answerSetup ends MFA_SETUP, once VerifySoftwareToken has seen a code; or it
// goes on to a code that is sent to EMAIL. That Cognito takes EMAIL here isn't
// in its documentation, but AWS's own clients rely on it. What AWS says to a
// client that has done neither isn't documented.
func answerSetup(c *call, in *signIn, answers map[string]string) (any, *apiError) {
	switch email := answers["EMAIL"]; {
	case email != "" && !slices.Contains(in.pool.config.MFASetup, "EMAIL_OTP"):
		return nil, invalidParameter("Email MFA has not been enabled by the userPool")
	case email != "" && !isEmail(email):
		return nil, invalidParameter("Invalid email address format.")
	case email != "":
		in.setupEmail = email
		return c.sendCode(*in, "EMAIL_OTP", byEmail), nil
	case !in.setupDone:
		return nil, refuse("SoftwareTokenMFANotFoundException", "Software Token MFA has not been set up for the user")
	}
	in.secondFactor = true
	return c.advance(*in)
}

// takeEmail makes an address that a code proved the user's second factor.
func (u *user) takeEmail(address string) {
	if address == "" {
		return
	}
	maps.Copy(u.attributes, map[string]string{"email": address, "email_verified": "true"})
	u.emailMFA = true
}

func isEmail(address string) bool {
	name, domain, _ := strings.Cut(address, "@")
	return name != "" && domain != "" && !strings.ContainsAny(address, " \t\r\n") && !strings.Contains(domain, "@")
}

// setupSession finds the sign-in of an MFA_SETUP by its Session.
func (c *call) setupSession() (*signIn, *apiError) {
	for _, pool := range c.server.pools {
		if pool.signIns[c.params.text("Session")] == nil {
			continue
		}
		in, refusal := c.held(pool, nil, c.params.text("Session"))
		if refusal == nil && in.challenge != "MFA_SETUP" {
			refusal = notAuthorized("Invalid session for the user.")
		}
		return in, refusal
	}
	return nil, notAuthorized("Invalid session for the user.")
}

// associateSoftwareToken makes a seed, for an MFA_SETUP challenge (Session) or
// for a user who is signed in (AccessToken).
func associateSoftwareToken(c *call) (any, *apiError) {
	type answer struct {
		SecretCode string
		Session    string `json:",omitempty"`
	}
	token := newTOTP()
	if c.params.text("Session") != "" {
		in, refusal := c.setupSession()
		if refusal != nil {
			return nil, refusal
		}
		if !slices.Contains(in.pool.config.MFASetup, "SOFTWARE_TOKEN_MFA") {
			return nil, softwareTokenOff()
		}
		in.used = true
		next := *in
		next.setup, next.setupDone = token, false
		return answer{token.secretCode(), c.hold(next)}, nil
	}
	pool, u, refusal := c.accessTokenUser()
	if refusal != nil {
		return nil, refusal
	}
	if pool.config.MFA == MFAOff {
		return nil, softwareTokenOff()
	}
	u.totpSetup = token
	return answer{SecretCode: token.secretCode()}, nil
}

func softwareTokenOff() *apiError {
	return refuse("SoftwareTokenMFANotFoundException", "Software Token MFA has not been enabled by the userPool")
}

// verifySoftwareToken takes the seed into use, once a code proves that the user
// has it. A wrong code leaves the Session good, for another try.
func verifySoftwareToken(c *call) (any, *apiError) {
	type answer struct {
		Status  string
		Session string `json:",omitempty"`
	}
	code := c.params.text("UserCode")
	if c.params.text("Session") != "" {
		in, refusal := c.setupSession()
		if refusal != nil {
			return nil, refusal
		}
		if refusal := in.user.takeToken(&in.setup, code, c.now, true); refusal != nil {
			return nil, refusal
		}
		in.used = true
		next := *in
		next.setupDone = true
		return answer{"SUCCESS", c.hold(next)}, nil
	}
	pool, u, refusal := c.accessTokenUser()
	if refusal != nil {
		return nil, refusal
	}
	// Signed-in users turn MFA on with SetUserMFAPreference, unless the pool
	// requires it.
	if refusal := u.takeToken(&u.totpSetup, code, c.now, pool.config.MFA == MFARequired); refusal != nil {
		return nil, refusal
	}
	return answer{Status: "SUCCESS"}, nil
}

// takeToken makes setup the user's software token if code proves it.
func (u *user) takeToken(setup *totp, code string, now time.Time, enable bool) *apiError {
	if len(setup.seed) == 0 {
		return refuse("SoftwareTokenMFANotFoundException", "Software Token MFA has not been set up for the user")
	}
	if right, again := setup.take(code, now); !right || again {
		return refuse("EnableSoftwareTokenMFAException", "Code mismatch and fail enable Software Token MFA")
	}
	u.totp = *setup
	u.totp.enabled = enable
	return nil
}
