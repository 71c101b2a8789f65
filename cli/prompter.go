package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/printable"
)

// A prompter asks the person at a terminal what the agent, or a command, has
// to know. It implements agent.Prompter.
type prompter struct {
	tty     *terminal
	getenv  func(string) string // nil: no variable is set
	browser bool                // may be opened
}

// tries is how often a question is put again after an answer that can't be.
const tries = 3

// questioner asks one kind of prompt.
type questioner func(p prompter, ctx context.Context, q agent.Prompt) (string, error)

// questioners is the table of kinds; any other is a line of text.
func questioners() map[string]questioner {
	return map[string]questioner{
		agent.PromptConfirm: prompter.confirm,
		agent.PromptChoice:  prompter.choice,
		agent.PromptNotice:  prompter.notice,
		agent.PromptBrowser: prompter.signInPage,
	}
}

// Ask puts q to the person. It fails with KindPromptUnanswered when nobody
// answers within agent.PromptTimeout, or the person ends the input instead.
func (p prompter) Ask(ctx context.Context, q agent.Prompt) (agent.Secret, error) {
	limited, cancel := context.WithTimeout(ctx, agent.PromptTimeout)
	defer cancel()
	ask, ok := questioners()[q.Kind]
	if !ok {
		ask = prompter.text
	}
	answer, err := ask(p, limited, q)
	switch {
	case err == nil:
		return agent.NewSecret(answer), nil
	case errors.Is(err, context.DeadlineExceeded):
		return agent.Secret{}, agent.Errorf(agent.KindPromptUnanswered, "nobody answered within %s", agent.PromptTimeout)
	case ctx.Err() != nil:
		return agent.Secret{}, ctx.Err()
	case errors.Is(err, errNoLine):
		return agent.Secret{}, agent.Errorf(agent.KindPromptUnanswered, "the question was not answered: %s", printable.Text(q.Text))
	}
	return agent.Secret{}, agent.Errorf(agent.KindPromptUnanswered, "can't ask at the terminal: %s", reason(err))
}

func (p prompter) text(ctx context.Context, q agent.Prompt) (string, error) {
	return p.tty.line(ctx, question(q.Text), q.Echo)
}

func (p prompter) confirm(ctx context.Context, q agent.Prompt) (string, error) {
	line, err := p.tty.line(ctx, strings.TrimSpace(printable.Text(q.Text))+" [y/N] ", true)
	if err != nil {
		return "", err
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return "y", nil
	}
	return "n", nil
}

func (p prompter) choice(ctx context.Context, q agent.Prompt) (string, error) {
	if len(q.Choices) == 0 {
		return "", errors.New("there is nothing to choose from")
	}
	menu := strings.TrimSpace(question(q.Text)) + "\n"
	for i, c := range q.Choices {
		menu += fmt.Sprintf("  %d) %s\n", i+1, printable.Text(c))
	}
	menu += fmt.Sprintf("Number (1-%d): ", len(q.Choices))
	for range tries {
		line, err := p.tty.line(ctx, menu, true)
		if err != nil {
			return "", err
		}
		if n, err := strconv.Atoi(strings.TrimSpace(line)); err == nil && n >= 1 && n <= len(q.Choices) {
			return q.Choices[n-1], nil
		}
		p.tty.show("Please type a number of the list.\n")
	}
	return "", errors.New("no number of the list was typed")
}

func (p prompter) notice(_ context.Context, q agent.Prompt) (string, error) {
	if strings.HasPrefix(q.URL, "otpauth:") {
		p.tty.show(p.qrCode(q.URL))
	}
	p.tty.show(printable.Lines(q.Text) + "\n")
	return "", nil
}

// question is a prompt's text as it is shown: one line that ends in a colon or
// a question mark.
func question(text string) string {
	text = strings.TrimSpace(printable.Text(text))
	if strings.HasSuffix(text, ":") || strings.HasSuffix(text, "?") {
		return text + " "
	}
	return text + ": "
}
