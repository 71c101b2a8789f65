package session

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cogtok/cogtok/agent"
)

func TestTokenAfterLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		_, err := r.token(agent.Caller{}, agent.TokenRequest{})
		e := wantKind(t, err, agent.KindLoginRequired)
		if !strings.Contains(e.Message, "prod") || e.Hint != "run: cogtok login prod" {
			t.Errorf("message %q, hint %q", e.Message, e.Hint)
		}
		r.login(agent.Caller{})
		got, err := r.token(agent.Caller{}, agent.TokenRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if got.Type != agent.TypeID || got.Token == "" || got.Value != got.Token || got.Username != "rob" || got.Subject != "sub-rob" || got.Warning != "" {
			t.Errorf("token %+v", got)
		}
		access, err := r.token(agent.Caller{}, agent.TokenRequest{Type: agent.TypeAccess})
		if err != nil || access.Token == got.Token {
			t.Errorf("access token %+v, %v", access, err)
		}
		if _, n := r.pool.counts(); n != 0 {
			t.Errorf("%d refreshes for a fresh token", n)
		}
	})
}

func TestHerdRefreshesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.login(agent.Caller{})
		time.Sleep(2 * time.Hour)
		r.pool.delay = 300 * time.Millisecond
		began := time.Now()
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() {
				got, err := r.token(agent.Caller{}, agent.TokenRequest{})
				if err != nil || got.ExpiresIn < 3500 {
					t.Errorf("token %+v, %v", got, err)
				}
			})
		}
		all.Wait()
		if _, n := r.pool.counts(); n != 1 {
			t.Errorf("%d refreshes for 1000 callers", n)
		}
		if took := time.Since(began); took > 350*time.Millisecond {
			t.Errorf("the slowest took %v", took)
		}
	})
}

func TestHangUpCancelsNothingForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.login(agent.Caller{})
		time.Sleep(2 * time.Hour)
		r.pool.delay = 2 * time.Second
		ctx, hangUp := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() {
			_, err := r.keeper.Token(ctx, agent.Caller{}, agent.TokenRequest{})
			first <- err
		}()
		synctest.Wait()
		second := make(chan error, 1)
		go func() {
			_, err := r.token(agent.Caller{}, agent.TokenRequest{})
			second <- err
		}()
		synctest.Wait()
		hangUp()
		wantKind(t, <-first, agent.KindCanceled)
		if err := <-second; err != nil {
			t.Error(err)
		}
		if _, n := r.pool.counts(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}

func TestRestartGoesOnWithoutAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.login(agent.Caller{})
		r.restart()
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Fatal(err)
		}
		if in, re := r.pool.counts(); in != 1 || re != 1 {
			t.Errorf("%d sign-ins, %d refreshes", in, re)
		}
		// Another user of the same profile doesn't get it.
		p := r.files["prod"]
		p.Username = "alice"
		r.files["prod"] = p
		r.restart()
		_, err := r.token(agent.Caller{}, agent.TokenRequest{})
		wantKind(t, err, agent.KindLoginRequired)
	})
}

func TestShortTokenIsServedInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.login(agent.Caller{})
		time.Sleep(59 * time.Minute)
		r.pool.set(func() { r.pool.fail = agent.Errorf(agent.KindNetwork, "no network") })
		got, err := r.token(agent.Caller{}, agent.TokenRequest{})
		if err != nil || !strings.Contains(got.Warning, "no network") {
			t.Fatalf("token %+v, %v", got, err)
		}
		for range 100 { // right after: nothing goes out
			if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		if _, n := r.pool.counts(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
		time.Sleep(2 * time.Minute)
		_, err = r.token(agent.Caller{}, agent.TokenRequest{})
		wantKind(t, err, agent.KindNetwork)
		r.pool.set(func() { r.pool.fail = nil })
		time.Sleep(10 * time.Second)
		if got, err = r.token(agent.Caller{}, agent.TokenRequest{}); err != nil || got.Warning != "" {
			t.Errorf("after the outage: %+v, %v", got, err)
		}
	})
}

func TestOutageIsPaced(t *testing.T) {
	for _, tt := range []struct {
		kind agent.Kind
		most int
	}{{agent.KindThrottled, 30}, {agent.KindService, 30}, {agent.KindNetwork, 300}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.start()
			r.login(agent.Caller{})
			time.Sleep(2 * time.Hour)
			r.pool.set(func() { r.pool.fail = agent.Errorf(tt.kind, "down") })
			for range 6000 { // ten minutes
				_, err := r.token(agent.Caller{}, agent.TokenRequest{})
				wantKind(t, err, tt.kind)
				time.Sleep(100 * time.Millisecond)
			}
			if _, n := r.pool.counts(); n > tt.most {
				t.Errorf("%s: %d refreshes in ten minutes, want %d at most", tt.kind, n, tt.most)
			}
		})
	}
}

