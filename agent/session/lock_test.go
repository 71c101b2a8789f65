package session

import (
	"context"
	"errors"
	"fmt"
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
	"github.com/cogtok/cogtok/store"
)

func (r *rig) lock() {
	r.t.Helper()
	if _, err := r.keeper.Lock(r.t.Context(), agent.Caller{}, agent.None{}); err != nil {
		r.t.Fatalf("lock: %v", err)
	}
}

func (r *rig) unlock(passphrase string) error {
	_, err := r.keeper.Unlock(r.t.Context(), agent.Caller{}, agent.UnlockRequest{Passphrase: agent.NewSecret(passphrase)})
	return err
}

// wantForgotten checks that nothing of a session is in memory.
func (r *rig) wantForgotten() {
	r.t.Helper()
	for _, s := range r.keeper.allSessions() {
		s.mu.Lock()
		if len(s.tokens) > 0 || s.record.RefreshToken != "" || s.loaded {
			r.t.Errorf("in memory yet: %d tokens, record %t, loaded %t", len(s.tokens), s.record.RefreshToken != "", s.loaded)
		}
		s.mu.Unlock()
	}
	r.keeper.keyTurn <- struct{}{}
	defer func() { <-r.keeper.keyTurn }()
	r.keeper.mu.Lock()
	defer r.keeper.mu.Unlock()
	if n, m := len(r.keeper.clientSecrets), len(r.keeper.versionKeys); n+m > 0 {
		r.t.Errorf("in memory yet: %d client secrets, %d keys", n, m)
	}
}

// TestLock: while it is locked nobody gets anything, and it does nothing.
func TestLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		other := r.files["prod"]
		other.Name = "other"
		r.files["other"] = other
		k := r.start()
		r.login(agent.Caller{})
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{Profile: "prod"}); err != nil {
			t.Fatal(err)
		}
		signIns, refreshes := r.pool.counts()
		o := r.observe("prod", nil)
		r.lock()
		r.lock()
		r.wantForgotten()
		person := agent.Caller{Prompter: &script{answers: map[string]string{agent.PromptPassword: rightPassword}}}
		for what, call := range map[string]func() error{
			"token": func() error { _, err := r.token(person, agent.TokenRequest{Profile: "prod"}); return err },
			"login": func() error {
				_, err := k.Login(t.Context(), person, agent.LoginRequest{Profile: "prod"})
				return err
			},
			"logout": func() error {
				_, err := k.Logout(t.Context(), person, agent.LogoutRequest{Profile: "prod"})
				return err
			},
			"devices": func() error {
				_, err := k.Devices(t.Context(), person, agent.DevicesRequest{Profile: "prod"})
				return err
			},
			"forget a device": func() error {
				_, err := k.ForgetDevice(t.Context(), person, agent.ForgetDeviceRequest{Profile: "prod"})
				return err
			},
			"set a secret": func() error {
				_, err := k.SetSecret(t.Context(), person, agent.SetSecretRequest{Profile: "prod", Kind: agent.SecretPassword, Value: agent.NewSecret("x")})
				return err
			},
			"delete a secret": func() error {
				_, err := k.DeleteSecret(t.Context(), person, agent.SecretRequest{Profile: "prod", Kind: agent.SecretPassword})
				return err
			},
			"list secrets": func() error {
				_, err := k.ListSecrets(t.Context(), person, agent.StatusRequest{})
				return err
			},
		} {
			if err := call(); err != errAgentLocked {
				t.Errorf("%s: %v", what, err)
			}
		}
		_, err := r.token(person, agent.TokenRequest{Profile: "gone"})
		wantKind(t, err, agent.KindUnknownProfile)
		st, err := k.Status(t.Context(), agent.Caller{}, agent.StatusRequest{})
		if err != nil || !st.Locked || st.Profiles[0].State != agent.StateLocked || st.Profiles[0].SignedInAs != "" {
			t.Errorf("status %+v, %v", st, err)
		}
		r.wantForgotten()
		if s, n := r.pool.counts(); s != signIns || n != refreshes {
			t.Errorf("%d sign-ins and %d renewals while it was locked", s-signIns, n-refreshes)
		}
		if err := r.unlock(""); err != nil {
			t.Fatal(err)
		}
		if err := r.unlock(""); err != nil {
			t.Errorf("once more: %v", err)
		}
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{Profile: "prod"}); err != nil {
			t.Fatal(err)
		}
		if s, n := r.pool.counts(); s != signIns || n != refreshes+1 {
			t.Errorf("%d sign-ins and %d renewals, want one renewal", s-signIns, n-refreshes)
		}
		o.expect("prod state signed-in", "prod locked", "prod unlocked", "prod renewed")
	})
}

