package userpool

import (
	"strings"
	"time"
	"unicode"
)

// maxPassword is the longest password that Cognito takes, in characters:
// https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html
const maxPassword = 256

// attempts counts tries to prove something and locks after five wrong ones:
// https://docs.aws.amazon.com/cognito/latest/developerguide/authentication.html
type attempts struct {
	total       int // wrong and right ones, without those while locked
	failures    int // in a row
	last        time.Time
	lockedUntil time.Time
}

const (
	freeFailures = 5
	lockMax      = 15 * time.Minute
	lockForget   = 15 * time.Minute
)

// locked says whether a try at now is refused unseen. Such a try doesn't make
// the lock longer, but puts off the time when failures are forgotten.
func (a *attempts) locked(now time.Time) bool {
	if now.Sub(a.last) >= lockForget {
		a.failures = 0
	}
	a.last = now
	return now.Before(a.lockedUntil)
}

// failed counts a wrong try: from the fifth on a lock of 2^(n-5) seconds.
func (a *attempts) failed(now time.Time) {
	a.last = now
	a.total++
	a.failures++
	if a.failures < freeFailures {
		return
	}
	lock := lockMax
	if shift := a.failures - freeFailures; shift < 10 {
		lock = min(lockMax, time.Second<<shift)
	}
	a.lockedUntil = now.Add(lock)
}

func (a *attempts) passed() {
	a.total++
	a.failures = 0
}

// Attempts tells how often a user's password, or MFA code, was tried.
type Attempts struct {
	Total       int       // tries that were judged, right or wrong
	Failures    int       // wrong ones since the last right one
	LockedUntil time.Time // zero if never locked
}

// PasswordAttempts tells how often the user's password was tried.
func (p *Pool) PasswordAttempts(name string) (a Attempts) {
	p.change(name, func(u *user) { a = u.passwords.public() })
	return a
}

// CodeAttempts tells how often MFA codes of the user were tried.
func (p *Pool) CodeAttempts(name string) (a Attempts) {
	p.change(name, func(u *user) { a = u.codes.public() })
	return a
}

func (a *attempts) public() Attempts { return Attempts{a.total, a.failures, a.lockedUntil} }

// provePassword judges one try of a user's password by proof.
func (u *user) provePassword(now time.Time, proof func() bool) *apiError {
	if u.passwords.locked(now) {
		return notAuthorized("Password attempts exceeded")
	}
	if !proof() {
		u.passwords.failed(now)
		return incorrectPassword()
	}
	u.passwords.passed()
	return nil
}

// ready refuses users who proved their password but may not sign in.
func (p *Pool) ready(u *user, now time.Time) *apiError {
	switch {
	case u.disabled:
		return notAuthorized("User is disabled.")
	case u.status == Unconfirmed:
		return refuse("UserNotConfirmedException", "User is not confirmed.")
	case u.status == ForceChangePassword && now.Sub(u.temporarySince) > p.config.TemporaryPasswordValidity:
		return notAuthorized("Temporary password has expired and must be reset by an administrator.")
	}
	return nil
}

// checkPolicy refuses a new password that breaks the pool's policy: Cognito's
// default one, with the pool's minimum length.
func (p *Pool) checkPolicy(password string) *apiError {
	rules := []struct {
		ok   bool
		text string
	}{
		{len([]rune(password)) >= p.config.MinimumLength, "Password not long enough"},
		{len([]rune(password)) <= maxPassword, "Password must not be longer than 256 characters"},
		{strings.ContainsFunc(password, unicode.IsUpper), "Password must have uppercase characters"},
		{strings.ContainsFunc(password, unicode.IsLower), "Password must have lowercase characters"},
		{strings.ContainsFunc(password, unicode.IsDigit), "Password must have numeric characters"},
		{strings.ContainsAny(password, "^$*.[]{}()?-\"!@#%&/\\,><':;|_~`+= "), "Password must have symbol characters"},
		{strings.TrimSpace(password) == password, "Password must not begin or end with white space"},
	}
	for _, rule := range rules {
		if !rule.ok {
			return refuse("InvalidPasswordException", "Password did not conform with policy: %s", rule.text)
		}
	}
	return nil
}
