package userpool

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// signIn is a sign-in on its way: the password was proved, or is about to be.
type signIn struct {
	pool   *Pool
	client *Client
	user   *user // nil: nobody, whose existence isn't told
	signed bool  // begun by AdminInitiateAuth

	challenge    string
	page         bool // on a page of the managed login
	created      time.Time
	used         bool   // its Session was answered
	code         string // SMS_MFA: what was sent
	setup        totp   // MFA_SETUP: the seed that AssociateSoftwareToken made
	setupDone    bool   // MFA_SETUP: VerifySoftwareToken saw a code
	secondFactor bool   // done
}

// challengeAnswer judges the answer to one challenge. needs is the response
// that must be there.
type challengeAnswer struct {
	needs  string
	answer func(*call, *signIn, map[string]string) (any, *apiError)
}

// challengeTable lists the challenges that have a Session. PASSWORD_VERIFIER
// has none: see srp.go.
func challengeTable() map[string]challengeAnswer {
	return map[string]challengeAnswer{
		"NEW_PASSWORD_REQUIRED": {"NEW_PASSWORD", answerNewPassword},
		"SMS_MFA":               {"SMS_MFA_CODE", answerSMS},
		"SOFTWARE_TOKEN_MFA":    {"SOFTWARE_TOKEN_MFA_CODE", answerSoftwareToken},
		"SELECT_MFA_TYPE":       {"ANSWER", answerSelectMFA},
		"MFA_SETUP":             {"USERNAME", answerSetup},
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
	if u.status == ForceChangePassword {
		return c.challenge(in, "NEW_PASSWORD_REQUIRED", in.pool.newPasswordParameters(u)), nil
	}
	if !in.secondFactor {
		if name := in.pool.secondFactor(u); name != "" {
			return c.askFactor(in, name), nil
		}
	}
	if in.page {
		return loggedIn{in}, nil
	}
	return authAnswer{AuthenticationResult: c.signedIn(in), ChallengeParameters: map[string]string{}}, nil
}

// challenge puts the sign-in on hold under a new Session.
func (c *call) challenge(in signIn, name string, parameters map[string]string) authAnswer {
	in.challenge = name
	if parameters == nil {
		parameters = map[string]string{}
	}
	parameters["USER_ID_FOR_SRP"] = in.user.username
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
	if !known || in.challenge != name || in.signed != c.signed || !c.sameUser(pool, in.user.username, answers["USERNAME"]) {
		return nil, notAuthorized("Invalid session for the user.")
	}
	if refusal := client.checkHash(answers["SECRET_HASH"], in.user.username); refusal != nil {
		return nil, refusal
	}
	if answers[judge.needs] == "" {
		return nil, missingParameter(judge.needs)
	}
	in.client, in.used = client, true
	return judge.answer(c, in, answers)
}

// sameUser says whether the USERNAME of an answer means the user of the
// sign-in. AdminRespondToAuthChallenge takes the username alone, no alias.
func (c *call) sameUser(pool *Pool, username, given string) bool {
	if c.signed {
		return given == username
	}
	u := pool.find(given)
	return given == username || u != nil && u.username == username
}

// respondVerifier finds the SRP exchange that an answer is about.
func (c *call) respondVerifier(pool *Pool, client *Client, answers map[string]string) (any, *apiError) {
	for _, name := range []string{"PASSWORD_CLAIM_SECRET_BLOCK", "PASSWORD_CLAIM_SIGNATURE", "TIMESTAMP"} {
		if answers[name] == "" {
			return nil, missingParameter(name)
		}
	}
	if session := c.params.text("Session"); session != "" {
		// None was given out: it can only belong to something else.
		return nil, notAuthorized("Invalid session for the user.")
	}
	exchange := pool.blocks[answers["PASSWORD_CLAIM_SECRET_BLOCK"]]
	if exchange == nil || exchange.in.client.ID != client.ID || exchange.in.signed != c.signed ||
		!c.sameUser(pool, exchange.name, answers["USERNAME"]) {
		return nil, incorrectPassword()
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
