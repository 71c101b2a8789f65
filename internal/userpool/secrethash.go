package userpool

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

// secretHash is base64(HMAC-SHA256(client secret, username + client id)):
// https://docs.aws.amazon.com/cognito/latest/developerguide/signing-up-users-in-your-app.html#cognito-user-pools-computing-secret-hash
func (c *Client) secretHash(username string) string {
	mac := hmac.New(sha256.New, []byte(c.Secret))
	mac.Write([]byte(username + c.ID))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// checkHash judges the SECRET_HASH of a sign-in or of a challenge's answer. In
// a sign-in it is over the name as it was sent, in an answer over the user's
// username: an alias there is refused.
func (c *Client) checkHash(given, username string) *apiError {
	if refusal := c.hashExpected(given); refusal != nil {
		return refusal
	}
	if c.Secret != "" && !hmac.Equal([]byte(given), []byte(c.secretHash(username))) {
		return notAuthorized("Unable to verify secret hash for client %s", c.ID)
	}
	return nil
}

// hashExpected refuses a hash that is missing, or sent for a client without secret.
func (c *Client) hashExpected(given string) *apiError {
	switch {
	case c.Secret != "" && given == "":
		return notAuthorized("Client %s is configured with secret but SECRET_HASH was not received", c.ID)
	case c.Secret == "" && given != "":
		return notAuthorized("Unable to verify secret hash for client %s", c.ID)
	}
	return nil
}

// checkRefreshHash judges the SECRET_HASH of REFRESH_TOKEN_AUTH, which must be
// over the `username` claim. AWS words this refusal in its own way.
func (c *Client) checkRefreshHash(given, username string) *apiError {
	if c.Secret != "" && !hmac.Equal([]byte(given), []byte(c.secretHash(username))) {
		return notAuthorized("SecretHash does not match for the client: %s", c.ID)
	}
	return nil
}

// checkSecret judges the plain ClientSecret that GetTokensFromRefreshToken and
// RevokeToken take. The text for a wrong one isn't documented.
func (c *Client) checkSecret(given string) *apiError {
	switch {
	case c.Secret != "" && given == "":
		return notAuthorized("Client %s is configured for secret but secret was not received", c.ID)
	case subtle.ConstantTimeCompare([]byte(given), []byte(c.Secret)) == 0:
		return notAuthorized("Unable to verify secret for client %s", c.ID)
	}
	return nil
}
