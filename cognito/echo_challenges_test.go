package cognito_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/profiles"
)

// secretFields are the members of requests whose values nobody may see again.
var secretFields = []string{
	"PASSWORD", "NEW_PASSWORD", "ANSWER", "SMS_MFA_CODE", "SMS_OTP_CODE", "EMAIL_OTP_CODE", "SOFTWARE_TOKEN_MFA_CODE",
	"SECRET_HASH", "SRP_A", "PASSWORD_CLAIM_SIGNATURE", "PASSWORD_CLAIM_SECRET_BLOCK",
	"UserCode", "ConfirmationCode", "Password", "SecretHash", "Salt", "PasswordVerifier", "Session",
}

// sentSecrets finds the secret values of a request.
func sentSecrets(body map[string]any) (found []string) {
	for key, value := range body {
		switch value := value.(type) {
		case map[string]any:
			found = append(found, sentSecrets(value)...)
		case string:
			for _, field := range secretFields {
				if key == field && len(value) >= 4 && value != "EMAIL_OTP" && value != "PASSWORD" && value != "PASSWORD_SRP" {
					found = append(found, value)
				}
			}
		}
	}
	return found
}

// What was sent in any step comes back from a server that echoes all requests,
// in an error's type or text, in a challenge's name or parameters; and is shown
// to nobody.
func TestEchoOfEveryField(t *testing.T) {
	const sessionField = `"Session":"SessionMarkerSessionMarker%d"`
	srp := `"SALT":"2bc990","SRP_B":"8911d7","SECRET_BLOCK":"TWFya2VyQmxvY2tNYXJrZXJCbG9jaw==","USER_ID_FOR_SRP":"rob"`
	paths := map[string]struct {
		auth       string
		login      session.Login
		challenges []string // after one another; then comes the echo
		answers    []any
	}{
		"codes":   {auth: profiles.AuthPassword, challenges: []string{`"SMS_MFA"`, `"EMAIL_OTP"`, `"SMS_OTP"`, `"SOFTWARE_TOKEN_MFA"`}, answers: []any{"c0de-81", "c0de-82", "c0de-83", "c0de-84"}},
		"entrust": {auth: profiles.AuthPassword, challenges: []string{`"SOFTWARE_TOKEN_MFA"`}, login: session.Login{Code: func(context.Context) (agent.Secret, error) { return agent.NewSecret("c0de-85"), nil }}},
		"choice": {auth: profiles.AuthChoice, challenges: []string{`"SELECT_CHALLENGE","AvailableChallenges":["PASSWORD"]`, `"NEW_PASSWORD_REQUIRED"`},
			answers: []any{newPassword, newPassword}},
		"srp":    {auth: profiles.AuthSRP, challenges: []string{`"PASSWORD_VERIFIER"+` + srp}},
		"custom": {auth: profiles.AuthCustom, challenges: []string{`"CUSTOM_CHALLENGE"`, `"CUSTOM_CHALLENGE"`}, answers: []any{"Marker answer 1", "Marker answer 2"}},
		"device": {auth: profiles.AuthPassword, challenges: []string{`"DEVICE_SRP_AUTH"`, `"DEVICE_PASSWORD_VERIFIER"+` + srp},
			login: session.Login{KnownAs: "rob", Devices: &shelf{devices: map[string]session.Device{"rob": {Key: "key", GroupKey: "group", Password: agent.NewSecret("marker-device-password")}}}}},
	}
	for name, p := range paths {
		for _, how := range []string{"text", "type", "parameter", "destination", "attribute"} {
			t.Run(name+" "+how, func(t *testing.T) {
				n := 0
				var secrets []string
				s := newStage(t, p.auth, func(_ string, body map[string]any, w http.ResponseWriter) {
					secrets = append(secrets, sentSecrets(body)...)
					if n < len(p.challenges) {
						challenge, parameters, _ := strings.Cut(p.challenges[n], "+")
						n++
						fmt.Fprintf(w, `{"ChallengeName":%s,`+sessionField+`,"ChallengeParameters":{%s}}`, challenge, n, parameters)
						return
					}
					all, _ := json.Marshal(secrets)
					last := secrets[len(secrets)-1]
					list, _ := json.Marshal(secrets[max(0, len(secrets)-3):])
					switch how {
					case "text":
						refused(w, 400, "UserLambdaValidationException", string(all)+" "+strings.Join(secrets, " "))
					case "type":
						refused(w, 400, last, "")
					case "parameter":
						fmt.Fprintf(w, `{"ChallengeName":"CUSTOM_CHALLENGE",`+sessionField+`,"ChallengeParameters":{"a":%s,%s:"b"}}`, 99, quoted(string(all)), quoted(last))
					case "destination":
						fmt.Fprintf(w, `{"ChallengeName":"SMS_MFA",`+sessionField+`,"ChallengeParameters":{"CODE_DELIVERY_DESTINATION":%s}}`, 99, quoted(strings.Join(secrets, " ")))
					case "attribute":
						fmt.Fprintf(w, `{"ChallengeName":"NEW_PASSWORD_REQUIRED",`+sessionField+`,"ChallengeParameters":{"requiredAttributes":%s}}`, 99, quoted(string(list)))
					}
				})
				if p.auth == profiles.AuthChoice {
					s.profile.PreferredChallenge = profiles.ChallengePassword
				}
				_, who, err := s.loginWith(p.login, p.answers...)
				if err == nil {
					t.Fatal("the sign-in went well")
				}
				if len(secrets) < 2 {
					t.Fatalf("only %d secrets were sent", len(secrets))
				}
				for where, text := range map[string]string{"the error": agent.AsError(err).Message + agent.AsError(err).Hint, "a prompt": who.texts(), "the log": s.log.text()} {
					for _, secret := range secrets {
						if strings.Contains(strings.ToLower(text), strings.ToLower(secret)) {
							t.Errorf("%q stands in %s: %s", secret, where, text)
						}
					}
				}
			})
		}
	}
}

