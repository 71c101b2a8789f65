package cli

import (
	"strings"
	"testing"
)

func TestPageOf(t *testing.T) {
	for in, want := range map[string]string{
		"https://login.example.com/oauth2/authorize?client_id=a&state=b%20c": "https://login.example.com/oauth2/authorize?client_id=a&state=b%20c",
		"https://x/$(touch /tmp/pwn)":                                        "https://x/%24%28touch%20/tmp/pwn%29",
		"https://x/\"'`id`<>\\^{|}":                                          "https://x/%22%27%60id%60%3C%3E%5C%5E%7B%7C%7D",
		"https://x/?a=';!*b&c=%24":                                           "https://x/?a=%27%3B%21%2Ab&c=%24",
		"http://localhost:8123/authorize":                                    "http://localhost:8123/authorize",
		"http://127.0.0.2/":                                                  "http://127.0.0.2/",
		"http://[::1]:80/":                                                   "http://[::1]:80/",
		"HTTPS://login.example.com":                                          "HTTPS://login.example.com",
	} {
		if got, err := pageOf(in); got != want || err != nil {
			t.Errorf("pageOf(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, bad := range []string{
		"", "-flag", "--new-tab", "/etc/passwd", "login.example.com", "file:///etc/passwd", "javascript:alert(1)", "https:opaque", "https:///path",
		"http://login.example.com/", "http://localhost.example.com/", "http://10.0.0.1/", "https://rob@example.com/", "https://rob:pw@example.com/",
		"https://x/\n", "https://x/\x1b]52;c;ZXZpbA==\x07", "https://x/\x7f", "https://exämple.com/", "https://x/\u202e", "https://x/%zz", " https://x/",
		"https://x/" + strings.Repeat("a", 7990) + "…", // cut by the agent
	} {
		if got, err := pageOf(bad); err == nil {
			t.Errorf("pageOf(%q) = %q", bad, got)
		}
	}
}

func FuzzPageOf(f *testing.F) {
	f.Add("https://x/$(touch /tmp/pwn)")
	f.Add("http://[::1]:80/\"")
	f.Fuzz(func(t *testing.T, address string) {
		page, err := pageOf(address)
		if err != nil {
			return
		}
		if strings.ContainsFunc(page, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}$'();!*", r) }) {
			t.Errorf("%q becomes %q", address, page)
		}
		if lower := strings.ToLower(page); !strings.HasPrefix(lower, "https://") && !strings.HasPrefix(lower, "http://") {
			t.Errorf("%q becomes %q", address, page)
		}
	})
}
