package cognito

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cogtok/cogtok/agent"
)

const (
	maxNewPasswords = 3  // that Cognito refuses for its policy, and pairs that don't match
	maxAttributes   = 50 // a user pool has at most 50 custom attributes
	attributePrefix = "userAttributes."
)

// newPassword is what has been asked for NEW_PASSWORD_REQUIRED. It outlives a
// new start of the sign-in, so that nothing is asked twice.
type newPassword struct {
	tries      int
	why        string            // said before the next question
	chosen     agent.Secret      // a password that Cognito has not judged yet
	late       bool              // the person was too slow once
	attributes map[string]string // by "userAttributes.<name>"
}

// answerNewPassword sets the password of a user who has a temporary one.
func answerNewPassword(ctx context.Context, s *signIn, st step) (step, error) {
	responses, err := s.askAttributes(ctx, st)
	if err != nil {
		return step{}, err
	}
	chosen, err := s.askNewPassword(ctx)
	if err != nil {
		return step{}, err
	}
	responses["NEW_PASSWORD"] = chosen.Reveal()
	next, err := s.respond(ctx, opNewPassword, st, responses)
	switch kind := agent.KindOf(err); {
	case err == nil:
		s.password, s.changedPassword = chosen, chosen
		s.newPassword = newPassword{}
	case kind == agent.KindPasswordPolicy && s.newPassword.tries < maxNewPasswords:
		// The session is spent with the refusal.
		s.newPassword.why = sentence(err)
		return step{}, errStartAgain
	case kind == agent.KindCodeExpired && !s.newPassword.late:
		s.newPassword.late, s.newPassword.chosen = true, chosen
		return step{}, errStartAgain
	}
	return next, err
}

// askNewPassword asks for a new password twice.
func (s *signIn) askNewPassword(ctx context.Context) (agent.Secret, error) {
	n := &s.newPassword
	if chosen := n.chosen; !chosen.Empty() {
		n.chosen = agent.Secret{}
		return chosen, nil
	}
	for n.tries < maxNewPasswords {
		n.tries++
		one, err := s.ask(ctx, "a new password", agent.Prompt{Kind: agent.PromptNewPassword, Text: n.why + "New password for " + shown(s.profile.Username)})
		if err != nil {
			return agent.Secret{}, err
		}
		two, err := s.ask(ctx, "a new password", agent.Prompt{Kind: agent.PromptNewPassword, Text: "The new password again"})
		switch {
		case err != nil:
			return agent.Secret{}, err
		case one.Empty():
			n.why = "No password was given. "
		case !one.Equal(two):
			n.why = "The two were not the same. "
		default:
			return one, nil
		}
	}
	return agent.Secret{}, errorf(s.profile, agent.KindPromptUnanswered, "no new password in %d tries", maxNewPasswords).
		WithHint("run: cogtok login %s", shown(s.profile.Name))
}

// askAttributes asks for the user attributes that the pool requires and the
// user lacks. Only for those: an attribute that has a value must not be sent.
func (s *signIn) askAttributes(ctx context.Context, st step) (map[string]string, error) {
	names, err := requiredAttributes(st.parameters["requiredAttributes"])
	if err != nil {
		return nil, errorf(s.profile, agent.KindService, "Cognito's list of required attributes makes no sense")
	}
	responses := map[string]string{}
	for _, name := range names {
		key, label := attributePrefix+name, s.foreign(name)
		if _, known := s.newPassword.attributes[key]; !known {
			value, err := s.askAttribute(ctx, label)
			if err != nil {
				return nil, err
			}
			if s.newPassword.attributes == nil {
				s.newPassword.attributes = map[string]string{}
			}
			s.newPassword.attributes[key] = value
		}
		responses[key] = s.newPassword.attributes[key]
	}
	return responses, nil
}

// askAttribute asks for the value of one attribute. None would be refused.
func (s *signIn) askAttribute(ctx context.Context, label string) (string, error) {
	why := ""
	for range maxAsks {
		answer, err := s.ask(ctx, fmt.Sprintf("the user attribute %q", label),
			agent.Prompt{Kind: agent.PromptText, Text: why + "Value of your attribute " + label, Echo: true})
		value := strings.TrimSpace(answer.Reveal())
		if err != nil || value != "" {
			return value, err
		}
		why = "The user pool requires it. "
	}
	return "", errorf(s.profile, agent.KindPromptUnanswered, "no value was given for the attribute %s", label).
		WithHint("run: cogtok login %s", shown(s.profile.Name))
}

// requiredAttributes reads a JSON array in a string. Its entries are names of
// attributes, with or without the prefix that the answer has.
func requiredAttributes(list string) ([]string, error) {
	if list == "" {
		return nil, nil
	}
	var entries []string
	if err := json.Unmarshal([]byte(list), &entries); err != nil {
		return nil, err
	}
	if len(entries) > maxAttributes {
		return nil, fmt.Errorf("%d attributes", len(entries))
	}
	var names []string
	seen := map[string]bool{}
	for _, entry := range entries {
		name := strings.TrimPrefix(entry, attributePrefix)
		if name == "" || len(name) > 64 {
			return nil, fmt.Errorf("an attribute's name has %d bytes", len(name))
		}
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names, nil
}
