package cognito

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/printable"
	"github.com/cogtok/cogtok/profiles"
)

// An operation is what a call was for: the same error type means different
// things in different places.
type operation uint

const (
	opStart       operation = 1 << iota // InitiateAuth, AdminInitiateAuth
	opFactor                            // the answer to SELECT_CHALLENGE, PASSWORD, PASSWORD_SRP
	opVerifier                          // the answer to PASSWORD_VERIFIER
	opCode                              // the answer to a challenge for a code, or to SELECT_MFA_TYPE
	opNewPassword                       // the answer to NEW_PASSWORD_REQUIRED
	opSetup                             // setting up a second factor, up to the answer to MFA_SETUP
	opCustom                            // the answer to CUSTOM_CHALLENGE
	opDeviceProof                       // the answers to DEVICE_SRP_AUTH and DEVICE_PASSWORD_VERIFIER
	opAccount                           // resetting a password, confirming a user
	opRefresh
	opRevoke
	opSignOut
	opDevice // ListDevices, ForgetDevice

	// Of OAuth.
	opDiscover    // the discovery document
	opReply       // what the browser brings back
	opExchange    // the code for tokens
	opRenewOAuth  // the refresh token for new ones
	opCredentials // the client's own token
	opRevokeOAuth

	opStartCustom = opStart | opCustom // InitiateAuth of CUSTOM_AUTH, where no password is in it

	opPassword  = opStart | opFactor | opVerifier // where a password is judged
	opChallenge = opCode | opNewPassword | opSetup | opCustom | opDeviceProof
	opSignIn    = opPassword | opChallenge | opAccount
	opRenew     = opRefresh | opRevoke // where a refresh token is judged
	opAccess    = opSignOut | opDevice // where an access token is judged
	opAny       = opSignIn | opRenew | opAccess

	opBrowser = opReply | opExchange | opRenewOAuth
	opToken   = opExchange | opRenewOAuth | opCredentials
	opOAuth   = opReply | opToken | opRevokeOAuth
)

// String is for the log.
func (o operation) String() string { return operationNames[o] }

var operationNames = map[operation]string{
	opStart:       "beginning a sign-in",
	opStartCustom: "beginning a custom sign-in",
	opFactor:      "answering with the first factor",
	opVerifier:    "proving the password",
	opCode:        "answering with a code",
	opNewPassword: "setting a new password",
	opSetup:       "setting up a second factor",
	opCustom:      "answering the custom challenge",
	opDeviceProof: "proving the device",
	opAccount:     "resetting the password or confirming the user",
	opRefresh:     "renewing",
	opRevoke:      "revoking",
	opSignOut:     "signing out everywhere",
	opDevice:      "looking after devices",
	opDiscover:    "finding the domain",
	opReply:       "signing in with a browser",
	opExchange:    "getting tokens for a code",
	opRenewOAuth:  "renewing",
	opCredentials: "getting a token for the app client",
	opRevokeOAuth: "revoking",
}

// A rule says what an error type means. The first rule that fits holds.
type rule struct {
	ops   operation
	codes string // error types, with | between
	// texts, with | between: one of them has to stand in the message, in lower case. AWS promises
	// no texts, so they only refine a type, and the rule without one is the safe way to take it.
	texts         string
	kind          agent.Kind
	message, hint string // see fill for what stands in braces
}

const (
	hintLogin   = "run: cogtok login {profile}"
	hintSecret  = "run: cogtok secret set {profile} client-secret"
	hintAgain   = "try again in a moment"
	hintIDs     = "check user_pool_id, client_id and region in the config"
	hintActions = "its IAM policy must allow " + adminActions + " on the user pool"
)

