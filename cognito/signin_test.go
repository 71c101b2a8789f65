package cognito_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/cognito"
	"github.com/cogtok/cogtok/internal/jwt"
	"github.com/cogtok/cogtok/internal/userpool"
	"github.com/cogtok/cogtok/profiles"
)

// eachKind runs a test for every flow, with and without a client secret, in a
// pool with usernames and in one where the email is the username.
func eachKind(t *testing.T, f func(t *testing.T, s setup)) {
	for _, auth := range []string{profiles.AuthSRP, profiles.AuthPassword, profiles.AuthAdminPassword} {
		for _, secret := range []bool{false, true} {
			for _, byEmail := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/secret=%v/email=%v", auth, secret, byEmail), func(t *testing.T) {
					f(t, setup{auth: auth, secret: secret, byEmail: byEmail})
				})
			}
		}
	}
}

func newWorldWithAWS(t *testing.T, s setup) *world {
	w := newWorld(t, s)
	if s.auth == profiles.AuthAdminPassword {
		withAWSProfile(t)
		w.profile.AWSProfile = "dev"
	}
	return w
}

func TestSignIn(t *testing.T) {
	eachKind(t, func(t *testing.T, s setup) {
		w := newWorldWithAWS(t, s)
		before := time.Now().Add(-time.Second)
		in, who, err := w.login(goodPassword)
		if err != nil {
			t.Fatal(err)
		}
		g := in.Grant
		id, err := jwt.Decode(g.IDToken)
		if err != nil || id.TokenUse != "id" || id.Subject != w.user.Sub {
			t.Errorf("ID token: %+v, %v", id, err)
		}
		access, err := jwt.Decode(g.AccessToken)
		if err != nil || access.TokenUse != "access" || access.Username != w.user.Username {
			t.Errorf("access token: %+v, %v", access, err)
		}
		if g.Username != w.user.Username || g.RefreshToken.Empty() || !g.FirstRefreshToken.Equal(g.RefreshToken) {
			t.Errorf("grant: %+v", g)
		}
		if g.SignedInAt.Before(before) || g.SignedInAt.After(time.Now().Add(time.Second)) {
			t.Errorf("signed in at %v", g.SignedInAt)
		}
		if len(who.asked) > 0 || !in.NewPassword.Empty() {
			t.Errorf("asked %v, new password %v", who.asked, in.NewPassword)
		}
		if n := w.pool.PasswordAttempts(w.profile.Username); n.Total > 1 {
			t.Errorf("the password was tried %d times", n.Total)
		}

		// What the session does an hour later: renewing, and its end.
		next, err := w.refresh(g)
		if err != nil {
			t.Fatalf("refresh: %v", err)
		}
		if next.AccessToken == g.AccessToken || !next.SignedInAt.Equal(g.SignedInAt) || !next.RefreshToken.Equal(g.RefreshToken) {
			t.Errorf("renewed: %+v", next)
		}
		if err := w.provider.Revoke(t.Context(), w.profile, w.secret, next); err != nil {
			t.Errorf("revoke: %v", err)
		}
		_, err = w.refresh(next)
		wantKind(t, err, agent.KindLoginRequired, "revoked", "cogtok login prod")
	})
}

func TestWrongPassword(t *testing.T) {
	eachKind(t, func(t *testing.T, s setup) {
		w := newWorldWithAWS(t, s)
		_, _, err := w.login("marker-wrong")
		wantKind(t, err, agent.KindWrongPassword, "wrong user name or password", "cogtok login prod")
		if strings.Contains(err.Error(), "clock") {
			t.Errorf("the clock is right: %v", err)
		}
		if n := len(w.server.Calls()); n > 2 {
			t.Errorf("%d calls: a password must be tried once", n)
		}
	})
}

