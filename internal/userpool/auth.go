package userpool

// authAnswer is what sign-in and challenge operations answer: either tokens or
// the next challenge.
type authAnswer struct {
	AuthenticationResult *authResult       `json:",omitempty"`
	ChallengeName        string            `json:",omitempty"`
	ChallengeParameters  map[string]string // {} with tokens
	Session              string            `json:",omitempty"`
}

type authResult struct {
	AccessToken  string
	ExpiresIn    int // seconds; of the access token
	TokenType    string
	RefreshToken string `json:",omitempty"`
	IdToken      string `json:",omitempty"` //nolint:revive // Cognito's spelling
}

// flow is one AuthFlow: which switch of the app client allows it and through
// which operations it can be begun.
type flow struct {
	allow            string
	unsigned, signed bool
	begin            func(*call, *Pool, *Client) (any, *apiError)
}

func flowTable() map[string]flow {
	admin := flow{allow: "ALLOW_ADMIN_USER_PASSWORD_AUTH", signed: true, begin: beginPassword}
	refresh := flow{allow: "ALLOW_REFRESH_TOKEN_AUTH", unsigned: true, signed: true, begin: beginRefresh}
	return map[string]flow{
		"USER_PASSWORD_AUTH":       {allow: "ALLOW_USER_PASSWORD_AUTH", unsigned: true, begin: beginPassword},
		"ADMIN_USER_PASSWORD_AUTH": admin,
		"ADMIN_NO_SRP_AUTH":        admin,
		"USER_SRP_AUTH":            {allow: "ALLOW_USER_SRP_AUTH", unsigned: true, signed: true, begin: beginSRP},
		"REFRESH_TOKEN_AUTH":       refresh,
		"REFRESH_TOKEN":            refresh,
		"CUSTOM_AUTH":              {allow: "ALLOW_CUSTOM_AUTH", unsigned: true, signed: true, begin: beginCustom},
		"USER_AUTH":                {allow: "ALLOW_USER_AUTH", unsigned: true, signed: true},
	}
}

func initiateAuth(c *call) (any, *apiError) { return c.initiate() }

func adminInitiateAuth(c *call) (any, *apiError) { return c.initiate() }

// initiate begins a flow, if this operation and the app client allow it.
func (c *call) initiate() (any, *apiError) {
	pool, client, refusal := c.poolAndClient()
	if refusal != nil {
		return nil, refusal
	}
	name := c.params.text("AuthFlow")
	f := flowTable()[name]
	if c.signed && !f.signed || !c.signed && !f.unsigned {
		return nil, invalidParameter("Initiate Auth method not supported")
	}
	rotating := client.Rotation && f.allow == "ALLOW_REFRESH_TOKEN_AUTH" // refused in its own words
	if !client.allows(f.allow) && !rotating {
		return nil, flowOff(name, c.signed)
	}
	return f.begin(c, pool, client)
}

func flowOff(name string, signed bool) *apiError {
	switch {
	case signed:
		return invalidParameter("Auth flow not enabled for this client")
	case name == "USER_SRP_AUTH":
		return invalidParameter("USER_SRP_AUTH is not enabled for the client.")
	}
	return invalidParameter("%s flow not enabled for this client", name)
}

// beginPassword is USER_PASSWORD_AUTH and ADMIN_USER_PASSWORD_AUTH.
func beginPassword(c *call, pool *Pool, client *Client) (any, *apiError) {
	typed, u, refusal := c.who(pool, client, "PASSWORD")
	if refusal != nil {
		return nil, refusal
	}
	password := c.params.texts("AuthParameters")["PASSWORD"]
	if u == nil {
		pool.madeUp(typed) // takes as long as for a user who exists
		return nil, incorrectPassword()
	}
	if refusal := u.provePassword(c.now, func() bool { return u.hasPassword(pool, password) }); refusal != nil {
		return nil, refusal
	}
	return c.advance(signIn{pool: pool, client: client, user: u, signed: c.signed})
}

// beginSRP is USER_SRP_AUTH.
func beginSRP(c *call, pool *Pool, client *Client) (any, *apiError) {
	typed, u, refusal := c.who(pool, client, "SRP_A")
	if refusal != nil {
		return nil, refusal
	}
	in := signIn{pool: pool, client: client, user: u, signed: c.signed}
	return c.startSRP(in, u, typed, c.params.texts("AuthParameters")["SRP_A"])
}

// beginCustom refuses CUSTOM_AUTH as a pool does that has no Lambda triggers.
func beginCustom(*call, *Pool, *Client) (any, *apiError) {
	return nil, invalidParameter("Custom auth lambda trigger is not configured for the user pool.")
}

// who finds the user who signs in, after the checks that come before the
// password: parameters, SECRET_HASH over the name as it was sent, and whether a
// reset is due. With PreventUserExistenceErrors it returns nil for an unknown one.
func (c *call) who(pool *Pool, client *Client, proof string) (string, *user, *apiError) {
	p := c.params.texts("AuthParameters")
	for _, name := range []string{"USERNAME", proof} {
		if p[name] == "" {
			return "", nil, missingParameter(name)
		}
	}
	typed := p["USERNAME"]
	u := pool.find(typed)
	if refusal := client.checkHash(p["SECRET_HASH"], typed); refusal != nil {
		if u != nil && client.Secret != "" && p["SECRET_HASH"] != "" && !u.passwords.locked(c.now) {
			// A wrong client secret counts as a failed sign-in and locks users out:
			// https://github.com/aws/aws-sdk-js/issues/4642
			u.passwords.failed(c.now)
		}
		return "", nil, refusal
	}
	switch {
	case u == nil && !client.PreventUserExistenceErrors:
		return "", nil, userNotFound()
	case u != nil && u.status == ResetRequired:
		return "", nil, refuse("PasswordResetRequiredException", "Password reset required for the user")
	}
	return typed, u, nil
}
