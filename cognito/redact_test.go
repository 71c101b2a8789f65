package cognito

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"unicode"
)

func TestRedact(t *testing.T) {
	const secret = `Mark"er\Pass-81!<&>é`
	inSafeJSON, _ := json.Marshal(secret)
	for name, form := range map[string]string{
		"as it is":              secret,
		"in capitals":           strings.ToUpper(`MARK"ER\PASS-81!<&>`) + "é",
		"in JSON":               `Mark\"er\\Pass-81!<&>é`,
		"in JSON for pages":     strings.Trim(string(inSafeJSON), `"`),
		"in Python's JSON":      `Mark\"er\\Pass-81!<&>\u00e9`,
		"in JSON in JSON":       `Mark\\\"er\\\\Pass-81!<&>é`,
		"in a page":             "Mark&#34;er\\Pass-81!&lt;&amp;&gt;é",
		"in a query":            url.QueryEscape(secret),
		"in a path":             url.PathEscape(secret),
		"in a lower query":      strings.ToLower(url.QueryEscape(secret)),
		"in JavaScript's query": "Mark%22er%5CPass-81!%3C%26%3E%C3%A9",
		"in base64":             base64.StdEncoding.EncodeToString([]byte(secret)),
		"in base64url":          base64.RawURLEncoding.EncodeToString([]byte(secret)),
		"in hex":                hex.EncodeToString([]byte(secret)),
		"in hex in capitals":    strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"twice":                 secret + secret,
	} {
		if got := (secrets{"other", secret}).redact("no "+form+" here.", 300); got != "no [redacted] here" {
			t.Errorf("%s: %q", name, got)
		}
	}
	for before := range 3 { // the middle of base64 is another there
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + secret + " and more"))
		got := (secrets{secret}).redact(text, 300)
		if i := strings.Index(got, redacted); i < 0 || i > 5 || len(got) > 40 {
			t.Errorf("base64 after %d bytes: %q", before, got)
		}
	}
}

func TestRedactKeepsTexts(t *testing.T) {
	for _, c := range []struct {
		text, want string
		sent       secrets
	}{
		{"PreSignUp failed with error no.", "PreSignUp failed with error no", secrets{"other", ""}},
		{"a bad idea", "[redacted] bad idea", secrets{"a"}},
		{"overlaps abcdefgh", "overlaps [redacted]", secrets{"abcdef", "cdefgh"}},
		{"a line\nbreak", "a [redacted]", secrets{"line\nbreak"}},
		{"\x1b[31mred ", "\uFFFD[31mred", secrets{"\x1b]"}},
		{"ends in Secret-1", "ends in [redacted]", secrets{" Secret-1 "}},
		{strings.Repeat("Secret-1 ", 4000), "(a very long text)", secrets{"Secret-1"}},
		{"x[redacted]y", redacted, secrets{"redacted]"}},
	} {
		if got := c.sent.redact(c.text, 300); got != c.want {
			t.Errorf("%q without %q: %q, want %q", c.text, c.sent, got, c.want)
		}
	}
}

func TestName(t *testing.T) {
	const secret = "MarkerPassw0rd:81"
	for _, name := range []string{"NotAuthorizedException", "WEB_AUTHN", "PasswordResetRequiredException", "Password", strings.Repeat("A", 64)} {
		if got := (secrets{secret, "My-Password1"}).name(name); (got == name) == (name == "Password") {
			t.Errorf("name(%q) = %q", name, got) // an unknown type that is half of a password stays away
		}
	}
	for _, no := range []string{
		"", "7Exception", "a b", "Übel", "\x1b[2J", strings.Repeat("A", 65),
		secret, "MarkerPassw0rd", "xMARKERPASSW0RDException", "81aMarkerP", // with a piece of it
		hex.EncodeToString([]byte(secret))[1:], base64.RawStdEncoding.EncodeToString([]byte("x" + secret)),
	} {
		if got := (secrets{"", secret}).name(no); got != "" {
			t.Errorf("name(%q) = %q", no, got)
		}
	}
	if got := (secrets{"known"}).typeName("Unknown_Type"); got != "an unknown error" {
		t.Errorf("typeName = %q", got)
	}
}

// FuzzRedact: no secret survives in a text, in any of its encodings, and no
// text does harm to a terminal.
func FuzzRedact(f *testing.F) {
	f.Add("before ", "Secret-1", " after")
	f.Add("%", "a+b/c=d", "\\")
	f.Add("\x1b[31m\u202e", "\xff\xfe long\u2028", "aaaaaa")
	f.Fuzz(func(t *testing.T, before, secret, after string) {
		if len(strings.TrimSpace(secret)) < minEncoded || strings.Contains(redacted, fold(strings.TrimSpace(secret))) {
			return
		}
		asJSON, _ := json.Marshal(secret)
		for _, form := range []string{
			secret, strings.Trim(string(asJSON), `"`), string(asJSON), url.QueryEscape(secret), url.PathEscape(secret),
			hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))),
			base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawStdEncoding.EncodeToString([]byte(secret)),
			base64.URLEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
		} {
			got := (secrets{"another", secret}).redact(before+form+after, 300)
			if strings.Contains(got, secret) || len(form) > len(redacted) && strings.Contains(got, form) {
				t.Errorf("%q survives in %q", form, got)
			}
			if len([]rune(got)) > 300 || strings.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
				t.Errorf("not fit to be shown: %q", got)
			}
			if name := (secrets{secret}).name(form); name != "" {
				t.Errorf("%q passes for a name", name)
			}
		}
	})
}
