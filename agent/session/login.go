package session

import (
	"context"
	"fmt"
	"strings"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

// Login implements agent.Agent.
func (k *Keeper) Login(ctx context.Context, c agent.Caller, r agent.LoginRequest) (agent.ProfileStatus, error) {
	p, err := k.open(r.Profile)
	if err != nil {
		return agent.ProfileStatus{}, err
	}
	if r.Reset && p.UsesOAuth() {
		return agent.ProfileStatus{}, agent.Errorf(agent.KindUsage, "profile %s: with `auth: %s` no password is reset here", p.Name, p.Auth).
			WithHint("managed login's page has a link for that, where there is a user")
	}
	if err := k.unlock(ctx, c, p); err != nil {
		return agent.ProfileStatus{}, named(p, err)
	}
	s := k.session(p)
	try, err := s.login(ctx, c, p, r)
	if locked := k.lock.refuses(); err != nil && locked != nil {
		err = locked // meanwhile: that is why
	}
	if err == errNoPassword {
		err = agent.Errorf(agent.KindPromptNeeded, "profile %s: no password is stored, and nobody can be asked", p.Name).
			WithHint("run it in a terminal, or pipe the password into: cogtok login %s --password-stdin", p.Name)
	}
	if err != nil {
		return agent.ProfileStatus{}, named(p, err)
	}
	if try != nil {
		k.offerToKeep(ctx, c, try)
	}
	return k.statusOf(p), nil
}

// login signs in because a person wants it. A sign-in that is under way
// already counts, unless the request came with a password of its own, or is to
// set one: then that is done. try is nil when it was somebody else's.
func (s *session) login(ctx context.Context, c agent.Caller, p profiles.Profile, r agent.LoginRequest) (*signIn, error) {
	own := !r.Password.Empty() || r.Reset
	for {
		s.mu.Lock()
		j := s.signingIn
		if j == nil || own && j.isAsking() {
			try, leave := s.startSigningIn(ctx, c, p, true, r)
			s.mu.Unlock()
			defer leave()
			return try, try.job.wait(ctx, c.Prompter)
		}
		s.mu.Unlock()
		j.tellWhoWaits(ctx, c, "this sign-in", p.Name)
		err := waitJoined(ctx, c, j)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case own:
			continue // now its own
		case err == nil, j.person, err == errSomebodyElse:
			return nil, err
		}
	}
}

// waitJoined joins a job and waits for it.
func waitJoined(ctx context.Context, c agent.Caller, j *job) error {
	defer j.join(ctx, c.Prompter)()
	return j.wait(ctx, c.Prompter)
}

// signInAgain signs in for a token request, after what was renewed is over: by
// the stored password, else by asking. why says what ended the session.
// signIns is how many there had been when the request came: if there was
// another one since, there is nothing left to do.
func (s *session) signInAgain(ctx context.Context, c agent.Caller, p profiles.Profile, signIns int, why error) error {
	if s.keeper.guard.signedOut(s.key()) || p.UsesOAuth() {
		// After a logout nothing is done by itself until the next login, and a
		// browser is opened by a login alone.
		return why
	}
	s.mu.Lock()
	if s.signIns != signIns {
		s.mu.Unlock()
		return nil
	}
	j := s.signingIn
	if j == nil {
		if s.record.NeedsPerson && c.Prompter == nil {
			s.mu.Unlock()
			return why
		}
		now := s.keeper.now()
		err := s.keeper.told.wait(p, now)
		if !s.signInPause.over(now, true) {
			err = s.signInPause.err
		}
		if err != nil {
			s.mu.Unlock()
			return err
		}
		try, leave := s.startSigningIn(ctx, c, p, false, agent.LoginRequest{})
		s.mu.Unlock()
		defer leave()
		if err := try.job.wait(ctx, c.Prompter); err != errNoPassword {
			return err
		}
		return why
	}
	s.mu.Unlock()
	err := waitJoined(ctx, c, j)
	switch {
	case err == nil:
		return nil
	case c.Prompter != nil && !j.canAsk && agent.AsError(err).Code == agent.CodePerson:
		return s.signInAgain(ctx, c, p, signIns, why) // it had nobody to ask, and now there is somebody
	case err == errNoPassword:
		return why
	}
	return err
}

func (s *session) countSignIns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signIns
}

// offerToKeep asks whether a password that was typed and is right shall be
// kept, and keeps it. Whatever goes wrong here, the person is signed in.
func (k *Keeper) offerToKeep(ctx context.Context, c agent.Caller, t *signIn) {
	p, used := t.profile, t.usedPassword()
	if c.Prompter == nil || !t.given.Empty() || used.stored != "" || used.secret.Empty() || p.Store == profiles.StoreMemory {
		return
	}
	text := fmt.Sprintf("Keep the password of profile %s in the %s, so that cogtok can sign in again by itself?", p.Name, places[p.Store])
	answer, err := c.Prompter.Ask(ctx, agent.Prompt{Kind: agent.PromptConfirm, Text: text, Echo: true, Profile: p.Name})
	if err != nil || strings.ToLower(strings.TrimSpace(answer.Reveal())) != "y" {
		return
	}
	if err := k.putSecret(ctx, p, p.Name, agent.SecretPassword, used.secret); err != nil {
		t.session.setProblem(agent.Errorf(agent.KindStore, "the password was not kept: %s", agent.AsError(err).Message))
	}
}

// places says where a store keeps secrets, for people.
var places = map[string]string{
	profiles.StoreKeychain: "keychain",
	profiles.StoreFile:     "encrypted file",
}
