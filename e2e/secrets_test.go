//go:build !windows

package e2e

import (
	"encoding/base64"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/cogtok/cogtok/internal/cogtoktest"
)

// secretMembers are the members of requests that are secrets. True: the person
// types it where it can be read, so it stands on the terminal.
var secretMembers = map[string]bool{
	"PASSWORD": false, "NEW_PASSWORD": false, "Password": false,
	"PASSWORD_CLAIM_SIGNATURE": false, "SECRET_HASH": false, "SecretHash": false, "Session": false,
	"RefreshToken": false, "AccessToken": false, "Token": false, "refresh_token": false, "token": false,
	"Salt": false, "PasswordVerifier": false, // of a device
	"code_verifier": false, "client_secret": false,
	"SMS_MFA_CODE": true, "EMAIL_OTP_CODE": true, "SMS_OTP_CODE": true, "SOFTWARE_TOKEN_MFA_CODE": true,
	"ANSWER": true, "UserCode": true, "ConfirmationCode": true, "code": true,
}

// words are values of the API that are no secrets.
var words = regexp.MustCompile(`^[A-Z_]*$`)

// secretsOf returns the secrets that went over the wire, by whether they may
// stand on the terminal.
func secretsOf(w *world) map[string]bool {
	secrets := map[string]bool{password: false, newPassword: false, clientSecret: false, totpSeed: false}
	for _, call := range w.server.Calls() {
		collect(secrets, "", call.Parameters)
		basic := call.ClientID + ":" + clientSecret
		secrets[base64.StdEncoding.EncodeToString([]byte(basic))] = false
	}
	return secrets
}

// collect adds the secrets among what a request has under a name.
func collect(secrets map[string]bool, name string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, value := range v {
			collect(secrets, name, value)
		}
	case map[string]string:
		for name, value := range v {
			collect(secrets, name, value)
		}
	case string:
		if typed, secret := secretMembers[name]; secret && len(v) > 5 && !words.MatchString(v) {
			secrets[v] = typed
		}
	}
}

// holds reports whether a secret stands in a text. A code within a longer number,
// as in the name of a directory, is none.
func holds(text, secret string) bool {
	before, after, found := strings.Cut(text, secret)
	if !found || strings.Trim(secret, digits) != "" {
		return found
	}
	within := before != strings.TrimRight(before, digits) || after != strings.TrimLeft(after, digits)
	return !within || holds(after, secret)
}

const digits = "0123456789"

// mustKeepSecrets checks that no secret is in a file, among them the log at its
// most talkative, in the agent's arguments or environment, or on a terminal.
func mustKeepSecrets(t *testing.T, u *cogtoktest.User, w *world, shown string) {
	t.Helper()
	processes := scanProcess(t, agentPID(t, u))
	secrets := secretsOf(w)
	var all []string
	for secret, typed := range secrets {
		all = append(all, secret)
		if !typed && holds(shown, secret) {
			t.Errorf("the terminal shows %s", secret)
		}
	}
	for _, found := range shownSeed.FindAllStringSubmatch(shown, -1) {
		all = append(all, strings.ReplaceAll(found[1], " ", ""), strings.TrimSpace(found[1]))
	}
	for _, secret := range all {
		if holds(processes, secret) {
			t.Errorf("the agent's arguments or environment hold %s", secret)
		}
	}
	for _, found := range u.FindMarkers(all...) {
		path, secret, _ := strings.Cut(found, ": ")
		if text, err := os.ReadFile(path); err != nil || holds(string(text), secret) {
			t.Errorf("on disk: %s, %v", found, err)
		}
	}
	if log, err := os.ReadFile(u.Path("state/cogtok/agent.log")); err != nil || !strings.Contains(string(log), "level=DEBUG") {
		t.Errorf("%v; the log tells less than it can", err)
	}
	if len(secrets) < 6 {
		t.Errorf("only %d secrets were sent: the test looks for too little", len(secrets))
	}
}
