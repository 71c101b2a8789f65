//go:build !windows

package torture

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/internal/userpool"
	"github.com/cogtok/cogtok/profiles"
)

// ClockFigures are what Clocks saw.
type ClockFigures struct {
	Events     int           `json:"events"`
	Expired    int           `json:"expired"`     // tokens that had expired when they were handed out
	Failed     int           `json:"failed"`      // first calls that got none
	MostCalls  int           `json:"most_calls"`  // to Cognito for one first call
	Slowest    time.Duration `json:"slowest"`     // of the first calls
	LateByTwo  int           `json:"late_by_two"` // tokens with less than two minutes left, and no warning
	Complaints complaints    `json:"complaints"`
}

// Clocks lets the machine sleep for eight hours, its clock be set forth and
// back, and more, so many rounds, and looks at the first call after each.
func Clocks(ctx context.Context, rounds int) (f ClockFigures, err error) {
	const day, year = 24 * time.Hour, 365 * 24 * time.Hour
	in, err := newInside(ctx, "memory", userpool.Client{RefreshTokenLife: 100 * year})
	if err != nil {
		return f, err
	}
	defer in.close()
	if err := in.login(); err != nil {
		return f, err
	}
	for range rounds {
		for _, event := range []struct {
			what      string
			pass, set time.Duration
		}{
			{"8 h of suspend", 8 * time.Hour, 0}, {"a day forward", 0, day}, {"a day back", time.Second, -day},
			{"ten years back", 30 * time.Minute, -10 * year}, {"8 h of suspend, clock ten years back", 8 * time.Hour, 0},
			{"ten years forward", time.Minute, 10 * year}, {"the clock stood still in a suspend", 8 * time.Hour, -8 * time.Hour},
			{"and is set right", 0, 8 * time.Hour}, {"ten minutes fast", time.Hour, 10 * time.Minute}, {"and back", 59 * time.Minute, -10 * time.Minute},
		} {
			in.pass(event.pass, event.set)
			in.server.ResetCalls()
			began := time.Now()
			token, err := in.token(agent.TokenRequest{})
			f.Slowest = max(f.Slowest, time.Since(began))
			f.Events++
			f.MostCalls = max(f.MostCalls, in.server.Count(""))
			left := token.ExpiresAt.Sub(in.now())
			switch {
			case err != nil:
				f.Failed++
				f.Complaints.add("%s: %v", event.what, err)
			case left <= 0:
				f.Expired++
				f.Complaints.add("%s: expired %s ago", event.what, -left)
			case left < 2*time.Minute-time.Second:
				f.LateByTwo++
				f.Complaints.add("%s: %s left", event.what, left)
			}
		}
	}
	return f, nil
}

// ExpiredFigures are what Expired saw.
type ExpiredFigures struct {
	Asked     int `json:"asked"`
	HandedOut int `json:"handed_out"`
	Expired   int `json:"expired"`
	Short     int `json:"short"` // of what was asked for, without a warning
	Renewed   int `json:"renewed"`
	Refused   int `json:"refused"` // with an error
}

