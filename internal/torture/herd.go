//go:build !windows

package torture

import (
	"context"
	"sync"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/userpool"
)

// HerdFigures are what Herd saw.
type HerdFigures struct {
	Rounds     int           `json:"rounds"`
	Callers    int           `json:"callers"` // of a round
	MostCalls  int           `json:"most_calls"`
	Failed     int           `json:"failed"`
	SlowestBy  time.Duration `json:"slowest_by"` // more than what Cognito takes: the slowest caller of all rounds
	P50By      time.Duration `json:"p50_by"`     // and of every other round
	HungUp     int           `json:"hung_up"`    // callers that hung up in the middle
	Forced     int           `json:"forced"`     // renewals for a thousand forced calls
	Complaints complaints    `json:"complaints"`
}

// Herd has so many callers at once want a token of a session whose token has
// expired, in so many rounds. A quarter of them hang up before it comes.
func Herd(ctx context.Context, callers, rounds int) (HerdFigures, error) {
	f := HerdFigures{Rounds: rounds, Callers: callers}
	in, err := newInside(ctx, "memory", userpool.Client{Rotation: true})
	if err != nil {
		return f, err
	}
	defer in.close()
	if err := in.login(); err != nil {
		return f, err
	}
	const upstream = 300 * time.Millisecond
	in.server.Delay("GetTokensFromRefreshToken", upstream)
	var slowest spread
	for range rounds {
		in.pass(2*time.Hour, 0)
		in.server.ResetCalls()
		worst := f.stampede(in, callers)
		slowest = append(slowest, worst-upstream)
		f.MostCalls = max(f.MostCalls, in.server.Count(""))
	}
	f.SlowestBy, f.P50By = slowest.at(100), slowest.at(50)
	in.server.Heal()
	in.server.ResetCalls()
	for range 1000 {
		if _, err := in.token(agent.TokenRequest{Force: true}); err != nil {
			f.Complaints.add("forced: %v", err)
		}
	}
	f.Forced = in.server.Count("")
	return f, nil
}

// stampede is one round; it returns how long the slowest took.
func (f *HerdFigures) stampede(in *inside, callers int) time.Duration {
	var all sync.WaitGroup
	var mu sync.Mutex
	var worst time.Duration
	began := time.Now()
	for i := range callers {
		all.Go(func() {
			ctx, hangUp := context.WithCancel(in.ctx)
			defer hangUp()
			leaves := i%4 == 0
			if leaves {
				time.AfterFunc(100*time.Millisecond, hangUp)
			}
			token, err := in.keeper.Token(ctx, agent.Caller{}, agent.TokenRequest{})
			took := time.Since(began)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case leaves:
				f.HungUp++
			case err != nil || token.ExpiresIn < 3500:
				f.Failed++
				f.Complaints.add("%v, a token for %d s", err, token.ExpiresIn)
			default:
				worst = max(worst, took)
			}
		})
	}
	all.Wait()
	return worst
}

// HungFigures are what Hung saw.
type HungFigures struct {
	Other     time.Duration `json:"other"`      // a token of another session while one hangs, at most
	GivenUp   time.Duration `json:"given_up"`   // the one that hangs, for a caller that waits a second
	CallsThen int           `json:"calls_then"` // to Cognito for the one that hangs
}

// Hung has one session's renewal hang, in the real agent, and asks for another's
// tokens meanwhile. A caller who waits for no more than a second ends their own
// waiting and nothing else.
func Hung(ctx context.Context, programs string, asks int) (f HungFigures, err error) {
	m, err := newMachine(ctx, programs, "memory", userpool.Client{Flows: []string{"ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}})
	if err != nil {
		return f, err
	}
	defer m.close()
	if err := m.start(); err != nil {
		return f, err
	}
	if err := m.login(); err != nil {
		return f, err
	}
	if _, err := call(m, 20*time.Second, (*agent.Client).Login, agent.LoginRequest{Profile: "email", Password: agent.NewSecret(rightPassword)}); err != nil {
		return f, err
	}
	m.server.ResetCalls()
	m.server.Delay("GetTokensFromRefreshToken", 3*time.Second)
	began := time.Now()
	_, err = call(m, time.Second, (*agent.Client).Token, agent.TokenRequest{Profile: "prod", Force: true})
	if f.GivenUp = time.Since(began); err == nil {
		return f, errNotHung
	}
	for range asks {
		began := time.Now()
		if _, err := m.token(agent.TokenRequest{Profile: "email"}); err != nil {
			return f, err
		}
		f.Other = max(f.Other, time.Since(began))
	}
	_, err = m.token(agent.TokenRequest{Force: true}) // joins the one that is under way
	f.CallsThen = m.server.Count("GetTokensFromRefreshToken")
	return f, err
}
