package userpool

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
)

// The choice-based flow, USER_AUTH:
// https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flows-selection-sdk.html

// firstFactor is one way to begin USER_AUTH.
type firstFactor struct {
	name    string
	allowed string // as AllowedFirstAuthFactors spells it
	proof   string // what is sent with the choice; "" for nothing
	has     func(*user) bool
	begin   func(*call, signIn, string) (any, *apiError) // with the proof
}

func firstFactors() []firstFactor {
	everybody := func(*user) bool { return true }
	return []firstFactor{
		{"PASSWORD", "PASSWORD", "PASSWORD", everybody, (*call).judgePassword},
		{"PASSWORD_SRP", "PASSWORD", "SRP_A", everybody, (*call).startSRP},
		{"EMAIL_OTP", "EMAIL_OTP", "", reachedBy(byEmail), beginOTP("EMAIL_OTP", byEmail)},
		{"SMS_OTP", "SMS_OTP", "", reachedBy(bySMS), beginOTP("SMS_OTP", bySMS)},
		{"WEB_AUTHN", "WEB_AUTHN", "", func(u *user) bool { return u.passkey }, beginPasskey},
	}
}

// reachedBy says who can get a code to sign in with: whose address is verified,
// and who has no temporary password. The second isn't documented.
func reachedBy(medium string) func(*user) bool {
	return func(u *user) bool { return u.verified(medium) != "" && u.status != ForceChangePassword }
}

func findFactor(factors []firstFactor, name string) (firstFactor, bool) {
	i := slices.IndexFunc(factors, func(f firstFactor) bool { return f.name == name })
	if i < 0 {
		return firstFactor{}, false
	}
	return factors[i], true
}

// checkFirstFactors panics on a factor that AllowedFirstAuthFactors can't name.
func checkFirstFactors(names []string) {
	for _, name := range names {
		if f, known := findFactor(firstFactors(), name); !known || f.allowed != name {
			panic("userpool: no first factor " + name)
		}
	}
}

// choices are the first factors that the user of a sign-in has. Codes and
// passkeys aren't offered where MFA follows: Cognito has them instead of it
// (https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-mfa.html).
// Nobody's choices are made up, always the same ones for a name.
func (in *signIn) choices() []firstFactor {
	p := in.pool
	mfa := p.config.MFA == MFARequired || in.user != nil && p.secondFactor(in.user) != ""
	var have []firstFactor
	for i, f := range firstFactors() {
		switch {
		case !slices.Contains(p.config.FirstFactors, f.allowed):
		case mfa && f.allowed != "PASSWORD":
		case in.user != nil && !f.has(in.user):
		case in.user == nil && f.allowed != "PASSWORD" && p.invented(in.typed)[i]%2 == 1:
		default:
			have = append(have, f)
		}
	}
	return have
}

// beginChoice is USER_AUTH: the preferred factor, or else the choice.
func beginChoice(c *call, pool *Pool, client *Client) (any, *apiError) {
	typed, u, refusal := c.who(pool, client)
	if refusal != nil {
		return nil, refusal
	}
	in := signIn{pool: pool, client: client, user: u, typed: typed, signed: c.signed, srpSession: true}
	p := c.params.texts("AuthParameters")
	f, eligible := findFactor(in.choices(), p["PREFERRED_CHALLENGE"])
	switch {
	case !eligible:
		return c.askChoice(in), nil
	case f.proof != "" && p[f.proof] == "":
		return c.challenge(in, f.name, nil), nil // and its answer is the proof
	}
	return f.begin(c, in, p[f.proof])
}

// askChoice lists the factors to choose from.
func (c *call) askChoice(in signIn) authAnswer {
	answer := c.challenge(in, "SELECT_CHALLENGE", nil)
	for _, f := range in.choices() {
		answer.AvailableChallenges = append(answer.AvailableChallenges, f.name)
	}
	return answer
}

// answerSelectChallenge begins the factor that was chosen. Its proof comes in
// the same answer. The text for a factor that isn't there is not documented.
func answerSelectChallenge(c *call, in *signIn, answers map[string]string) (any, *apiError) {
	f, available := findFactor(in.choices(), answers["ANSWER"])
	switch {
	case !available:
		return nil, invalidParameter("The selected challenge is not available.")
	case f.proof != "" && answers[f.proof] == "":
		return nil, missingParameter(f.proof)
	}
	return f.begin(c, *in, answers[f.proof])
}

func answerPassword(c *call, in *signIn, answers map[string]string) (any, *apiError) {
	return c.judgePassword(*in, answers["PASSWORD"])
}

func answerPasswordSRP(c *call, in *signIn, answers map[string]string) (any, *apiError) {
	return c.startSRP(*in, answers["SRP_A"])
}

// beginOTP sends a code as the first factor. Who may not sign in gets none.
func beginOTP(challenge, medium string) func(*call, signIn, string) (any, *apiError) {
	return func(c *call, in signIn, _ string) (any, *apiError) {
		if in.user == nil {
			return c.challenge(in, challenge, delivered(medium, in.pool.inventedDestination(medium, in.typed))), nil
		}
		if refusal := in.pool.ready(in.user, c.now); refusal != nil {
			return nil, refusal
		}
		return c.sendCode(in, challenge, medium), nil
	}
}

// inventedDestination is where no code is sent to, for somebody who doesn't exist.
func (p *Pool) inventedDestination(medium, typed string) string {
	sum := p.invented(typed)
	if medium == byEmail {
		return fmt.Sprintf("%c@%c", 'a'+sum[0]%26, 'a'+sum[1]%26)
	}
	return fmt.Sprintf("+1555555%02d%02d", sum[2]%100, sum[3]%100)
}

// beginPasskey asks for a passkey, with options as WebAuthn defines them:
// https://www.w3.org/TR/webauthn-3/#dictdef-publickeycredentialrequestoptionsjson
func beginPasskey(c *call, in signIn, _ string) (any, *apiError) {
	options, err := json.Marshal(map[string]any{
		"challenge":        base64.RawURLEncoding.EncodeToString(randomBytes(32)),
		"timeout":          180_000,
		"rpId":             "auth.example.com",
		"allowCredentials": []map[string]string{{"type": "public-key", "id": base64.RawURLEncoding.EncodeToString(in.pool.invented(in.typed))}},
		"userVerification": "preferred",
	})
	if err != nil {
		panic(err) // strings and a number
	}
	return c.challenge(in, "WEB_AUTHN", map[string]string{"CREDENTIAL_REQUEST_OPTIONS": string(options)}), nil
}

// answerPasskey refuses: no passkey is registered here. AWS's text for a wrong
// one isn't documented.
func answerPasskey(*call, *signIn, map[string]string) (any, *apiError) {
	return nil, incorrectPassword()
}
