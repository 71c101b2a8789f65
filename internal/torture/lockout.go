//go:build !windows

package torture

import (
	"context"
	"syscall"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/userpool"
)

// LockoutFigures are what Lockout saw.
type LockoutFigures struct {
	Asked    int  `json:"asked"`
	Restarts int  `json:"restarts"`
	Kills    int  `json:"kills"`    // of the restarts, by kill -9
	Tokens   int  `json:"tokens"`   // that were had all the same
	Attempts int  `json:"attempts"` // that Cognito counts against the user
	Locked   bool `json:"locked"`   // the user
}

// Lockout stores a wrong secret, a password or (seed) the seed of an
// authenticator app, and asks so many times for a token. The agent is ended and started so often
// meanwhile, half of the times by kill -9 in the middle of a call.
func Lockout(ctx context.Context, programs string, asks, restarts int, seed bool) (f LockoutFigures, err error) {
	m, err := newMachine(ctx, programs, "file", userpool.Client{})
	if err != nil {
		return f, err
	}
	defer m.close()
	user, profile := "rob", "prod"
	if seed {
		user, profile = "totp", "totp"
	}
	if err := m.start(); err != nil {
		return f, err
	}
	if err := m.entrust(seed); err != nil {
		return f, err
	}
	m.server.ResetCalls()
	for i := range asks {
		if restarts > 0 && i%max(1, asks/restarts) == asks/restarts/2 && f.Restarts < restarts {
			f.Restarts++
			if f.Restarts%2 == 0 {
				f.Kills++
				go m.token(agent.TokenRequest{Profile: profile})
				time.Sleep(5 * time.Millisecond)
				m.kill()
			} else if !m.end(syscall.SIGTERM, 15*time.Second) {
				m.kill()
			}
			if err := m.start(); err != nil {
				return f, err
			}
		}
		f.Asked++
		if _, err := m.token(agent.TokenRequest{Profile: profile}); err == nil {
			f.Tokens++
		}
	}
	attempts := m.pool.PasswordAttempts(user)
	if seed {
		attempts = m.pool.CodeAttempts(user)
	}
	f.Attempts, f.Locked = attempts.Total, !attempts.LockedUntil.IsZero()
	return f, nil
}

// entrust stores what is wrong.
func (m *machine) entrust(seed bool) error {
	if !seed {
		return m.store("prod", agent.SecretPassword, wrongPassword)
	}
	if err := m.store("totp", agent.SecretPassword, rightPassword); err != nil {
		return err
	}
	return m.store("totp", agent.SecretTOTPSeed, "NBSWY3DPEHPK3PXP")
}
