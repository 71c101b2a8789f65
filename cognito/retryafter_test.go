package cognito_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/cognito"
	"github.com/cogtok/cogtok/profiles"
)

// When the server says how long it wants to be left alone, the error tells it,
// and nothing is sent again before.
func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 19, 0, 0, 0, time.UTC)
	date := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for _, c := range []struct {
		header string
		skewed time.Duration // the server's clock
		want   time.Duration
	}{
		{"", 0, 0},
		{"7", 0, 7 * time.Second},
		{" 120 ", 0, 2 * time.Minute},
		{"0", 0, 0},
		{"900", 0, 15 * time.Minute},
		{"901", 0, 15 * time.Minute},
		{"99999999999999999999999", 0, 15 * time.Minute},
		{"-5", 0, 0},
		{"soon", 0, 0},
		{"1.5", 0, 0},
		{date(30 * time.Second), 0, 30 * time.Second},
		{date(time.Hour + 30*time.Second), time.Hour, 30 * time.Second},
		{date(-time.Minute), 0, 0},
		{date(24 * time.Hour), 0, 15 * time.Minute},
	} {
		for name, answer := range map[string]struct {
			kind agent.Kind
			do   func(w http.ResponseWriter)
		}{
			"throttled": {agent.KindThrottled, func(w http.ResponseWriter) { refused(w, 400, "TooManyRequestsException", "") }},
			"429":       {agent.KindThrottled, func(w http.ResponseWriter) { w.WriteHeader(429); fmt.Fprint(w, "<html>") }},
			"503":       {agent.KindService, func(w http.ResponseWriter) { w.WriteHeader(503) }},
			"502 JSON":  {agent.KindService, func(w http.ResponseWriter) { refused(w, 502, "InternalErrorException", "") }},
		} {
			s := newStage(t, profiles.AuthPassword, func(_ string, _ map[string]any, w http.ResponseWriter) {
				w.Header().Set("Date", date(c.skewed))
				w.Header().Set("Retry-After", c.header)
				answer.do(w)
			})
			s.provider = cognito.New(cognito.Config{Logf: s.log.logf, Now: func() time.Time { return now }})
			_, err := s.refresh(grant())
			wantKind(t, err, answer.kind)
			if got := agent.AsError(err).RetryAfter; got != c.want {
				t.Errorf("%s, %q: %v, want %v", name, c.header, got, c.want)
			}
			if n := s.requests.Load(); c.want > 0 && n != 1 {
				t.Errorf("%s, %q: %d requests", name, c.header, n)
			}
			if c.want == 0 {
				continue
			}
			// What may be sent again in a moment isn't, either.
			if _, _, err = s.login(goodPassword); agent.AsError(err).RetryAfter != c.want || s.requests.Load() != 2 {
				t.Errorf("%s, %q: signing in: %v after %d requests", name, c.header, err, s.requests.Load())
			}
		}
	}
}

// A refusal is one, whatever stands beside it.
func TestRetryAfterOfARefusal(t *testing.T) {
	s := newStage(t, profiles.AuthPassword, func(_ string, _ map[string]any, w http.ResponseWriter) {
		w.Header().Set("Retry-After", "60")
		refused(w, 400, "NotAuthorizedException", "Refresh Token has been revoked")
	})
	_, err := s.refresh(grant())
	wantKind(t, err, agent.KindLoginRequired)
	if agent.AsError(err).RetryAfter != 0 {
		t.Error("there is nothing to wait for")
	}
}

func TestRetryAfterOfOAuth(t *testing.T) {
	for name, c := range map[string]struct {
		kind   agent.Kind
		status int
		body   string
	}{
		"429":             {agent.KindThrottled, 429, `{"error":"too_many_requests"}`},
		"429 with a page": {agent.KindThrottled, 429, "<html>"},
		"503":             {agent.KindService, 503, ""},
		"unavailable":     {agent.KindService, 400, `{"error":"temporarily_unavailable"}`},
	} {
		s := newStage(t, profiles.AuthBrowser, func(_ string, _ map[string]any, w http.ResponseWriter) {
			w.Header().Set("Retry-After", "90")
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		})
		s.profile.Domain = s.profile.Endpoint
		_, err := s.refresh(grant())
		wantKind(t, err, c.kind)
		if got := agent.AsError(err).RetryAfter; got != 90*time.Second {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// In a suspend the timers of the connections stand still: what was idle for
// long by the wall clock isn't used again.
func TestConnectionsAfterASuspend(t *testing.T) {
	now := time.Now()
	tokens := makeTokens(t, nil)
	var from []string
	s := newStage(t, profiles.AuthPassword, func(_ string, _ map[string]any, w http.ResponseWriter) { fmt.Fprint(w, tokens) })
	s.onConnection(func(remote string) { from = append(from, remote) })
	s.provider = cognito.New(cognito.Config{Logf: s.log.logf, Now: func() time.Time { return now }})
	for _, pass := range []time.Duration{0, 10 * time.Second, 8 * time.Hour, time.Second, -time.Hour} {
		now = now.Add(pass)
		if _, err := s.refresh(grant()); err != nil {
			t.Fatal(err)
		}
	}
	if from[0] != from[1] || from[1] == from[2] || from[2] != from[3] || from[3] == from[4] {
		t.Errorf("the connections: %q", from)
	}
}