// rules are taken from the API Reference and, for the texts, from what Cognito
// and the servers that stand in for it have been seen to say.
var rules = []rule{
	// Trouble that says nothing of the user.
	{opAny, "TooManyRequestsException|ThrottlingException", "", agent.KindThrottled, "Cognito gets too many requests for this AWS account", hintAgain},
	{opPassword | opAccount, "LimitExceededException", "", agent.KindTooManyAttempts, "too many attempts: Cognito refuses more for a while", "wait a few minutes"},
	{opAny, "LimitExceededException", "", agent.KindThrottled, "a limit of Cognito's is exceeded for now", "wait a few minutes"},
	{opAny, "InternalErrorException|InternalServerException|InternalFailure|ServiceUnavailable", "", agent.KindService, "Cognito has trouble of its own", hintAgain},
	{opAny, "ForbiddenException", "", agent.KindForbidden, "the user pool's web ACL (AWS WAF) blocks the request", "ask who runs the user pool {pool}"},
	{opAny, "UserLambdaValidationException", "", agent.KindLambda, "the user pool refuses: {text}", ""},
	{opAny, "UnexpectedLambdaException", "", agent.KindLambda, "a Lambda trigger of the user pool failed", "ask who runs the user pool {pool}"},
	{opAny, "InvalidLambdaResponseException", "", agent.KindLambda, "a Lambda trigger of the user pool gave a bad answer", "ask who runs the user pool {pool}"},
	{opDevice, "InvalidUserPoolConfigurationException", "", agent.KindRefused, "the user pool doesn't track devices", ""},
	{opAny, "InvalidUserPoolConfigurationException", "", agent.KindRefused, "the user pool's configuration is not valid", "ask who runs the user pool {pool}"},

	// The config doesn't fit the pool.
	{opSignIn, "ResourceNotFoundException", "device", agent.KindDeviceUnknown, "the user pool doesn't know this device any more", hintLogin},
	{opRenew, "ResourceNotFoundException", "device", agent.KindLoginRequired, "the user pool doesn't know this device any more", hintLogin},
	{opDevice, "ResourceNotFoundException", "device", agent.KindDeviceUnknown, "the user pool knows no such device", "see: cogtok device list {profile}"},
	{opDevice, "InvalidParameterException", "", agent.KindDeviceUnknown, "that is no key of a device", "see: cogtok device list {profile}"},
	{opAny, "ResourceNotFoundException", "client", agent.KindClientNotFound, "there is no app client {client} in the user pool {pool}", hintIDs},
	{opAny, "ResourceNotFoundException", "", agent.KindClientNotFound, "there is no user pool {pool} with an app client {client} in {region}", hintIDs},
	{opStart, "InvalidParameterException", "lambda trigger is not configured|trigger is not configured", agent.KindFlowNotEnabled, "the user pool {pool} has no Lambda triggers for `auth: {auth}`", "set another `auth`, or ask who runs the user pool"},
	{opStart, "InvalidParameterException", "not enabled|auth method not supported|auth flow not supported", agent.KindFlowNotEnabled, "the app client {client} doesn't allow `auth: {auth}`", "tick {box} on the app client, or set another `auth`"},
	{opRefresh, "InvalidParameterException", "not enabled", agent.KindFlowNotEnabled, "the app client {client} doesn't allow to renew tokens", "tick {box} on the app client, or turn on refresh token rotation"},
	{opRefresh, "UnsupportedOperationException", "", agent.KindFlowNotEnabled, "the server refuses this way to renew tokens", "turn refresh token rotation off on the app client {client}"},
	{opRevoke, "UnsupportedOperationException", "", agent.KindRefused, "the app client {client} has token revocation off", "turn on token revocation for the app client"},
	{opRevoke, "UnauthorizedException", "", agent.KindClientSecret, "Cognito refuses to revoke for the app client {client}: the client secret may be wrong", hintSecret},
	{opAny, "InvalidParameterException|NotAuthorizedException", "secret", agent.KindClientSecret, "{secret}", "{secret hint}"},

	// The AWS credentials of admin-password.
	{opSignIn, "AccessDeniedException|AccessDenied", "", agent.KindAWSCredentials, "the AWS credentials don't allow to sign users in", hintActions},
	{opSignIn, "ExpiredTokenException|ExpiredToken", "", agent.KindAWSCredentials, "the AWS credentials have expired", "renew them; see: aws sts get-caller-identity"},
	{opSignIn, "UnrecognizedClientException|InvalidClientTokenId", "", agent.KindAWSCredentials, "AWS doesn't know the AWS credentials", "see: aws sts get-caller-identity"},
	{opSignIn, "InvalidSignatureException|SignatureDoesNotMatch", "", agent.KindAWSCredentials, "AWS refuses the signature: the secret key is wrong{clock}", hintActions},
	{opSignIn, "MissingAuthenticationTokenException", "", agent.KindAWSCredentials, "AWS asks for a signature", hintActions},
	{opSignIn, "IncompleteSignatureException", "", agent.KindAWSCredentials, "AWS refuses the signature", hintActions},

	// Codes, new passwords, and the session between two steps.
	{opSignIn, "CodeMismatchException|EnableSoftwareTokenMFAException", "", agent.KindCodeWrong, "the code was wrong", hintLogin},
	{opSignIn, "ExpiredCodeException", "already been used", agent.KindCodeUsed, "the code was used already", "wait for the next code, then: cogtok login {profile}"},
	{opSignIn, "ExpiredCodeException", "", agent.KindCodeExpired, "the code has expired", hintLogin},
	{opNewPassword | opAccount, "InvalidPasswordException", "", agent.KindPasswordPolicy, "the new password was refused: {text}", hintLogin},
	{opNewPassword | opAccount, "PasswordHistoryPolicyViolationException", "", agent.KindPasswordPolicy, "the new password was refused: it was used before", hintLogin},
	{opNewPassword, "InvalidParameterException", "attribute", agent.KindRefused, "Cognito refuses the user attributes that were given", hintLogin},
	{opNewPassword, "NotAuthorizedException", "cannot modify", agent.KindRefused, "Cognito lets no user attribute be set that has a value already", "ask who runs the user pool {pool}"},
	{opNewPassword, "InvalidParameterException", "password", agent.KindPasswordPolicy, "the new password was refused: {text}", hintLogin},
	{opSetup, "InvalidParameterException", "email", agent.KindRefused, "Cognito doesn't take the email address that was given", hintLogin},
	{opChallenge | opVerifier | opFactor, "NotAuthorizedException", "session|auth state", agent.KindCodeExpired, "the sign-in took too long and is over", hintLogin},
	{opSignIn, "MFAMethodNotFoundException", "", agent.KindRefused, "Cognito finds no way to ask the user for a second factor", "ask who runs the user pool {pool}"},
	{opSignIn, "SoftwareTokenMFANotFoundException", "", agent.KindRefused, "the user has no authenticator app registered", "ask who runs the user pool {pool}"},
	{opSignIn, "CodeDeliveryFailureException", "", agent.KindRefused, "Cognito can't send the code", "ask who runs the user pool {pool}"},

	// An account that isn't ready to sign in.
	{opAccount, "NotAuthorizedException", "current state", agent.KindRefused, "the password of {user} can't be reset now: the user has a temporary one, or is disabled", "sign in with the temporary password, or ask who runs the user pool {pool}"},
	{opAccount, "NotAuthorizedException", "current status is confirmed", agent.KindRefused, "the user {user} is confirmed already", hintLogin},
	{opAccount, "InvalidParameterException", "no registered", agent.KindRefused, "the user {user} has no verified email address or phone number that a code could go to", "ask who runs the user pool {pool}"},
	{opAccount, "InvalidParameterException", "password", agent.KindPasswordPolicy, "the new password was refused: {text}", hintLogin},

	// The user.
	{opAny, "NotAuthorizedException", "attempts exceeded|too many invalid|temporarily locked", agent.KindTooManyAttempts, "too many failed attempts: Cognito has locked the user for a while, 15 minutes at most", "wait, then: cogtok login {profile}"},
	{opAny, "TooManyFailedAttemptsException", "", agent.KindTooManyAttempts, "too many failed attempts: Cognito refuses more for a while", "wait, then: cogtok login {profile}"},
	{opAny, "NotAuthorizedException", "is disabled", agent.KindUserDisabled, "the user {user} is disabled", "ask who runs the user pool {pool}"},
	{opPassword, "NotAuthorizedException", "temporary password", agent.KindPasswordExpired, "the temporary password has expired", "ask who runs the user pool {pool} for a new one"},
	{opRenew | opAccess, "UserNotFoundException", "", agent.KindLoginRequired, "the user doesn't exist any more", hintLogin},
	{opRenew | opAccess, "NotAuthorizedException", "user does not exist", agent.KindLoginRequired, "the user doesn't exist any more", hintLogin},
	{opAny, "UserNotFoundException", "", agent.KindUserNotFound, "there is no user {user} in the user pool {pool}", "check `username` in the config"},
	{opPassword, "NotAuthorizedException", "user does not exist|user not authorized", agent.KindUserNotFound, "there is no user {user} in the user pool {pool}", "check `username` in the config"},
	{opAny, "UserNotConfirmedException", "", agent.KindUserNotConfirmed, "the user {user} is not confirmed yet", "run: cogtok login {profile}, with the code that was sent at sign-up at hand"},
	{opAny, "PasswordResetRequiredException", "", agent.KindPasswordReset, "the password of {user} has to be reset", "run: cogtok login {profile} --reset"},
	{opDeviceProof, "NotAuthorizedException", "", agent.KindDeviceUnknown, "the user pool refuses the proof of this device", hintLogin},
	{opCustom, "NotAuthorizedException", "", agent.KindChallengeRefused, "the user pool refuses the answer to its challenge", hintLogin},
	{opPassword, "InvalidPasswordException", "", agent.KindWrongPassword, "wrong password for {user}{clock}", hintLogin},
	{opPassword, "NotAuthorizedException", "", agent.KindWrongPassword, "wrong user name or password for {user}{clock}", hintLogin},

	// Refresh tokens.
	{opRenew, "RefreshTokenReuseException", "", agent.KindLoginRequired, "the refresh token was used already, here or by another program", hintLogin},
	{opRenew, "NotAuthorizedException", "different client", agent.KindClientMismatch, "the session belongs to another app client than {client}", hintLogin},
	{opRenew, "NotAuthorizedException", "expired", agent.KindLoginRequired, "sign-in needed: the refresh token has expired", hintLogin},
	{opRenew, "NotAuthorizedException", "revoked", agent.KindLoginRequired, "sign-in needed: the session was revoked", hintLogin},
	{opRenew, "NotAuthorizedException", "invalid refresh token", agent.KindLoginRequired, "sign-in needed: Cognito doesn't take the refresh token any more{device}", hintLogin},
	{opRenew, "NotAuthorizedException", "", agent.KindLoginRequired, "sign-in needed: Cognito refuses to renew the session", hintLogin},
	{opRevoke, "UnsupportedTokenTypeException", "", agent.KindRefused, "Cognito doesn't revoke tokens of this type", ""},

	// The access token of a global sign-out, and of what concerns devices.
	{opSignOut, "NotAuthorizedException", "scope", agent.KindRefused, "the access token lacks the scope aws.cognito.signin.user.admin", "run: cogtok logout --revoke {profile}"},
	{opDevice, "NotAuthorizedException", "scope", agent.KindRefused, "the access token lacks the scope aws.cognito.signin.user.admin", ""},
	{opAccess, "NotAuthorizedException", "", agent.KindLoginRequired, "Cognito doesn't take the access token any more", hintLogin},
}

