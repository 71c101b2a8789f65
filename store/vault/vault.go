// Package vault makes the [store.Vault] behind each `store:` setting, and
// knows which files of the state directory belong to it:
//
//	store: keychain   keychain-sessions.age   sealed to a key in the keychain
//	store: file       file-sessions.age       sealed to the key in file-key.age
//	                  file-secrets.age        likewise
//	                  file-key.age            sealed to the passphrase
//	store: memory     nothing
//
// Beside a file there may be its lock (.lock), a change that was cut short
// (.new) and what could not be read any more (.bad-TIME).
package vault

import (
	"fmt"
	"path/filepath"

	"github.com/cogtok/cogtok/store"
	"github.com/cogtok/cogtok/store/file"
	"github.com/cogtok/cogtok/store/keychain"
)

// Kinds are the settings that Open takes, in the order of preference.
var Kinds = []string{"keychain", "file", "memory"}

// Open returns the vault of a kind. It reads and writes nothing yet. An agent
// opens each kind once: the keychain's queue, the passphrase and what
// `store: memory` holds are the vault's own.
//
// stateDir is made with the first write, for the user alone. warn is told when
// a sealed file can't be used any more (see [file.Open]); it may be nil.
func Open(kind, stateDir string, warn func(text string)) (store.Vault, error) {
	at := func(name string) string { return filepath.Join(stateDir, kind+"-"+name+".age") }
	switch kind {
	case "keychain":
		items := keychain.New()
		key := file.NewKeychainKey(items)
		return store.Vault{Secrets: items, Sessions: file.Open(at("sessions"), key, warn)}, nil
	case "file":
		key := file.NewPassphrase(at("key"))
		return store.Vault{
			Secrets:  file.Open(at("secrets"), key, warn),
			Sessions: file.Open(at("sessions"), key, warn),
			Lock:     key,
		}, nil
	case "memory":
		return store.Vault{Secrets: new(store.Memory), Sessions: new(store.Memory)}, nil
	}
	return store.Vault{}, fmt.Errorf("there is no store %q", kind)
}
