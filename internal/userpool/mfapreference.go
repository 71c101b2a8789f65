package userpool

// factorSetting is one member of SetUserMFAPreference.
type factorSetting struct {
	member, factor string
	can            func(*user) bool // whether the user can have it
	enable         func(*user, bool)
	refusal        string // for a user who can't; AWS's texts aren't documented
}

func factorSettings() []factorSetting {
	has := func(medium string) func(*user) bool {
		return func(u *user) bool { _, to := u.destination(medium); return to != "" }
	}
	return []factorSetting{
		{"SMSMfaSettings", "SMS_MFA", has(bySMS), func(u *user, on bool) { u.smsMFA = on }, "User does not have a phone number"},
		{"SoftwareTokenMfaSettings", "SOFTWARE_TOKEN_MFA", func(u *user) bool { return len(u.totp.seed) > 0 },
			func(u *user, on bool) { u.totp.enabled = on }, "User has not verified software token mfa"},
		{"EmailMfaSettings", "EMAIL_OTP", has(byEmail), func(u *user, on bool) { u.emailMFA = on }, "User does not have an email address"},
	}
}

// setUserMFAPreference turns second factors on and off, and says which of them is
// asked for. What isn't given stays as it is.
func setUserMFAPreference(c *call) (any, *apiError) {
	_, u, refusal := c.accessTokenUser()
	if refusal != nil {
		return nil, refusal
	}
	var preferred []string
	for _, setting := range factorSettings() {
		given := c.params.fields(setting.member)
		on, _ := given["Enabled"].(bool)
		if prefer, _ := given["PreferredMfa"].(bool); prefer && !on {
			return nil, invalidParameter("Invalid MFA setting: a preferred factor must be enabled")
		} else if prefer {
			preferred = append(preferred, setting.factor)
		}
		if on && !setting.can(u) {
			return nil, invalidParameter("%s", setting.refusal)
		}
	}
	if len(preferred) > 1 {
		return nil, invalidParameter("Only one MFA factor can be set as preferred")
	}
	for _, setting := range factorSettings() {
		if given := c.params.fields(setting.member); given != nil {
			setting.set(u, given)
		}
	}
	return struct{}{}, nil
}

func (s factorSetting) set(u *user, given map[string]any) {
	on, _ := given["Enabled"].(bool)
	prefer, _ := given["PreferredMfa"].(bool)
	s.enable(u, on)
	switch {
	case prefer:
		u.preferredMFA = s.factor
	case u.preferredMFA == s.factor:
		u.preferredMFA = ""
	}
}
