package userpool

import "regexp"

// operation is one operation of the API: whether it takes a SigV4 signature,
// what its input looks like, and what does it.
type operation struct {
	signed bool
	shape  []member
	run    func(*call) (any, *apiError)
}

// operationTable lists what this server can do. Anything else is an
// UnknownOperationException.
func operationTable() map[string]operation {
	return map[string]operation{
		"InitiateAuth":                {shape: initiateAuthShape(), run: initiateAuth},
		"AdminInitiateAuth":           {signed: true, shape: admin(initiateAuthShape()), run: adminInitiateAuth},
		"RespondToAuthChallenge":      {shape: respondShape(), run: respondToAuthChallenge},
		"AdminRespondToAuthChallenge": {signed: true, shape: admin(respondShape()), run: adminRespondToAuthChallenge},
		"GetTokensFromRefreshToken":   {shape: getTokensShape(), run: getTokensFromRefreshToken},
		"RevokeToken":                 {shape: revokeShape(), run: revokeToken},
		"GlobalSignOut":               {shape: []member{accessTokenMember(true)}, run: globalSignOut},
		"GetUser":                     {shape: []member{accessTokenMember(true)}, run: getUser},
		"AssociateSoftwareToken":      {shape: []member{accessTokenMember(false), sessionMember()}, run: associateSoftwareToken},
		"VerifySoftwareToken":         {shape: verifyShape(), run: verifySoftwareToken},

		"SetUserMFAPreference": {shape: mfaPreferenceShape(), run: setUserMFAPreference},

		"ForgotPassword":         {shape: accountShape(), run: forgotPassword},
		"ConfirmForgotPassword":  {shape: accountShape(confirmationCodeMember(), passwordMember(true)), run: confirmForgotPassword},
		"SignUp":                 {shape: signUpShape(), run: signUp},
		"ConfirmSignUp":          {shape: accountShape(confirmationCodeMember(), sessionMember()), run: confirmSignUp},
		"ResendConfirmationCode": {shape: accountShape(), run: resendConfirmationCode},

		"ConfirmDevice":      {shape: confirmDeviceShape(), run: confirmDevice},
		"UpdateDeviceStatus": {shape: deviceShape(true, member{name: "DeviceRememberedStatus", enum: []string{"remembered", "not_remembered"}}), run: updateDeviceStatus},
		"GetDevice":          {shape: deviceShape(false), run: getDevice},
		"ForgetDevice":       {shape: deviceShape(false), run: forgetDevice},
		"ListDevices":        {shape: listDevicesShape(), run: listDevices},
	}
}

// The shapes are those of the API model of the service, 2016-04-18.

func initiateAuthShape() []member {
	return []member{
		{name: "AuthFlow", required: true, enum: authFlows()},
		clientIDMember(),
		{name: "AuthParameters", kind: textMap},
		{name: "ClientMetadata", kind: textMap},
		{name: "AnalyticsMetadata", kind: structure},
		{name: "UserContextData", kind: structure},
		sessionMember(),
	}
}

func respondShape() []member {
	return []member{
		clientIDMember(),
		{name: "ChallengeName", required: true, enum: challengeNames()},
		sessionMember(),
		{name: "ChallengeResponses", kind: textMap},
		{name: "ClientMetadata", kind: textMap},
		{name: "AnalyticsMetadata", kind: structure},
		{name: "UserContextData", kind: structure},
	}
}

// admin adds what the signed variant of an operation has more.
func admin(shape []member) []member {
	return append([]member{
		{name: "UserPoolId", required: true, min: 1, max: 55, pattern: whole(`[\w-]+_[0-9a-zA-Z]+`)},
		{name: "ContextData", kind: structure},
	}, shape...)
}

func getTokensShape() []member {
	return []member{
		{name: "RefreshToken", required: true, pattern: tokenPattern()},
		clientIDMember(),
		clientSecretMember(),
		deviceKeyMember(false),
		{name: "ClientMetadata", kind: textMap},
	}
}

func mfaPreferenceShape() []member {
	return []member{
		accessTokenMember(true),
		{name: "SMSMfaSettings", kind: structure},
		{name: "SoftwareTokenMfaSettings", kind: structure},
		{name: "EmailMfaSettings", kind: structure},
	}
}

