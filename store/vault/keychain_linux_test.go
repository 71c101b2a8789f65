package vault_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cogtok/cogtok/store/keychain/keychaintest"
)

func TestKeychain(t *testing.T) {
	if !keychaintest.Session(t) {
		return
	}
	dir := filepath.Join(t.TempDir(), "state")
	v := open(t, "keychain", dir)
	if v.Lock != nil {
		t.Error("there is a lock")
	}
	use(t, v)
	wantFiles(t, dir, "keychain-sessions.age")
	restarted := open(t, "keychain", dir)
	check(t, restarted)
	unread := open(t, "keychain", dir)

	// The keychain dies. Who has the key goes on: what was rotated is kept.
	daemon := keychaintest.Process(t)
	if err := daemon.Signal(os.Kill); err != nil {
		t.Fatal(err)
	}
	if err := restarted.Sessions.Put(t.Context(), "prod/password", []byte("rotated")); err != nil {
		t.Errorf("Put without the keychain: %v", err)
	}
	if got, err := v.Sessions.Get(t.Context(), "prod/password"); err != nil || string(got) != "rotated" {
		t.Errorf("Get without the keychain: %q, %v", got, err)
	}
	if _, err := unread.Sessions.Get(t.Context(), "prod/password"); err == nil {
		t.Error("the session can be read without the key")
	}
}