func TestMinTTL(t *testing.T) {
	seconds := func(n int64) *int64 { return &n }
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.login(agent.Caller{})
		_, err := r.token(agent.Caller{}, agent.TokenRequest{MinTTL: seconds(3601)})
		wantKind(t, err, agent.KindMinTTLTooLong)
		_, err = r.token(agent.Caller{}, agent.TokenRequest{MinTTL: seconds(-1)})
		wantKind(t, err, agent.KindUsage)
		_, err = r.token(agent.Caller{}, agent.TokenRequest{Type: "refresh"})
		wantKind(t, err, agent.KindUsage)
		time.Sleep(10 * time.Minute)
		got, err := r.token(agent.Caller{}, agent.TokenRequest{MinTTL: seconds(3600)})
		if err != nil || got.ExpiresIn < 3598 || got.Warning != "" {
			t.Errorf("token %+v, %v", got, err)
		}
		// After a restart the life isn't known before the first token.
		r.restart()
		_, err = r.token(agent.Caller{}, agent.TokenRequest{MinTTL: seconds(7200)})
		wantKind(t, err, agent.KindMinTTLTooLong)
	})
}

func TestForceIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.login(agent.Caller{})
		warned := 0
		for range 1000 {
			time.Sleep(10 * time.Millisecond)
			got, err := r.token(agent.Caller{}, agent.TokenRequest{Force: true})
			if err != nil {
				t.Fatal(err)
			}
			if got.Warning != "" {
				warned++
			}
		}
		if _, n := r.pool.counts(); n < 6 || n > 7 || warned != 1000-n {
			t.Errorf("%d refreshes, %d warnings", n, warned)
		}
	})
}

// A cache between us and Cognito answers each refresh with the same tokens:
// once they have expired nobody gets one.
func TestTokensThatComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.login(agent.Caller{})
		r.pool.set(func() { r.pool.again = true })
		for range 120 {
			time.Sleep(time.Minute)
			token, err := r.token(agent.Caller{}, agent.TokenRequest{})
			if err == nil && !token.ExpiresAt.After(time.Now()) {
				t.Fatalf("a token that expired %s ago", time.Since(token.ExpiresAt))
			}
			if err != nil {
				wantKind(t, err, agent.KindService)
			}
		}
	})
}

// A server that gives no better tokens isn't asked for them at every call.
func TestTokensThatComeAgainAreNotAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.login(agent.Caller{})
		r.pool.set(func() { r.pool.again = true })
		time.Sleep(58 * time.Minute)
		for i := range 600 { // ten minutes
			time.Sleep(time.Second)
			token, err := r.token(agent.Caller{}, agent.TokenRequest{})
			switch {
			case err == nil && token.Warning == "" && i > int(renewedSlack/time.Second):
				t.Fatalf("after %d s no word of what goes wrong", i)
			case err != nil && !strings.Contains(err.Error(), "expired"):
				t.Fatal(err)
			}
		}
		if _, n := r.pool.counts(); n > 25 {
			t.Errorf("%d refreshes", n)
		}
		r.pool.set(func() { r.pool.again = false })
		time.Sleep(longestPause)
		if token, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil || token.Warning != "" {
			t.Errorf("afterwards: %+v, %v", token, err)
		}
	})
}

// Some emulators give no ID token for a refresh token: the one of the sign-in
// is used up, and who wants access tokens isn't bothered.
func TestRefreshWithoutIDToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.pool.noID = true
		r.start()
		r.login(agent.Caller{})
		access := func() {
			t.Helper()
			token, err := r.token(agent.Caller{}, agent.TokenRequest{Type: agent.TypeAccess})
			if err != nil || token.Warning != "" || token.ExpiresIn < 120 {
				t.Errorf("access token %+v, %v", token, err)
			}
		}
		time.Sleep(30 * time.Minute)
		if token, err := r.token(agent.Caller{}, agent.TokenRequest{Force: true}); err != nil || token.ExpiresIn < 1700 {
			t.Errorf("half way: %+v, %v", token, err)
		}
		access()
		time.Sleep(29 * time.Minute)
		if token, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil || !strings.Contains(token.Warning, "lives for") {
			t.Errorf("shortly before the end: %+v, %v", token, err)
		}
		access()
		time.Sleep(2 * time.Minute)
		for range 2 {
			for range 2 {
				_, err := r.token(agent.Caller{}, agent.TokenRequest{})
				e := wantKind(t, err, agent.KindService)
				if !strings.Contains(e.Message, "no id token") || e.Hint != "run: cogtok login prod" {
					t.Errorf("error %+v", e)
				}
				access()
			}
			r.restart()
		}
		access()
	})
}