// TestStaysLocked: a restart and an upgrade change nothing, whatever becomes of
// other files.
func TestStaysLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.login(agent.Caller{})
		r.lock()
		if err := os.WriteFile(filepath.Join(r.dir, "attempts.json"), []byte(`{"ver`), 0o600); err != nil {
			t.Fatal(err)
		}
		r.restart()
		_, err := r.token(agent.Caller{}, agent.TokenRequest{})
		wantKind(t, err, agent.KindLocked)
		if err := os.Remove(filepath.Join(r.dir, "locked")); err != nil {
			t.Fatal(err)
		}
		r.succeed()
		_, err = r.token(agent.Caller{}, agent.TokenRequest{})
		wantKind(t, err, agent.KindLocked)
		if err := r.unlock(""); err != nil {
			t.Fatal(err)
		}
		r.restart()
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Error(err)
		}
	})
}

// TestLockIsNotNoted: the agent is locked all the same, and says what is wrong.
func TestLockIsNotNoted(t *testing.T) {
	r := newRig(t)
	r.start()
	r.login(agent.Caller{})
	if err := os.RemoveAll(r.dir); err != nil {
		t.Fatal(err)
	}
	_, err := r.keeper.Lock(t.Context(), agent.Caller{}, agent.None{})
	wantKind(t, err, agent.KindStore)
	_, err = r.token(agent.Caller{}, agent.TokenRequest{})
	wantKind(t, err, agent.KindLocked)
	if err := os.MkdirAll(filepath.Join(r.dir, "locked", "something"), 0o700); err != nil { // which can't be removed
		t.Fatal(err)
	}
	wantKind(t, r.unlock(""), agent.KindStore)
	_, err = r.token(agent.Caller{}, agent.TokenRequest{})
	wantKind(t, err, agent.KindLocked)
}

// TestLockForgetsThePassphrase: with `store: file` it takes the passphrase again.
func TestLockForgetsThePassphrase(t *testing.T) {
	r := newFileRig(t)
	r.start()
	r.initFile()
	r.login(agent.Caller{})
	r.lock()
	r.wantForgotten()
	if !r.keeper.cfg.Vaults[profiles.StoreFile].Lock.Locked() {
		t.Error("the file's key is in memory yet")
	}
	for _, wrong := range []string{"", "wrong"} {
		wantKind(t, r.unlock(wrong), agent.KindLocked)
		_, err := r.token(agent.Caller{}, agent.TokenRequest{})
		wantKind(t, err, agent.KindLocked)
	}
	if err := r.unlock(passphrase); err != nil {
		t.Fatal(err)
	}
	if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
		t.Error(err)
	}
	r.lock()
	person := &script{answers: map[string]string{agent.PromptPassphrase: passphrase}}
	if _, err := r.keeper.Unlock(t.Context(), agent.Caller{Prompter: person}, agent.UnlockRequest{}); err != nil || len(person.kinds()) != 1 {
		t.Errorf("by a person: %v, asked %v", err, person.kinds())
	}
}

// initFile chooses the passphrase, as a person does, and unlocks.
func (r *rig) initFile() {
	r.t.Helper()
	if err := r.keeper.cfg.Vaults[profiles.StoreFile].Lock.Unlock(r.t.Context(), []byte(passphrase)); err != nil {
		r.t.Fatal(err)
	}
}

// TestLockDuringARenewal: it comes to its end, so that the new refresh token is
// kept; but its caller gets nothing. Nobody unlocks in the meantime without the
// passphrase, though the file is open still.
func TestLockDuringARenewal(t *testing.T) {
	r := newFileRig(t)
	r.pool.rotate = true
	r.start()
	r.initFile()
	r.login(agent.Caller{})
	r.pool.set(func() { r.pool.delay = 500 * time.Millisecond })
	got := make(chan error, 1)
	go func() {
		_, err := r.token(agent.Caller{}, agent.TokenRequest{Force: true})
		got <- err
	}()
	for _, n := r.pool.counts(); n == 0; _, n = r.pool.counts() {
		time.Sleep(time.Millisecond)
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := r.keeper.Lock(short, agent.Caller{}, agent.None{}); err != nil {
		t.Fatal(err)
	}
	wantKind(t, r.unlock(""), agent.KindLocked)
	wantKind(t, <-got, agent.KindLocked)
	r.wantForgotten()
	if err := r.unlock(passphrase); err != nil {
		t.Fatal(err)
	}
	if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
		t.Errorf("the new refresh token is lost: %v", err)
	}
}

