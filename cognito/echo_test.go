package cognito_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/profiles"
)

// spellings are the ways in which a server may send a secret back.
func spellings(secret string) map[string]string {
	asJSON, _ := json.Marshal(secret)
	return map[string]string{
		"as it is":         secret,
		"in capitals":      strings.ToUpper(secret),
		"JSON":             string(asJSON),
		"base64":           base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64 of JSON":   base64.StdEncoding.EncodeToString([]byte(`["p",` + string(asJSON) + `]`)),
		"base64url":        base64.RawURLEncoding.EncodeToString([]byte(secret)),
		"URL":              url.QueryEscape(secret),
		"hex":              hex.EncodeToString([]byte(secret)),
		"with an ending":   secret + "Exception",
		"within a word":    "X" + secret + "X",
		"before a colon":   secret + ":http://internal.amazon.com/",
		"after the number": "com.amazon#" + secret,
	}
}

// showsNone fails if a spelling of a secret stands in text.
func showsNone(t *testing.T, where, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		for name, spelling := range spellings(secret) {
			if strings.Contains(strings.ToLower(text), strings.ToLower(spelling)) {
				t.Errorf("%s (%s) stands in %s: %s", secret, name, where, text)
			}
		}
	}
}

// echoSecrets are secrets that pass for words and such that don't.
var echoSecrets = []string{"MarkerPassw0rd81", "Marker-Passw0rd:81!", "marker \"é\" <81> & more/of+it", "MARKERTOKENMARKERTOKENMARKERTOKENMARKERTOKENMARKERTOKENMARKERTOKENMARKERTOKEN"}

// A server that sends the request's secrets back, in an error's type or text,
// gets them neither to the person's screen nor to the log.
func TestEchoedErrors(t *testing.T) {
	for _, secret := range echoSecrets {
		for name, spelling := range spellings(secret) {
			for _, known := range []bool{false, true} {
				code, message := spelling, spelling
				if known {
					code, message = "UserLambdaValidationException", "PreAuthentication failed with error "+spelling+" of yours"
				}
				t.Run(fmt.Sprint(secret, " ", name, " ", known), func(t *testing.T) {
					s := newStage(t, profiles.AuthPassword, func(_ string, _ map[string]any, w http.ResponseWriter) { refused(w, 400, code, message) })
					_, _, err := s.login(secret)
					check := func(what string, err error) {
						t.Helper()
						showsNone(t, what, agent.AsError(err).Message+"\n"+agent.AsError(err).Hint, secret)
						s.checkError(err)
						if known && !strings.Contains(err.Error(), "[redacted]") && what != "revoking" {
							t.Errorf("%s: the text is lost: %v", what, err)
						}
					}
					check("the sign-in", err)
					g := session.Grant{RefreshToken: agent.NewSecret(secret), Username: "rob"}
					_, err = s.refresh(g)
					check("renewing", err)
					check("revoking", s.provider.Revoke(t.Context(), s.profile, s.secret, g))
					check("signing out", s.provider.SignOutEverywhere(t.Context(), s.profile, session.Grant{AccessToken: secret}))
					s.secret = agent.NewSecret(secret)
					_, err = s.refresh(grant())
					check("renewing with a client secret", err)
					showsNone(t, "the log", s.log.text(), secret)
				})
			}
		}
	}
}

