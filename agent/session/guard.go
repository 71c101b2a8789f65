package session

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/cogtok/cogtok/profiles"
)

// A guard keeps stored passwords from being tried again and again: Cognito
// locks a user after five failures, longer each time. See
// https://docs.aws.amazon.com/cognito/latest/developerguide/authentication.html
//
// It counts on disk, before the try, so that neither a crash nor a restart
// gives another one. The file holds no secret: users and sessions stand in it
// as hashes, passwords as MACs under a key that only the store knows.
type guard struct {
	path string
	wall func() time.Time
	logf func(string, ...any)

	mu sync.Mutex // held while the file is read and written
}

type guardFile struct {
	Version   int                   `json:"version"` // 1
	Users     map[string]*userTries `json:"users,omitempty"`
	SignedOut map[string]time.Time  `json:"signed_out,omitempty"` // by record name: logged out, and not in again
}

// newGuard returns the guard of a state directory.
func newGuard(dir string, wall func() time.Time, logf func(string, ...any)) *guard {
	return &guard{path: filepath.Join(dir, "attempts.json"), wall: wall, logf: logf}
}

// userTries is what was tried for a user since the last success.
type userTries struct {
	Tries   []passwordTry `json:"tries,omitempty"`
	Refused []string      `json:"refused,omitempty"` // versions of passwords that Cognito refused
}

type passwordTry struct {
	At      time.Time `json:"at"`
	Version string    `json:"version"`
}

// The limits on trying stored passwords when no person stands behind it.
const (
	guardWindow     = 15 * time.Minute
	triesPerWindow  = 2
	refusedVersions = 8 // that are remembered for a user
)

// Why a stored password is not tried.
var (
	errRefusedBefore = errors.New("this password was refused before")
	errTriedBefore   = errors.New("this password was tried a short while ago, without an answer")
	errTooManyTries  = errors.New("the user's passwords were tried too often in the last 15 minutes")
)

// userKey is the user's name in the file, the same for all profiles of the
// user.
func userKey(p profiles.Profile) string {
	sum := sha256.Sum256([]byte(p.Endpoint + "\n" + p.UserPoolID + "\n" + p.Username))
	return hex.EncodeToString(sum[:16])
}

// reserve counts a try of a version of a stored password before it is made. A
// password that was refused is never tried again. person says that a person
// is behind this very try; all others are limited to one try for a version
// and two for a user in 15 minutes.
func (g *guard) reserve(user, version string, person bool) error {
	return g.change(func(f *guardFile) error {
		u := f.Users[user]
		if u == nil {
			u = &userTries{}
			f.Users[user] = u
		}
		if slices.Contains(u.Refused, version) {
			return errRefusedBefore
		}
		u.Tries = slices.DeleteFunc(u.Tries, func(t passwordTry) bool { return !g.recent(t.At) })
		if !person && slices.ContainsFunc(u.Tries, func(t passwordTry) bool { return t.Version == version }) {
			return errTriedBefore
		}
		if !person && len(u.Tries) >= triesPerWindow {
			return errTooManyTries
		}
		u.Tries = append(u.Tries, passwordTry{At: g.wall().UTC(), Version: version})
		return nil
	})
}

// recent reports whether t is in the window, whichever way the clock was set
// since.
func (g *guard) recent(t time.Time) bool { return g.wall().Sub(t).Abs() < guardWindow }

// An outcome is what a try of a password ended in.
type outcome int

const (
	unanswered outcome = iota // it may have been the wrong one: the try stays counted
	succeeded
	refused
	unjudged // Cognito surely didn't look at it
)

// settle notes what came of a try that was reserved.
func (g *guard) settle(user, version string, o outcome) error {
	if o == unanswered {
		return nil
	}
	return g.change(func(f *guardFile) error {
		u := f.Users[user]
		if u == nil {
			return nil
		}
		switch o {
		case succeeded:
			u.Tries = nil
			u.Refused = without(u.Refused, version)
		case refused:
			u.Refused = append(without(u.Refused, version), version)
			u.Refused = u.Refused[max(0, len(u.Refused)-refusedVersions):]
		case unjudged:
			if i := slices.IndexFunc(u.Tries, func(t passwordTry) bool { return t.Version == version }); i >= 0 {
				u.Tries = slices.Delete(u.Tries, i, i+1)
			}
		}
		if len(u.Tries) == 0 && len(u.Refused) == 0 {
			delete(f.Users, user)
		}
		return nil
	})
}

func without(list []string, s string) []string {
	return slices.DeleteFunc(list, func(e string) bool { return e == s })
}

// letTry notes that a person has given this password to the store: though
// it may be the one that was refused before, it is to be tried once.
func (g *guard) letTry(user, version string) error {
	return g.change(func(f *guardFile) error {
		if u := f.Users[user]; u != nil {
			u.Refused = without(u.Refused, version)
			u.Tries = slices.DeleteFunc(u.Tries, func(t passwordTry) bool { return t.Version == version })
		}
		return nil
	})
}

// signedOut reports whether the session was logged out and not in since.
func (g *guard) signedOut(session string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, out := g.read().SignedOut[session]
	return out
}

// setSignedOut notes a logout, or that it is over.
func (g *guard) setSignedOut(session string, out bool) error {
	if !out && !g.signedOut(session) {
		return nil
	}
	return g.change(func(f *guardFile) error {
		if out {
			f.SignedOut[session] = g.wall().UTC()
		} else {
			delete(f.SignedOut, session)
		}
		return nil
	})
}

// change changes the file and writes it. When do fails nothing is written.
func (g *guard) change(do func(*guardFile) error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.read()
	before, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", g.path, err)
	}
	if err := do(f); err != nil {
		return err
	}
	after, err := json.Marshal(f)
	if err != nil || string(after) == string(before) {
		return err
	}
	return writeFile(g.path, after)
}

// read returns the file; mu is held. It is read each time, since another agent
// of the user may count in it too. A damaged one is kept aside: it says
// nothing any more, and an agent that won't start helps nobody.
func (g *guard) read() *guardFile {
	data, err := os.ReadFile(g.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		g.logf("session: reading the counts of sign-ins: %v", err)
	}
	if f := parseGuardFile(data); f != nil {
		return f
	}
	aside := g.path + ".bad-" + g.wall().UTC().Format("20060102T150405")
	g.logf("session: the counts of sign-ins are damaged and kept as %s", aside)
	if err := os.Rename(g.path, aside); err != nil {
		g.logf("session: keeping them: %v", err)
	}
	return parseGuardFile(nil)
}

// parseGuardFile returns nil for a damaged file, and an empty one for no data.
func parseGuardFile(data []byte) *guardFile {
	f := &guardFile{Version: 1}
	if len(data) > 0 && (json.Unmarshal(data, f) != nil || f.Version != 1) {
		return nil
	}
	if f.Users == nil {
		f.Users = map[string]*userTries{}
	}
	for user, tries := range f.Users {
		if tries == nil {
			delete(f.Users, user)
		}
	}
	if f.SignedOut == nil {
		f.SignedOut = map[string]time.Time{}
	}
	return f
}

// writeFile replaces a file by a new one that is on disk before it takes the
// name, so that a crash leaves the old or the new one, whole.
func writeFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	return err
}