// TestLockAtAQuestion: whoever types the passphrase into a question from before
// opens nothing.
func TestLockAtAQuestion(t *testing.T) {
	r := newFileRig(t)
	r.start()
	r.initFile()
	r.login(agent.Caller{})
	r.restart()
	for name, call := range map[string]func(agent.Caller) error{
		"token": func(c agent.Caller) error { _, err := r.token(c, agent.TokenRequest{}); return err },
		"unlock": func(c agent.Caller) error {
			_, err := r.keeper.Unlock(t.Context(), c, agent.UnlockRequest{})
			return err
		},
	} {
		person := &script{answers: map[string]string{agent.PromptPassphrase: passphrase}, hold: make(chan struct{}), came: make(chan struct{}, 9)}
		got := make(chan error, 1)
		go func() { got <- call(agent.Caller{Prompter: person}) }()
		<-person.came
		r.lock()
		close(person.hold)
		if err := <-got; !strings.Contains(fmt.Sprint(err), errAgentLocked.Message) {
			t.Errorf("%s: %v", name, err)
		}
		wantKind(t, r.unlock(""), agent.KindLocked)
		_, err := r.token(agent.Caller{}, agent.TokenRequest{})
		wantKind(t, err, agent.KindLocked)
		if err := r.unlock(passphrase); err != nil {
			t.Fatal(err)
		}
		r.restart()
	}
}

// A slowLock takes a while to find out whether a passphrase is right.
type slowLock struct {
	store.Lock
	began, goOn chan struct{}
}

func (l slowLock) Unlock(ctx context.Context, passphrase []byte) error {
	l.began <- struct{}{}
	<-l.goOn
	return l.Lock.Unlock(ctx, passphrase)
}

// TestLockWhileUnlocking: the agent that is locked while a passphrase is looked
// at stays locked, and so does the store.
func TestLockWhileUnlocking(t *testing.T) {
	r := newFileRig(t)
	slow := slowLock{began: make(chan struct{}), goOn: make(chan struct{})}
	r.cfg = func(c *Config) {
		v := r.openFile()
		slow.Lock = v.Lock
		v.Lock = slow
		c.Vaults = map[string]store.Vault{profiles.StoreFile: v}
	}
	k := r.start()
	for _, lockedBefore := range []bool{false, true} {
		if lockedBefore {
			r.lock()
		}
		got := make(chan error, 1)
		go func() { got <- r.unlock(passphrase) }()
		<-slow.began
		if lockedBefore { // and unlocked by somebody else, and locked again
			k.lock.locked.Store(false)
		}
		r.lock()
		slow.goOn <- struct{}{}
		if err := <-got; err != errAgentLocked {
			t.Errorf("locked before: %t: %v", lockedBefore, err)
		}
		if !slow.Locked() {
			t.Errorf("locked before: %t: the store is open", lockedBefore)
		}
	}
}

// TestUnlockedIsToldOnce: when a token can be had again, and not before.
func TestUnlockedIsToldOnce(t *testing.T) {
	r := newFileRig(t)
	r.start()
	r.initFile()
	r.login(agent.Caller{})
	var mu sync.Mutex
	var told []string
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = r.keeper.Watch(ctx, agent.Caller{Notify: func(e agent.Event) error {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, e.Event)
			if e.Event == agent.EventUnlocked {
				if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
					t.Errorf("after %q: %v", told, err)
				}
			}
			return nil
		}}, agent.WatchRequest{})
	}()
	for r.keeper.watchers.none() {
		time.Sleep(time.Millisecond)
	}
	r.lock()
	if err := r.unlock(passphrase); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	cancel()
	<-ended
	if want := []string{agent.EventState, agent.EventLocked, agent.EventUnlocked, agent.EventRenewed}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// TestLockKeepsWhatIsNotSaved: what is in memory alone is used again later.
func TestLockKeepsWhatIsNotSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		s := r.sessions()
		r.pool.rotate = true
		r.start()
		r.login(agent.Caller{})
		s.set(false, &store.UnavailableError{Reason: "the disk is full"})
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{Force: true}); err != nil {
			t.Fatal(err)
		}
		r.lock()
		_, err := r.token(agent.Caller{}, agent.TokenRequest{})
		wantKind(t, err, agent.KindLocked)
		wantKind(t, r.unlock(""), agent.KindStore)
		s.set(false, nil)
		time.Sleep(2 * time.Minute)
		r.wantForgotten() // it is saved now
		if err := r.unlock(""); err != nil {
			t.Fatal(err)
		}
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Error(err)
		}
	})
}

