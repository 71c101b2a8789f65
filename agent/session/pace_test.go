package session

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

// An outage that is shorter than the token's life costs nobody anything, not
// even those who want more than half of it, and Cognito is asked rarely.
func TestOutageOf25Minutes(t *testing.T) {
	for _, kind := range []agent.Kind{agent.KindNetwork, agent.KindService, agent.KindThrottled} {
		for _, minTTL := range []int64{0, 120, 900} {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.pool.life = 30 * time.Minute
				r.start()
				r.login(agent.Caller{})
				r.pool.set(func() { r.pool.fail = agent.Errorf(kind, "down") })
				ask := agent.TokenRequest{}
				if minTTL > 0 {
					ask.MinTTL = &minTTL
				}
				for i := range 25 * 60 {
					ask.Force = i%30 == 0
					if token, err := r.token(agent.Caller{}, ask); err != nil || token.ExpiresIn < 120 {
						t.Fatalf("%s, after %d s: %+v, %v", kind, i, token, err)
					}
					time.Sleep(time.Second)
				}
				if _, n := r.pool.counts(); n > 40 {
					t.Errorf("%s, min-ttl %d: asked %d times", kind, minTTL, n)
				}
				r.pool.set(func() { r.pool.fail = nil })
				time.Sleep(longestPause)
				if token, err := r.token(agent.Caller{}, agent.TokenRequest{Force: true}); err != nil || token.Warning != "" {
					t.Errorf("afterwards: %+v, %v", token, err)
				}
			})
		}
	}
}

// Who has nothing to hand out asks soon again after a network has failed,
// however long it was away before.
func TestNetworkIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.login(agent.Caller{})
		r.pool.set(func() { r.pool.fail = agent.Errorf(agent.KindNetwork, "down") })
		for range 3 * 3600 {
			time.Sleep(time.Second)
			_, _ = r.token(agent.Caller{}, agent.TokenRequest{})
		}
		r.pool.set(func() { r.pool.fail = nil })
		time.Sleep(longestQuickPause)
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Error(err)
		}
	})
}

// What the server says about when to ask again holds, whatever else happens.
func TestRetryAfterIsKept(t *testing.T) {
	for _, tt := range []struct {
		kind agent.Kind
		wait time.Duration
	}{
		{agent.KindThrottled, 7 * time.Second}, {agent.KindThrottled, 5 * time.Minute},
		{agent.KindService, 90 * time.Second}, {agent.KindNetwork, 2 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			began, step := time.Now(), time.Duration(0)
			r.clock.Boot = func() time.Duration { return time.Hour + time.Since(began) }
			r.clock.Wall = func() time.Time { return time.Now().Add(step) }
			r.start()
			r.login(agent.Caller{})
			time.Sleep(2 * time.Hour)
			r.pool.set(func() {
				r.pool.fail = &agent.Error{Code: agent.CodeTemporary, Kind: tt.kind, Message: "later", RetryAfter: tt.wait}
			})
			last, asked := time.Time{}, 0
			for i := range 6000 {
				_, before := r.pool.counts()
				if _, err := r.token(agent.Caller{}, agent.TokenRequest{Force: i%3 == 0}); err == nil {
					t.Fatal("a token")
				}
				if _, n := r.pool.counts(); n > before {
					if !last.IsZero() && time.Since(last) < tt.wait {
						t.Fatalf("asked again after %v, told %v", time.Since(last), tt.wait)
					}
					last, asked = time.Now(), asked+1
				}
				switch i % 500 {
				case 100:
					r.touch() // the config has changed
				case 200:
					step += time.Hour // the clock was set
				case 300:
					r.keeper.secretsChanged()
				}
				time.Sleep(100 * time.Millisecond)
			}
			if asked < 2 || asked > 30 {
				t.Errorf("%s, %v: asked %d times in ten minutes", tt.kind, tt.wait, asked)
			}
		})
	}
}

