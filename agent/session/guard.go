package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
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
	turn chan struct{} // holds one value while the file is being changed
}

type guardFile struct {
	Version   int                   `json:"version"` // 1
	Users     map[string]*userTries `json:"users,omitempty"`
	SignedOut map[string]time.Time  `json:"signed_out,omitempty"` // by session.key: logged out, and not in again
	// Lost is when the file was found damaged: what was tried before that isn't
	// known.
	Lost time.Time `json:"lost,omitzero"`
}

// newGuard returns the guard of a state directory.
func newGuard(dir string, wall func() time.Time, logf func(string, ...any)) *guard {
	return &guard{path: filepath.Join(dir, "attempts.json"), wall: wall, logf: logf, turn: make(chan struct{}, 1)}
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
	refusedVersions = 8 // that are remembered for a user
)

// Why a stored password is not tried.
var (
	errRefusedBefore = errors.New("this password was refused before")
	errTriedBefore   = errors.New("this password was tried a short while ago, without an answer")
	errTooManyTries  = errors.New("the user's passwords were tried too often in the last 15 minutes")
	errTriesLost     = errors.New("it isn't known how often passwords were tried in the last 15 minutes")
)

// Who stands behind a try.
type behind int

const (
	nobody  behind = iota // what is stored is tried by itself
	aScript               // it was given, by who can't be asked
	aPerson               // who wants this very try
)

// triesPerWindow is how often a user's passwords are tried. Cognito locks at five.
var triesPerWindow = map[behind]int{nobody: 2, aScript: 4}

// reserve counts a try of a version of a password before it is made. A stored
// one that was refused is never tried again. But for a person there is one try
// for a version in 15 minutes, and a few for a user. users are the names of the one
// user.
func (g *guard) reserve(users []string, version string, who behind) error {
	return g.each(users, func(f *guardFile, u *userTries) error {
		if who != aScript && slices.Contains(u.Refused, version) {
			return errRefusedBefore
		}
		u.Tries = slices.DeleteFunc(u.Tries, func(t passwordTry) bool { return !g.recent(t.At) })
		switch {
		case who == aPerson:
		case g.recent(f.Lost):
			return errTriesLost
		case slices.ContainsFunc(u.Tries, func(t passwordTry) bool { return t.Version == version }):
			return errTriedBefore
		case len(u.Tries) >= triesPerWindow[who]:
			return errTooManyTries
		}
		u.Tries = append(u.Tries, passwordTry{At: g.wall().UTC(), Version: version})
		return nil
	})
}