// TestGuesses: whoever tries passphrases gets at 12 a minute at most, over
// however many connections; the right one opens after one pause.
func TestGuesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuesses()
		var mu sync.Mutex
		var tries []time.Time
		began := time.Now()
		var all sync.WaitGroup
		busy := 0
		for range 50 {
			all.Go(func() {
				for time.Since(began) < 10*time.Minute {
					err := g.try(t.Context(), func() error {
						mu.Lock()
						defer mu.Unlock()
						tries = append(tries, time.Now())
						return fmt.Errorf("%w, no", store.ErrWrongPassphrase)
					})
					mu.Lock()
					if err == errManyGuesses {
						busy++
					} else if !errors.Is(err, store.ErrWrongPassphrase) {
						t.Error(err)
					}
					mu.Unlock()
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		all.Wait()
		if busy == 0 {
			t.Error("all of them could wait")
		}
		inAMinute := slices.IndexFunc(tries[10:], func(at time.Time) bool { return at.Sub(tries[10]) >= time.Minute })
		if inAMinute > 12 {
			t.Errorf("%d tries in a minute", inAMinute)
		}
		if took := tries[9].Sub(began); took > 25*time.Second {
			t.Errorf("ten tries took %v: a person makes some mistakes", took)
		}
		for range 1000 { // those who hang up take nobody's turn
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			if err := g.try(gone, func() error { return store.ErrWrongPassphrase }); err != context.Canceled {
				t.Fatal(err)
			}
		}
		began = time.Now()
		if err := g.try(t.Context(), func() error { return nil }); err != nil || time.Since(began) > maxGuessPause {
			t.Errorf("%v, after %v", err, time.Since(began))
		}
		began = time.Now()
		if err := g.try(t.Context(), func() error { return nil }); err != nil || time.Since(began) > 0 {
			t.Errorf("after the right one: %v, after %v", err, time.Since(began))
		}
	})
}

// TestLockWhileAnAnswerIsLost: what Cognito may have given is asked for all the
// same, in the time of grace. Nothing is kept in memory after that.
func TestLockWhileAnAnswerIsLost(t *testing.T) {
	r := newFileRig(t)
	r.pool.rotate = true
	r.start()
	r.initFile()
	r.login(agent.Caller{})
	r.pool.set(func() { r.pool.fail = agent.Errorf(agent.KindNetwork, "the answer was lost") })
	if _, err := r.token(agent.Caller{}, agent.TokenRequest{Force: true}); err != nil {
		t.Fatal(err) // with the token at hand
	}
	r.lock()
	_, before := r.pool.counts()
	r.pool.set(func() { r.pool.fail = nil })
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, n := r.pool.counts(); n > before {
			break
		}
		if time.Now().After(end) {
			t.Fatal("nobody asks again")
		}
	}
	if err := r.unlock(passphrase); err != nil {
		t.Fatal(err)
	}
	if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
		t.Errorf("the session is lost: %v", err)
	}
}

// TestLockDuringASignIn: it comes to its end, and leaves nothing in memory.
func TestLockDuringASignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		k := r.start()
		person := &script{answers: map[string]string{agent.PromptPassword: rightPassword}, hold: make(chan struct{}), came: make(chan struct{}, 9)}
		got := make(chan agent.ProfileStatus, 1)
		go func() {
			st, err := k.Login(t.Context(), agent.Caller{Prompter: person}, agent.LoginRequest{})
			if err != nil {
				t.Error(err)
			}
			got <- st
		}()
		<-person.came
		r.lock()
		close(person.hold)
		if st := <-got; st.State != agent.StateLocked || st.SignedInAs != "" || st.IDExpiresAt != nil {
			t.Errorf("%+v", st)
		}
		synctest.Wait()
		r.wantForgotten()
		if err := r.unlock(""); err != nil {
			t.Fatal(err)
		}
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Error(err)
		}
	})
}

// TestLockBeforeTheDevices: they are asked for when the renewal is over, but not
// by an agent that is locked by then.
func TestLockBeforeTheDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		k := r.start()
		r.login(agent.Caller{})
		time.Sleep(2 * time.Hour)
		r.pool.set(func() { r.pool.delay = 10 * time.Second })
		got := make(chan error, 1)
		go func() {
			_, err := k.Devices(t.Context(), agent.Caller{}, agent.DevicesRequest{})
			got <- err
		}()
		time.Sleep(time.Second)
		r.lock()
		wantKind(t, <-got, agent.KindLocked)
	})
}
