package session

import (
	"context"
	"sync"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

// signInTimeout is how long a sign-in may take in all: a few questions and the
// requests between them.
const signInTimeout = 15 * time.Minute

// A signIn is one sign-in on its way. It is the prompter of its Provider.
type signIn struct {
	session *session
	profile profiles.Profile
	job     *job
	given   agent.Secret // the password that came with the request
	reset   bool         // the password is to be set anew first
	logouts int          // session.logouts at the start
	users   []string     // the names that the tries are counted under

	mu       sync.Mutex
	asked    instant // when the last answer came, or when it began
	more     bool    // it asked for more than the password
	password usedPassword
	refusal  error // why there was no password

	codeVersion string // of the source of the codes that were made; empty: none were
}

// startSigningIn starts the job on behalf of a caller; mu is held. leave is
// the caller's leaving of it.
func (s *session) startSigningIn(ctx context.Context, c agent.Caller, p profiles.Profile, person bool, r agent.LoginRequest) (try *signIn, leave func()) {
	try = &signIn{
		session: s, profile: p, job: newJob(), given: r.Password, reset: r.Reset,
		logouts: s.logouts, asked: s.keeper.now(),
	}
	try.job.person, try.job.canAsk = person, c.Prompter != nil
	leave = try.job.join(ctx, c.Prompter)
	s.signingIn = try.job
	s.keeper.spawn(func() {
		ctx, cancel := context.WithTimeout(s.keeper.ctx, signInTimeout)
		defer cancel()
		err := s.keeper.protect(func() error { return try.run(ctx) })
		s.mu.Lock()
		if s.signingIn == try.job {
			s.signingIn = nil
		}
		if err != nil && err != errNoPassword && agent.KindOf(err) != agent.KindPromptUnanswered && ctx.Err() == nil {
			s.problem = err // a person who left it knows
		}
		if paced(err) {
			if !try.job.canAsk { // a person goes at a person's pace
				s.signInPause.note(s.keeper.now(), err)
			}
			s.keeper.told.note(p, s.keeper.now(), err)
		}
		s.mu.Unlock()
		try.job.finish(err)
		s.keeper.forgetIfLocked()
	})
	return try, leave
}

// run signs in. The store is looked at before anything is asked: without it
// the person would sign in for nothing.
func (t *signIn) run(ctx context.Context) error {
	k := t.session.keeper
	if _, err := k.versionKey(ctx, t.profile.Store); err != nil {
		return err
	}
	secret, err := k.clientSecret(ctx, t.profile)
	if err != nil {
		return err
	}
	if !t.job.canAsk && t.profile.HasUser() {
		endTurn, err := k.userTurn(ctx, userKey(t.profile))
		if err != nil {
			return err
		}
		defer endTurn()
	}
	devices := devicesOf{k, t.profile}
	known := devices.knownAs(ctx)
	t.users = userKeys(t.profile, t.session.knownAs(ctx), known)
	login := Login{ClientSecret: secret, Password: t.findPassword, Code: t.findCode, Devices: devices, KnownAs: known, Reset: t.reset}
	if t.job.canAsk {
		login.Prompter = t
	}
	in, err := k.cfg.Provider.SignIn(ctx, t.profile, login)
	t.settle(ctx, in, err)
	if err != nil {
		k.noteClientSecret(err)
		if t.refusal != nil {
			err = t.refusal
		}
		return err
	}
	return t.keep(ctx, in)
}

// userTurn lets sign-ins of one user that nobody is asked for come one after
// another: at once, one would take the other's try of the password, or its code.
func (k *Keeper) userTurn(ctx context.Context, user string) (end func(), err error) {
	k.mu.Lock()
	turn := k.userTurns[user]
	if turn == nil {
		turn = make(chan struct{}, 1)
		k.userTurns[user] = turn
	}
	k.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// keep stores the outcome and publishes it.
func (t *signIn) keep(ctx context.Context, in SignedIn) error {
	s, g := t.session, in.Grant
	a, err := accept(t.profile, g, "", t.lastAsked(), s.keeper.now())
	if err != nil {
		return err
	}
	r := record{Version: 1, Session: s.id, Subject: a.subject, Name: a.name, NeedsPerson: t.more && !in.DeviceRemembered}.with(g)
	if r.SignedInAt.IsZero() {
		r.SignedInAt = s.keeper.now().wall.UTC()
	}
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.endTurn()
	if !t.job.person && s.wasLoggedOut(t.logouts) {
		return errLoggedOut
	}
	var saved error
	if t.profile.HasUser() { // else there is nothing to go on with
		saved = s.writeRecord(ctx, r)
	}
	if err := s.keeper.guard.setSignedOut(s.key(), false); err != nil {
		s.keeper.cfg.Logf("session: noting a login: %v", err)
	}
	s.mu.Lock()
	s.signIns++
	s.pause, s.signInPause = pause{}, pause{}
	s.mu.Unlock()
	s.noTrouble()
	s.publish(r, a, saved)
	s.keeper.cfg.Logf("session: profile %s: signed in", t.profile.Name)
	s.tellTokens(agent.EventSignedIn)
	return nil
}

// asksForMore are the prompts that a sign-in comes to again, each time: it isn't
// done where nobody can be asked.
var asksForMore = map[string]bool{agent.PromptMFA: true, agent.PromptText: true, agent.PromptBrowser: true}

// Ask implements agent.Prompter for the Provider.
func (t *signIn) Ask(ctx context.Context, q agent.Prompt) (agent.Secret, error) {
	q.Profile = t.profile.Name
	answer, err := t.job.Ask(ctx, q)
	t.mu.Lock()
	defer t.mu.Unlock()
	if q.Kind != agent.PromptConfirm { // that comes after the tokens, and their age is counted from here
		t.asked = t.session.keeper.now()
	}
	t.more = t.more || asksForMore[q.Kind]
	return answer, err
}

// usedPassword is the password that the sign-in ended with.
func (t *signIn) usedPassword() usedPassword {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.password
}

// lastAsked is a moment that is surely before the tokens were made: all that
// comes after the last answer is requests.
func (t *signIn) lastAsked() instant {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asked
}
