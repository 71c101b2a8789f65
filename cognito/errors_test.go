package cognito_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/cognito"
	"github.com/cogtok/cogtok/profiles"
)

// What Cognito says, where, and what people are told. The texts are AWS's own
// where they are known.
var refusals = []struct {
	at            string // an operation, or the challenge whose answer is refused
	code, message string
	kind          agent.Kind
	texts         []string
}{
	{"InitiateAuth", "NotAuthorizedException", "Incorrect username or password.", agent.KindWrongPassword, []string{"run: cogtok login prod"}},
	{"InitiateAuth", "NotAuthorizedException", "a text that nobody has seen yet", agent.KindWrongPassword, nil},
	{"InitiateAuth", "NotAuthorizedException", "Password attempts exceeded", agent.KindTooManyAttempts, []string{"15 minutes"}},
	{"InitiateAuth", "NotAuthorizedException", "User is disabled.", agent.KindUserDisabled, []string{"rob"}},
	{"InitiateAuth", "NotAuthorizedException", "Temporary password has expired and must be reset by an administrator.", agent.KindPasswordExpired, nil},
	{"InitiateAuth", "NotAuthorizedException", "Unable to verify secret hash for client client", agent.KindClientSecret, []string{"rotated", "cogtok secret set prod client-secret"}},
	{"InitiateAuth", "NotAuthorizedException", "SecretHash does not match for the client: client", agent.KindClientSecret, nil},
	{"InitiateAuth", "NotAuthorizedException", "Client client is configured with secret but SECRET_HASH was not received", agent.KindClientSecret, nil},
	{"InitiateAuth", "NotAuthorizedException", "User not authorized", agent.KindUserNotFound, nil}, // cognito-local
	{"InitiateAuth", "InvalidPasswordException", "Invalid password", agent.KindWrongPassword, nil}, // cognito-local
	{"InitiateAuth", "UserNotFoundException", "User does not exist.", agent.KindUserNotFound, []string{"`username`"}},
	{"InitiateAuth", "UserNotConfirmedException", "User is not confirmed.", agent.KindUserNotConfirmed, nil},
	{"InitiateAuth", "PasswordResetRequiredException", "Password reset required for the user", agent.KindPasswordReset, nil},
	{"InitiateAuth", "InvalidParameterException", "USER_PASSWORD_AUTH flow not enabled for this client", agent.KindFlowNotEnabled, []string{"ALLOW_USER_PASSWORD_AUTH", "client"}},
	{"InitiateAuth", "InvalidParameterException", "Initiate Auth method not supported", agent.KindFlowNotEnabled, []string{"ALLOW_USER_PASSWORD_AUTH"}},
	{"InitiateAuth", "InvalidParameterException", "something else", agent.KindRefused, []string{"InvalidParameterException", "user_pool_id"}},
	{"InitiateAuth", "ResourceNotFoundException", "User pool client client does not exist.", agent.KindClientNotFound, []string{"no app client client"}},
	{"InitiateAuth", "ResourceNotFoundException", "User pool us-east-1_AbCdEf123 does not exist.", agent.KindClientNotFound, []string{"no user pool"}},
	{"InitiateAuth", "TooManyRequestsException", "Rate exceeded", agent.KindThrottled, nil},
	{"InitiateAuth", "LimitExceededException", "Attempt limit exceeded, please try after some time.", agent.KindTooManyAttempts, nil},
	{"InitiateAuth", "ForbiddenException", "Request not allowed due to WAF block", agent.KindForbidden, []string{"WAF"}},
	{"InitiateAuth", "UserLambdaValidationException", "PreAuthentication failed with error Not from this network \x1b[31m.", agent.KindLambda, []string{"Not from this network"}},
	{"InitiateAuth", "UserLambdaValidationException", "You typed " + goodPassword, agent.KindLambda, []string{"You typed [redacted]"}},
	{"InitiateAuth", "UnexpectedLambdaException", "x", agent.KindLambda, nil},
	{"InitiateAuth", "InvalidLambdaResponseException", "x", agent.KindLambda, nil},
	{"InitiateAuth", "InternalErrorException", "x", agent.KindService, nil},
	{"InitiateAuth", "BrandNewException", "marker", agent.KindRefused, []string{"BrandNewException", "agent log"}},
	{"InitiateAuth", "CognitoLocal#Unsupported", "Cognito Local unsupported feature: marker", agent.KindRefused, []string{"doesn't know", "`auth: password`"}},
	{"GlobalSignOut", "UnknownOperationException", "", agent.KindRefused, []string{"doesn't know", "signing out everywhere"}},
	{"InitiateAuth", "\x1b[2J", "marker", agent.KindRefused, nil},

	{"SMS_MFA", "CodeMismatchException", "Invalid verification code provided, please try again.", agent.KindPromptUnanswered, nil}, // asked again
	{"SMS_MFA", "ExpiredCodeException", "Invalid code provided, please request a code again.", agent.KindPromptUnanswered, nil},    // a new one is sent,
	{"SMS_MFA", "NotAuthorizedException", "Invalid session for the user, session is expired.", agent.KindPromptUnanswered, nil},
	{"SMS_MFA", "NotAuthorizedException", "Too many invalid credentials attempts. User temporarily locked. Please try again after few seconds.", agent.KindTooManyAttempts, nil},
	{"SMS_MFA", "NotAuthorizedException", "a text that nobody has seen yet", agent.KindRefused, nil},
	{"SMS_MFA", "NotAuthorizedException", "Unable to verify secret hash for client client", agent.KindClientSecret, nil},

	{"NEW_PASSWORD_REQUIRED", "InvalidPasswordException", "Password did not conform with policy: " + newPassword + " is too short", agent.KindPromptUnanswered, nil}, // asked again
	{"NEW_PASSWORD_REQUIRED", "NotAuthorizedException", "Cannot modify an already provided email", agent.KindRefused, nil},
	{"NEW_PASSWORD_REQUIRED", "InvalidParameterException", "Invalid attributes given, name is missing", agent.KindRefused, []string{"attributes"}},

	{"GetTokensFromRefreshToken", "NotAuthorizedException", "Refresh Token has expired", agent.KindLoginRequired, []string{"expired", "run: cogtok login prod"}},
	{"GetTokensFromRefreshToken", "NotAuthorizedException", "Refresh Token has been revoked", agent.KindLoginRequired, []string{"revoked"}},
	{"GetTokensFromRefreshToken", "NotAuthorizedException", "Invalid Refresh Token.", agent.KindLoginRequired, nil},
	{"GetTokensFromRefreshToken", "NotAuthorizedException", "NotAuthorizedError(marker-refresh-token)", agent.KindLoginRequired, nil}, // it echoes the token
	{"GetTokensFromRefreshToken", "NotAuthorizedException", "Refresh Token has different Client", agent.KindClientMismatch, nil},
	{"GetTokensFromRefreshToken", "NotAuthorizedException", "User is disabled.", agent.KindUserDisabled, nil},
	{"GetTokensFromRefreshToken", "NotAuthorizedException", "SecretHash does not match for the client: client", agent.KindClientSecret, nil},
	{"GetTokensFromRefreshToken", "UserNotFoundException", "User does not exist.", agent.KindLoginRequired, []string{"exist"}},
	{"GetTokensFromRefreshToken", "RefreshTokenReuseException", "Refresh token reuse detected", agent.KindLoginRequired, nil},
	{"GetTokensFromRefreshToken", "ResourceNotFoundException", "Device does not exist.", agent.KindLoginRequired, []string{"device"}},
	{"GetTokensFromRefreshToken", "ResourceNotFoundException", "User pool client client does not exist.", agent.KindClientNotFound, nil},
	{"GetTokensFromRefreshToken", "UserLambdaValidationException", "PreTokenGeneration failed with error " + clientSecret + " marker-refresh-token", agent.KindLambda, []string{"[redacted] [redacted]"}},
	{"GetTokensFromRefreshToken", "UnexpectedLambdaException", "x", agent.KindLambda, nil},
	{"GetTokensFromRefreshToken", "TooManyRequestsException", "x", agent.KindThrottled, nil},
	{"GetTokensFromRefreshToken", "ForbiddenException", "x", agent.KindForbidden, nil},
	{"GetTokensFromRefreshToken", "BrandNewException", "x", agent.KindRefused, nil},
	{"GetTokensFromRefreshToken", "InvalidParameterException", "x", agent.KindRefused, nil},

	{"RevokeToken", "UnsupportedOperationException", "x", agent.KindRefused, []string{"revocation"}},
	{"RevokeToken", "UnsupportedTokenTypeException", "x", agent.KindRefused, nil},
	{"RevokeToken", "UnauthorizedException", "x", agent.KindClientSecret, nil},
	{"RevokeToken", "InvalidParameterException", "x", agent.KindRefused, nil},
	{"GlobalSignOut", "NotAuthorizedException", "Access Token has expired", agent.KindLoginRequired, nil},
	{"GlobalSignOut", "NotAuthorizedException", "Access Token does not have required scopes", agent.KindRefused, []string{"aws.cognito.signin.user.admin"}},
}