// A password flow needs nothing of AWS's, not even a ~/.aws that can be read.
func TestUnsignedWithoutAWS(t *testing.T) {
	for _, auth := range []string{profiles.AuthSRP, profiles.AuthPassword} {
		w := newWorld(t, setup{auth: auth})
		if err := os.WriteFile(os.Getenv("AWS_CONFIG_FILE"), []byte("[profile broken\nregion"), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("AWS_PROFILE", "there-is-none")
		t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
		t.Setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", "http://127.0.0.1:1")
		w.signedIn()
	}
}

func TestAdminFromEnvironment(t *testing.T) {
	w := newWorld(t, setup{auth: profiles.AuthAdminPassword})
	key := userpool.TestCredential()
	t.Setenv("AWS_ACCESS_KEY_ID", key.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", key.SecretAccessKey)
	w.signedIn()
	if w.server.Count("AdminInitiateAuth") != 1 || w.server.Count("InitiateAuth") != 0 {
		t.Error("the flow goes through other operations")
	}
}

func TestAdminCredentials(t *testing.T) {
	key := userpool.TestCredential()
	mayStart := userpool.Credential{AccessKeyID: "AKIASTART", SecretAccessKey: "s", Actions: []string{"AdminInitiateAuth"}}
	mayNothing := userpool.Credential{AccessKeyID: "AKIANOTHING", SecretAccessKey: "s", Actions: []string{}}
	expired := userpool.Credential{AccessKeyID: "AKIAEXPIRED", SecretAccessKey: "s", Expires: time.Now().Add(-time.Hour)}
	for name, c := range map[string]struct {
		id, secret, profile string
		texts               []string
	}{
		"none":          {"", "", "", []string{"needs AWS credentials", "cognito-idp:AdminInitiateAuth", "cognito-idp:AdminRespondToAuthChallenge"}},
		"no profile":    {"", "", "nobody", []string{`no AWS profile "nobody"`}},
		"not allowed":   {mayNothing.AccessKeyID, "s", "", []string{"don't allow", "cognito-idp:AdminInitiateAuth"}},
		"start alone":   {mayStart.AccessKeyID, "s", "", []string{"don't allow", "cognito-idp:AdminRespondToAuthChallenge"}},
		"expired":       {expired.AccessKeyID, "s", "", []string{"expired"}},
		"unknown":       {"AKIAUNKNOWN", "s", "", []string{"doesn't know"}},
		"wrong secret":  {key.AccessKeyID, "marker-wrong", "", []string{"signature"}},
		"broken config": {"", "", "broken", []string{"broken"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setup{
				auth:   profiles.AuthAdminPassword,
				user:   userpool.User{TOTPSeed: totpSeed},
				server: userpool.Config{Credentials: []userpool.Credential{key, mayStart, mayNothing, expired}},
			})
			t.Setenv("AWS_ACCESS_KEY_ID", c.id)
			t.Setenv("AWS_SECRET_ACCESS_KEY", c.secret)
			w.profile.AWSProfile = c.profile
			text := "[profile broken]\ncredential_process = false\n"
			if err := os.WriteFile(os.Getenv("AWS_CONFIG_FILE"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, _, err := w.login(goodPassword, func() string { return totpCode(t, time.Now()) })
			wantKind(t, err, agent.KindAWSCredentials, c.texts...)
		})
	}
}

// The password must not be spent, or asked for, when AWS credentials are
// missing anyway.
func TestAdminCredentialsBeforePassword(t *testing.T) {
	w := newWorld(t, setup{auth: profiles.AuthAdminPassword})
	_, err := w.provider.SignIn(t.Context(), w.profile, session.Login{Password: func(context.Context) (agent.Secret, error) {
		t.Error("the password was asked for")
		return agent.Secret{}, nil
	}})
	wantKind(t, err, agent.KindAWSCredentials)
}

// Neither a metadata service that answers nothing nor a credential_process that
// doesn't end may hold a sign-in up.
func TestSlowCredentials(t *testing.T) {
	w := newWorld(t, setup{auth: profiles.AuthAdminPassword, provider: cognito.Config{TryTimeout: time.Second}})
	script := filepath.Join(t.TempDir(), "slow")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec sleep 4\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(os.Getenv("AWS_CONFIG_FILE"), []byte("[profile slow]\ncredential_process = "+script+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("process", func(t *testing.T) {
		w.profile.AWSProfile = "slow"
		start := time.Now()
		_, _, err := w.login(goodPassword)
		wantKind(t, err, agent.KindAWSCredentials, "took too long")
		if d := time.Since(start); d > 3*time.Second {
			t.Errorf("it took %v", d)
		}
	})
	t.Run("metadata service", func(t *testing.T) {
		w.profile.AWSProfile = ""
		t.Setenv("AWS_EC2_METADATA_DISABLED", "")
		t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://"+deafServer(t))
		start := time.Now()
		_, _, err := w.login(goodPassword)
		wantKind(t, err, agent.KindAWSCredentials)
		if d := time.Since(start); d > 3*time.Second {
			t.Errorf("it took %v", d)
		}
	})
}

func TestPasswordComesFirst(t *testing.T) {
	w := newWorld(t, setup{})
	mine := errors.New("mine")
	_, err := w.provider.SignIn(t.Context(), w.profile, session.Login{
		Password: func(context.Context) (agent.Secret, error) { return agent.Secret{}, mine },
	})
	if err != mine {
		t.Errorf("got %v, want the Password function's own error", err)
	}
	_, _, err = w.login("")
	wantKind(t, err, agent.KindPromptUnanswered)
	if calls := w.server.Calls(); len(calls) > 0 {
		t.Errorf("requests went out without a password: %v", calls)
	}
}

func TestUserStates(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world)
		kind   agent.Kind
		text   string
	}{
		"unknown":           {func(w *world) { w.profile.Username = "bob" }, agent.KindUserNotFound, "bob"},
		"disabled":          {func(w *world) { w.pool.Disable("rob") }, agent.KindUserDisabled, "disabled"},
		"reset":             {func(w *world) { w.pool.ResetPassword("rob") }, agent.KindPasswordReset, "reset"},
		"no client":         {func(w *world) { w.profile.ClientID = "gone" }, agent.KindClientNotFound, "gone"},
		"no username":       {func(w *world) { w.profile.Username = "" }, agent.KindConfig, "username"},
		"unknown flow":      {func(w *world) { w.profile.Auth = "magic" }, agent.KindConfig, "magic"},
		"secret not wanted": {func(w *world) { w.secret = agent.NewSecret("marker-not-wanted") }, agent.KindClientSecret, "secret delete"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setup{auth: profiles.AuthPassword})
			c.change(w)
			_, _, err := w.login(goodPassword)
			wantKind(t, err, c.kind, c.text)
		})
	}
}

func TestUnconfirmed(t *testing.T) {
	w := newWorld(t, setup{user: userpool.User{Status: userpool.Unconfirmed}})
	_, _, err := w.login(goodPassword)
	wantKind(t, err, agent.KindUserNotConfirmed)
}

func TestUnknownUserHidden(t *testing.T) {
	for _, auth := range []string{profiles.AuthSRP, profiles.AuthPassword} {
		w := newWorld(t, setup{auth: auth, client: userpool.Client{PreventUserExistenceErrors: true}})
		w.profile.Username = "nobody"
		_, _, err := w.login(goodPassword)
		wantKind(t, err, agent.KindWrongPassword)
	}
}

func TestLockOut(t *testing.T) {
	w := newWorld(t, setup{auth: profiles.AuthPassword})
	for range 5 {
		_, _, err := w.login("marker-wrong")
		wantKind(t, err, agent.KindWrongPassword)
	}
	_, _, err := w.login(goodPassword)
	wantKind(t, err, agent.KindTooManyAttempts, "15 minutes")
}

func TestClientSecret(t *testing.T) {
	eachKind(t, func(t *testing.T, s setup) {
		if !s.secret {
			return
		}
		w := newWorldWithAWS(t, s)
		w.secret = agent.Secret{}
		_, _, err := w.login(goodPassword)
		wantKind(t, err, agent.KindClientSecret, "none is stored", "cogtok secret set prod client-secret")
		w.secret = agent.NewSecret("marker-another-secret-of-some-length")
		_, _, err = w.login(goodPassword)
		wantKind(t, err, agent.KindClientSecret, "rotated", "cogtok secret set prod client-secret", "cogtok secret delete prod client-secret")
	})
}

func TestFlowNotEnabled(t *testing.T) {
	for auth, box := range map[string]string{
		profiles.AuthSRP:           "ALLOW_USER_SRP_AUTH",
		profiles.AuthPassword:      "ALLOW_USER_PASSWORD_AUTH",
		profiles.AuthAdminPassword: "ALLOW_ADMIN_USER_PASSWORD_AUTH",
	} {
		t.Run(auth, func(t *testing.T) {
			w := newWorldWithAWS(t, setup{auth: auth, client: userpool.Client{Flows: []string{"ALLOW_REFRESH_TOKEN_AUTH"}}})
			_, _, err := w.login(goodPassword)
			wantKind(t, err, agent.KindFlowNotEnabled, box, w.client.ID)
		})
	}
}

// A clock that is off looks like a wrong password to SRP, so the error names it.
func TestClockIsOff(t *testing.T) {
	for _, c := range []struct {
		off  time.Duration
		text string
	}{{10 * time.Minute, "your clock is 600 s off (ahead)"}, {-7 * time.Minute, "your clock is 420 s off (behind)"}} {
		w := newWorld(t, setup{provider: cognito.Config{Now: func() time.Time { return time.Now().Add(c.off) }}})
		_, _, err := w.login(goodPassword)
		wantKind(t, err, agent.KindWrongPassword)
		// A second may pass between the two clocks' readings.
		if !strings.Contains(err.Error(), "your clock is ") || !strings.Contains(err.Error(), c.text[len(c.text)-8:]) {
			t.Errorf("got %q, want %q", err, c.text)
		}
	}
}

func TestClientMetadata(t *testing.T) {
	w := newWorld(t, setup{})
	w.profile.ClientMetadata = map[string]string{"k": "v"}
	g := w.signedIn()
	if _, err := w.refresh(g); err != nil {
		t.Fatal(err)
	}
	for _, operation := range []string{"InitiateAuth", "RespondToAuthChallenge", "GetTokensFromRefreshToken"} {
		for _, p := range w.parameters(operation) {
			if fmt.Sprint(p["ClientMetadata"]) != "map[k:v]" {
				t.Errorf("%s: ClientMetadata is %v", operation, p["ClientMetadata"])
			}
		}
	}
}
