//go:build !windows

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