func (r rule) isFor(code string) bool { return slices.Contains(strings.Split(r.codes, "|"), code) }

// fits reports whether r holds for an answer, whose message is in lower case.
func (r rule) fits(op operation, code, message string) bool {
	return r.ops&op != 0 && r.isFor(code) &&
		slices.ContainsFunc(strings.Split(r.texts, "|"), func(text string) bool { return strings.Contains(message, text) })
}

// isKnownType reports whether an error type is one of the table's.
func isKnownType(code string) bool {
	return slices.ContainsFunc(rules, func(r rule) bool { return r.isFor(code) })
}

// refusal returns the error for an error type of the API.
func (p *Provider) refusal(a attempt, answer answer) *agent.Error {
	text := strings.ToLower(answer.message)
	for _, r := range rules {
		if r.fits(a.op, answer.code, text) {
			fill := p.fill(a, answer)
			return errorf(a.profile, r.kind, "%s", fill.Replace(r.message)).WithHint("%s", fill.Replace(r.hint))
		}
	}
	switch {
	case answer.unknownOperation():
		return errorf(a.profile, agent.KindRefused, "%s doesn't know how to do this: %s", host(a.profile), a.doing())
	case answer.status >= 500:
		return nonsense(a.profile, answer)
	case a.op&(opRevoke|opAccess) != 0, answer.code != "InvalidParameterException":
		return errorf(a.profile, agent.KindRefused, "Cognito refuses (%s)", a.secrets.typeName(answer.code)).WithHint("see: cogtok agent log")
	}
	return errorf(a.profile, agent.KindRefused, "Cognito doesn't take the request as it is (%s)", a.secrets.typeName(answer.code)).WithHint(hintIDs)
}

