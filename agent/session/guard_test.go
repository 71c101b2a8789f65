package session

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"

	"github.com/cogtok/cogtok/agent"
)

// Storing the same wrong password again and again gives two tries, not more,
// until the window is over.
func TestSameWrongPasswordAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		for range 10 {
			r.store(agent.SecretPassword, wrongPassword)
			if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err == nil {
				t.Fatal("signed in")
			}
		}
		if in, _ := r.pool.counts(); in != triesPerWindow[nobody] {
			t.Errorf("%d tries, want %d", in, triesPerWindow)
		}
		time.Sleep(guardWindow)
		r.store(agent.SecretPassword, rightPassword)
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Error(err)
		}
	})
}

// The right password, stored again after the pool refused it (the user wasn't
// there yet, say), is tried at once.
func TestRefusedPasswordStoredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.pool.password = "MARK-another"
		r.start()
		r.store(agent.SecretPassword, rightPassword)
		_, err := r.token(agent.Caller{}, agent.TokenRequest{})
		wantKind(t, err, agent.KindWrongPassword)
		r.pool.set(func() { r.pool.password = rightPassword })
		r.store(agent.SecretPassword, rightPassword)
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Error(err)
		}
	})
}

func newTestGuard(t *testing.T, dir string) *guard { return newGuard(dir, time.Now, t.Logf) }

// Several agents on one directory have the two tries together.
func TestGuardsShareTheCount(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	tried := make(chan bool, 100)
	for range cap(tried) {
		g := newTestGuard(t, dir) // as another process has it
		all.Go(func() { tried <- g.reserve([]string{"user"}, rand.Text(), nobody) == nil })
	}
	all.Wait()
	close(tried)
	n := 0
	for ok := range tried {
		if ok {
			n++
		}
	}
	if n != triesPerWindow[nobody] {
		t.Errorf("%d tries, want %d", n, triesPerWindow)
	}
}

// Who can't have the file for itself in time tries nothing, and doesn't hang.
func TestGuardIsHeldByAnother(t *testing.T) {
	dir := t.TempDir()
	other := flock.New(filepath.Join(dir, "attempts.json.lock"))
	if err := other.Lock(); err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	g := newTestGuard(t, dir)
	began := time.Now()
	if err := g.reserve([]string{"user"}, "version", aPerson); err == nil {
		t.Error("a try that wasn't counted")
	}
	if took := time.Since(began); took > guardTimeout+5*time.Second {
		t.Errorf("took %v", took)
	}
	began = time.Now()
	g.signedOut("session")
	if took := time.Since(began); took > guardTimeout/2 {
		t.Errorf("reading took %v", took)
	}
	if err := other.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := g.reserve([]string{"user"}, "version", nobody); err != nil {
		t.Error(err)
	}
}

// What was tried before a file was damaged isn't known: for a while only a
// person may have a stored password tried.
func TestDamagedGuardFile(t *testing.T) {
	for _, damaged := range []string{"", "{", "[]", `{"version":9}`, "\x00", `{"version":1,"users":{"x":null}}`, `{"version":1}` + strings.Repeat(" ", maxGuardFile)} {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "attempts.json")
			if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if err := newTestGuard(t, dir).reserve([]string{"user"}, "version", nobody); err != errTriesLost {
					t.Errorf("%.20q: %v", damaged, err)
				}
			}
			if err := newTestGuard(t, dir).reserve([]string{"user"}, "version", aPerson); err != nil {
				t.Errorf("%.20q: a person: %v", damaged, err)
			}
			aside, err := filepath.Glob(path + ".bad-*")
			if err != nil || len(aside) != 1 {
				t.Fatalf("kept aside: %v, %v", aside, err)
			}
			if kept, err := os.ReadFile(aside[0]); err != nil || string(kept) != damaged {
				t.Errorf("%.20q is kept as %.20q, %v", damaged, kept, err)
			}
			time.Sleep(guardWindow)
			if err := newTestGuard(t, dir).reserve([]string{"user"}, "version", nobody); err != nil {
				t.Errorf("%.20q: later: %v", damaged, err)
			}
		})
	}
}