// Expired asks so many times for a token while time passes in all ways, clocks
// are set, servers' clocks differ, networks fail and answers are slow. Each token
// is looked at with the server's clock.
func Expired(ctx context.Context, asks int, seed uint64) (f ExpiredFigures, err error) {
	in, err := newInside(ctx, "memory", userpool.Client{})
	if err != nil {
		return f, err
	}
	defer in.close()
	source := rand.New(rand.NewPCG(seed, 17))
	maker := &tokenMaker{in: in, source: source, life: time.Hour}
	in.stop()
	in.config.Provider = maker
	in.start()
	if err := in.login(); err != nil {
		return f, err
	}
	for f.Asked = 0; f.Asked < asks; f.Asked++ {
		var pass, set time.Duration
		switch source.IntN(40) {
		case 0:
			pass = rand64(source, 12*time.Hour)
		case 1, 2:
			set = rand64(source, 4*time.Hour) - 2*time.Hour
		case 3:
			set = rand64(source, 7300*24*time.Hour) - 3650*24*time.Hour
		case 4:
			maker.down = !maker.down
		case 5:
			maker.skew, maker.silent = rand64(source, 20*time.Minute)-10*time.Minute, source.IntN(4) == 0
			if maker.silent { // a token from such a server counts as new
				maker.skew = 0
			}
			maker.life = time.Duration(300+source.IntN(6900)) * time.Second
		default:
			pass = rand64(source, 10*time.Minute)
		}
		in.pass(pass, set)
		request := agent.TokenRequest{Force: source.IntN(20) == 0}
		if source.IntN(3) == 0 {
			request.MinTTL = new(int64(source.IntN(280)))
		}
		token, err := in.token(request)
		if err != nil {
			f.Refused++
			continue
		}
		f.HandedOut++
		left := maker.exp[token.Token].Sub(in.now())
		if left <= 0 {
			f.Expired++
		}
		if request.MinTTL != nil && left < time.Duration(*request.MinTTL)*time.Second-6*time.Second && token.Warning == "" {
			f.Short++
		}
	}
	f.Renewed = maker.made
	return f, nil
}

func rand64(source *rand.Rand, below time.Duration) time.Duration {
	return time.Duration(source.Int64N(int64(below)))
}

// A tokenMaker is a user pool that costs nothing to ask.
type tokenMaker struct {
	session.Provider // what isn't asked for here
	in               *inside
	source           *rand.Rand
	life             time.Duration
	skew             time.Duration // of the server's clock; tokens are judged by it
	silent           bool          // it doesn't tell its time
	down             bool
	made             int
	exp              map[string]time.Time // by token: when it really expires
}

func (m *tokenMaker) SignIn(ctx context.Context, p profiles.Profile, l session.Login) (session.SignedIn, error) {
	if _, err := l.Password(ctx); err != nil {
		return session.SignedIn{}, err
	}
	g, err := m.Refresh(ctx, p, agent.Secret{}, session.Grant{RefreshToken: agent.NewSecret("refresh"), Username: p.Username})
	return session.SignedIn{Grant: g}, err
}

func (m *tokenMaker) Refresh(_ context.Context, p profiles.Profile, _ agent.Secret, g session.Grant) (session.Grant, error) {
	if m.down {
		return session.Grant{}, session.NotSent{Err: agent.Errorf(agent.KindNetwork, "down")}
	}
	m.in.pass(rand64(m.source, 5*time.Second), 0)
	m.made++
	there := m.in.now().Add(m.skew)
	g.IDToken, g.AccessToken = m.token(p, agent.TypeID, there), m.token(p, agent.TypeAccess, there)
	if g.ServerTime = there.Truncate(time.Second); m.silent {
		g.ServerTime = time.Time{}
	}
	m.in.pass(rand64(m.source, 5*time.Second), 0)
	return g, nil
}

func (m *tokenMaker) token(p profiles.Profile, use string, there time.Time) string {
	iat := there.Truncate(time.Second)
	claims := map[string]any{
		"sub": "s", "token_use": use, "iat": iat.Unix(), "exp": iat.Add(m.life).Unix(), "aud": p.ClientID, "client_id": p.ClientID,
		"username": p.Username, "cognito:username": p.Username, "iss": "https://x/" + p.UserPoolID, "jti": fmt.Sprint(m.made),
	}
	body, _ := json.Marshal(claims)
	token := "e30." + base64.RawURLEncoding.EncodeToString(body) + ".c2ln"
	if m.exp == nil || len(m.exp) > 1000 {
		old := m.exp
		m.exp = map[string]time.Time{}
		for t, at := range old {
			if at.After(m.in.now().Add(-48 * time.Hour)) {
				m.exp[t] = at
			}
		}
	}
	m.exp[token] = iat.Add(m.life - m.skew)
	return token
}