// doing says what a call was to do.
func (a attempt) doing() string {
	if a.op&opStart != 0 {
		return "`auth: " + shown(a.profile.Auth) + "`"
	}
	return a.op.String()
}

// fill fills in what stands in braces in a rule's texts.
func (p *Provider) fill(a attempt, answer answer) *strings.Replacer {
	secret, secretHint := secretTrouble(a)
	name := shown(a.profile.Name)
	return strings.NewReplacer(
		"{secret}", secret, "{secret hint}", strings.ReplaceAll(secretHint, "{profile}", name),
		"{clock}", p.clock(a, answer), "{device}", deviceTrouble(a),
		"{text}", a.secrets.redact(answer.message, 300),
		"{profile}", name, "{user}", shown(a.profile.Username), "{auth}", shown(a.profile.Auth),
		"{client}", shown(a.profile.ClientID), "{pool}", shown(a.profile.UserPoolID), "{region}", shown(a.profile.Region),
		"{box}", a.box,
	)
}

// secretTrouble says what is wrong with the client secret. Cognito uses one text for a
// secret that is wrong and for one that the app client hasn't got.
func secretTrouble(a attempt) (message, hint string) {
	if a.clientSecret.Empty() {
		return "the app client has a client secret, and none is stored", hintSecret
	}
	return "Cognito refuses the client secret: it is wrong, may have been rotated, or the app client has none",
		hintSecret + " (or delete it: cogtok secret delete {profile} client-secret)"
}