// accountShape is the input of operations on a user who isn't signed in.
func accountShape(more ...member) []member {
	return append([]member{
		clientIDMember(),
		{name: "SecretHash", min: 1, max: 128, pattern: whole(`[\w+=/]+`)},
		{name: "Username", required: true, min: 1, max: 128, pattern: whole(`[\p{L}\p{M}\p{S}\p{N}\p{P}]+`)},
		{name: "UserContextData", kind: structure},
		{name: "AnalyticsMetadata", kind: structure},
		{name: "ClientMetadata", kind: textMap},
	}, more...)
}

func signUpShape() []member {
	return accountShape(passwordMember(false),
		member{name: "UserAttributes", kind: attributeList}, member{name: "ValidationData", kind: attributeList})
}

func confirmationCodeMember() member {
	return member{name: "ConfirmationCode", required: true, min: 1, max: 2048, pattern: whole(`[\S]+`)}
}

// passwordMember has the pattern that AWS names when it refuses a password. The
// model's would refuse spaces, which the password policy allows.
func passwordMember(required bool) member {
	return member{name: "Password", required: required, max: maxPassword, pattern: whole(`[\S]+.*[\S]+`)}
}

// deviceShape is the input of operations on one device; in some of them the
// model leaves AccessToken optional, for it takes no other credentials.
func deviceShape(tokenRequired bool, more ...member) []member {
	return append([]member{accessTokenMember(tokenRequired), deviceKeyMember(true)}, more...)
}

func confirmDeviceShape() []member {
	return deviceShape(true,
		member{name: "DeviceSecretVerifierConfig", kind: structure},
		member{name: "DeviceName", min: 1, max: 1024})
}

func listDevicesShape() []member {
	return []member{
		accessTokenMember(true),
		{name: "Limit", kind: integer, max: maxDevices},
		{name: "PaginationToken", min: 1, pattern: whole(`[\S]+`)},
	}
}

func deviceKeyMember(required bool) member {
	return member{name: "DeviceKey", required: required, min: 1, max: 55, pattern: whole(`[\w-]+_[0-9a-f-]+`)}
}

func revokeShape() []member {
	return []member{
		{name: "Token", required: true, pattern: tokenPattern()},
		clientIDMember(),
		clientSecretMember(),
	}
}

func verifyShape() []member {
	return []member{
		accessTokenMember(false),
		sessionMember(),
		{name: "UserCode", required: true, min: 6, max: 6, pattern: whole(`[0-9]+`)},
		{name: "FriendlyDeviceName", max: 131072},
	}
}

func clientIDMember() member {
	return member{name: "ClientId", required: true, min: 1, max: 128, pattern: whole(`[\w+]+`)}
}

func clientSecretMember() member {
	return member{name: "ClientSecret", min: 24, max: 64, pattern: whole(`[\w+]+`)}
}

func sessionMember() member { return member{name: "Session", min: 20, max: 2048} }

func accessTokenMember(required bool) member {
	return member{name: "AccessToken", required: required, pattern: tokenPattern()}
}

func tokenPattern() *regexp.Regexp { return whole(`[A-Za-z0-9-_=.]+`) }

// whole compiles a pattern that must match all of a value.
func whole(pattern string) *regexp.Regexp {
	return regexp.MustCompile("^(?:" + pattern + ")$")
}

func authFlows() []string {
	return []string{"USER_SRP_AUTH", "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN", "CUSTOM_AUTH", "ADMIN_NO_SRP_AUTH",
		"USER_PASSWORD_AUTH", "ADMIN_USER_PASSWORD_AUTH", "USER_AUTH"}
}

func challengeNames() []string {
	return []string{"SMS_MFA", "EMAIL_OTP", "SOFTWARE_TOKEN_MFA", "SELECT_MFA_TYPE", "MFA_SETUP", "PASSWORD_VERIFIER",
		"CUSTOM_CHALLENGE", "SELECT_CHALLENGE", "DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER", "ADMIN_NO_SRP_AUTH",
		"NEW_PASSWORD_REQUIRED", "SMS_OTP", "PASSWORD", "WEB_AUTHN", "PASSWORD_SRP"}
}
