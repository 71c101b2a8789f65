package session

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

func TestStoredPasswordSignsInByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.store(agent.SecretPassword, rightPassword)
		for range 3 {
			if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
				t.Fatal(err)
			}
			r.pool.set(func() { clear(r.pool.valid) }) // the session is revoked
			time.Sleep(2 * time.Hour)
		}
		if in, _ := r.pool.counts(); in != 3 {
			t.Errorf("%d sign-ins", in)
		}
	})
}

func TestWrongStoredPasswordIsTriedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.store(agent.SecretPassword, wrongPassword)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err == nil {
					t.Error("a token for a wrong password")
				}
			})
		}
		all.Wait()
		for i := range 1000 {
			if i%20 == 0 {
				r.kill()
				r.start()
				time.Sleep(10 * time.Minute)
			}
			_, err := r.token(agent.Caller{}, agent.TokenRequest{})
			e := wantKind(t, err, agent.KindPasswordRefusedBefore)
			if !strings.Contains(e.Hint, "cogtok login prod") || !strings.Contains(e.Hint, "cogtok secret set prod password") {
				t.Fatalf("hint %q", e.Hint)
			}
		}
		// `login` with nobody to ask doesn't try it either.
		_, err := r.keeper.Login(t.Context(), agent.Caller{}, agent.LoginRequest{})
		wantKind(t, err, agent.KindPasswordRefusedBefore)
		if in, _ := r.pool.counts(); in != 1 {
			t.Errorf("%d tries of a wrong password", in)
		}
		// A person is asked, and may keep the right one.
		person := &script{answers: map[string]string{agent.PromptPassword: rightPassword, agent.PromptConfirm: "y"}}
		if _, err := r.keeper.Login(t.Context(), agent.Caller{Prompter: person}, agent.LoginRequest{}); err != nil {
			t.Fatal(err)
		}
		r.pool.set(func() { clear(r.pool.valid) })
		time.Sleep(2 * time.Hour)
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err == nil {
			t.Error("the store is in memory: nothing is offered to be kept")
		}
		r.store(agent.SecretPassword, rightPassword)
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Errorf("after `secret set`: %v", err)
		}
	})
}

// A pool that doesn't answer: it may count each try.
func TestUnansweredTriesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.store(agent.SecretPassword, rightPassword)
		r.pool.set(func() { r.pool.fail = agent.Errorf(agent.KindNetwork, "no answer") })
		for range 600 { // an hour
			_, err := r.token(agent.Caller{}, agent.TokenRequest{})
			if err == nil {
				t.Fatal("a token")
			}
			time.Sleep(6 * time.Second)
		}
		if in, _ := r.pool.counts(); in > 5 {
			t.Errorf("%d tries in an hour", in)
		}
		// New versions don't get around the limit for a user.
		for _, other := range []string{"a", "b", "c", "d"} {
			r.store(agent.SecretPassword, other)
			_, _ = r.token(agent.Caller{}, agent.TokenRequest{})
		}
		if in, _ := r.pool.counts(); in > 7 {
			t.Errorf("%d tries", in)
		}
		r.pool.set(func() { r.pool.fail = nil })
		r.store(agent.SecretPassword, rightPassword)
		time.Sleep(16 * time.Minute)
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Error(err)
		}
	})
}

func TestTryIsNotedBeforeItIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.store(agent.SecretPassword, wrongPassword)
		r.pool.delay = time.Minute
		go r.token(agent.Caller{}, agent.TokenRequest{})
		synctest.Wait()
		r.kill() // while the try is on the wire
		r.start()
		_, err := r.token(agent.Caller{}, agent.TokenRequest{})
		wantKind(t, err, agent.KindLoginRequired)
		if in, _ := r.pool.counts(); in != 1 {
			t.Errorf("%d tries", in)
		}
	})
}

func TestNoTryThatCanNotBeNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.cfg = func(c *Config) { c.StateDir = filepath.Join(r.dir, "missing") }
		r.start()
		r.store(agent.SecretPassword, rightPassword)
		_, err := r.token(agent.Caller{}, agent.TokenRequest{})
		wantKind(t, err, agent.KindLoginRequired)
		if in, _ := r.pool.counts(); in != 0 {
			t.Errorf("%d tries", in)
		}
		r.login(agent.Caller{}) // a person's own try isn't held up
	})
}

func TestAttemptsFile(t *testing.T) {
	for _, damaged := range []string{"{", "[]", `{"version":9}`, "\x00", `{"version":1,"users":{"x":null}}`} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			path := filepath.Join(r.dir, "attempts.json")
			if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
				t.Fatal(err)
			}
			r.start()
			r.store(agent.SecretPassword, wrongPassword)
			_, err := r.token(agent.Caller{}, agent.TokenRequest{})
			wantKind(t, err, agent.KindLoginRequired)
			if in, _ := r.pool.counts(); in != 0 {
				t.Errorf("%d tries, though it isn't known how many there were", in)
			}
			time.Sleep(guardWindow)
			_, err = r.token(agent.Caller{}, agent.TokenRequest{})
			wantKind(t, err, agent.KindWrongPassword)
			_, err = r.token(agent.Caller{}, agent.TokenRequest{})
			wantKind(t, err, agent.KindPasswordRefusedBefore)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{wrongPassword, "rob", "us-east-1_Test"} {
				if strings.Contains(string(data), secret) {
					t.Errorf("%q stands in the file", secret)
				}
			}
			info, _ := os.Stat(path)
			if info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v", info.Mode())
			}
		})
	}
}

