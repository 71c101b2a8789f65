package jwt

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"
)

func token(payload string) string {
	return "eyJhbGciOiJSUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"
}

func TestDecode(t *testing.T) {
	c, err := Decode(token(`{"sub":"s","token_use":"access","client_id":"c","username":"u","iss":"https://x/us-east-1_A","iat":1000,"exp":4600,"auth_time":900}`))
	if err != nil {
		t.Fatal(err)
	}
	if c.Subject != "s" || c.ClientID != "c" || c.Username != "u" || c.TokenUse != "access" || c.Issuer != "https://x/us-east-1_A" {
		t.Errorf("claims: %+v", c)
	}
	if !c.Expires.Equal(time.Unix(4600, 0)) || !c.IssuedAt.Equal(time.Unix(1000, 0)) || !c.AuthTime.Equal(time.Unix(900, 0)) {
		t.Errorf("times: %+v", c)
	}
	c, err = Decode(token(`{"aud":"c","cognito:username":"u","iat":1,"exp":2}`))
	if err != nil || c.ClientID != "c" || c.Username != "u" {
		t.Errorf("ID token: %+v, %v", c, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"empty":         "",
		"two parts":     "a.b",
		"not base64":    "a.%%%.c",
		"not JSON":      token(`{`),
		"header line":   token(`{"iat":1,"exp":2}`) + "\r\nX-Evil: 1",
		"line break":    token(`{"iat":1,"exp":2}`) + "\n",
		"early break":   "\n" + token(`{"iat":1,"exp":2}`),
		"escape":        token(`{"iat":1,"exp":2}`) + "\x1b[31m",
		"no signature":  strings.TrimSuffix(token(`{"iat":1,"exp":2}`), "c2ln"),
		"null":          token(`null`),
		"an array":      token(`[]`),
		"no exp":        token(`{"iat":1}`),
		"no iat":        token(`{"exp":1}`),
		"exp is text":   token(`{"iat":1,"exp":"2"}`),
		"exp before":    token(`{"iat":2,"exp":1}`),
		"exp too large": token(`{"iat":1,"exp":1e300}`),
		"too long":      token(`{"iat":1,"exp":2,"x":"` + string(make([]byte, MaxSize)) + `"}`),
	} {
		if _, err := Decode(in); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(token(`{"iat":1,"exp":2}`))
	f.Add(token(`{"iat":-1,"exp":1e18,"aud":["a"],"sub":7}`))
	f.Add("..")
	f.Fuzz(func(t *testing.T, in string) {
		c, err := Decode(in)
		if err == nil && strings.ContainsFunc(in, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("Decode takes %q", in)
		}
		if err == nil && (!c.Expires.After(c.IssuedAt) || c.Raw == nil) {
			t.Errorf("Decode(%q) = %+v", in, c)
		}
	})
}
