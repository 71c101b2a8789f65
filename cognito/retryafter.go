package cognito

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
)

// maxRetryAfter is the longest time that a server can keep us from asking: one
// with a wrong number must not end a session.
const maxRetryAfter = 15 * time.Minute

// wait is how long the server wants to be left alone (RFC 9110, section 10.2.3:
// seconds, or a date); 0 if it doesn't say, or that can't be read. A date is
// the server's, and so measured against its own clock where it tells that one.
func (a answer) wait(now time.Time) time.Duration {
	text := strings.TrimSpace(a.retryAfter)
	if text == "" {
		return 0
	}
	if strings.Trim(text, "0123456789") == "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds > int(maxRetryAfter/time.Second) { // err: it is out of range
			return maxRetryAfter
		}
		return time.Duration(seconds) * time.Second
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	if !a.date.IsZero() {
		now = a.date
	}
	return min(max(0, until.Sub(now)), maxRetryAfter)
}

// sayWhen adds to a temporary error when the server wants to be asked again.
func (p *Provider) sayWhen(err error, a answer) error {
	wait := a.wait(p.config.Now())
	var e *agent.Error
	if wait == 0 || !errors.As(err, &e) || !e.Retryable() {
		return err
	}
	told := *e
	told.RetryAfter = wait
	if errors.As(err, new(session.NotSent)) {
		return session.NotSent{Err: &told}
	}
	return &told
}
