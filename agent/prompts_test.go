package agent

import (
	"context"
	"strings"
	"testing"
)

// A caller that hangs up at a question hasn't answered it: the agent may ask
// somebody else.
func TestHangUpIsNoAnswer(t *testing.T) {
	came := make(chan error, 1)
	path := serve(t, &Server{Agent: &scripted{token: func(ctx context.Context, c Caller, _ TokenRequest) (Token, error) {
		_, err := c.Prompter.Ask(ctx, Prompt{Kind: PromptText, Text: "Answer"})
		came <- err
		return Token{}, err
	}}})
	for range 30 {
		ctx, hangUp := context.WithCancel(t.Context())
		person := asked(func(ctx context.Context, _ Prompt) (Secret, error) {
			hangUp()
			<-ctx.Done()
			return Secret{}, ctx.Err()
		})
		if _, err := dial(t, path).Token(ctx, Caller{Prompter: person}, TokenRequest{}); KindOf(err) != KindCanceled {
			t.Errorf("the caller got %v", err)
		}
		if err := <-came; KindOf(err) != KindCanceled {
			t.Fatalf("the agent got %v", err)
		}
	}
}

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
