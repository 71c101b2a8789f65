package cognito

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
)

func TestServerText(t *testing.T) {
	const secret = `Mark"er\Pass-81!<&>é`
	for name, text := range map[string]string{
		"as it is":         "no " + secret + " here",
		"in JSON":          `no {"password":"` + jsonText(secret, false) + `"} here`,
		"in safe JSON":     `no {"password":"` + jsonText(secret, true) + `"} here`,
		"in a query":       "no " + url.QueryEscape(secret) + " here",
		"in a path":        "no " + url.PathEscape(secret) + " here",
		"in a lower query": "no " + strings.ToLower(url.QueryEscape(secret)) + " here",
		"in base64":        "no " + base64.StdEncoding.EncodeToString([]byte(secret)) + " here",
		"in base64url":     "no " + base64.RawURLEncoding.EncodeToString([]byte(secret)) + " here",
		"in capitals":      "no " + strings.ToUpper(`MARK"ER\PASS-81!<&>`) + "é here",
	} {
		got := serverText(text, []string{secret})
		if !strings.Contains(got, redacted) || strings.Contains(strings.ToLower(got), "pass-81") || !strings.HasPrefix(got, "no ") || !strings.HasSuffix(got, " here") {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := serverText("a bad idea", []string{"", "a"}); got != "[redacted] bad idea" {
		t.Errorf("a short secret: %q", got)
	}
	if got := serverText("PreSignUp failed with error no.", []string{"other"}); got != "PreSignUp failed with error no" {
		t.Errorf("an ordinary text: %q", got)
	}
}

func TestServerWord(t *testing.T) {
	const secret = "MarkerPassw0rd"
	for word, want := range map[string]string{
		"NotAuthorizedException":   "NotAuthorizedException",
		"WEB_AUTHN":                "WEB_AUTHN",
		"":                         "else",
		"7Exception":               "else",
		"Marker-Passw0rd":          "else", // not a word
		secret:                     "else",
		"x" + secret + "Exception": "else",
		strings.ToUpper(secret):    "else",
		strings.Repeat("A", 65):    "else",
		"Übel":                     "else",
		"a b":                      "else",
	} {
		if got := serverWord(word, "else", []string{secret}); got != want {
			t.Errorf("serverWord(%q) = %q, want %q", word, got, want)
		}
	}
}

// FuzzSpellings: no secret survives in a text, in any of its spellings.
func FuzzSpellings(f *testing.F) {
	f.Add("before ", "Secret-1", " after")
	f.Add("%", "a+b/c=d", "\\")
	f.Fuzz(func(t *testing.T, before, secret, after string) {
		if len(secret) < 6 || strings.Contains(redacted, strings.ToLower(secret)) {
			return
		}
		for _, form := range spellings(secret) {
			got := serverText(before+form+after, []string{secret})
			if strings.Contains(got, secret) || strings.Contains(got, form) && len(form) > len(redacted) {
				t.Errorf("%q survives in %q", form, got)
			}
		}
	})
}