// A file that is there and can't be read is no reason to try.
func TestUnreadableGuardFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "attempts.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := newTestGuard(t, dir).reserve([]string{"user"}, "version", nobody); err == nil {
		t.Error("a try that wasn't counted")
	}
}

// A refusal is noted though the file was lost meanwhile.
func TestRefusalAfterLoss(t *testing.T) {
	dir := t.TempDir()
	g := newTestGuard(t, dir)
	if err := g.reserve([]string{"user"}, "version", nobody); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(g.path); err != nil {
		t.Fatal(err)
	}
	if err := g.settle([]string{"user"}, "version", refused); err != nil {
		t.Fatal(err)
	}
	if err := g.reserve([]string{"user"}, "version", aPerson); err != errRefusedBefore {
		t.Errorf("%v", err)
	}
}

func TestUserKey(t *testing.T) {
	key := func(endpoint, user string) string {
		p := testProfile("prod")
		p.Endpoint, p.Username = endpoint, user
		return userKey(p)
	}
	base := key("http://127.0.0.1:9229", "ann")
	for _, endpoint := range []string{
		"http://localhost:9229", "http://LOCALHOST:9229/", "http://[::1]:9229", "http://127.1.2.3:9229",
		"http://[::ffff:127.0.0.1]:9229", "https://127.0.0.1:9229", "http://localhost.:9229",
	} {
		if key(endpoint, "Ann") != base {
			t.Errorf("%s is another place", endpoint)
		}
	}
	if key("http://localhost", "ann") != key("http://127.0.0.1:80", "ann") || key("https://EXAMPLE.com/", "ann") != key("https://example.com:443", "ann") {
		t.Error("the usual port is another place")
	}
	if key("", "ann") != key("https://cognito-idp.us-east-1.amazonaws.com", "ann") {
		t.Error("AWS by name is another place")
	}
	for _, other := range []string{key("http://127.0.0.1:9230", "ann"), key("", "ann"), key("http://127.0.0.1:9229", "bob"), key("https://example.com:9229", "ann")} {
		if other == base {
			t.Error("one name for two users")
		}
	}
}

// The names of one user have their tries together, as far as they are known.
func TestNamesOfOneUser(t *testing.T) {
	g := newTestGuard(t, t.TempDir())
	p := testProfile("prod")
	byEmail := p
	byEmail.Username = "Rob@example.com"
	names, others := userKeys(p, ""), userKeys(byEmail, "rob", "rob")
	if len(names) != 1 || len(others) != 2 || others[1] != names[0] {
		t.Fatalf("keys %q and %q", names, others)
	}
	if err := g.reserve(others, "v1", nobody); err != nil {
		t.Fatal(err)
	}
	if err := g.reserve(names, "v1", nobody); err != errTriedBefore {
		t.Errorf("the same password by the other name: %v", err)
	}
	if err := g.settle(others, "v1", refused); err != nil {
		t.Fatal(err)
	}
	if err := g.reserve(names, "v1", aPerson); err != errRefusedBefore {
		t.Errorf("refused by the other name: %v", err)
	}
	if err := g.reserve(names, "v2", nobody); err != nil {
		t.Error(err)
	}
	// Nothing is counted by one name where the other forbids it.
	if err := g.reserve(others, "v3", nobody); err != errTooManyTries {
		t.Errorf("a third try: %v", err)
	}
	if f, _ := g.read(); len(f.Users[others[0]].Tries) != 1 {
		t.Errorf("tries %+v", f.Users[others[0]].Tries)
	}
	if err := g.settle(names, "v2", succeeded); err != nil {
		t.Fatal(err)
	}
	if err := g.letTry(others, "v1"); err != nil {
		t.Fatal(err)
	}
	if err := g.reserve(names, "v1", nobody); err != nil {
		t.Error(err)
	}
}
