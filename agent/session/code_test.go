package session

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cogtok/cogtok/agent"
)

// With a password and a seed in the store nobody is needed.
func TestStoredSeedSignsInByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.pool.mfa = true
		r.start()
		r.store(agent.SecretPassword, rightPassword)
		_, err := r.token(agent.Caller{}, agent.TokenRequest{})
		wantKind(t, err, agent.KindPromptNeeded)
		r.store(agent.SecretTOTPSeed, strings.ToLower(totpSeed[:8])+" "+totpSeed[8:])
		for range 3 {
			if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
				t.Fatal(err)
			}
			r.pool.set(func() { clear(r.pool.valid); r.keeper.session(r.files["prod"]).tokens = map[string]held{} })
		}
		codes := slices.Clone(r.pool.codes)
		if slices.Sort(codes); len(codes) != 3 || len(slices.Compact(codes)) != 3 {
			t.Errorf("codes %v: none is good twice", r.pool.codes)
		}
	})
}

// A wrong seed must not lock the user: one code, then a person is needed.
func TestWrongSeedIsTriedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.pool.mfa = true
		r.start()
		r.store(agent.SecretPassword, rightPassword)
		r.store(agent.SecretTOTPSeed, "NBSWY3DPEHPK3PXP")
		for i := range 50 {
			_, err := r.token(agent.Caller{}, agent.TokenRequest{})
			if agent.AsError(err) == nil {
				t.Fatal("a token for a wrong seed")
			}
			if i%10 == 0 {
				r.kill()
				r.start()
			}
			time.Sleep(10 * time.Minute)
		}
		if in, _ := r.pool.counts(); in != 1 {
			t.Errorf("%d sign-ins with a wrong seed", in)
		}
	})
}

// Not even a store that keeps nothing gives a wrong seed more tries than the
// guard does, and a new seed is tried at once.
func TestWrongSeedWithoutAStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.pool.mfa = true
		sessions := r.sessions()
		r.start()
		r.store(agent.SecretPassword, rightPassword)
		r.store(agent.SecretTOTPSeed, "NBSWY3DPEHPK3PXP")
		sessions.onlyRead = true
		for range 50 {
			if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err == nil {
				t.Fatal("a token for a wrong seed")
			}
			r.kill()
			r.start()
			time.Sleep(10 * time.Second)
		}
		if in, _ := r.pool.counts(); in != 1 {
			t.Errorf("%d sign-ins with a wrong seed", in)
		}
		sessions.onlyRead = false
		r.store(agent.SecretTOTPSeed, totpSeed)
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Errorf("with the right seed: %v", err)
		}
	})
}

func TestNoSeed(t *testing.T) {
	r := newRig(t)
	r.start()
	for _, value := range []string{"hello world", "123456", "otpauth://totp/x?secret=ABC"} {
		_, err := r.keeper.SetSecret(t.Context(), agent.Caller{}, agent.SetSecretRequest{Profile: "prod", Kind: agent.SecretTOTPSeed, Value: agent.NewSecret(value)})
		if e := wantKind(t, err, agent.KindUsage); strings.Contains(e.Message+e.Hint, value) {
			t.Errorf("the value is shown: %v", e)
		}
	}
}

// A seed that was stored for one user isn't used for another.
func TestSeedIsBoundToItsUser(t *testing.T) {
	r := newRig(t)
	r.pool.mfa = true
	r.start()
	r.store(agent.SecretTOTPSeed, totpSeed)
	p := testProfile("prod")
	p.Username = "eve"
	r.files["prod"] = p
	r.touch()
	_, err := r.keeper.Login(t.Context(), agent.Caller{}, agent.LoginRequest{Password: agent.NewSecret(rightPassword)})
	wantKind(t, err, agent.KindPromptNeeded)
	if len(r.pool.codes) > 0 {
		t.Error("a code was made of another user's seed")
	}
}

func TestTOTPCommand(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "MARK-shell")
	for _, c := range []struct {
		name, script string
		kind         agent.Kind
	}{
		{"prints a wrong code", "echo 000000", agent.KindCodeWrong},
		{"fails", "exit 3", agent.KindPromptNeeded},
		{"prints nothing", "true", agent.KindPromptNeeded},
		{"prints too much", "yes", agent.KindPromptNeeded},
		{"prints two lines", "echo 123; echo 456", agent.KindPromptNeeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.pool.mfa = true
			p := testProfile("prod")
			p.TOTPCommand = []string{"sh", "-c", c.script, "$(touch " + marker + ")"}
			r.files["prod"] = p
			r.start()
			_, err := r.keeper.Login(t.Context(), agent.Caller{}, agent.LoginRequest{Password: agent.NewSecret(rightPassword)})
			wantKind(t, err, c.kind)
		})
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("an argument was run by a shell")
	}
}

// A reset replaces what is stored: the old password is of no use.
func TestResetReplacesTheStoredPassword(t *testing.T) {
	r := newRig(t)
	r.start()
	r.store(agent.SecretPassword, wrongPassword)
	r.pool.change = "MARK-password-new"
	if _, err := r.keeper.Login(t.Context(), agent.Caller{Prompter: &script{}}, agent.LoginRequest{Reset: true}); err != nil {
		t.Fatal(err)
	}
	stored, err := r.keeper.getSecret(t.Context(), "memory", "prod", agent.SecretPassword)
	if err != nil || stored.Reveal() != r.pool.change {
		t.Errorf("stored: %t, %v", stored.Reveal() == wrongPassword, err)
	}
	r.pool.change = ""
	r.pool.set(func() { clear(r.pool.valid) })
	if _, err := r.token(agent.Caller{}, agent.TokenRequest{Force: true}); err != nil {
		t.Errorf("the new password doesn't sign in by itself: %v", err)
	}
}
