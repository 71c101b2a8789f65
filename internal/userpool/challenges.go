package userpool

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// signIn is a sign-in on its way: the first factor was proved, or is about to be.
type signIn struct {
	pool   *Pool
	client *Client
	user   *user  // nil: nobody, whose existence isn't told
	typed  string // USERNAME as it was sent at first
	signed bool   // begun by AdminInitiateAuth

	challenge    string
	page         bool // on a page of the managed login
	created      time.Time
	used         bool   // its Session was answered
	srpSession   bool   // its PASSWORD_VERIFIER has a Session
	code         string // what was sent: SMS_MFA, EMAIL_OTP, SMS_OTP
	setup        totp   // MFA_SETUP: the seed that AssociateSoftwareToken made
	setupDone    bool   // MFA_SETUP: VerifySoftwareToken saw a code
	setupEmail   string // MFA_SETUP: the address that becomes the factor
	password     bool   // proved
	secondFactor bool   // done
	adminFlow    bool   // begun by an ADMIN_ flow

	custom *custom // CUSTOM_AUTH: where it stands; nil in other flows

	device       *device      // what the last request was sent from; nil: none known
	deviceProved bool         // by DEVICE_PASSWORD_VERIFIER
	exchange     *srpExchange // DEVICE_PASSWORD_VERIFIER: what is to be proved
	block        string       // DEVICE_PASSWORD_VERIFIER: its SECRET_BLOCK
}

// username is what challenges are answered with: the user's username, or the
// made-up one of somebody who doesn't exist.
func (in *signIn) username() string {
	if in.user == nil {
		return in.pool.madeUpID(in.typed)
	}
	return in.user.username
}

// challengeAnswer judges the answer to one challenge. needs is the response
// that must be there.
type challengeAnswer struct {
	needs  string
	answer func(*call, *signIn, map[string]string) (any, *apiError)
}

// challengeTable lists the challenges, without PASSWORD_VERIFIER, which may have
// no Session: see srp.go.
func challengeTable() map[string]challengeAnswer {
	return map[string]challengeAnswer{
		"NEW_PASSWORD_REQUIRED": {"NEW_PASSWORD", answerNewPassword},
		"SELECT_CHALLENGE":      {"ANSWER", answerSelectChallenge},
		"PASSWORD":              {"PASSWORD", answerPassword},
		"PASSWORD_SRP":          {"SRP_A", answerPasswordSRP},
		"WEB_AUTHN":             {"CREDENTIAL", answerPasskey},
		"SMS_OTP":               answerCode("SMS_OTP_CODE"),
		"SMS_MFA":               answerCode("SMS_MFA_CODE"),
		"EMAIL_OTP":             answerCode("EMAIL_OTP_CODE"),
		"SOFTWARE_TOKEN_MFA":    {"SOFTWARE_TOKEN_MFA_CODE", answerSoftwareToken},
		"SELECT_MFA_TYPE":       {"ANSWER", answerSelectMFA},
		"MFA_SETUP":             {"USERNAME", answerSetup},

		"CUSTOM_CHALLENGE":         {"ANSWER", answerCustom},
		"DEVICE_SRP_AUTH":          {"SRP_A", answerDeviceSRP},
		"DEVICE_PASSWORD_VERIFIER": {"PASSWORD_CLAIM_SIGNATURE", answerDeviceVerifier},
	}
}

// advance goes on with a sign-in: the next challenge, or the tokens.
func (c *call) advance(in signIn) (any, *apiError) {
	u := in.user
	if in.pool.users[in.pool.fold(u.username)] != u {
		return nil, userNotFound()
	}
	if refusal := in.pool.ready(u, c.now); refusal != nil {
		return nil, refusal
	}
	for _, ask := range []signInStep{askNewPassword, askSecondFactor, askCustom, askDevice} {
		if answer, refusal := ask(c, &in); answer != nil || refusal != nil {
			return answer, refusal
		}
	}
	if in.page {
		return loggedIn{in}, nil
	}
	metadata := c.trackDevice(&in)
	result := c.signedIn(in)
	result.NewDeviceMetadata = metadata
	return authAnswer{AuthenticationResult: result, ChallengeParameters: map[string]string{}}, nil
}