func TestRefusals(t *testing.T) {
	for _, c := range refusals {
		t.Run(fmt.Sprintf("%s %s %q", c.at, c.code, c.message), func(t *testing.T) {
			s := newStage(t, profiles.AuthPassword, func(operation string, _ map[string]any, w http.ResponseWriter) {
				if operation == "InitiateAuth" && c.at != operation {
					fmt.Fprintf(w, `{"ChallengeName":%q,"Session":"marker-session-marker-session","ChallengeParameters":{}}`, c.at)
					return
				}
				refused(w, 400, c.code, c.message)
			})
			var err error
			switch c.at {
			case "GetTokensFromRefreshToken":
				_, err = s.refresh(grant())
			case "RevokeToken":
				err = s.provider.Revoke(t.Context(), s.profile, s.secret, grant())
			case "GlobalSignOut":
				err = s.provider.SignOutEverywhere(t.Context(), s.profile, session.Grant{AccessToken: "marker-access"})
			case "NEW_PASSWORD_REQUIRED":
				_, _, err = s.login(goodPassword, newPassword, newPassword)
			default:
				_, _, err = s.login(goodPassword, "123456")
			}
			s.checkError(err)
			wantKind(t, err, c.kind, c.texts...)
		})
	}
}

// A policy's text is shown in the next prompt, without the password in it.
func TestPolicyTextIsRedacted(t *testing.T) {
	s := newStage(t, profiles.AuthPassword, func(operation string, _ map[string]any, w http.ResponseWriter) {
		if operation == "InitiateAuth" {
			fmt.Fprint(w, `{"ChallengeName":"NEW_PASSWORD_REQUIRED","Session":"marker-session-marker-session","ChallengeParameters":{}}`)
			return
		}
		refused(w, 400, "InvalidPasswordException", "Password did not conform with policy: "+newPassword+" \x1b[31mis too short.")
	})
	_, who, _ := s.login(goodPassword, newPassword, newPassword)
	s.noMarkers("a prompt", who.texts())
	if len(who.asked) != 3 {
		t.Errorf("asked %s", who.texts())
	}
}

// AWS knows all operations: nothing makes its endpoints get the old one.
func TestNoFallbackAtAWS(t *testing.T) {
	var operations []string
	p := cognito.NewWithTransport(cognito.Config{}, roundTripper(func(r *http.Request) (*http.Response, error) {
		operations = append(operations, r.Header.Get("X-Amz-Target"))
		w := httptest.NewRecorder()
		refused(w, 400, "UnknownOperationException", "")
		return w.Result(), nil
	}))
	profile := profiles.Profile{Name: "prod", Region: "us-east-1", UserPoolID: poolID, ClientID: "client", Username: "rob", Auth: profiles.AuthSRP}
	_, err := p.Refresh(t.Context(), profile, agent.Secret{}, grant())
	wantKind(t, err, agent.KindRefused, "cognito-idp.us-east-1.amazonaws.com")
	if len(operations) != 1 {
		t.Errorf("requests: %v", operations)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
