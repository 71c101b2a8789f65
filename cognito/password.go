package cognito

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"

	"github.com/cogtok/cogtok/agent"
)

// passwordParameters begins USER_PASSWORD_AUTH and ADMIN_USER_PASSWORD_AUTH.
func passwordParameters(ctx context.Context, s *signIn) (map[string]string, error) {
	if err := s.needPassword(ctx); err != nil {
		return nil, err
	}
	return map[string]string{"PASSWORD": s.password.Reveal()}, nil
}

// addSecretHash adds SECRET_HASH over the USERNAME of parameters, which must be
// exactly the one that is sent. Sending it to an app client without a secret is an error.
func (s *signIn) addSecretHash(parameters map[string]string) {
	if !s.login.ClientSecret.Empty() {
		parameters["SECRET_HASH"] = secretHash(s.login.ClientSecret, parameters["USERNAME"], s.profile.ClientID)
	}
}

// secretHash implements "Computing secret hash values" of
// https://docs.aws.amazon.com/cognito/latest/developerguide/signing-up-users-in-your-app.html
func secretHash(clientSecret agent.Secret, username, clientID string) string {
	mac := hmac.New(sha256.New, []byte(clientSecret.Reveal()))
	io.WriteString(mac, username+clientID)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
