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
		programs []string // that read it; at least one has to be installed
		print    string
	}{
		{"bash", []string{"bash", "dash"}, `printf %s "$COGTOK_TOKEN"`},
		{"zsh", []string{"zsh"}, `printf %s "$COGTOK_TOKEN"`},
		{"fish", []string{"fish"}, `printf %s "$COGTOK_TOKEN"`},
		{"powershell", []string{"pwsh"}, `[Console]::Out.Write($env:COGTOK_TOKEN)`},
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
					cmd := exec.Command(path, "-c", s.export("COGTOK_TOKEN", value)+"\n"+tt.print)
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

// missing skips a test for want of a shell. PowerShell has no Debian package,
// so that its absence is no fault of CI's; its rule is tested below.
func missing(t *testing.T, program string) {
	t.Helper()
	if os.Getenv("CI") == "true" && program != "pwsh" {
		t.Fatalf("%s is not installed (Debian's package %s)", program, program)
	}
	t.Skipf("%s is not installed", program)
}

func TestPowershellQuote(t *testing.T) {
	s, _ := findShell("powershell")
	if got := s.export("COGTOK_TOKEN", `it's "$x" ’`); got != `$env:COGTOK_TOKEN = 'it''s "$x" ’’'` {
		t.Error(got)
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