// signInStep is a step of every sign-in after its first factor, in the order of
// advance. It answers nil where there is nothing to ask.
type signInStep func(*call, *signIn) (any, *apiError)

// withoutPassword says whether only custom challenges make the sign-in. New
// passwords and MFA belong to passwords:
// https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-authentication-flow-methods.html
func (in *signIn) withoutPassword() bool { return in.custom != nil && !in.password }

func askNewPassword(c *call, in *signIn) (any, *apiError) {
	if in.user.status != ForceChangePassword || in.withoutPassword() {
		return nil, nil
	}
	return c.challenge(*in, "NEW_PASSWORD_REQUIRED", in.pool.newPasswordParameters(in.user)), nil
}

func askSecondFactor(c *call, in *signIn) (any, *apiError) {
	name := in.pool.secondFactor(in.user)
	if in.secondFactor || in.trusted() || in.withoutPassword() || name == "" {
		return nil, nil
	}
	return c.askFactor(*in, name), nil
}

// challenge puts the sign-in on hold under a new Session.
func (c *call) challenge(in signIn, name string, parameters map[string]string) authAnswer {
	in.challenge = name
	if parameters == nil {
		parameters = map[string]string{}
	}
	parameters["USER_ID_FOR_SRP"] = in.username()
	return authAnswer{ChallengeName: name, ChallengeParameters: parameters, Session: c.hold(in)}
}

// hold stores the sign-in and returns its new Session.
func (c *call) hold(in signIn) string {
	for session, other := range in.pool.signIns {
		if c.now.Sub(other.created) > time.Hour {
			delete(in.pool.signIns, session)
		}
	}
	in.created, in.used = c.now, false
	session := "AYABe" + base64.RawURLEncoding.EncodeToString(randomBytes(640))
	in.pool.signIns[session] = &in
	return session
}

// held finds the sign-in that waits under a Session of this app client.
func (c *call) held(pool *Pool, client *Client, session string) (*signIn, *apiError) {
	in := pool.signIns[session]
	switch {
	case in == nil || client != nil && in.client.ID != client.ID:
		return nil, notAuthorized("Invalid session for the user.")
	case in.used:
		return nil, notAuthorized("Invalid session for the user, session can only be used once.")
	case c.now.Sub(in.created) > in.client.SessionLife:
		return nil, notAuthorized("Invalid session for the user, session is expired.")
	}
	return in, nil
}

func respondToAuthChallenge(c *call) (any, *apiError) { return c.respond() }

func adminRespondToAuthChallenge(c *call) (any, *apiError) { return c.respond() }

// respond finds what a challenge's answer is about, and has it judged.
func (c *call) respond() (any, *apiError) {
	pool, client, refusal := c.poolAndClient()
	if refusal != nil {
		return nil, refusal
	}
	name, answers := c.params.text("ChallengeName"), c.params.texts("ChallengeResponses")
	if answers["USERNAME"] == "" {
		return nil, missingParameter("USERNAME")
	}
	if name == "PASSWORD_VERIFIER" {
		return c.respondVerifier(pool, client, answers)
	}
	session := c.params.text("Session")
	if session == "" {
		return nil, missingParameter("Session")
	}
	in, refusal := c.held(pool, client, session)
	if refusal != nil {
		return nil, refusal
	}
	judge, known := challengeTable()[name]
	if !known || in.challenge != name || in.signed != c.signed || !c.sameUser(in, answers["USERNAME"]) {
		return nil, notAuthorized("Invalid session for the user.")
	}
	if refusal := client.checkHash(answers["SECRET_HASH"], in.username()); refusal != nil {
		return nil, refusal
	}
	if answers[judge.needs] == "" {
		return nil, missingParameter(judge.needs)
	}
	// The Session outlives an unknown device: AWS's own clients answer again
	// without the device's key.
	if refusal := in.sentFrom(answers["DEVICE_KEY"]); refusal != nil {
		return nil, refusal
	}
	in.client, in.used = client, true
	return judge.answer(c, in, answers)
}

// sameUser says whether the USERNAME of an answer means the user of the
// sign-in. AdminRespondToAuthChallenge takes the username alone, no alias.
func (c *call) sameUser(in *signIn, given string) bool {
	switch {
	case given == in.username():
		return true
	case c.signed:
		return false
	case in.user == nil:
		return in.pool.fold(given) == in.pool.fold(in.typed)
	}
	return in.pool.find(given) == in.user
}

