package session

import (
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/jwt"
	"github.com/cogtok/cogtok/profiles"
)

// defaultMinTTL is for how long a token has to live yet when nobody says.
const defaultMinTTL = 2 * time.Minute

// A held token is one in memory, with what is needed to tell how old it is.
type held struct {
	jwt      string
	claims   jwt.Claims
	received instant
}

// hold decodes a token. asked is the last moment that is surely not after the
// token was made, such as just before the request for it; server is the
// server's time of the answer, zero if it didn't say.
//
// That moment stands for the token's `iat` from then on: the difference of the
// two is how far the server's clock is from ours, so neither a wrong clock
// nor a slow answer makes the token look younger than it is. A token that was
// old already when it came (a cache may give one again and again) has lived
// since before.
func hold(token string, asked instant, server time.Time) (held, error) {
	c, err := jwt.Decode(token)
	if err != nil {
		return held{}, err
	}
	return held{jwt: token, claims: c, received: asked.before(age(c, asked, server))}, nil
}

// maxSkew is how far a server's clock may be from ours that doesn't tell it:
// beyond that it is the token that is old.
const maxSkew = 5 * time.Minute

// age is how old a token was when it came.
func age(c jwt.Claims, asked instant, server time.Time) time.Duration {
	if server.IsZero() {
		if server = asked.wall; server.Sub(c.IssuedAt) <= maxSkew {
			return 0
		}
	}
	return max(0, server.Sub(c.IssuedAt))
}

// life is how long the token lives in all.
func (h held) life() time.Duration { return h.claims.Expires.Sub(h.claims.IssuedAt) }

// left is how long it lives yet; not above 0 when it has expired. A held that
// holds nothing has expired.
func (h held) left(now instant) time.Duration {
	if h.jwt == "" {
		return 0
	}
	// A token is made up to a second after its `iat`, which is cut to whole
	// seconds (RFC 7519, section 2): that second is not ours.
	return h.life() - time.Second - now.since(h.received)
}

// A wanted token is what a request asks for.
type wanted struct {
	kind   string // agent.TypeID or agent.TypeAccess
	minTTL time.Duration
	given  bool // minTTL was given, by the request or the profile
	force  bool

	sessionOnly bool // nobody is to be signed in for it
}

// want works out what a request asks for. Kind: KindUsage.
func want(p profiles.Profile, r agent.TokenRequest) (wanted, error) {
	w := wanted{kind: r.Type, force: r.Force, sessionOnly: r.SessionOnly, minTTL: p.MinTTL, given: p.MinTTL > 0}
	if w.kind == "" && len(r.Scopes) > 0 {
		w.kind = agent.TypeAccess // an ID token has none
	}
	if w.kind == "" {
		w.kind = p.Token
	}
	if w.kind != agent.TypeID && w.kind != agent.TypeAccess {
		return wanted{}, agent.Errorf(agent.KindUsage, "profile %s: the type of a token is id or access", p.Name)
	}
	if w.kind == agent.TypeID && !p.GivesIDToken() {
		e := agent.Errorf(agent.KindNoIDToken, "profile %s: its sign-in gives no ID token, only an access token", p.Name)
		if p.Auth == profiles.AuthBrowser {
			return wanted{}, e.WithHint("add openid to `scopes` in the profile, or run: cogtok token %s --type access", p.Name)
		}
		return wanted{}, e.WithHint("run: cogtok token %s --type access, or set `token: access` in the profile", p.Name)
	}
	if r.MinTTL != nil {
		if *r.MinTTL < 0 || *r.MinTTL > int64(maxMinTTL/time.Second) {
			return wanted{}, agent.Errorf(agent.KindUsage, "profile %s: min-ttl is from 0 to %d seconds", p.Name, int64(maxMinTTL/time.Second))
		}
		w.minTTL, w.given = time.Duration(*r.MinTTL)*time.Second, true
	}
	return w, nil
}

// maxMinTTL is far above the longest life that Cognito gives a token, a day.
const maxMinTTL = 366 * 24 * time.Hour

// need is how long h has to live yet to be handed out without renewing.
func (w wanted) need(h held) time.Duration {
	if w.given {
		return w.minTTL
	}
	return usual(h)
}

// usual is the need of a request that says nothing.
func usual(h held) time.Duration { return min(defaultMinTTL, h.life()/2) }

// possible fails with KindMinTTLTooLong when no token like h can live as long
// as asked. Nothing is known as long as there is no token.
func (w wanted) possible(p profiles.Profile, h held) error {
	if h.jwt == "" || !w.given || w.minTTL <= h.life() {
		return nil
	}
	return agent.Errorf(agent.KindMinTTLTooLong, "profile %s: a min-ttl of %s is more than the %s that its %s tokens live",
		p.Name, short(w.minTTL), short(h.life()), w.kind).WithHint("ask for less, or raise the token's life in the app client")
}

// short prints a duration without the units that are zero: 1h, not 1h0m0s.
func short(d time.Duration) string {
	d = d.Round(time.Second)
	s := d.String()
	if d >= time.Minute && d%time.Minute == 0 {
		s = s[:len(s)-len("0s")]
	}
	if d >= time.Hour && d%time.Hour == 0 {
		s = s[:len(s)-len("0m")]
	}
	return s
}
