package keychain

import (
	"errors"

	"golang.org/x/sys/windows"
)

// ready has nothing to check: the Credential Manager is part of the system.
func (system) ready() error { return nil }

// maxValue is CRED_MAX_CREDENTIAL_BLOB_SIZE (wincred.h).
func (system) maxValue(string) int { return 5 * 512 }

var knownErrors = []knownError{
	{
		is:     func(err error) bool { return errors.Is(err, windows.ERROR_NO_SUCH_LOGON_SESSION) },
		reason: "the Credential Manager can't be used in this kind of session",
		hint:   "sign in to Windows itself instead of over the network, " + useAnother,
	},
}