// each changes what stands under all names of a user, or nothing.
func (g *guard) each(users []string, do func(*guardFile, *userTries) error) error {
	return g.change(func(f *guardFile) error {
		for _, user := range users {
			u := f.user(user)
			if err := do(f, u); err != nil {
				return err
			}
			if len(u.Tries) == 0 && len(u.Refused) == 0 {
				delete(f.Users, user)
			}
		}
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
func (g *guard) settle(users []string, version string, o outcome) error {
	if o == unanswered {
		return nil
	}
	return g.each(users, func(_ *guardFile, u *userTries) error {
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
		return nil
	})
}

func without(list []string, s string) []string {
	return slices.DeleteFunc(list, func(e string) bool { return e == s })
}

// letTry notes that a person has given this password to the store: though
// it may be the one that was refused before, it is to be tried once. The tries
// of the last minutes stay counted for the user.
func (g *guard) letTry(users []string, version string) error {
	return g.each(users, func(_ *guardFile, u *userTries) error {
		u.Refused = without(u.Refused, version)
		for i := range u.Tries {
			if u.Tries[i].Version == version {
				u.Tries[i].Version = ""
			}
		}
		return nil
	})
}

// letTryAll lets the user's passwords be tried that failed for another reason
// than their own, as far as the window has room.
func (g *guard) letTryAll(users []string) error {
	return g.each(users, func(_ *guardFile, u *userTries) error {
		for i := range u.Tries {
			u.Tries[i].Version = ""
		}
		return nil
	})
}

// signedOut reports whether the session was logged out and not in since. It
// waits for nobody: a change puts a whole new file in place.
func (g *guard) signedOut(session string) bool {
	f, err := g.read()
	if err != nil {
		return false
	}
	_, out := f.SignedOut[session]
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

// guardTimeout is how long a change waits for another agent of the user.
const guardTimeout = time.Second

// change changes the file and writes it. When do fails nothing is written, and
// what can't be read or written is an error: then nothing is to be tried.
func (g *guard) change(do func(*guardFile) error) error {
	return g.inTime(func() error { return g.changeNow(do) })
}

// inTime does work on the disk as the only one in this agent, and gives it up
// after storeTimeout: a disk that hangs holds nobody up.
func (g *guard) inTime(work func() error) error {
	limit := time.NewTimer(storeTimeout)
	defer limit.Stop()
	select {
	case g.turn <- struct{}{}:
	case <-limit.C:
		return fmt.Errorf("%s is being written by others", g.path)
	}
	done := make(chan error, 1)
	go func() {
		err := work()
		<-g.turn
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-limit.C:
		return fmt.Errorf("%s: the disk doesn't answer", g.path)
	}
}

// changeNow is change for who has the turn in this agent.
func (g *guard) changeNow(do func(*guardFile) error) error {
	unlock, err := g.lock()
	if err != nil {
		return err
	}
	defer unlock()
	f, err := g.read()
	if errors.Is(err, errDamaged) {
		f, err = g.replace()
	}
	if err != nil {
		return err
	}
	before, err := json.Marshal(f)
	if err != nil {
		return err
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

// lock makes this agent the only one that changes the file.
func (g *guard) lock() (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(context.Background(), guardTimeout)
	defer cancel()
	file := flock.New(g.path+".lock", flock.SetPermissions(0o600))
	if _, err := file.TryLockContext(ctx, 10*time.Millisecond); err != nil {
		return nil, fmt.Errorf("locking %s: %w", file.Path(), err)
	}
	return func() { _ = file.Close() }, nil
}

// maxGuardFile is far above what some thousand users take, in bytes.
const maxGuardFile = 1 << 20

var errDamaged = errors.New("the counts of sign-ins are damaged")

// read returns the file as it is now: another agent of the user may count in
// it too. It fails with errDamaged, or when the file can't be read.
func (g *guard) read() (*guardFile, error) {
	if info, err := os.Lstat(g.path); err == nil && !info.Mode().IsRegular() { // nobody waits for a pipe
		return nil, fmt.Errorf("%s is no regular file", g.path)
	}
	file, err := os.Open(g.path)
	if errors.Is(err, fs.ErrNotExist) {
		return parseGuardFile([]byte(`{"version":1}`))
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, maxGuardFile+1))
	if err != nil {
		return nil, err
	}
	return parseGuardFile(data)
}

func parseGuardFile(data []byte) (*guardFile, error) {
	f := &guardFile{}
	if len(data) > maxGuardFile || json.Unmarshal(data, f) != nil || f.Version != 1 {
		return nil, errDamaged
	}
	for _, tries := range f.Users {
		if tries == nil {
			return nil, errDamaged
		}
	}
	if f.Users == nil {
		f.Users = map[string]*userTries{}
	}
	if f.SignedOut == nil {
		f.SignedOut = map[string]time.Time{}
	}
	return f, nil
}

// user returns the tries of a user, to be changed.
func (f *guardFile) user(name string) *userTries {
	if f.Users[name] == nil {
		f.Users[name] = &userTries{}
	}
	return f.Users[name]
}

// replace puts a new file in place of a damaged one, which is kept aside. The
// new one says that something is lost, so that losing it gives no more tries.
func (g *guard) replace() (*guardFile, error) {
	aside := g.path + ".bad-" + g.wall().UTC().Format("20060102T150405")
	g.logf("session: the counts of sign-ins are damaged and kept as %s", aside)
	_ = os.Remove(aside)
	if err := os.Link(g.path, aside); err != nil { // so that at no time there is no file
		g.logf("session: keeping them: %v", err)
	}
	f, err := parseGuardFile([]byte(`{"version":1}`))
	if err != nil {
		return nil, err
	}
	f.Lost = g.wall().UTC()
	data, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	return f, writeFile(g.path, data)
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
