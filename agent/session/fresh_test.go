package session

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/jwt"
	"github.com/cogtok/cogtok/profiles"
)

// A world has a server with the right time and a machine whose wall clock is
// off and gets set, and which is suspended now and then.
type world struct {
	truth  time.Time
	offset time.Duration // of the machine's wall clock
	boot   time.Duration
}

func (w *world) now() instant { return instant{wall: w.truth.Add(w.offset), boot: w.boot} }

func (w *world) pass(d time.Duration) {
	w.truth, w.boot = w.truth.Add(d), w.boot+d
}

// TestNeverAnExpiredToken lets time pass in every way between the making of a
// token and its use, and looks at each token that would be handed out with the
// server's own clock.
func TestNeverAnExpiredToken(t *testing.T) {
	const cases = 1_000_000
	source := rand.New(rand.NewPCG(1, 2))
	p := testProfile("prod")
	handedOut, short := 0, 0
	for i := range cases {
		w := &world{
			truth:  time.Date(2026, 11, 22, 19, 0, 0, source.IntN(1e9), time.UTC),
			offset: time.Duration(source.Int64N(int64(48*time.Hour))) - 24*time.Hour,
			boot:   time.Duration(source.Int64N(int64(1000 * time.Hour))),
		}
		if source.IntN(10) == 0 {
			w.offset *= 3650 // ten years
		}
		life := time.Duration(300+source.IntN(3300)) * time.Second
		asked := w.now()
		w.pass(time.Duration(source.Int64N(int64(10 * time.Second)))) // to the server
		made := w.truth
		server := made.Truncate(time.Second) // its Date
		switch source.IntN(4) {
		case 0: // a server that doesn't say, and whose tokens are new
			server = time.Time{}
		case 1: // a cache, with a token of some time ago
			made = made.Add(-time.Duration(source.Int64N(int64(2 * life))))
		}
		iat := made.Truncate(time.Second)
		claims := jwt.Claims{IssuedAt: iat, Expires: iat.Add(life)}
		h := held{jwt: "x", received: asked.before(age(claims, asked, server)), claims: claims}
		if i%1000 == 0 {
			var err error
			if h, err = hold(jwtFor(p, agent.TypeID, made, life), asked, server); err != nil {
				t.Fatal(err)
			}
		}
		w.pass(time.Duration(source.Int64N(int64(20 * time.Second)))) // and back
		for range 5 {
			w.pass(time.Duration(source.Int64N(int64(life / 2)))) // awake or suspended: boot time counts both
			switch source.IntN(4) {
			case 0:
				w.offset += time.Duration(source.Int64N(int64(2*time.Hour))) - time.Hour // the clock is set
			case 1:
				w.boot -= time.Duration(source.Int64N(int64(time.Millisecond))) // two clocks never agree
			}
			need := time.Duration(source.IntN(int(life/time.Second))) * time.Second
			if !h.lives(w.now(), need) {
				continue
			}
			handedOut++
			if left := iat.Add(life).Sub(w.truth) + 5*time.Millisecond; left <= 0 || left < need {
				short++
				t.Errorf("handed out with %v left, %v needed (life %v)", left, need, life)
			}
		}
		if short > 10 {
			t.Fatal("and so on")
		}
	}
	if handedOut < cases/2 {
		t.Errorf("only %d tokens were handed out: the test tests nothing", handedOut)
	}
}

// With clocks that are right, a token is handed out until shortly before it
// gets too short: not every renewal is an early one.
func TestTokenIsUsedUp(t *testing.T) {
	start := instant{wall: time.Date(2026, 11, 22, 19, 0, 0, 0, time.UTC)}
	h, err := hold(jwtFor(testProfile("prod"), agent.TypeID, start.wall.Add(7*time.Hour), time.Hour), start, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		wall, boot time.Duration
		want       bool
	}{
		{0, 0, true},
		{58*time.Minute - 2*time.Second, 58*time.Minute - 2*time.Second, true},
		{58 * time.Minute, 58 * time.Minute, false},
		{-time.Hour, 58 * time.Minute, false},        // the clock was set back
		{10 * time.Minute, 8 * time.Hour, false},     // suspended, and the wall clock not right yet
		{24 * time.Hour, 10 * time.Minute, false},    // the clock was set forward: one early renewal
		{-20 * 365 * 24 * time.Hour, 0, true},        // set back by twenty years
		{58 * time.Minute, 10 * time.Minute, false},  // no boot clock, or a wrong one
		{10 * time.Minute, -58 * time.Minute, true},  // likewise
		{-10 * time.Minute, -10 * time.Minute, true}, // nonsense, harmless
	} {
		now := instant{wall: start.wall.Add(tt.wall), boot: start.boot + tt.boot}
		if got := h.lives(now, usual(h)); got != tt.want {
			t.Errorf("wall %v, boot %v: lives is %v", tt.wall, tt.boot, got)
		}
	}
}

