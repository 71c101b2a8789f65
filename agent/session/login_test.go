package session

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
	"github.com/cogtok/cogtok/store"
)

// In each terminal somebody is asked: one is, and all have the token.
func TestOneIsAskedForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		people := make([]*script, 50)
		var all sync.WaitGroup
		for i := range people {
			people[i] = &script{answers: map[string]string{agent.PromptPassword: rightPassword}, hold: make(chan struct{})}
			time.AfterFunc(time.Second, func() { close(people[i].hold) })
			all.Go(func() {
				if _, err := r.token(agent.Caller{Prompter: people[i]}, agent.TokenRequest{}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		asked := 0
		for _, p := range people {
			asked += len(p.kinds())
		}
		if in, _ := r.pool.counts(); asked != 1 || in != 1 {
			t.Errorf("%d questions, %d sign-ins", asked, in)
		}
	})
}

func TestNextPersonTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.pool.mfa = true
		r.start()
		first := &script{answers: map[string]string{agent.PromptPassword: rightPassword, agent.PromptMFA: "123456"}}
		firstSees := &script{hold: make(chan struct{})}
		ctx, hangUp := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() {
			_, err := r.keeper.Login(ctx, agent.Caller{Prompter: firstSees}, agent.LoginRequest{})
			gone <- err
		}()
		synctest.Wait()
		done := make(chan error, 1)
		go func() {
			_, err := r.token(agent.Caller{Prompter: first}, agent.TokenRequest{})
			done <- err
		}()
		synctest.Wait()
		if n := len(first.kinds()); n != 0 {
			t.Errorf("%d questions to the second while the first is asked", n)
		}
		hangUp()
		wantKind(t, <-gone, agent.KindCanceled)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := first.kinds(); !slices.Equal(got, []string{agent.PromptPassword, agent.PromptMFA}) {
			t.Errorf("the second was asked %v", got)
		}
		if in, _ := r.pool.counts(); in != 1 {
			t.Errorf("%d sign-ins", in)
		}
	})
}

func TestNobodyTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ctx, hangUp := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() {
			_, err := r.keeper.Token(ctx, agent.Caller{Prompter: &script{hold: make(chan struct{})}}, agent.TokenRequest{})
			gone <- err
		}()
		synctest.Wait()
		// Who can't be asked doesn't wait for another's answer.
		began := time.Now()
		_, err := r.token(agent.Caller{}, agent.TokenRequest{})
		wantKind(t, err, agent.KindLoginRequired)
		_, err = r.keeper.Login(t.Context(), agent.Caller{}, agent.LoginRequest{})
		wantKind(t, err, agent.KindLoginRequired)
		if took := time.Since(began); took != 0 {
			t.Errorf("waited %v", took)
		}
		// But with a password of its own it signs in.
		r.login(agent.Caller{})
		hangUp()
		<-gone
		synctest.Wait()
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Error(err)
		}
	})
}

// A person who never answers ends the sign-in, though the prompter doesn't.
func TestSilentPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		began := time.Now()
		_, err := r.token(agent.Caller{Prompter: &script{hold: make(chan struct{})}}, agent.TokenRequest{})
		if err == nil {
			t.Fatal("a token")
		}
		if took := time.Since(began); took > agent.PromptTimeout+promptGrace {
			t.Errorf("waited %v", took)
		}
	})
}

func TestTypedPasswordIsTriedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		person := &script{answers: map[string]string{agent.PromptPassword: wrongPassword}}
		_, err := r.keeper.Login(t.Context(), agent.Caller{Prompter: person}, agent.LoginRequest{})
		e := wantKind(t, err, agent.KindWrongPassword)
		if !strings.Contains(e.Message, "profile prod") {
			t.Errorf("message %q", e.Message)
		}
		if in, _ := r.pool.counts(); in != 1 || len(person.kinds()) != 1 {
			t.Errorf("%d sign-ins, asked %v", in, person.kinds())
		}
	})
}

func TestLogout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		k := r.start()
		r.store(agent.SecretPassword, rightPassword)
		r.login(agent.Caller{})
		got, err := r.token(agent.Caller{}, agent.TokenRequest{})
		if err != nil {
			t.Fatal(err)
		}
		first := k.session(r.files["prod"]).currentRecord().FirstRefreshToken
		out, err := k.Logout(t.Context(), agent.Caller{}, agent.LogoutRequest{Revoke: true})
		if err != nil || !out.Ended || out.Warning != "" || out.ValidUntil == nil || !out.ValidUntil.Equal(got.ExpiresAt) {
			t.Errorf("logout %+v, %v", out, err)
		}
		if !slices.Equal(r.pool.revoked, []string{first}) {
			t.Errorf("revoked %v, want the sign-in's own refresh token", r.pool.revoked)
		}
		// The stored password isn't used by itself, now and after a restart.
		for range 2 {
			_, err = r.token(agent.Caller{}, agent.TokenRequest{})
			e := wantKind(t, err, agent.KindLoginRequired)
			if !strings.Contains(e.Message, "logged out") || e.Hint != "run: cogtok login prod" {
				t.Errorf("error %+v", e)
			}
			r.restart()
		}
		person := &script{answers: map[string]string{agent.PromptPassword: rightPassword}}
		_, err = r.token(agent.Caller{Prompter: person}, agent.TokenRequest{})
		wantKind(t, err, agent.KindLoginRequired)
		// `login` uses it.
		if _, err := r.keeper.Login(t.Context(), agent.Caller{}, agent.LoginRequest{}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Error(err)
		}
		out, err = r.keeper.Logout(t.Context(), agent.Caller{}, agent.LogoutRequest{Everywhere: true, Forget: true})
		if err != nil || r.pool.everyone != 1 || out.Warning != "" {
			t.Errorf("logout --everywhere: %+v, %v, %d", out, err, r.pool.everyone)
		}
		list, err := r.keeper.ListSecrets(t.Context(), agent.Caller{}, agent.StatusRequest{})
		if err != nil || len(list.Secrets) != 0 {
			t.Errorf("after --forget: %+v, %v", list, err)
		}
		out, err = r.keeper.Logout(t.Context(), agent.Caller{}, agent.LogoutRequest{})
		if err != nil || out.Ended {
			t.Errorf("logout without a session: %+v, %v", out, err)
		}
	})
}