// Signing in by the stored password is paced too where nothing counts as a try
// of it: else every request would go to Cognito.
func TestSignInsArePaced(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		most int
	}{
		"no network":       {NotSent{agent.Errorf(agent.KindNetwork, "connection refused")}, 150},
		"throttled":        {NotSent{agent.Errorf(agent.KindThrottled, "too many requests")}, 30},
		"told":             {NotSent{&agent.Error{Code: agent.CodeTemporary, Kind: agent.KindThrottled, Message: "later", RetryAfter: 5 * time.Minute}}, 2},
		"flow not allowed": {agent.Errorf(agent.KindFlowNotEnabled, "tick it"), 150},
		"no such client":   {agent.Errorf(agent.KindClientNotFound, "no client"), 150},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.start()
			r.store(agent.SecretPassword, rightPassword)
			r.pool.set(func() { r.pool.fail = tt.err })
			for range 1200 {
				_, err := r.token(agent.Caller{}, agent.TokenRequest{})
				wantKind(t, err, agent.KindOf(tt.err))
				time.Sleep(500 * time.Millisecond)
			}
			if in, _ := r.pool.counts(); in > tt.most {
				t.Errorf("%s: %d sign-ins in ten minutes", name, in)
			}
			// A person needn't wait.
			r.pool.set(func() { r.pool.fail = nil })
			r.login(agent.Caller{})
			if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
				t.Errorf("%s: afterwards: %v", name, err)
			}
		})
	}
}

// A web ACL that blocks for a while, or a fault of our own, is no reason to keep a
// good token back.
func TestGoodTokenIsServed(t *testing.T) {
	for _, kind := range []agent.Kind{agent.KindForbidden, agent.KindInternal} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.start()
			r.login(agent.Caller{})
			time.Sleep(59 * time.Minute)
			r.pool.set(func() { r.pool.fail = agent.Errorf(kind, "blocked") })
			got, err := r.token(agent.Caller{}, agent.TokenRequest{})
			if err != nil || !strings.Contains(got.Warning, "blocked") {
				t.Errorf("%s: token %+v, %v", kind, got, err)
			}
		})
	}
}

// What may have been lost is asked for again for a minute, and no longer.
func TestFindingWhatIsLostEnds(t *testing.T) {
	for _, tt := range []struct {
		err         error
		least, most int
	}{
		{agent.Errorf(agent.KindNetwork, "cut"), 4, 8},
		{agent.Errorf(agent.KindService, "HTTP 504"), 4, 8},
		{NotSent{agent.Errorf(agent.KindNetwork, "connection refused")}, 1, 1},
		{agent.Errorf(agent.KindThrottled, "too many"), 1, 1},
		{&agent.Error{Code: agent.CodeTemporary, Kind: agent.KindService, Message: "later", RetryAfter: time.Second}, 1, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.pool.rotate = true
			r.start()
			r.login(agent.Caller{})
			r.pool.set(func() { r.pool.fail = tt.err })
			if _, err := r.token(agent.Caller{}, agent.TokenRequest{Force: true}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			if _, n := r.pool.counts(); n < tt.least || n > tt.most {
				t.Errorf("%v: asked %d times", tt.err, n)
			}
		})
	}
}

// What a server says holds for all sessions that it has, and for no other's.
func TestRetryAfterIsTheServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		same, other, oauth := testProfile("same"), testProfile("other"), testProfile("oauth")
		same.Username, other.Username, other.Region, oauth.Auth = "amy", "eve", "eu-west-1", profiles.AuthClientCredentials
		r.files["same"], r.files["other"], r.files["oauth"] = same, other, oauth
		k := r.start()
		r.login(agent.Caller{})
		for _, name := range []string{"same", "other"} {
			if _, err := k.Login(t.Context(), agent.Caller{}, agent.LoginRequest{Profile: name, Password: agent.NewSecret(rightPassword)}); err != nil {
				t.Fatal(err)
			}
		}
		r.pool.set(func() {
			r.pool.fail = &agent.Error{Code: agent.CodeTemporary, Kind: agent.KindThrottled, Message: "later", RetryAfter: time.Minute}
		})
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{Profile: "prod", Force: true}); err != nil {
			t.Fatal(err)
		}
		r.pool.set(func() { r.pool.fail = nil })
		for _, tt := range []struct {
			profile string
			asked   int // how often in all
		}{{"prod", 1}, {"same", 1}, {"other", 2}, {"oauth", 3}} {
			token, err := r.token(agent.Caller{}, agent.TokenRequest{Profile: tt.profile, Force: tt.profile != "oauth", Type: agent.TypeAccess})
			if _, n := r.pool.counts(); err != nil || n != tt.asked {
				t.Errorf("%s: %+v, %v after %d requests, want %d", tt.profile, token, err, n, tt.asked)
			}
		}
		time.Sleep(67 * time.Second)
		if token, err := r.token(agent.Caller{}, agent.TokenRequest{Profile: "same", Force: true}); err != nil || token.Warning != "" {
			t.Errorf("afterwards: %+v, %v", token, err)
		}
	})
}
