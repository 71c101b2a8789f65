package cli

import (
	"path"
	"strings"
)

// A shell says how to assign an environment variable in a shell's language.
type shell struct {
	name   string
	export func(name, value string) string
}

// shells is the table of --shell.
func shells() []shell {
	return []shell{
		{"bash", posixExport},
		{"zsh", posixExport},
		{"fish", func(name, value string) string { return "set -gx " + name + " " + fishQuote(value) + ";" }},
		{"powershell", func(name, value string) string { return "$env:" + name + " = " + powershellQuote(value) }},
	}
}

func shellNames() []string {
	var names []string
	for _, s := range shells() {
		names = append(names, s.name)
	}
	return names
}

func findShell(name string) (shell, bool) {
	for _, s := range shells() {
		if s.name == name {
			return s, true
		}
	}
	return shell{}, false
}

// loginShell guesses the shell to write for. $SHELL names none on Windows, and
// what isn't in the table (sh, dash, ksh) reads what bash reads.
func loginShell(getenv func(string) string) string {
	name := path.Base(getenv("SHELL"))
	if name == "pwsh" || (getenv("SHELL") == "" && getenv("PSModulePath") != "") {
		return "powershell"
	}
	if _, ok := findShell(name); ok {
		return name
	}
	return "bash"
}

func posixExport(name, value string) string {
	return "export " + name + "=" + posixQuote(value)
}

// posixQuote quotes for sh, bash and zsh: nothing is special between single
// quotes but the quote itself.
func posixQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// fishQuote quotes for fish, where a backslash escapes itself and the quote
// between single quotes.
// https://fishshell.com/docs/current/language.html#quotes
func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// powershellQuote quotes for PowerShell, where a quote is doubled between
// single quotes, and typographic quotes count as quotes.
// https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_quoting_rules
func powershellQuote(s string) string {
	return "'" + strings.NewReplacer("'", "''", "‘", "‘‘", "’", "’’", "‚", "‚‚", "‛", "‛‛").Replace(s) + "'"
}