// After a restart there is no access token, which the global sign-out needs.
func TestLogoutEverywhereAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.login(agent.Caller{})
		r.restart()
		out, err := r.keeper.Logout(t.Context(), agent.Caller{}, agent.LogoutRequest{Everywhere: true, Revoke: true})
		if err != nil || out.Warning != "" || r.pool.everyone != 1 || len(r.pool.revoked) != 1 {
			t.Errorf("logout %+v, %v; %d, %v", out, err, r.pool.everyone, r.pool.revoked)
		}
	})
}

// A logout counts even if neither Cognito nor the store can be reached.
func TestLogoutInTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		s := r.sessions()
		r.start()
		r.login(agent.Caller{})
		r.pool.set(func() { r.pool.fail = agent.Errorf(agent.KindNetwork, "no network") })
		s.set(true, nil)
		out, err := r.keeper.Logout(t.Context(), agent.Caller{}, agent.LogoutRequest{Revoke: true})
		if err != nil || !out.Ended || !strings.Contains(out.Warning, "no network") {
			t.Errorf("logout %+v, %v", out, err)
		}
		s.set(false, nil)
		r.pool.set(func() { r.pool.fail = nil })
		r.restart()
		_, err = r.token(agent.Caller{}, agent.TokenRequest{})
		wantKind(t, err, agent.KindLoginRequired)
		if _, err := r.vault.Sessions.Get(t.Context(), recordName(r.files["prod"])); err == nil {
			t.Error("the record is still there")
		}
	})
}

// A logout while the session is being renewed ends both.
func TestLogoutDuringRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.pool.rotate = true
		r.start()
		r.login(agent.Caller{})
		time.Sleep(2 * time.Hour)
		r.pool.delay = 20 * time.Second
		done := make(chan error, 1)
		go func() {
			_, err := r.token(agent.Caller{}, agent.TokenRequest{})
			done <- err
		}()
		synctest.Wait()
		if _, err := r.keeper.Logout(t.Context(), agent.Caller{}, agent.LogoutRequest{}); err != nil {
			t.Error(err)
		}
		wantKind(t, <-done, agent.KindLoginRequired)
		r.restart()
		_, err := r.token(agent.Caller{}, agent.TokenRequest{})
		wantKind(t, err, agent.KindLoginRequired)
	})
}

// Cognito ends a session: the reason is told, also after a restart.
func TestSessionEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.login(agent.Caller{})
		time.Sleep(2 * time.Hour)
		r.pool.set(func() { clear(r.pool.valid) })
		for range 3 {
			_, err := r.token(agent.Caller{}, agent.TokenRequest{})
			if e := wantKind(t, err, agent.KindLoginRequired); !strings.Contains(e.Message, "revoked") || !strings.Contains(e.Message, "prod") {
				t.Errorf("message %q", e.Message)
			}
			st, err := r.keeper.Status(t.Context(), agent.Caller{}, agent.StatusRequest{})
			if err != nil || st.Profiles[0].State != agent.StateSignedOut || !strings.Contains(st.Profiles[0].Problem, "revoked") {
				t.Errorf("status %+v, %v", st, err)
			}
			r.restart()
		}
		if _, n := r.pool.counts(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}

// What isn't the end of a session doesn't end it.
func TestSessionSurvives(t *testing.T) {
	for _, kind := range []agent.Kind{
		agent.KindNetwork, agent.KindService, agent.KindThrottled, agent.KindLambda, agent.KindForbidden,
		agent.KindUserDisabled, agent.KindClientMismatch, agent.KindRefused, agent.KindInternal,
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.start()
			r.login(agent.Caller{})
			time.Sleep(2 * time.Hour)
			r.pool.set(func() { r.pool.fail = agent.Errorf(kind, "no") })
			_, err := r.token(agent.Caller{}, agent.TokenRequest{})
			wantKind(t, err, kind)
			r.pool.set(func() { r.pool.fail = nil })
			time.Sleep(2 * time.Minute)
			if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		})
	}
}

// Profiles in different stores have sessions of their own: ending one leaves
// the other, also when that one isn't in memory yet.
func TestLogoutLeavesOtherStores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		other := testProfile("other")
		other.Store = profiles.StoreFile
		r.files["other"] = other
		file := store.Vault{Secrets: new(store.Memory), Sessions: new(store.Memory)}
		r.cfg = func(c *Config) { c.Vaults[profiles.StoreFile] = file }
		r.start()
		r.login(agent.Caller{})
		r.restart()
		if _, err := r.keeper.Logout(t.Context(), agent.Caller{}, agent.LogoutRequest{Profile: "other"}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{Profile: "prod"}); err != nil {
			t.Error(err)
		}
	})
}