// The same of a challenge: its name, its parameters' names, and what of them is
// shown in a question.
func TestEchoedChallenges(t *testing.T) {
	for _, secret := range echoSecrets {
		for name, spelling := range spellings(secret) {
			t.Run(secret+" "+name, func(t *testing.T) {
				var challenge string
				s := newStage(t, profiles.AuthPassword, func(_ string, _ map[string]any, w http.ResponseWriter) { fmt.Fprint(w, challenge) })
				list, _ := json.Marshal([]string{strings.ToValidUTF8(spelling[:min(64, len(spelling))], "")})
				for _, challenge = range []string{
					`{"ChallengeName":` + quoted(spelling) + `,"ChallengeParameters":{}}`,
					`{"ChallengeName":"NEW_CHALLENGE","ChallengeParameters":{` + quoted(spelling) + `:"x"}}`,
					`{"ChallengeName":"SMS_MFA","ChallengeParameters":{"CODE_DELIVERY_DESTINATION":` + quoted(spelling) + `}}`,
					`{"ChallengeName":"SOFTWARE_TOKEN_MFA","ChallengeParameters":{"FRIENDLY_DEVICE_NAME":` + quoted(spelling) + `}}`,
					`{"ChallengeName":"NEW_PASSWORD_REQUIRED","ChallengeParameters":{"requiredAttributes":` + quoted(string(list)) + `}}`,
				} {
					_, who, err := s.login(secret)
					if err == nil {
						t.Fatal("the sign-in went well")
					}
					showsNone(t, "the error", err.Error(), secret)
					showsNone(t, "a question", who.texts(), secret)
					_, err = s.provider.SignIn(t.Context(), s.profile, session.Login{Password: passwordIs(secret)})
					showsNone(t, "the error of a sign-in without a person", err.Error(), secret)
				}
				showsNone(t, "the log", s.log.text(), secret)
			})
		}
	}
}

// What was sent in an earlier step may come back in a later one.
func TestEchoOfEarlierSteps(t *testing.T) {
	const sessionValue, code = "SessionMarkerSessionMarker", "c0de81"
	for _, spelled := range []string{"password", "hash", "session", "code", "new password"} {
		t.Run(spelled, func(t *testing.T) {
			var echo string
			secretOf := map[string]string{
				"password": goodPassword, "hash": cognitoHash(clientSecret, "rob"+"client"), "session": sessionValue, "code": code, "new password": newPassword,
			}[spelled]
			step := 0
			s := newStage(t, profiles.AuthPassword, func(_ string, _ map[string]any, w http.ResponseWriter) {
				step++
				switch step {
				case 1:
					fmt.Fprintf(w, `{"ChallengeName":"SMS_MFA","Session":%q,"ChallengeParameters":{"USERNAME":"canonical"}}`, sessionValue)
				case 2:
					fmt.Fprint(w, `{"ChallengeName":"NEW_PASSWORD_REQUIRED","Session":"another-session-another","ChallengeParameters":{}}`)
				default:
					refused(w, 400, "UserLambdaValidationException", "echo <"+echo+">")
				}
			})
			for _, echo = range spellings(secretOf) {
				step = 0
				_, _, err := s.login(goodPassword, code, newPassword, newPassword)
				wantKind(t, err, agent.KindLambda, "[redacted]")
				showsNone(t, "the error", err.Error(), secretOf)
			}
			showsNone(t, "the log", s.log.text(), secretOf)
		})
	}
}

// What is no secret is shown: the error's type says what to look for.
func TestUnknownTypesAreNamed(t *testing.T) {
	for code, want := range map[string]string{
		"BrandNewException":              "BrandNewException",
		"com.amazon#Brand_New9":          "Brand_New9",
		"Two words":                      "an unknown error",
		"9lives":                         "an unknown error",
		"\x1b[2J":                        "an unknown error",
		strings.Repeat("A", 64):          strings.Repeat("A", 64),
		strings.Repeat("A", 65):          "an unknown error",
		"MarkerPass":                     "an unknown error", // the beginning of the password
		"PasswordResetSomethingExceptio": "PasswordResetSomethingExceptio",
	} {
		s := newStage(t, profiles.AuthPassword, func(_ string, _ map[string]any, w http.ResponseWriter) { refused(w, 400, code, "x") })
		_, err := s.provider.SignIn(t.Context(), s.profile, session.Login{Password: passwordIs("MarkerPassw0rd81")})
		wantKind(t, err, agent.KindRefused, "("+want+")")
		if !strings.Contains(s.log.text(), "beginning a sign-in failed: "+want+" (HTTP 400)") {
			t.Errorf("the log says %q", s.log.text())
		}
	}
}