// respondVerifier finds the SRP exchange that an answer is about.
func (c *call) respondVerifier(pool *Pool, client *Client, answers map[string]string) (any, *apiError) {
	for _, name := range []string{"PASSWORD_CLAIM_SECRET_BLOCK", "PASSWORD_CLAIM_SIGNATURE", "TIMESTAMP"} {
		if answers[name] == "" {
			return nil, missingParameter(name)
		}
	}
	session := c.params.text("Session")
	if session != "" {
		if _, refusal := c.held(pool, client, session); refusal != nil {
			return nil, refusal
		}
	}
	exchange := pool.blocks[answers["PASSWORD_CLAIM_SECRET_BLOCK"]]
	if exchange == nil || exchange.in.client.ID != client.ID || exchange.in.signed != c.signed ||
		!c.sameUser(&exchange.in, answers["USERNAME"]) {
		return nil, incorrectPassword()
	}
	switch {
	case exchange.session != "" && session == "":
		return nil, missingParameter("Session")
	case exchange.session != session:
		return nil, notAuthorized("Invalid session for the user.")
	}
	if refusal := client.checkHash(answers["SECRET_HASH"], exchange.name); refusal != nil {
		return nil, refusal
	}
	exchange.in.client = client
	return c.answerVerifier(exchange, answers)
}

// newPasswordParameters tells which attributes the user has and which are missing.
func (p *Pool) newPasswordParameters(u *user) map[string]string {
	missing := []string{}
	for _, name := range p.missingAttributes(u) {
		missing = append(missing, "userAttributes."+name)
	}
	required, _ := json.Marshal(missing)
	have, _ := json.Marshal(u.attributes)
	return map[string]string{"requiredAttributes": string(required), "userAttributes": string(have)}
}

func (p *Pool) missingAttributes(u *user) []string {
	var missing []string
	for _, name := range p.config.RequiredAttributes {
		if u.attributes[name] == "" {
			missing = append(missing, name)
		}
	}
	return missing
}

// answerNewPassword sets the password that replaces a temporary one, and
// attributes with it.
func answerNewPassword(c *call, in *signIn, answers map[string]string) (any, *apiError) {
	p, u := in.pool, in.user
	given := map[string]string{}
	for key, value := range answers {
		if name, isAttribute := strings.CutPrefix(key, "userAttributes."); isAttribute {
			given[name] = value
		}
	}
	if refusal := p.checkNewAttributes(u, given); refusal != nil {
		return nil, refusal
	}
	if refusal := p.checkPolicy(answers["NEW_PASSWORD"]); refusal != nil {
		return nil, refusal
	}
	for name, value := range given {
		u.attributes[name] = value
	}
	u.setPassword(p, answers["NEW_PASSWORD"])
	u.status = Confirmed
	return c.advance(*in)
}

func (p *Pool) checkNewAttributes(u *user, given map[string]string) *apiError {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		switch {
		case slices.Contains([]string{"sub", "email_verified", "phone_number_verified"}, name):
			return notAuthorized("Cannot modify the non-mutable attribute %s", name)
		case u.attributes[name] != "":
			return notAuthorized("Cannot modify an already provided %s", name)
		case !p.inSchema(name):
			return invalidParameter("Attributes did not conform to the schema: %s: Attribute does not exist in the schema.\n", name)
		}
	}
	for _, name := range p.missingAttributes(u) {
		if given[name] == "" {
			return invalidParameter("Invalid attributes given, %s is missing", name)
		}
	}
	return nil
}

// inSchema says whether users of the pool can have an attribute: OpenID
// Connect's standard claims, and the pool's own.
func (p *Pool) inSchema(name string) bool {
	if custom, isCustom := strings.CutPrefix(name, "custom:"); isCustom {
		return slices.Contains(p.config.CustomAttributes, custom)
	}
	return slices.Contains([]string{"address", "birthdate", "email", "family_name", "gender", "given_name", "locale",
		"middle_name", "name", "nickname", "phone_number", "picture", "preferred_username", "profile", "updated_at",
		"website", "zoneinfo"}, name)
}