func TestWant(t *testing.T) {
	now := instant{wall: time.Unix(1_800_000_000, 0)}
	p := testProfile("prod")
	short, _ := hold(jwtFor(p, agent.TypeID, now.wall, 3*time.Minute), now, time.Time{})
	long, _ := hold(jwtFor(p, agent.TypeID, now.wall, time.Hour), now, time.Time{})
	five := int64(300)
	for _, tt := range []struct {
		name    string
		profile time.Duration
		request *int64
		h       held
		want    time.Duration
	}{
		{"default", 0, nil, long, 2 * time.Minute},
		{"default of a short token", 0, nil, short, 90 * time.Second},
		{"the profile's", 7 * time.Minute, nil, long, 7 * time.Minute},
		{"the request's", 7 * time.Minute, &five, long, 5 * time.Minute},
	} {
		p.MinTTL = tt.profile
		w, err := want(p, agent.TokenRequest{MinTTL: tt.request})
		if err != nil {
			t.Fatal(err)
		}
		if got := w.need(tt.h); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	p.MinTTL = 0
	p.Token = profiles.SchemeBearer // no type of token
	_, err := want(p, agent.TokenRequest{})
	wantKind(t, err, agent.KindUsage)
	_, err = want(p, agent.TokenRequest{Type: agent.TypeID, MinTTL: new(int64(1 << 62))})
	wantKind(t, err, agent.KindUsage)
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Hour: "1h", 90 * time.Minute: "1h30m", 59*time.Minute + 1*time.Second: "59m1s", 0: "0s", 10 * time.Second: "10s", 20 * time.Minute: "20m",
	} {
		if got := short(d); got != want {
			t.Errorf("short(%v) = %q, want %q", d, got, want)
		}
	}
}

// A token that was old when it came has lived since it was made, by the
// server's clock, whatever ours says.
func TestOldTokens(t *testing.T) {
	p := testProfile("prod")
	now := instant{time.Unix(1_800_000_000, 0), 1000 * time.Hour}
	for _, tt := range []struct {
		name   string
		made   time.Duration // when, seen from our clock
		server time.Duration // its clock, seen from ours
		silent bool          // the server doesn't tell its time
		left   time.Duration
	}{
		{"new", 0, 0, false, time.Hour - time.Second},
		{"ten minutes old", -10 * time.Minute, 0, false, 50*time.Minute - time.Second},
		{"expired", -2 * time.Hour, 0, false, -time.Hour - time.Second},
		{"new, the server is behind", -2 * time.Hour, -2 * time.Hour, false, time.Hour - time.Second},
		{"expired, the server is behind", -4 * time.Hour, -2 * time.Hour, false, -time.Hour - time.Second},
		{"new, the server is ahead", 7 * time.Hour, 7 * time.Hour, false, time.Hour - time.Second},
		{"silent server: the clocks differ", -4 * time.Minute, 0, true, time.Hour - time.Second},
		{"silent server: older than clocks differ", -2 * time.Hour, 0, true, -time.Hour - time.Second},
	} {
		var server time.Time
		if !tt.silent {
			server = now.wall.Add(tt.server)
		}
		h, err := hold(jwtFor(p, agent.TypeID, now.wall.Add(tt.made), time.Hour), now, server)
		if err != nil {
			t.Fatal(err)
		}
		if got := h.left(now); got != tt.left {
			t.Errorf("%s: %s left, want %s", tt.name, got, tt.left)
		}
	}
}
