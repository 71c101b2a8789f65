package oauth

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"
)

const callbackURL = "http://localhost:8400/callback"

func TestReplies(t *testing.T) {
	for name, c := range map[string]struct {
		query string // STATE stands for the right one
		reply Reply
		err   error
	}{
		"code":         {"code=c&state=STATE", Reply{Code: "c"}, nil},
		"issuer":       {"code=c&state=STATE&iss=https%3A%2F%2Fissuer", Reply{Code: "c"}, nil},
		"error":        {"error=access_denied&error_description=no+way&state=STATE", Reply{Error: "access_denied", Description: "no way"}, nil},
		"unknown":      {"code=c&state=STATE&session_state=x", Reply{Code: "c"}, nil},
		"no state":     {"code=c", Reply{}, ErrNotReply},
		"empty":        {"", Reply{}, ErrNotReply},
		"wrong state":  {"code=c&state=xSTATE", Reply{}, ErrNotReply},
		"two states":   {"code=c&state=STATE&state=STATE", Reply{}, ErrNotReply},
		"bad encoding": {"code=%zz&state=STATE", Reply{}, ErrNotReply},
		"semicolon":    {"code=c;state=STATE", Reply{}, ErrNotReply},
		"too long":     {"code=c&state=STATE&x=" + strings.Repeat("x", maxReply), Reply{}, ErrNotReply},
		"two codes":    {"code=c&code=d&state=STATE", Reply{}, ErrNotUnderstood},
		"nothing":      {"state=STATE", Reply{}, ErrNotUnderstood},
		"both":         {"code=c&error=e&state=STATE", Reply{}, ErrNotUnderstood},
		"other issuer": {"code=c&state=STATE&iss=https%3A%2F%2Fevil.example", Reply{}, ErrIssuer},
		"empty issuer": {"code=c&state=STATE&iss=", Reply{}, ErrIssuer},
	} {
		t.Run(name, func(t *testing.T) {
			a := NewAttempt(callbackURL, "https://issuer")
			query := strings.ReplaceAll(c.query, "STATE", *a.state)
			reply, err := a.Take(query)
			if reply != c.reply || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v", [3]string{reply.Code, reply.Error, reply.Description}, err)
			}
			// What was no reply changes nothing, all else was the only one.
			_, err = a.Take("code=c&state=" + *a.state)
			if errors.Is(c.err, ErrNotReply) != (err == nil) {
				t.Errorf("then: %v", err)
			}
		})
	}
}

func TestPasted(t *testing.T) {
	for text, works := range map[string]bool{
		"http://localhost:8400/callback?QUERY":     true,
		"  http://localhost:8400/callback?QUERY\n": true,
		`"http://localhost:8400/callback?QUERY"`:   true,
		"localhost:8400/callback?QUERY":            true,
		"http://localhost:8400/callback?QUERY#_=_": true,
		"?QUERY":                                   true,
		"QUERY":                                    true,
		"http://localhost:8400/callback":           false,
		"http://localhost:8400/callback/?QUERY":    false,
		"http://localhost:8401/callback?QUERY":     false,
		"http://evil.example/callback?QUERY":       false,
		"https://localhost:8400/callback?QUERY":    false,
		"http://localhost:8400@evil.example?QUERY": false,
		"c":                                     false,
		"":                                      false,
		"http://localhost:8400/callback?code=c": false,
		"http://localhost:8400/callback?code=c&state=": false,
	} {
		a := NewAttempt(callbackURL, "issuer")
		reply, err := a.TakePasted(strings.ReplaceAll(text, "QUERY", "code=c&state="+*a.state))
		if (err == nil) != works || works && reply.Code != "c" || !works && !errors.Is(err, ErrNotReply) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The example of RFC 7636, appendix B.
func TestChallenge(t *testing.T) {
	verifier := "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	a := &Attempt{verifier: &verifier}
	if got := a.challenge(); got != "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" {
		t.Error(got)
	}
	b, c := NewAttempt("u", "i"), NewAttempt("u", "i")
	seen := map[string]bool{}
	for _, text := range append(b.Secrets(), c.Secrets()...) {
		if raw, err := base64.RawURLEncoding.DecodeString(text); err != nil || len(raw) != sha256.Size || seen[text] {
			t.Errorf("%q is not 256 bits of its own", text)
		}
		seen[text] = true
	}
}

func FuzzPasted(f *testing.F) {
	for _, text := range []string{"", "?code=c&state=STATE", callbackURL + "?code=c&state=STATE", "code=c&state=STATE&iss=x", "%zz", "a?b?c#d"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a := NewAttempt(callbackURL, "issuer")
		knows := strings.Contains(text, "STATE")
		reply, err := a.TakePasted(strings.ReplaceAll(text, "STATE", *a.state))
		if !knows && !errors.Is(err, ErrNotReply) {
			t.Errorf("%q was taken without the state: %v", text, err)
		}
		if err == nil && (reply.Code == "") == (reply.Error == "") {
			t.Errorf("%q: a reply with both or neither", text)
		}
		if _, second := a.Take(url.Values{"state": {*a.state}, "code": {"c"}}.Encode()); (second == nil) != errors.Is(err, ErrNotReply) {
			t.Errorf("%q: %v, then %v", text, err, second)
		}
	})
}
