package profiles

import (
	"slices"
	"strings"
)

// maxParents bounds chains of `extends`.
const maxParents = 32

// profile checks the profile and, if it is sound, adds it to the config.
func (p *parser) profile(name string) {
	own := p.profiles[name]
	p.known(own.value, keyNames(Keys), " in profile "+quote(name))
	parents, sound := p.parents(name)
	settings := p.settings(name, parents)
	if sound {
		p.required(name, own, parents, settings)
	}
	p.effective(name, own, settings)
	var profile Profile
	for _, k := range Keys {
		n := settings[k.Name]
		if n == nil {
			continue
		}
		// An inherited value's fault was told where it stands.
		if wrong, at := k.set(&profile, n); wrong != "" {
			sound = false
			if n == own.value.value(k.Name) {
				p.problem(at, "", "%s of profile %s %s", k.Name, quote(name), wrong)
			}
		}
	}
	profile.Name, profile.Extends = name, parents
	if sound && p.complete(&profile, own, settings) {
		p.config.Profiles[name] = profile
	}
}

// parents returns what the profile extends, nearest first. It is not sound when
// the chain doesn't end.
func (p *parser) parents(name string) (parents []string, sound bool) {
	at := name
	for {
		n := p.profiles[at].value.value(keyExtends)
		if n == nil {
			return parents, true
		}
		if n.kind != scalar || n.isNull() {
			return parents, false // told as a wrong value
		}
		next := n.text
		switch {
		case next == name:
			chain := strings.Join(append(append([]string{name}, parents...), name), " → ")
			p.problem(p.profiles[name].value.value(keyExtends), "", "profile %s extends itself: %s", quote(name), shorten(chain))
			return parents, false
		case slices.Contains(parents, next):
			return parents, false // a loop further up, told there
		case p.profiles[next] == nil:
			if at == name && namePattern.MatchString(next) {
				p.problem(n, "", "profile %s extends %s, but there is no such profile%s",
					quote(name), quote(next), didYouMean(next, p.config.Names))
			}
			return parents, false
		case len(parents) == maxParents:
			p.problem(n, "", "profile %s extends more than %d others in a row", quote(name), maxParents)
			return parents, false
		}
		parents = append(parents, next)
		at = next
	}
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 200 {
		return string(r[:200]) + "…"
	}
	return s
}

// settings returns the profile's keys: its own, and those of its parents that
// nobody nearer sets.
func (p *parser) settings(name string, parents []string) map[string]*node {
	settings := map[string]*node{}
	for _, from := range append([]string{name}, parents...) {
		for _, e := range p.profiles[from].value.entries {
			if settings[e.key.text] == nil {
				settings[e.key.text] = e.value
			}
		}
	}
	return settings
}

// authOf returns the value of `auth`, "" when it isn't one of them.
func authOf(settings map[string]*node) string {
	switch n := settings[keyAuth]; {
	case n == nil:
		return AuthSRP
	case slices.Contains(auths, n.text):
		return n.text
	}
	return ""
}

// effective refuses keys of the profile that have no effect with its `auth`.
// Those that are inherited are dropped: a test user of an admin's profile may
// sign in otherwise.
func (p *parser) effective(name string, own *entry, settings map[string]*node) {
	auth := authOf(settings)
	for _, k := range Keys {
		if settings[k.Name] == nil || auth == "" || k.hasEffect(auth) {
			continue
		}
		delete(settings, k.Name)
		if at := own.value.value(k.Name); at != nil {
			p.problem(at, "delete it, or set auth: "+oneOf(k.only), "%s of profile %s has no effect with auth: %s", k.Name, quote(name), auth)
		}
	}
}

// complete fills in the defaults and checks what concerns several keys.
func (p *parser) complete(profile *Profile, own *entry, settings map[string]*node) bool {
	if settings[keyUserPoolID] == nil {
		return false
	}
	before := len(p.problems)
	p.setDefaults(profile)
	p.checkRegion(profile, settings)
	p.checkFIPS(profile, own, settings)
	p.checkToken(profile, own)
	p.checkOpenID(profile, own)
	return len(p.problems) == before
}

func (p *parser) setDefaults(profile *Profile) {
	setDefault(&profile.Auth, AuthSRP)
	setDefault(&profile.Token, tokenID)
	setDefault(&profile.Scheme, SchemeNone)
	setDefault(&profile.Store, p.config.Store)
	prefix, _, _ := strings.Cut(profile.UserPoolID, "_")
	setDefault(&profile.Region, prefix)
	profile.Endpoint = normalEndpoint(profile.Endpoint)
	profile.Domain = normalEndpoint(domainURL(profile.Domain))
	if profile.Auth != AuthBrowser {
		return
	}
	setDefault(&profile.LoginHint, profile.Username)
	if profile.RedirectURLs == nil {
		profile.RedirectURLs = []string{defaultRedirectURL}
	}
}

func setDefault(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// required tells of keys that the profile lacks, but not of those that it has
// with a slip in the name, and not of those that its parent lacks too, which is
// told there.
func (p *parser) required(name string, own *entry, parents []string, settings map[string]*node) {
	meant := map[string]bool{}
	for key := range settings {
		if _, known := find(Keys, key); !known {
			meant[Nearest(key, keyNames(Keys))] = true
		}
	}
	var inherited map[string]*node
	if len(parents) > 0 {
		inherited = p.settings(parents[0], parents[1:])
	}
	for _, k := range Keys {
		if meant[keyAuth] && !k.Required {
			continue // which keys it needs is not known
		}
		if k.lacking(settings) && !meant[k.Name] && (inherited == nil || !k.lacking(inherited)) {
			p.problem(own.key, "add a line such as: "+k.Name+": "+k.Example, "profile %s has no %s", quote(name), k.Name)
		}
	}
}

func (p *parser) checkRegion(profile *Profile, settings map[string]*node) {
	at, key := settings[keyUserPoolID], keyUserPoolID
	if n := settings[keyRegion]; n != nil {
		at, key = n, keyRegion
	}
	switch {
	case profile.Endpoint != "": // an emulator's pools are called as it likes
	case !isRegion(profile.Region):
		p.problem(at, "add a line such as: region: us-east-1",
			"%s of profile %s doesn't begin with an AWS region, so region is needed", key, quote(profile.Name))
	case strings.HasPrefix(profile.Region, "cn-"):
		p.problem(at, "", "%s of profile %s is in AWS China, where Cognito has no user pools", key, quote(profile.Name))
	}
}

// checkFIPS refuses FIPS with an endpoint, as the AWS SDK does. In us-gov
// regions Cognito is to be called at its FIPS endpoints only (AWS GovCloud user
// guide, "Amazon Cognito"), so there it is the default.
func (p *parser) checkFIPS(profile *Profile, own *entry, settings map[string]*node) {
	if settings[keyFIPS] == nil {
		profile.FIPS = profile.Endpoint == "" && strings.HasPrefix(profile.Region, "us-gov-")
	}
	at := own.value.value(keyFIPS)
	if at == nil {
		at = own.value.value(keyEndpoint)
	}
	if profile.FIPS && profile.Endpoint != "" && at != nil {
		p.problem(at, "delete one of them", "profile %s has both fips and endpoint", quote(profile.Name))
	}
}
