package agent

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"

	"github.com/cogtok/cogtok/internal/printable"
)

// prompts are the questions that wait for an answer on one connection.
type prompts struct {
	mu      sync.Mutex
	asked   int
	waiting map[string]chan message // by id with its quotes
}

// open returns a new id and where its answer will arrive.
func (p *prompts) open() (id string, arrives chan message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	id = "p" + strconv.Itoa(p.asked)
	if p.waiting == nil {
		p.waiting = map[string]chan message{}
	}
	arrives = make(chan message, 1)
	p.waiting[strconv.Quote(id)] = arrives
	return id, arrives
}

func (p *prompts) forget(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, strconv.Quote(id))
}

// answered hands m to whoever asked. One that comes too late is dropped.
func (p *prompts) answered(m message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if arrives := p.waiting[string(m.ID)]; arrives != nil {
		delete(p.waiting, string(m.ID))
		arrives <- m
	}
}

// A prompter asks the person behind one call over its connection.
type prompter struct {
	conn *conn
	call context.Context // ends with the call
}

// Ask implements Prompter.
func (p *prompter) Ask(ctx context.Context, question Prompt) (Secret, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, PromptTimeout, errUnanswered(question, "nobody answered within 3 minutes"))
	defer cancel()
	id, arrives := p.conn.prompts.open()
	defer p.conn.prompts.forget(id)
	if err := p.conn.send(outgoing{ID: id, Method: "prompt", Params: question.printable()}); err != nil {
		return Secret{}, Errorf(KindCanceled, "the client hung up")
	}
	select {
	case m := <-arrives:
		return readAnswer(question, m)
	case <-p.call.Done():
		return Secret{}, AsError(context.Cause(p.call))
	case <-ctx.Done():
		return Secret{}, AsError(context.Cause(ctx))
	}
}

func readAnswer(question Prompt, m message) (Secret, error) {
	// Some libraries send both members, and null for the one that doesn't apply.
	if m.Error != nil && string(m.Error) != "null" {
		return Secret{}, errUnanswered(question, "the question was not answered")
	}
	a, ok := decodeAnswer(m.Result)
	if !ok {
		return Secret{}, errUnanswered(question, "the client answered in a way that the agent does not understand")
	}
	secret := NewSecret(a)
	if err := checkAnswer(question, secret); err != nil {
		return Secret{}, err
	}
	return secret, nil
}

// checkAnswer refuses what can't be an answer to any question.
func checkAnswer(question Prompt, s Secret) *Error {
	if flaw := s.Flaw(); flaw != "" {
		return Errorf(KindUsage, "the answer %s: %s", flaw, question.printable().Text)
	}
	return nil
}

func decodeAnswer(result json.RawMessage) (string, bool) {
	var a answer
	if decode(result, &a) != nil || a.Answer == nil {
		return "", false
	}
	return *a.Answer, true
}

func errUnanswered(question Prompt, text string) *Error {
	e := Errorf(KindPromptUnanswered, "%s: %s", text, question.printable().Text)
	if question.Profile == "" {
		return e
	}
	return e.WithHint("run: cogtok login %s", printable.Text(question.Profile))
}

const (
	// maxPromptText is how many characters of a question are shown.
	maxPromptText = 4000
	// maxPromptURL is how long the address of a page may be. A longer one is cut
	// and then ends in what no address has, so that nobody opens it.
	maxPromptURL = 8000
)

// printable returns p as it may be shown on a terminal. What it asks for may
// come from the user pool; only a notice has lines.
func (p Prompt) printable() Prompt {
	if p.Kind == PromptNotice {
		p.Text = printable.Lines(p.Text)
	} else {
		p.Text = printable.Limit(p.Text, maxPromptText)
	}
	p.URL, p.StartURL = printable.Limit(p.URL, maxPromptURL), printable.Limit(p.StartURL, maxPromptURL)
	choices := p.Choices
	p.Choices = nil
	for _, choice := range choices {
		p.Choices = append(p.Choices, printable.Limit(choice, maxPromptText))
	}
	return p
}