// No SMS goes out when nobody can type the code, but for the first time.
func TestSignInThatNeedsAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.pool.mfa = true
		r.start()
		r.store(agent.SecretPassword, rightPassword)
		for range 100 {
			if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); agent.AsError(err).Code != agent.CodePerson {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
		}
		r.kill()
		r.start()
		_, err := r.token(agent.Caller{}, agent.TokenRequest{})
		wantKind(t, err, agent.KindLoginRequired)
		if in, _ := r.pool.counts(); in != 1 {
			t.Errorf("%d sign-ins", in)
		}
		// Where somebody can be asked only the code is.
		person := &script{answers: map[string]string{agent.PromptMFA: "123456"}}
		if _, err := r.token(agent.Caller{Prompter: person}, agent.TokenRequest{}); err != nil {
			t.Fatal(err)
		}
		if got := person.kinds(); !slices.Equal(got, []string{agent.PromptMFA}) {
			t.Errorf("asked %v", got)
		}
	})
}

func TestKeepPassword(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		stored       bool
	}{{"yes", "y", true}, {"no", "n", false}, {"default", "", false}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			p := r.files["prod"]
			p.Store = profiles.StoreKeychain
			r.files["prod"] = p
			r.start()
			person := &script{answers: map[string]string{agent.PromptPassword: rightPassword, agent.PromptConfirm: tt.answer}}
			if _, err := r.keeper.Login(t.Context(), agent.Caller{Prompter: person}, agent.LoginRequest{}); err != nil {
				t.Fatal(err)
			}
			if got := person.kinds(); !slices.Equal(got, []string{agent.PromptPassword, agent.PromptConfirm}) {
				t.Errorf("asked %v", got)
			}
			list, err := r.keeper.ListSecrets(t.Context(), agent.Caller{}, agent.StatusRequest{})
			if err != nil || (len(list.Secrets) == 1) != tt.stored {
				t.Errorf("%s: %+v, %v", tt.name, list, err)
			}
		})
	}
}

// A profile that extends another has its client secret, and its password only
// where it means the same user.
func TestSecretsOfExtendedProfiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.pool.secret = "MARK-client-secret"
		sameUser, other := testProfile("prod-access"), testProfile("prod-admin")
		sameUser.Extends, other.Extends = []string{"prod"}, []string{"prod"}
		sameUser.Token, other.Username = agent.TypeAccess, "admin"
		sameUser.Auth = profiles.AuthPassword // a session of its own
		r.files["prod-access"], r.files["prod-admin"] = sameUser, other
		r.start()
		r.store(agent.SecretClientSecret, "MARK-client-secret")
		r.store(agent.SecretPassword, rightPassword)
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{Profile: "prod-access"}); err != nil {
			t.Error(err)
		}
		_, err := r.token(agent.Caller{}, agent.TokenRequest{Profile: "prod-admin"})
		wantKind(t, err, agent.KindLoginRequired)
		_, err = r.keeper.Login(t.Context(), agent.Caller{}, agent.LoginRequest{Profile: "prod-admin", Password: agent.NewSecret(rightPassword)})
		if err != nil {
			t.Error(err)
		}
		// Another app client's secret is not of use.
		alien := other
		alien.ClientID = "another"
		if secret, err := r.keeper.clientSecret(t.Context(), alien); err != nil || !secret.Empty() {
			t.Errorf("client secret %q, %v", secret.Reveal(), err)
		}
	})
}

func TestWrongClientSecretIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.login(agent.Caller{})
		r.pool.set(func() { r.pool.secret = "MARK-new" })
		time.Sleep(2 * time.Hour)
		_, err := r.token(agent.Caller{}, agent.TokenRequest{})
		wantKind(t, err, agent.KindClientSecret)
		r.store(agent.SecretClientSecret, "MARK-new")
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Error(err)
		}
	})
}

// A sign-in may change the password and fail after that: the stored one is
// replaced all the same, and serves the next sign-in.
func TestChangedPasswordIsKept(t *testing.T) {
	for _, tt := range []struct {
		name, code string
		kind       agent.Kind
	}{{"signed in", "123456", ""}, {"wrong code", "000000", agent.KindCodeWrong}, {"nobody answers", "", agent.KindPromptUnanswered}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.pool.mfa, r.pool.change = true, "MARK-password-new"
				r.start()
				r.store(agent.SecretPassword, rightPassword)
				person := &script{answers: map[string]string{agent.PromptMFA: tt.code}}
				if tt.code == "" {
					person.answers = nil
				}
				_, err := r.keeper.Login(t.Context(), agent.Caller{Prompter: person}, agent.LoginRequest{})
				wantKind(t, err, tt.kind)
				r.pool.mfa, r.pool.change = false, ""
				r.restart()
				if _, err := r.keeper.Login(t.Context(), agent.Caller{}, agent.LoginRequest{}); err != nil {
					t.Errorf("with the new password: %v", err)
				}
				if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
