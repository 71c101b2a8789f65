package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
	"github.com/cogtok/cogtok/store"
)

// storeTimeout is how long a store has for an answer.
const storeTimeout = 3 * time.Second

// A record is what a session needs to go on after a restart. It lies in the
// vault's Sessions, sealed. ID and access tokens are no part of it.
type record struct {
	Version           int       `json:"version"` // 1
	Session           string    `json:"session"` // profiles.Profile.SessionID
	Subject           string    `json:"sub,omitempty"`
	Username          string    `json:"username,omitempty"`
	Name              string    `json:"name,omitempty"` // of the user, for people
	RefreshToken      string    `json:"refresh_token,omitempty"`
	FirstRefreshToken string    `json:"first_refresh_token,omitempty"`
	SignedInAt        time.Time `json:"signed_in_at,omitzero"`
	DeviceKey         string    `json:"device_key,omitempty"`
	// NeedsPerson is true when the sign-in asked for more than a password:
	// it isn't done again where nobody can be asked.
	NeedsPerson bool `json:"needs_person,omitempty"`
	// Ended says why Cognito ended the session; there is no refresh token then.
	Ended string `json:"ended,omitempty"`
}

// recordName is the name in the vault of a profile's session: one session for
// all profiles with the same SessionID.
func recordName(p profiles.Profile) string {
	sum := sha256.Sum256([]byte(p.SessionID()))
	return "session/" + hex.EncodeToString(sum[:16])
}

// grant returns what a Provider can renew the session with.
func (r record) grant() Grant {
	return Grant{
		RefreshToken:      agent.NewSecret(r.RefreshToken),
		FirstRefreshToken: agent.NewSecret(r.FirstRefreshToken),
		Username:          r.Username,
		SignedInAt:        r.SignedInAt,
		DeviceKey:         r.DeviceKey,
	}
}

// with returns r with what g holds.
func (r record) with(g Grant) record {
	r.RefreshToken = g.RefreshToken.Reveal()
	r.FirstRefreshToken = g.FirstRefreshToken.Reveal()
	r.Username = g.Username
	r.SignedInAt = g.SignedInAt
	r.DeviceKey = g.DeviceKey
	return r
}

// readRecord reads a session's record. One that isn't there, is damaged or
// belongs to another session is an empty one.
func (s *session) readRecord(ctx context.Context) (record, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	empty := record{Version: 1, Session: s.id}
	data, err := s.vault.Sessions.Get(ctx, s.name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return empty, nil
	case err != nil:
		return empty, s.keeper.storeError(s.store, err)
	}
	defer clear(data)
	var r record
	if err := json.Unmarshal(data, &r); err != nil || r.Version != 1 || r.Session != s.id {
		s.keeper.cfg.Logf("session: the record %s is of no use and is passed over", s.name)
		return empty, nil
	}
	return r, nil
}

// writeRecord keeps a session's record durably. It isn't cut short when ctx
// ends: what Cognito has handed over must not be lost.
func (s *session) writeRecord(ctx context.Context, r record) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding a session: %w", err)
	}
	defer clear(data)
	if err := s.vault.Sessions.Put(ctx, s.name, data); err != nil {
		return s.keeper.storeError(s.store, err)
	}
	return nil
}

// deleteRecord removes a session's record.
func (s *session) deleteRecord(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := s.vault.Sessions.Delete(ctx, s.name); err != nil {
		return s.keeper.storeError(s.store, err)
	}
	return nil
}
