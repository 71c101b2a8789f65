package cognito

import (
	"context"
	"slices"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/printable"
)

// needPerson fails when nobody can be asked. what names the thing that is going
// to be asked for.
func (s *signIn) needPerson(what string) error {
	if s.login.Prompter != nil {
		return nil
	}
	return errorf(s.profile, agent.KindPromptNeeded, "Cognito asks for %s, and nobody can be asked here", what).
		WithHint("run: cogtok login %s", shown(s.profile.Name))
}

// ask puts a question to the person.
func (s *signIn) ask(ctx context.Context, what string, prompt agent.Prompt) (agent.Secret, error) {
	if err := s.needPerson(what); err != nil {
		return agent.Secret{}, err
	}
	prompt.Profile = s.profile.Name
	if prompt.Kind != agent.PromptNotice {
		prompt.Text = printable.Limit(prompt.Text, 300)
	}
	answer, err := s.login.Prompter.Ask(ctx, prompt)
	if err != nil {
		return agent.Secret{}, agent.AsError(err)
	}
	return answer, nil
}

// tell shows the person something. There is nothing to answer.
func (s *signIn) tell(ctx context.Context, prompt agent.Prompt) error {
	prompt.Kind = agent.PromptNotice
	_, err := s.ask(ctx, "something that has to be read", prompt)
	return err
}

// choose shows a menu and returns the index of what was chosen.
func (s *signIn) choose(ctx context.Context, what, text string, labels []string) (int, error) {
	answer, err := s.ask(ctx, what, agent.Prompt{Kind: agent.PromptChoice, Text: text, Choices: labels, Echo: true})
	if err != nil {
		return 0, err
	}
	i := slices.Index(labels, answer.Reveal())
	if i < 0 {
		return 0, errorf(s.profile, agent.KindPromptUnanswered, "nothing was chosen").WithHint("run: cogtok login %s", shown(s.profile.Name))
	}
	return i, nil
}

// confirm asks a yes-or-no question; where nobody can be asked the answer is no.
func (s *signIn) confirm(ctx context.Context, text string) bool {
	if s.login.Prompter == nil {
		return false
	}
	answer, err := s.ask(ctx, "a yes or no", agent.Prompt{Kind: agent.PromptConfirm, Text: text, Echo: true})
	return err == nil && answer.Reveal() == "y"
}
