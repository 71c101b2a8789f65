package session

import (
	"context"
	"sync"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/jwt"
	"github.com/cogtok/cogtok/internal/printable"
	"github.com/cogtok/cogtok/profiles"
	"github.com/cogtok/cogtok/store"
)

// A session is one sign-in of one user to one app client: what all profiles
// with the same SessionID and store share.
//
// Two things order what happens to it. mu guards the fields below it and is
// held for moments only. The turn is had by whoever changes what Cognito and
// the vault know (renewing, the end of a sign-in, logout): that takes network
// and disk, so waiting for it can be given up, and whoever finds a good token
// never waits for it.
type session struct {
	keeper *Keeper
	id     string // profiles.Profile.SessionID
	name   string // of its record
	store  string // the `store:` setting
	vault  store.Vault
	turn   chan struct{} // holds one value while somebody has the turn

	mu        sync.Mutex
	loaded    bool // the vault's record was read
	record    record
	tokens    map[string]held // by type
	logouts   int             // how often it was logged out: what began before is void
	signIns   int             // how often it was signed in
	renewing  *job            // nil: nobody renews
	stopRenew context.CancelFunc
	lost      bool  // the answer of the last try to renew may be, though Cognito has given one
	finding   bool  // startFindingLost is under way
	signingIn *job  // nil: nobody signs in
	pause     pause // of renewing
	// signInPause is of the sign-ins that no person has asked for.
	signInPause pause
	forced      bucket
	unsaved     error     // why the newest record is in memory only
	saving      bool      // somebody tries to save it from time to time
	problem     error     // what went wrong last, for status
	of          string    // the key of the session whose profile it is, with other scopes
	handedOut   time.Time // the latest expiry of a token that was handed out

	trouble  trouble  // what watchers are told of once
	seen     sighting // the server's clock
	warned   bool     // that this machine's is off
	warnedAt instant
}

func newSession(k *Keeper, p profiles.Profile) *session {
	return &session{
		keeper: k,
		id:     p.SessionID(),
		name:   recordName(p),
		store:  p.Store,
		vault:  k.vaults[p.Store],
		turn:   make(chan struct{}, 1),
		record: record{Version: 1, Session: p.SessionID()},
		tokens: map[string]held{},
	}
}

// key names the session among those of all stores.
func (s *session) key() string { return s.store + "/" + s.name }

// takeTurn waits for the turn. Whoever got it calls endTurn.
func (s *session) takeTurn(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// endTurn gives the turn back. What came in while the agent was being locked
// goes.
func (s *session) endTurn() {
	if s.keeper.lock.isLocked() {
		s.forget()
	}
	<-s.turn
}

// forget drops from memory what the vault can give back. What it can't, or what
// has to be asked for again soon, stays.
func (s *session) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = map[string]held{}
	if s.unsaved == nil && !s.lost {
		s.record, s.loaded = record{Version: 1, Session: s.id}, false
	}
}

// idle reports whether nothing would be lost with the session's memory.
func (s *session) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.renewing == nil && s.signingIn == nil && s.unsaved == nil
}

// token returns the token of a type as it is at hand; it may have expired.
func (s *session) token(kind string) held {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens[kind]
}

// load reads the vault's record, once. Whoever calls it has the turn. After a
// logout that could not reach the vault, what lies there is void.
func (s *session) load(ctx context.Context) error {
	if err := s.loadAnyway(ctx); err != nil {
		return err
	}
	if r := s.currentRecord(); r.RefreshToken == "" || !s.keeper.guard.signedOut(s.key()) {
		return nil
	}
	s.mu.Lock()
	s.record, s.unsaved = record{Version: 1, Session: s.id}, nil
	s.mu.Unlock()
	if err := s.deleteRecord(ctx); err != nil {
		s.keeper.cfg.Logf("session: deleting the record %s: %v", s.name, err)
	}
	return nil
}

