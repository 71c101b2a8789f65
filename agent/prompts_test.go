package agent

import (
	"strings"
	"testing"
)

// An address that isn't printable ASCII, or is cut, is one that no client opens.
func TestPromptURLIsPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                                 "",
		"https://x/oauth2/authorize?a=b":   "https://x/oauth2/authorize?a=b",
		"https://x/\x1b]52;c;ZXZpbA==\x07": "https://x/\ufffd]52;c;ZXZpbA==\ufffd",
		"https://x/\u202egnp":              "https://x/\ufffdgnp",
		"https://x/" + strings.Repeat("a", maxPromptURL): "https://x/" + strings.Repeat("a", maxPromptURL-11) + "…",
	} {
		if got := (Prompt{Kind: PromptBrowser, URL: in, StartURL: in}).printable(); got.URL != want || got.StartURL != want {
			t.Errorf("%.60q becomes %.60q and %.60q, want %.60q", in, got.URL, got.StartURL, want)
		}
	}
}
