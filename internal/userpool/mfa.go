package userpool

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// Message is a text message that the pool sent.
type Message struct {
	Username, Phone, Code string
	Time                  time.Time
}

// Messages returns the text messages so far, oldest first.
func (p *Pool) Messages() []Message {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	return slices.Clone(p.messages)
}

// LastCode returns the code of the last text message to a user, or "".
func (p *Pool) LastCode(name string) (code string) {
	p.change(name, func(u *user) {
		for _, m := range p.messages {
			if m.Username == u.username {
				code = m.Code
			}
		}
	})
	return code
}

// factors are the second factors that a user has.
func (u *user) factors() []string {
	var have []string
	if u.smsMFA {
		have = append(have, "SMS_MFA")
	}
	if u.totp.enabled {
		have = append(have, "SOFTWARE_TOKEN_MFA")
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
	parameters := map[string]string{}
	switch name {
	case "SMS_MFA":
		phone := in.user.attributes["phone_number"]
		number, _ := rand.Int(rand.Reader, big.NewInt(1_000_000))
		in.code = fmt.Sprintf("%06d", number)
		in.pool.messages = append(in.pool.messages, Message{in.user.username, phone, in.code, c.now})
		parameters["CODE_DELIVERY_DELIVERY_MEDIUM"] = "SMS"
		parameters["CODE_DELIVERY_DESTINATION"] = maskPhone(phone)
	case "SOFTWARE_TOKEN_MFA":
		parameters["FRIENDLY_DEVICE_NAME"] = ""
	case "SELECT_MFA_TYPE":
		parameters["MFAS_CAN_CHOOSE"] = jsonList(in.user.factors()...)
	case "MFA_SETUP":
		parameters["MFAS_CAN_SETUP"] = jsonList("SOFTWARE_TOKEN_MFA")
	}
	return c.challenge(in, name, parameters)
}

// jsonList is a list as challenge parameters carry it: JSON in a string.
func jsonList(items ...string) string {
	list, _ := json.Marshal(items)
	return string(list)
}

// maskPhone shows the last four digits: "+*******1234".
func maskPhone(phone string) string {
	if len(phone) < 6 {
		return "+****"
	}
	return "+" + strings.Repeat("*", len(phone)-5) + phone[len(phone)-4:]
}

func answerSMS(c *call, in *signIn, answers map[string]string) (any, *apiError) {
	return c.judgeCode(in, func() *apiError {
		if answers["SMS_MFA_CODE"] != in.code {
			return codeMismatch()
		}
		return nil
	})
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

// judgeCode judges one MFA code. Five wrong ones lock as wrong passwords do.
func (c *call) judgeCode(in *signIn, check func() *apiError) (any, *apiError) {
	u := in.user
	if u.codes.locked(c.now) {
		return nil, notAuthorized("Too many invalid credentials attempts. User temporarily locked. Please try again after few seconds.")
	}
	if refusal := check(); refusal != nil {
		u.codes.failed(c.now)
		in.used = !in.pool.config.WrongCodeKeepsSession
		return nil, refusal
	}
	u.codes.passed()
	in.secondFactor = true
	return c.advance(*in)
}

func answerSelectMFA(c *call, in *signIn, answers map[string]string) (any, *apiError) {
	if !slices.Contains(in.user.factors(), answers["ANSWER"]) {
		return nil, invalidParameter("Invalid MFA type %s", answers["ANSWER"])
	}
	return c.askFactor(*in, answers["ANSWER"]), nil
}

// answerSetup ends MFA_SETUP, once VerifySoftwareToken has seen a code. What
// AWS says before that isn't documented.
func answerSetup(c *call, in *signIn, _ map[string]string) (any, *apiError) {
	if !in.setupDone {
		return nil, refuse("SoftwareTokenMFANotFoundException", "Software Token MFA has not been set up for the user")
	}
	in.secondFactor = true
	return c.advance(*in)
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
		return nil, refuse("SoftwareTokenMFANotFoundException", "Software Token MFA has not been enabled by the userPool")
	}
	u.totpSetup = token
	return answer{SecretCode: token.secretCode()}, nil
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
