package session

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cogtok/cogtok/agent"
)

// Wrong codes lock the user, whichever profile they come from.
func TestWrongCodesAreCountedForTheUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.pool.mfa = true
		for i := range 9 {
			p := testProfile(fmt.Sprintf("p%d", i))
			p.ClientID, p.Extends, p.TOTPCommand = fmt.Sprintf("client%d", i), []string{"prod"}, []string{"echo", "000000"}
			r.files[p.Name] = p
		}
		r.start()
		r.store(agent.SecretPassword, rightPassword)
		for range 3 {
			for name := range r.files {
				if _, err := r.token(agent.Caller{}, agent.TokenRequest{Profile: name}); err == nil {
					t.Fatal("a token for a wrong code")
				}
			}
			time.Sleep(20 * time.Minute)
			r.restart()
		}
		if r.pool.wrongCodes != 1 {
			t.Errorf("%d wrong codes were sent", r.pool.wrongCodes)
		}
	})
}

// A script that goes on with a wrong password must not lock the user.
func TestGivenPasswordsHaveABrake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		login := func(password string) error {
			_, err := r.keeper.Login(t.Context(), agent.Caller{}, agent.LoginRequest{Password: agent.NewSecret(password)})
			return err
		}
		var all sync.WaitGroup
		for range 60 {
			all.Go(func() { _ = login(wrongPassword) })
		}
		all.Wait()
		if n, _ := r.pool.counts(); n != 1 {
			t.Errorf("%d tries of one wrong password", n)
		}
		for i := range 10 {
			if err := login(fmt.Sprint(wrongPassword, i)); err == nil {
				t.Fatal("a sign-in with a wrong password")
			}
		}
		if n, _ := r.pool.counts(); n > 4 {
			t.Errorf("%d tries in a moment: five lock the user", n)
		}
		wantKind(t, login(rightPassword), agent.KindPasswordRefusedBefore)
		time.Sleep(16 * time.Minute)
		if err := login(rightPassword); err != nil {
			t.Errorf("after a while: %v", err)
		}
		for range 20 { // and right ones have none
			if err := login(rightPassword); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// What is asked after the tokens are made doesn't make them younger.
func TestAgeOfTokensAfterALateQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.pool.life = time.Minute
		r.pool.lateQuestion = true
		r.start()
		slow := &script{answers: map[string]string{agent.PromptConfirm: "y"}, delay: 50 * time.Second}
		_, err := r.keeper.Login(t.Context(), agent.Caller{Prompter: slow}, agent.LoginRequest{Password: agent.NewSecret(rightPassword)})
		if err != nil {
			t.Fatal(err)
		}
		made := time.Now().Add(-50 * time.Second)
		r.pool.set(func() { r.pool.fail = agent.Errorf(agent.KindNetwork, "no network") })
		for range 30 {
			token, err := r.token(agent.Caller{}, agent.TokenRequest{})
			if age := time.Since(made); err == nil && age >= time.Minute {
				t.Fatalf("a token of %s, good for a minute, was handed out: %+v", age, token)
			}
			time.Sleep(time.Second)
		}
	})
}

// A logout ends what was got with --scope too.
func TestLogoutEndsTokensWithOtherScopes(t *testing.T) {
	r := newMachineRig(t)
	write := agent.TokenRequest{Scopes: []string{"api/write"}}
	if _, err := r.token(agent.Caller{}, write); err != nil {
		t.Fatal(err)
	}
	if _, err := r.keeper.Logout(t.Context(), agent.Caller{}, agent.LogoutRequest{}); err != nil {
		t.Fatal(err)
	}
	for _, scopes := range [][]string{nil, {"api/write"}, {"api/delete"}} {
		_, err := r.token(agent.Caller{}, agent.TokenRequest{Scopes: scopes})
		wantKind(t, err, agent.KindLoginRequired)
	}
	if _, err := r.keeper.Login(t.Context(), agent.Caller{}, agent.LoginRequest{}); err != nil {
		t.Fatal(err)
	}
	before := len(r.pool.asked)
	if _, err := r.token(agent.Caller{}, write); err != nil || len(r.pool.asked) != before+1 {
		t.Errorf("after the next login: %v, asked %q", err, r.pool.asked)
	}
}

func TestManyScopesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMachineRig(t)
		r.pool.delay = time.Second
		for round := range 4 {
			var all sync.WaitGroup
			for i := range 3 * maxScopedSessions {
				all.Go(func() {
					_, err := r.token(agent.Caller{}, agent.TokenRequest{Scopes: []string{fmt.Sprintf("api/%d-%d", round, i)}})
					if err != nil && agent.KindOf(err) != agent.KindBusy {
						t.Error(err)
					}
				})
			}
			all.Wait()
		}
		if n := len(r.keeper.allSessions()); n > maxScopedSessions+2 {
			t.Errorf("%d sessions are held", n)
		}
	})
}

// Whoever opened the page and says nothing more may hang up: then nobody is left.
func TestBrowserLoginEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.files["prod"] = browserProfile()
		r.pool.waits = true
		r.start()
		ctx, hangUp := contextWithCancel(t)
		quiet := &script{answers: map[string]string{agent.PromptBrowser: ""}}
		first := make(chan error, 1)
		go func() {
			_, err := r.keeper.Login(ctx, agent.Caller{Prompter: quiet}, agent.LoginRequest{})
			first <- err
		}()
		synctest.Wait()
		hangUp()
		if err := <-first; err == nil {
			t.Error("signed in without a browser")
		}
		synctest.Wait()
		second := &script{answers: map[string]string{agent.PromptBrowser: "http://localhost:8400/callback?code=x"}}
		began := time.Now()
		if _, err := r.keeper.Login(t.Context(), agent.Caller{Prompter: second}, agent.LoginRequest{}); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("the next login took %s", took)
		}
	})
}

// Profiles of one user that sign in by themselves at once don't take each other's try.
func TestSignInsOfOneUserTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.pool.delay = time.Second
		for i := range 5 {
			p := testProfile(fmt.Sprintf("p%d", i))
			p.ClientID, p.Extends = fmt.Sprintf("client%d", i), []string{"prod"}
			r.files[p.Name] = p
		}
		r.start()
		r.store(agent.SecretPassword, rightPassword)
		var all sync.WaitGroup
		for name := range r.files {
			all.Go(func() {
				if _, err := r.token(agent.Caller{}, agent.TokenRequest{Profile: name}); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		all.Wait()
	})
}

func contextWithCancel(t *testing.T) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx, cancel
}
