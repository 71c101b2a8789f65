package cli

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The value comes out of each shell as it went in.
func TestExportIsWhatTheShellReads(t *testing.T) {
	values := []string{
		"eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "", "it's", `back\slash\'`, `"double" $HOME $(id) ` + "`id`" + ` !! %PATH%`,
		"two\nlines", "tab\tand  spaces ", "~", "a;b&c|d", "‘typographic’ quotes", "日本",
	}
	for _, tt := range []struct {
		shell    string
		programs []string // that read it
	}{
		{"bash", []string{"bash", "dash"}},
		{"zsh", []string{"zsh"}},
		{"fish", []string{"fish"}},
	} {
		t.Run(tt.shell, func(t *testing.T) {
			s, ok := findShell(tt.shell)
			if !ok {
				t.Fatal("it isn't in the table")
			}
			for _, program := range tt.programs {
				path, err := exec.LookPath(program)
				if err != nil {
					missing(t, program)
				}
				for _, value := range values {
					cmd := exec.Command(path, "-c", s.export("COGTOK_TOKEN", value)+"\nprintf %s \"$COGTOK_TOKEN\"")
					cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
					out, err := cmd.CombinedOutput()
					if err != nil || string(out) != value {
						t.Errorf("%s: %q came out as %q, %v", program, value, out, err)
					}
				}
			}
		})
	}
}

// missing skips a test for want of a shell, or fails it in CI.
func missing(t *testing.T, program string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed (Debian's package %s)", program, program)
	}
	t.Skipf("%s is not installed (Debian's package %s)", program, program)
}

// Debian has no PowerShell, so that its rule is tested by itself: see powershellQuote.
func TestPowershellQuote(t *testing.T) {
	s, _ := findShell("powershell")
	for value, want := range map[string]string{
		"eyJ.e30.c2ln": `'eyJ.e30.c2ln'`, "": `''`, "it's": `'it''s'`, `$env:HOME $(id) "x"`: `'$env:HOME $(id) "x"'`,
		"‘a’ ‚b‛": `'‘‘a’’ ‚‚b‛‛'`, "back`tick\\": "'back`tick\\'", "two\nlines": "'two\nlines'",
	} {
		if got := s.export("COGTOK_TOKEN", value); got != "$env:COGTOK_TOKEN = "+want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

func TestLoginShell(t *testing.T) {
	for env, want := range map[string]string{
		"SHELL=/bin/bash": "bash", "SHELL=/usr/bin/zsh": "zsh", "SHELL=/usr/local/bin/fish": "fish", "SHELL=/bin/sh": "bash",
		"SHELL=/usr/bin/pwsh": "powershell", "PSModulePath=C:\\x": "powershell", "": "bash", "SHELL=/bin/tcsh": "bash",
	} {
		name, value, _ := strings.Cut(env, "=")
		getenv := func(n string) string {
			if n == name {
				return value
			}
			return ""
		}
		if got := loginShell(getenv); got != want {
			t.Errorf("%s: %s, want %s", env, got, want)
		}
	}
}
