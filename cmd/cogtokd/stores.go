package main

import (
	"github.com/cogtok/cogtok/store"
	"github.com/cogtok/cogtok/store/vault"
)

// openVaults returns the vaults by `store:` setting. Opening reads nothing.
func openVaults(stateDir string, log *logbook) map[string]store.Vault {
	vaults := map[string]store.Vault{}
	for _, kind := range vault.Kinds {
		v, err := vault.Open(kind, stateDir, func(text string) { log.printf("store %s: %s", kind, text) })
		if err != nil {
			log.printf("store %s: %v", kind, err)
			continue
		}
		vaults[kind] = v
	}
	return vaults
}
