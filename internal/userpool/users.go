package userpool

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Status is where a user stands.
type Status string

const (
	// Confirmed users sign in. The default.
	Confirmed Status = "CONFIRMED"
	// Unconfirmed users signed up and never gave the code.
	Unconfirmed Status = "UNCONFIRMED"
	// ForceChangePassword users have a temporary password.
	ForceChangePassword Status = "FORCE_CHANGE_PASSWORD"
	// ResetRequired users must set a new password through a code.
	ResetRequired Status = "RESET_REQUIRED"
	// ExternalProvider users sign in with an identity provider, and so on a page
	// of the managed login alone; they have no password.
	ExternalProvider Status = "EXTERNAL_PROVIDER"
)

// User defines a user.
type User struct {
	// Username is what the user signs in with; in a pool with
	// UsernameAttributes leave it empty and give the attribute: the username
	// becomes the sub.
	Username string
	Sub      string // default: random
	Password string
	Status   Status

	// Email and Phone are verified unless Attributes say otherwise, with
	// email_verified or phone_number_verified.
	Email, Phone string
	Attributes   map[string]string // more attributes, by name; custom ones with "custom:"
	Groups       []string

	// TOTPSeed turns software token MFA on: the shared secret in base32.
	TOTPSeed string
	// SMSMFA turns SMS MFA on; it needs Phone.
	SMSMFA bool
	// PreferredMFA is SOFTWARE_TOKEN_MFA or SMS_MFA, for users with both. Without
	// it they are asked (SELECT_MFA_TYPE).
	PreferredMFA string

	Disabled bool
}

// user is a user in the pool. Passwords are kept as Cognito keeps them: as SRP
// verifiers.
type user struct {
	username, sub  string
	attributes     map[string]string
	groups         []string
	password       verifier
	status         Status
	temporarySince time.Time
	disabled       bool

	totp         totp
	totpSetup    totp // made for an access token, not proved yet
	smsMFA       bool
	preferredMFA string

	passwords attempts
	codes     attempts
}

// AddUser adds a user and returns it with Username and Sub filled in.
func (p *Pool) AddUser(definition User) User {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	u := p.newUser(definition)
	for _, name := range p.signInNames(u) {
		if p.find(name) != nil {
			panic("userpool: user exists: " + name)
		}
	}
	u.setPassword(p, definition.Password)
	p.users[p.fold(u.username)] = u
	definition.Username, definition.Sub = u.username, u.sub
	return definition
}

func (p *Pool) newUser(d User) *user {
	u := &user{
		username: d.Username, sub: firstOf(d.Sub, newUUID()), groups: slices.Clone(d.Groups),
		attributes: map[string]string{}, status: Status(firstOf(string(d.Status), string(Confirmed))),
		temporarySince: p.server.config.Now(), disabled: d.Disabled,
		smsMFA: d.SMSMFA, preferredMFA: d.PreferredMFA,
	}
	if d.Email != "" {
		u.attributes["email"], u.attributes["email_verified"] = d.Email, "true"
	}
	if d.Phone != "" {
		u.attributes["phone_number"], u.attributes["phone_number_verified"] = d.Phone, "true"
	}
	maps.Copy(u.attributes, d.Attributes)
	if len(p.config.UsernameAttributes) > 0 {
		if u.username != "" {
			panic("userpool: in this pool the username is the sub: give " + p.config.UsernameAttributes[0])
		}
		u.username = u.sub
	}
	if u.username == "" {
		panic("userpool: a user needs a username")
	}
	if d.SMSMFA && u.attributes["phone_number"] == "" {
		panic("userpool: SMS MFA needs a phone number")
	}
	if d.TOTPSeed != "" {
		u.totp = mustTOTP(d.TOTPSeed)
	}
	return u
}

// signInNames are all names that u can sign in with, now or once verified.
func (p *Pool) signInNames(u *user) []string {
	names := []string{u.username}
	for _, attribute := range slices.Concat(p.config.UsernameAttributes, p.config.AliasAttributes) {
		if value := u.attributes[attribute]; value != "" {
			names = append(names, value)
		}
	}
	return names
}

// find returns the user who signs in with name, or nil. An email address or
// phone number that is an alias counts only once it is verified:
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html
func (p *Pool) find(name string) *user {
	if u := p.users[p.fold(name)]; u != nil {
		return u
	}
	for _, u := range p.users {
		if u.status == ExternalProvider {
			continue // has its name alone
		}
		for _, attribute := range p.config.UsernameAttributes {
			if name != "" && p.fold(u.attributes[attribute]) == p.fold(name) {
				return u
			}
		}
		for _, alias := range p.config.AliasAttributes {
			verified := alias == "preferred_username" || u.attributes[alias+"_verified"] == "true"
			if name != "" && verified && p.fold(u.attributes[alias]) == p.fold(name) {
				return u
			}
		}
	}
	return nil
}

func (p *Pool) fold(name string) string {
	if p.config.CaseSensitive {
		return name
	}
	return strings.ToLower(name)
}

// change runs f on the user who signs in with name, under the server's lock.
func (p *Pool) change(name string, f func(*user)) {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	u := p.find(name)
	if u == nil {
		panic(fmt.Sprintf("userpool: no user %q", name))
	}
	f(u)
}

// SetPassword gives a user a password for good, as AdminSetUserPassword does
// with Permanent.
func (p *Pool) SetPassword(name, password string) {
	p.change(name, func(u *user) {
		u.setPassword(p, password)
		u.status = Confirmed
	})
}

// ForceChangePassword gives a user a temporary password.
func (p *Pool) ForceChangePassword(name, temporary string) {
	p.change(name, func(u *user) {
		u.setPassword(p, temporary)
		u.status, u.temporarySince = ForceChangePassword, p.server.config.Now()
	})
}

// ResetPassword ends a user's password, as AdminResetUserPassword does.
func (p *Pool) ResetPassword(name string) {
	p.change(name, func(u *user) { u.status = ResetRequired })
}

// Disable and Enable switch a user's account. Disable revokes the refresh
// tokens, as AdminDisableUser does.
func (p *Pool) Disable(name string) {
	p.change(name, func(u *user) {
		u.disabled = true
		p.revokeAll(u)
	})
}

// Enable undoes Disable; the revoked tokens stay revoked.
func (p *Pool) Enable(name string) { p.change(name, func(u *user) { u.disabled = false }) }

// DeleteUser removes a user. The refresh tokens stay known, so that a refresh
// says what AWS says: that the user doesn't exist.
func (p *Pool) DeleteUser(name string) {
	p.change(name, func(u *user) { delete(p.users, p.fold(u.username)) })
}

// SetGroups replaces a user's groups.
func (p *Pool) SetGroups(name string, groups ...string) {
	p.change(name, func(u *user) { u.groups = slices.Clone(groups) })
}

// SetTOTP turns software token MFA on with a seed in base32, or off with "".
func (p *Pool) SetTOTP(name, seed string) {
	p.change(name, func(u *user) {
		u.totp = totp{}
		if seed != "" {
			u.totp = mustTOTP(seed)
		}
	})
}

// SignOutEverywhere revokes all of a user's tokens, as AdminUserGlobalSignOut does.
func (p *Pool) SignOutEverywhere(name string) { p.change(name, p.revokeAll) }