// The same of the calls beside the challenges.
func TestEchoOfAccountFields(t *testing.T) {
	for _, confirming := range []bool{false, true} {
		var secrets []string
		s := newStage(t, profiles.AuthPassword, func(operation string, body map[string]any, w http.ResponseWriter) {
			secrets = append(secrets, sentSecrets(body)...)
			switch {
			case operation == "InitiateAuth" && confirming:
				refused(w, 400, "UserNotConfirmedException", strings.Join(secrets, " "))
			case operation == "ForgotPassword":
				fmt.Fprintf(w, `{"CodeDeliveryDetails":{"Destination":%s,"DeliveryMedium":"EMAIL"}}`, quoted(strings.Join(secrets, " ")))
			case operation == "ConfirmForgotPassword" && len(secrets) < 6:
				refused(w, 400, "InvalidPasswordException", "Password did not conform with policy: "+strings.Join(secrets, " "))
			default:
				refused(w, 400, "UserLambdaValidationException", strings.Join(secrets, " "))
			}
		})
		_, who, err := s.loginWith(session.Login{Reset: !confirming}, "c0de-81", newPassword, newPassword, newPassword+"x", newPassword+"x")
		wantKind(t, err, agent.KindLambda)
		for _, secret := range secrets {
			for where, text := range map[string]string{"the error": err.Error(), "a prompt": who.texts(), "the log": s.log.text()} {
				if strings.Contains(text, secret) {
					t.Errorf("%q stands in %s: %s", secret, where, text)
				}
			}
		}
		if len(secrets) < 4 {
			t.Errorf("only %d secrets were sent", len(secrets))
		}
	}
}

// A device's verifier is made from its password; neither it nor the access token
// is logged when a server echoes them.
func TestEchoOfDeviceFields(t *testing.T) {
	var secrets []string
	tokens := makeTokens(t, func(_, _, r map[string]any) {
		r["NewDeviceMetadata"] = map[string]string{"DeviceKey": "us-east-1_key", "DeviceGroupKey": "-group"}
	})
	for _, operation := range []string{"ConfirmDevice", "UpdateDeviceStatus"} {
		s := newStage(t, profiles.AuthPassword, func(got string, body map[string]any, w http.ResponseWriter) {
			secrets = append(secrets, sentSecrets(body)...)
			if token, _ := body["AccessToken"].(string); token != "" {
				secrets = append(secrets, token)
			}
			switch {
			case got == operation:
				refused(w, 400, secrets[len(secrets)-1], strings.Join(secrets, " "))
			case got == "ConfirmDevice":
				fmt.Fprint(w, `{"UserConfirmationNecessary":true}`)
			default:
				fmt.Fprint(w, tokens)
			}
		})
		kept := &shelf{}
		answers := []any{"y"}[:strings.Count(operation, "Update")]
		_, _, err := s.loginWith(session.Login{Devices: kept}, answers...)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range append(secrets, kept.devices["rob"].Password.Reveal()) {
			if secret != "" && strings.Contains(s.log.text(), secret) {
				t.Errorf("%q is in the log: %s", secret, s.log.text())
			}
		}
	}
}
