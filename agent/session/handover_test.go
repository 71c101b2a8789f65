package session

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
	"github.com/cogtok/cogtok/store"
)

// succeed starts a keeper that takes over from the one of the rig, as a new
// program does: with vaults of its own.
func (r *rig) succeed() *Keeper {
	r.t.Helper()
	data, _, err := r.keeper.Bequeath(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	r.kill()
	k := r.start()
	if err := k.Inherit(data); err != nil {
		r.t.Fatal(err)
	}
	return k
}

// TestSuccessorIsWarm: it has the tokens with their age by both clocks, the
// refresh token that could not be stored, and goes on trying to store it.
func TestSuccessorIsWarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		s := r.sessions()
		r.pool.rotate = true
		r.start()
		r.login(agent.Caller{})
		time.Sleep(2 * time.Hour)
		s.set(true, nil) // nothing can be stored
		before, err := r.token(agent.Caller{}, agent.TokenRequest{})
		if err != nil {
			t.Fatal(err)
		}
		_, refreshes := r.pool.counts()
		time.Sleep(time.Minute)
		left := r.keeper.session(r.files["prod"]).token(agent.TypeID).left(r.keeper.now())
		k := r.succeed()
		if now := k.session(r.files["prod"]).token(agent.TypeID).left(k.now()); now != left {
			t.Errorf("the token lives for %v, before for %v", now, left)
		}
		after, err := r.token(agent.Caller{}, agent.TokenRequest{})
		if err != nil || after.Token != before.Token {
			t.Errorf("another token, %v", err)
		}
		if _, n := r.pool.counts(); n != refreshes {
			t.Errorf("%d renewals, before %d", n, refreshes)
		}
		if st, _ := k.Status(t.Context(), agent.Caller{}, agent.StatusRequest{}); !st.Profiles[0].Unpersisted {
			t.Errorf("status %+v", st)
		}
		s.set(false, nil)
		time.Sleep(20 * time.Second)
		if !r.pool.valid[r.storedRefreshToken()] {
			t.Error("the refresh token was not stored later")
		}
	})
}

// TestSuccessorOfMemory: what `store: memory` holds goes over, and nothing else does.
func TestSuccessorOfMemory(t *testing.T) {
	r := newRig(t)
	r.start()
	r.store(agent.SecretPassword, rightPassword)
	r.login(agent.Caller{})
	data, resume, err := r.keeper.Bequeath(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	resume()
	r.kill()
	r.vault = store.Vault{Secrets: new(store.Memory), Sessions: new(store.Memory)}
	delete(r.files, "prod")
	r.files["other"] = func() profiles.Profile { p := testProfile("other"); p.ClientID = "other"; return p }()
	k := r.start()
	if err := k.Inherit(data); err != nil {
		t.Fatal(err)
	}
	if n := len(k.allSessions()); n != 0 {
		t.Errorf("%d sessions of no profile", n)
	}
	if _, err := r.vault.Secrets.Get(t.Context(), "prod/password"); err != nil {
		t.Errorf("the password: %v", err)
	}
	for _, garbage := range []string{"", "{", `{"version":2}`, "MARK-refresh"} {
		if err := k.Inherit([]byte(garbage)); err == nil || bytes.Contains([]byte(err.Error()), []byte("MARK")) {
			t.Errorf("%q: %v", garbage, err)
		}
	}
}

// TestNoMomentForASuccessor: while somebody is asked, or a session renewed, or
// with a config that is broken, nothing is handed over, and all goes on.
func TestNoMomentForASuccessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		k := r.start()
		person := &script{answers: map[string]string{agent.PromptPassword: rightPassword}, hold: make(chan struct{}), came: make(chan struct{}, 1)}
		done := make(chan error, 1)
		go func() {
			_, err := k.Login(context.Background(), agent.Caller{Prompter: person}, agent.LoginRequest{Profile: "prod"})
			done <- err
		}()
		<-person.came
		refused := func(when string) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, _, err := k.Bequeath(ctx); err != errAtWork || !k.Busy() {
				t.Errorf("%s: %v", when, err)
			}
		}
		refused("while somebody is asked")
		close(person.hold)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		r.pool.delay = 5 * time.Second
		go func() {
			_, err := k.Token(context.Background(), agent.Caller{}, agent.TokenRequest{})
			done <- err
		}()
		synctest.Wait()
		refused("while a session is renewed")
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		_, resume, err := k.Bequeath(t.Context())
		if err != nil || k.Busy() {
			t.Fatalf("in a good moment: %v", err)
		}
		resume()
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{Force: true}); err != nil {
			t.Errorf("after a handover that came to nothing: %v", err)
		}
	})
}
