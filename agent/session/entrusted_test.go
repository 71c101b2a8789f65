package session

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

// edit changes the profile "prod" in the config.
func (r *rig) edit(change func(*profiles.Profile)) {
	r.t.Helper()
	p := r.files["prod"]
	change(&p)
	r.files["prod"] = p
	r.touch()
}

const evil = "http://127.0.0.1:43721"

// Whoever edits the config must not get what was entrusted for another place.
func TestEditedConfigGetsNoSecret(t *testing.T) {
	for name, change := range map[string]func(*profiles.Profile){
		"endpoint":            func(p *profiles.Profile) { p.Endpoint = evil },
		"endpoint and flow":   func(p *profiles.Profile) { p.Endpoint, p.Auth = "https://evil.example", profiles.AuthPassword },
		"user pool":           func(p *profiles.Profile) { p.UserPoolID = "us-east-1_Evil" },
		"user and app client": func(p *profiles.Profile) { p.Username, p.ClientID = "eve", "evil" },
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { testEditedConfig(t, change) }) })
	}
}

func testEditedConfig(t *testing.T, change func(*profiles.Profile)) {
	r := newRig(t)
	r.pool.secret = "MARK-client-secret"
	r.start()
	r.store(agent.SecretClientSecret, "MARK-client-secret")
	r.store(agent.SecretPassword, rightPassword)
	if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
		t.Fatal(err)
	}
	signIns, refreshes := r.pool.counts()
	r.edit(change)
	for range 2 { // before and after a restart
		_, err := r.token(agent.Caller{}, agent.TokenRequest{})
		if kind := agent.KindOf(err); kind != agent.KindLoginRequired && kind != agent.KindClientSecret {
			t.Errorf("token: %v", err)
		}
		_, err = r.keeper.Login(t.Context(), agent.Caller{}, agent.LoginRequest{})
		e := wantKind(t, err, agent.KindClientSecret)
		if !strings.Contains(e.Message, "profile prod") || !strings.Contains(e.Hint, "cogtok secret set prod client-secret") {
			t.Errorf("login: %+v", e)
		}
		r.restart()
	}
	// The client secret is given anew; the password is still the old one.
	r.store(agent.SecretClientSecret, "MARK-client-secret")
	_, err := r.keeper.Login(t.Context(), agent.Caller{}, agent.LoginRequest{})
	if e := wantKind(t, err, agent.KindLoginRequired); !strings.Contains(e.Hint, "cogtok secret set prod password") {
		t.Errorf("login: %+v", e)
	}
	if s, f := r.pool.counts(); s != signIns || f != refreshes {
		t.Errorf("the server was called: %d sign-ins, %d refreshes", s-signIns, f-refreshes)
	}
	r.store(agent.SecretPassword, rightPassword)
	if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
		t.Errorf("with secrets that were given anew: %v", err)
	}
}

// An edit that is taken back leaves all as it was.
func TestEditTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.pool.secret = "MARK-client-secret"
		r.start()
		r.store(agent.SecretClientSecret, "MARK-client-secret")
		r.store(agent.SecretPassword, rightPassword)
		r.edit(func(p *profiles.Profile) { p.Endpoint = evil })
		_, err := r.token(agent.Caller{}, agent.TokenRequest{})
		wantKind(t, err, agent.KindClientSecret)
		r.edit(func(p *profiles.Profile) { p.Endpoint = "" })
		time.Sleep(time.Minute)
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Error(err)
		}
	})
}

// What of a profile says whom a secret is for, and what doesn't.
func TestWhoIsEntrusted(t *testing.T) {
	for _, tt := range []struct {
		name             string
		change           func(*profiles.Profile)
		password, client bool
	}{
		{"nothing", func(*profiles.Profile) {}, true, true},
		{"user", func(p *profiles.Profile) { p.Username = "amy" }, false, true},
		{"case of the user", func(p *profiles.Profile) { p.Username = "Rob" }, true, true},
		{"app client", func(p *profiles.Profile) { p.ClientID = "another" }, true, false},
		{"flow", func(p *profiles.Profile) { p.Auth = profiles.AuthPassword }, true, true},
		{"endpoint", func(p *profiles.Profile) { p.Endpoint = evil }, false, false},
		{"pool", func(p *profiles.Profile) { p.UserPoolID = "us-east-1_Other" }, false, false},
		{"parts that look alike", func(p *profiles.Profile) { p.Endpoint, p.UserPoolID = "us-east-1", "_Test" }, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			k := r.start()
			r.store(agent.SecretClientSecret, "MARK-client-secret")
			r.store(agent.SecretPassword, rightPassword)
			if _, err := k.clientSecret(t.Context(), r.files["prod"]); err != nil {
				t.Fatal(err) // from now on it is in memory
			}
			p := r.files["prod"]
			tt.change(&p) // as a call sees it that comes before the change is noticed
			secret, err := k.clientSecret(t.Context(), p)
			if tt.client != (err == nil && secret.Reveal() == "MARK-client-secret") {
				t.Errorf("client secret %q, %v", secret.Reveal(), err)
			}
			used, err := k.findStoredPassword(t.Context(), p)
			if tt.password != (err == nil && used.secret.Reveal() == rightPassword) {
				t.Errorf("password %q, %v", used.secret.Reveal(), err)
			}
			list, err := k.ListSecrets(t.Context(), agent.Caller{}, agent.StatusRequest{})
			if err != nil || len(list.Secrets) != 2 {
				t.Errorf("list %+v, %v", list, err)
			}
		})
	}
}

