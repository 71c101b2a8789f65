package printable

import (
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"plain é 日本":             "plain é 日本",
		"\x1b[31mred\x1b[0m":     "�[31mred�[0m",
		"a\r\nb\tc":              "a� b c",
		"\u009b31m":              "�31m",
		"\u202egnp.exe":          "�gnp.exe",
		"zero\u200bwidth":        "zero�width",
		"bad \xff utf-8":         "bad � utf-8",
		"\x1b]52;c;ZXZpbA==\x07": "�]52;c;ZXZpbA==�",
		"line\u2028sep":          "line�sep",
	} {
		if got := Text(in); got != want {
			t.Errorf("Text(%q) = %q, want %q", in, got, want)
		}
	}
	if got := Lines("a\nb\tc\r"); got != "a\nb\tc�" {
		t.Errorf("Lines = %q", got)
	}
	if got := Limit("abcdef", 4); got != "abc…" {
		t.Errorf("Limit = %q", got)
	}
}

func FuzzText(f *testing.F) {
	f.Add("\x1b[2J\u202e\xff\n")
	f.Fuzz(func(t *testing.T, in string) {
		for _, r := range Text(in) {
			if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
				t.Fatalf("Text(%q) keeps %U", in, r)
			}
		}
		if !utf8.ValidString(Lines(in)) {
			t.Fatalf("Lines(%q) is not UTF-8", in)
		}
	})
}
