package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPageOf(t *testing.T) {
	for in, want := range map[string]string{
		"https://login.example.com/oauth2/authorize?client_id=a&state=b%20c": "https://login.example.com/oauth2/authorize?client_id=a&state=b%20c",
		"https://x/$(touch /tmp/pwn)":                                        "https://x/$(touch%20/tmp/pwn)",
		"https://x/\"'`id`<>\\^{|}":                                          "https://x/%22'%60id%60%3C%3E%5C%5E%7B%7C%7D",
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
		if strings.ContainsFunc(page, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}", r) }) {
			t.Errorf("%q becomes %q", address, page)
		}
		if lower := strings.ToLower(page); !strings.HasPrefix(lower, "https://") && !strings.HasPrefix(lower, "http://") {
			t.Errorf("%q becomes %q", address, page)
		}
	})
}

// $BROWSER is split as xdg-open does, and no shell has a part in it.
func TestBrowserCommands(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	for _, name := range []string{"fire", "two words", "xdg-open", "wslview"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	const page = "https://x/?a=%73&b=%25"
	fire := filepath.Join(dir, "fire")
	for browser, want := range map[string][][]string{
		"fire":                      {{fire, page}},
		fire:                        {{fire, page}},
		"fire --new-tab %s -x":      {{fire, "--new-tab", page, "-x"}},
		"fire --url=%s 100%% a%cb":  {{fire, "--url=" + page, "100%", "a:b"}},
		"fire %%s":                  {{fire, "%s", page}},
		"none:fire -1:fire":         {{fire, "-1", page}, {fire, page}},
		dir + "/two words":          {{dir + "/two words", page}},
		"fire 'a b'; $(id) `id` >x": {{fire, "'a", "b';", "$(id)", "`id`", ">x", page}},
		"none":                      nil,
		" : ":                       nil,
		"./fire":                    nil,
		"":                          {{filepath.Join(dir, "xdg-open"), page}, {filepath.Join(dir, "wslview"), page}},
	} {
		if got := browserCommands(browser, page); fmt.Sprint(got) != fmt.Sprint(want) || len(got) != len(want) {
			t.Errorf("BROWSER=%q: %q, want %q", browser, got, want)
		}
	}
	t.Chdir(dir)
	t.Setenv("PATH", ".:")
	if got := browserCommands("", page); len(got) != 0 {
		t.Errorf("from the working directory: %q", got)
	}
}

// browser makes a program that writes down what it is given, an argument a line.
func (w *world) browser(name string, status int) (program, notes string) {
	w.Helper()
	program, notes = w.path(name), w.path(name+".argv")
	script := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"$@\" >>'%s.new'\n/bin/mv '%[1]s.new' '%[1]s'\nexit %d\n", notes, status)
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		w.Fatal(err)
	}
	return program, notes
}

func (w *world) opened(notes string) []string {
	text, _ := os.ReadFile(notes)
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}