// deviceTrouble: a refresh token is bound to its device, and ends with it. After an
// admin sign-in, a pool that remembers devices renews nothing
// (https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flows-public-server-side.html).
func deviceTrouble(a attempt) string {
	switch {
	case a.profile.Auth == profiles.AuthAdminPassword:
		return " (a user pool that remembers devices renews nothing after `auth: admin-password`)"
	case a.device:
		return " (it is bound to this device, which the user pool may have forgotten)"
	}
	return ""
}

// maxClockError is how far a clock may be off before it is named as a cause.
// AWS gives no number; five minutes have been seen to be too much.
const maxClockError = 2 * time.Minute

// clock says that this machine's clock is off where that explains a refusal:
// the proof of SRP and the signature of AWS requests hold the time.
func (p *Provider) clock(a attempt, answer answer) string {
	timed := a.srp || strings.Contains(answer.code, "Signature")
	if answer.date.IsZero() || !timed {
		return ""
	}
	off := p.config.Now().Sub(answer.date)
	if off.Abs() <= maxClockError {
		return ""
	}
	direction := "ahead"
	if off < 0 {
		direction = "behind"
	}
	return fmt.Sprintf(", or: your clock is %.0f s off (%s), which has the same effect", off.Abs().Seconds(), direction)
}

// sentence returns an error's message as what is said before another question.
func sentence(err error) string {
	text := []rune(printable.Limit(withoutProfile(err), 180))
	if len(text) == 0 {
		return ""
	}
	return string(unicode.ToUpper(text[0])) + string(text[1:]) + ". "
}

// withoutProfile returns the message of an error that names its profile,
// without the name.
func withoutProfile(err error) string {
	_, message, found := strings.Cut(agent.AsError(err).Message, ": ")
	if !found {
		return agent.AsError(err).Message
	}
	return message
}