// loadAnyway is load, void or not.
func (s *session) loadAnyway(ctx context.Context) error {
	if s.isLoaded() {
		return nil
	}
	r, err := s.readRecord(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record, s.loaded = r, true
	return nil
}

// accepted are the tokens of a grant, decoded and found to be of the session.
type accepted struct {
	tokens  map[string]held
	subject string
	name    string // of the user, for people; empty where the tokens tell none
	seen    sighting
}

// accept decodes the tokens of a grant and checks that they are what the
// profile expects: a token handed to the wrong service, or of another user,
// would be worse than none. asked is as in [hold], came when the answer was there.
func accept(p profiles.Profile, g Grant, subject string, asked, came instant) (accepted, error) {
	a := accepted{tokens: map[string]held{}}
	for kind, token := range map[string]string{agent.TypeID: g.IDToken, agent.TypeAccess: g.AccessToken} {
		if token == "" {
			continue
		}
		h, err := hold(token, asked, g.ServerTime)
		if err != nil {
			return accepted{}, agent.Errorf(agent.KindService, "the user pool's %s token can't be read", kind)
		}
		if err := belongs(p, h.claims, kind); err != nil {
			return accepted{}, err
		}
		if a.subject != "" && a.subject != h.claims.Subject {
			return accepted{}, errOtherUser
		}
		a.tokens[kind], a.subject = h, h.claims.Subject
	}
	a.name = nameOf(a.tokens[agent.TypeID].claims)
	if len(a.tokens) == 0 {
		return accepted{}, agent.Errorf(agent.KindService, "the user pool gave no token")
	}
	if subject != "" && a.subject != subject {
		return accepted{}, errOtherUser
	}
	a.seen = see(g, a, asked, came)
	return a, nil
}

// nameOf returns what a person is known by: a username may be a row of digits.
func nameOf(id jwt.Claims) string {
	for _, claim := range []string{"email", "preferred_username", "cognito:username"} {
		if name, _ := id.Raw[claim].(string); name != "" {
			return printable.Limit(name, 128)
		}
	}
	return ""
}

var errOtherUser = agent.Errorf(agent.KindUnexpectedIdentity, "the user pool gave a token of another user")

// belongs checks the claims that say what a token is and for whom. See
// https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
func belongs(p profiles.Profile, c jwt.Claims, kind string) error {
	switch {
	case c.TokenUse != kind:
		return agent.Errorf(agent.KindService, "the user pool gave another token in place of the %s token", kind)
	case c.ClientID != p.ClientID:
		return agent.Errorf(agent.KindUnexpectedIdentity, "the user pool gave a token of another app client")
	}
	return nil
}

// keepMissing adds the tokens at hand to those of a refresh that gave none of
// their type.
func (s *session) keepMissing(a accepted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for kind, old := range s.tokens {
		if a.tokens[kind].jwt == "" && old.claims.Subject == a.subject {
			a.tokens[kind] = old
		}
	}
}

// shortfall says what a refresh that went well has left to be desired. g is
// what it gave, a what is at hand now.
func shortfall(p profiles.Profile, g Grant, a accepted, now instant) error {
	for kind, given := range map[string]string{agent.TypeID: g.IDToken, agent.TypeAccess: g.AccessToken} {
		h := a.tokens[kind]
		left := h.left(now)
		switch {
		case left > 0 && left >= usual(h)-renewedSlack:
		case kind == agent.TypeID && h.jwt == "" && !p.GivesIDToken():
		case given == "":
			return noToken(p, kind)
		case left <= 0:
			return expiredAlready(p)
		default:
			return agent.Errorf(agent.KindService, "profile %s: the user pool gave a token that has nearly expired", p.Name)
		}
	}
	return nil
}

func noToken(p profiles.Profile, kind string) error {
	return agent.Errorf(agent.KindService, "profile %s: the user pool gave no %s token", p.Name, kind).WithHint("run: cogtok login %s", p.Name)
}

func expiredAlready(p profiles.Profile) error {
	return agent.Errorf(agent.KindService, "profile %s: the user pool gave a token that has expired already", p.Name)
}

// publish makes a record and its tokens the ones that are handed out.
func (s *session) publish(r record, a accepted, saved error) {
	s.mu.Lock()
	for kind, h := range a.tokens {
		if old := s.tokens[kind]; old.jwt == h.jwt {
			a.tokens[kind] = old // it came again; it is as old as it was
		}
	}
	s.record, s.tokens, s.loaded, s.seen = r, a.tokens, true, a.seen
	s.problem, s.unsaved = nil, saved
	s.mu.Unlock()
	if saved != nil {
		s.keeper.cfg.Logf("session: the new refresh token is in memory only: %v", saved)
		s.saveLater()
	}
	s.keeper.renewed()
}