// What another program has put into the keychain under cogtok's name, or has
// changed there, was entrusted for nobody.
func TestSecretsOfOtherPrograms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		for range 2 {
			if err := r.vault.Secrets.Put(t.Context(), "prod/password", []byte(wrongPassword)); err != nil {
				t.Fatal(err)
			}
			_, err := r.token(agent.Caller{}, agent.TokenRequest{})
			wantKind(t, err, agent.KindLoginRequired)
			r.store(agent.SecretPassword, rightPassword)
		}
		if in, _ := r.pool.counts(); in != 0 {
			t.Errorf("%d sign-ins", in)
		}
	})
}

// A profile that extends another gets that one's secrets only where they mean
// the same.
func TestThiefExtends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		k := r.start()
		r.store(agent.SecretClientSecret, "MARK-client-secret")
		r.store(agent.SecretPassword, rightPassword)
		thief := testProfile("thief")
		thief.Extends, thief.Endpoint = []string{"prod"}, evil
		r.files["thief"] = thief
		r.touch()
		_, err := r.token(agent.Caller{}, agent.TokenRequest{Profile: "thief"})
		wantKind(t, err, agent.KindLoginRequired)
		if secret, err := k.clientSecret(t.Context(), thief); err != nil || !secret.Empty() {
			t.Errorf("client secret %q, %v", secret.Reveal(), err)
		}
		if in, _ := r.pool.counts(); in != 0 {
			t.Errorf("%d sign-ins", in)
		}
	})
}

func TestForgottenSecretsLeaveNothing(t *testing.T) {
	r := newRig(t)
	k := r.start()
	r.store(agent.SecretPassword, rightPassword)
	r.store(agent.SecretClientSecret, "MARK-client-secret")
	r.store(agent.SecretTOTPSeed, "NVQXE23FOJJWKZLE")
	for _, kind := range agent.SecretKinds {
		if _, err := r.vault.Sessions.Get(t.Context(), bindingName("prod", kind)); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if _, err := k.DeleteSecret(t.Context(), agent.Caller{}, agent.SecretRequest{Profile: "prod", Kind: agent.SecretPassword}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Logout(t.Context(), agent.Caller{}, agent.LogoutRequest{Profile: "prod", Forget: true}); err != nil {
		t.Fatal(err)
	}
	for _, kind := range agent.SecretKinds {
		if _, err := r.vault.Sessions.Get(t.Context(), bindingName("prod", kind)); err == nil {
			t.Errorf("the binding of the %s is left", kind)
		}
	}
}

// What never left the machine was no try of the password.
func TestNotSentIsNoTry(t *testing.T) {
	refused := agent.Errorf(agent.KindNetwork, "connection refused")
	for _, tt := range []struct {
		name string
		err  error
		then agent.Kind // with the network back
	}{
		{"not sent", NotSent{refused}, ""},
		{"broken off", refused, agent.KindLoginRequired},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.start()
			r.store(agent.SecretPassword, rightPassword)
			r.pool.set(func() { r.pool.fail = tt.err })
			_, err := r.token(agent.Caller{}, agent.TokenRequest{})
			wantKind(t, err, agent.KindNetwork)
			r.pool.set(func() { r.pool.fail = nil })
			time.Sleep(firstPause)
			if _, err = r.token(agent.Caller{}, agent.TokenRequest{}); agent.KindOf(err) != tt.then {
				t.Errorf("%s: then %v", tt.name, err)
			}
		})
	}
}

// A sign-in that failed for want of the client secret can be made when it is
// there.
func TestClientSecretComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.store(agent.SecretPassword, rightPassword)
		r.pool.set(func() { r.pool.fail = agent.Errorf(agent.KindClientSecret, "none is stored") })
		_, err := r.token(agent.Caller{}, agent.TokenRequest{})
		wantKind(t, err, agent.KindClientSecret)
		r.pool.set(func() { r.pool.fail, r.pool.secret = nil, "MARK-client-secret" })
		r.store(agent.SecretClientSecret, "MARK-client-secret")
		if _, err = r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Error(err)
		}
	})
}
