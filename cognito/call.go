package cognito

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
)

// maxTries is how often a request is sent at most.
const maxTries = 3

// resend says when a failed request may be sent again.
type resend int

const (
	// resendUnsent: only if nothing of it has left. For all that carries a
	// password, a code or a refresh token: each of them may count against the
	// user, or be good for one use.
	resendUnsent resend = iota
	// resendTemporary: on throttling, 5xx and network faults too.
	resendTemporary
)

func (r resend) allows(err error) bool {
	var unsent unsentError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate):
		return false
	case readAnswer(err).retryAfter != "":
		return false // the server says when
	case errors.As(err, &unsent):
		return true
	}
	return r == resendTemporary && isTemporary(err)
}

// call calls one of the API's operations, each try and all of them within their
// limits of time. It returns the SDK's error.
func call[In, Out any](
	ctx context.Context, p *Provider, again resend,
	operation func(context.Context, *In, ...func(*cip.Options)) (*Out, error), in *In,
) (*Out, error) {
	p.dropOldConnections()
	ctx, cancel := context.WithTimeout(ctx, p.config.CallTimeout)
	defer cancel()
	for try := 1; ; try++ {
		tryCtx, cancelTry := context.WithTimeout(ctx, p.config.TryTimeout)
		out, err := operation(tryCtx, in)
		cancelTry()
		if err == nil || try == maxTries || ctx.Err() != nil || !again.allows(err) || !pause(ctx, try) {
			return out, err
		}
	}
}

// dropOldConnections closes what has been idle for too long by the wall clock.
// The transport closes it by a timer, which stands still while the machine is
// suspended; after that a request would go out on a connection that is long
// dead, and what holds a refresh token isn't sent again.
func (p *Provider) dropOldConnections() {
	now := p.config.Now().Round(0) // without the reading that stands still, too
	p.mu.Lock()
	idle := now.Sub(p.lastCall).Abs()
	p.lastCall = now
	p.mu.Unlock()
	if idle >= idleTimeout {
		p.http.CloseIdleConnections()
	}
}

// pause waits before another try: 0.1 to 0.3 s, then 0.2 to 0.6 s. It reports
// whether there is time left.
func pause(ctx context.Context, try int) bool {
	unit := time.Duration(try) * 100 * time.Millisecond
	timer := time.NewTimer(unit + rand.N(2*unit))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
