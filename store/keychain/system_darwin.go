package keychain

import (
	"errors"
	"os/exec"
	"strings"
)

// ready has nothing to check: /usr/bin/security is always there, and it fails
// by itself where it can't ask.
func (system) ready() error { return nil }

// maxValue follows from go-keyring's command, which `security -i` takes up to
// 4096 characters of: the value is in it as base64 with a prefix.
func (system) maxValue(name string) int {
	const command = "add-generic-password -U -s " + Service + " -a  -w go-keyring-base64:\n"
	// Names are quoted if need be, and a quote in them takes five characters.
	room := 4096 - len(command) - len("''''") - len(name) - 4*strings.Count(name, "'")
	return max(room/4*3, 1)
}

// knownErrors go by the exit status of security: the last byte of an OSStatus
// (Security/SecBase.h).
var knownErrors = []knownError{
	{
		is:     isExit(36, 51), // errSecInteractionNotAllowed, errSecAuthFailed
		reason: "the keychain is locked",
		hint:   "run: security unlock-keychain, " + useAnother,
	},
	{
		is:     isExit(37, 50), // errSecNoDefaultKeychain, errSecNoSuchKeychain
		reason: "there is no login keychain",
		hint:   "make one with Keychain Access, " + useAnother,
	},
	{
		is:     isExit(128), // errSecUserCanceled
		reason: "access to the keychain was declined",
		hint:   "try again and allow it, " + useAnother,
	},
}

func isExit(codes ...int) func(error) bool {
	return func(err error) bool {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			return false
		}
		for _, code := range codes {
			if exit.ExitCode() == code {
				return true
			}
		}
		return false
	}
}
