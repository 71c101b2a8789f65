//go:build !windows

package torture

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/userpool"
)

var (
	errNotHung = errors.New("the call that should hang got a token")
	errNoToken = errors.New("there is no token to begin with")
)

// OutageFigures are what an outage looked like.
type OutageFigures struct {
	Kind       string        `json:"kind"`
	Asked      int           `json:"asked"`
	Failed     int           `json:"failed"` // calls without a token
	Tries      int           `json:"tries"`  // requests that reached the server, or would have
	TooSoon    int           `json:"too_soon"`
	Back       time.Duration `json:"back"` // from the end of the outage to a new token
	Lost       bool          `json:"lost"` // the session is over
	Complaints complaints    `json:"complaints"`
}

// OutageKinds are the ways in which Cognito is out of reach.
var OutageKinds = []string{
	"cut off", "captive portal", "internal error", "unavailable", "throttled", "retry-after seconds", "retry-after date", "429 page", "garbage",
}

// fault returns what answers in an outage.
func fault(kind string, now func() time.Time) http.HandlerFunc {
	exception := func(w http.ResponseWriter, status int, name string) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"__type":%q}`, name)
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", now().UTC().Format(http.TimeFormat))
		switch kind {
		case "cut off":
			if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
				c.Close()
			}
		case "captive portal":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<html>please accept the terms</html>")
		case "internal error":
			exception(w, 500, "InternalErrorException")
		case "unavailable":
			w.WriteHeader(503)
		case "throttled":
			exception(w, 400, "TooManyRequestsException")
		case "retry-after seconds":
			w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
			exception(w, 429, "TooManyRequestsException")
		case "retry-after date":
			w.Header().Set("Retry-After", now().Add(retryAfter).UTC().Format(http.TimeFormat))
			w.WriteHeader(503)
		case "429 page":
			w.WriteHeader(429)
			fmt.Fprint(w, "<html>slow down</html>")
		default:
			fmt.Fprint(w, "\x00\xff{")
		}
	}
}

// retryAfter is what the servers ask for that say so.
const retryAfter = 75 * time.Second

// Outage lets Cognito be out of reach for so long, by a clock of its own, and
// asks for a token each second. The tokens live for life; minTTL is what is
// asked for, 0 for the usual. live says whether there is a token at the
// beginning, or it has just expired.
func Outage(ctx context.Context, kind string, length, life, minTTL time.Duration, live bool) (OutageFigures, error) {
	f := OutageFigures{Kind: kind}
	in, err := newInside(ctx, "memory", userpool.Client{IDTokenLife: life, AccessTokenLife: life})
	if err != nil {
		return f, err
	}
	defer in.close()
	if err := in.login(); err != nil {
		return f, err
	}
	if !live {
		in.pass(life+time.Minute, 0)
	}
	request := agent.TokenRequest{}
	if minTTL > 0 {
		request.MinTTL = new(int64(minTTL / time.Second))
	}
	var mu sync.Mutex
	var last time.Time
	told := fault(kind, in.now)
	in.answerWith(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		f.Tries++
		if wait := in.now().Sub(last); !last.IsZero() && wait < retryAfter-time.Second {
			f.TooSoon++ // it matters where the server has said when
		}
		last = in.now()
		mu.Unlock()
		told(w, r)
	})
	for range int(length / time.Second) {
		f.Asked++
		if token, err := in.token(request); err != nil {
			f.Failed++
			f.Lost = f.Lost || agent.KindOf(err) == agent.KindLoginRequired
		} else if !token.ExpiresAt.After(in.now()) {
			f.Complaints.add("a token that expired %s ago", in.now().Sub(token.ExpiresAt))
		}
		in.pass(time.Second, 0)
	}
	in.answerWith(nil)
	in.server.ResetCalls()
	for began := in.now(); in.server.Count("GetTokensFromRefreshToken") == 0; in.pass(time.Second, 0) {
		_, err := in.token(agent.TokenRequest{MinTTL: new(int64(life/time.Second) - 5)})
		f.Lost = f.Lost || agent.KindOf(err) == agent.KindLoginRequired
		if f.Back = in.now().Sub(began); f.Back > 20*time.Minute || f.Lost {
			f.Complaints.add("no token %s after the outage: %v", f.Back, err)
			break
		}
	}
	return f, nil
}
