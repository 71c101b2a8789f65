package cognito

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cogtok/cogtok/agent"
)

// maxCustomParameters is how many of a custom challenge's parameters are shown.
const maxCustomParameters = 20

// customParameters begins CUSTOM_AUTH, by SRP first if the config says so. The
// challenges are for people, so nothing is begun where there is nobody.
func customParameters(ctx context.Context, s *signIn) (map[string]string, error) {
	if err := s.needPerson("an answer to the user pool's custom challenge"); err != nil {
		return nil, err
	}
	if !s.profile.CustomSRP {
		return map[string]string{}, nil
	}
	parameters, err := srpParametersOf(ctx, s)
	if err == nil {
		parameters["CHALLENGE_NAME"] = "SRP_A"
	}
	return parameters, err
}

// answerCustom shows what the Lambda trigger has published and asks for the
// answer. Whether a wrong one is asked for again is the trigger's business. Who
// takes longer than Cognito's session lives begins anew, once.
func answerCustom(ctx context.Context, s *signIn, st step) (step, error) {
	text := s.codes.why + s.customText(st.parameters)
	s.codes.why = ""
	if err := s.tell(ctx, agent.Prompt{Text: text}); err != nil {
		return step{}, err
	}
	answer, err := s.ask(ctx, "an answer to the user pool's custom challenge", agent.Prompt{Kind: agent.PromptText, Text: "Answer", Echo: true})
	if err != nil {
		return step{}, err
	}
	if answer.Empty() {
		return step{}, errorf(s.profile, agent.KindPromptUnanswered, "no answer was given to the user pool's challenge").
			WithHint("run: cogtok login %s", shown(s.profile.Name))
	}
	next, err := s.respond(ctx, opCustom, st, map[string]string{"ANSWER": answer.Reveal()})
	if err = s.restartIfSlow("slow answer", err); errors.Is(err, errStartAgain) {
		s.codes.why = "That took too long, so the sign-in was begun anew. "
	}
	return next, err
}

// maxCustomValue is the longest value of a parameter that is shown, in bytes.
const maxCustomValue = 2000

func (s *signIn) customValue(value string) string {
	if len(value) > maxCustomValue {
		return "(a very long text)"
	}
	return s.secrets.redact(value, 500)
}

// customText lists the public challenge parameters, a line each.
func (s *signIn) customText(parameters map[string]string) string {
	lines := []string{"The user pool asks:"}
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		if name == "USERNAME" || name == "USER_ID_FOR_SRP" {
			continue
		}
		if len(lines) > maxCustomParameters {
			lines = append(lines, "  …")
			break
		}
		lines = append(lines, fmt.Sprintf("  %s: %s", s.foreign(name), s.customValue(parameters[name])))
	}
	if len(lines) == 1 {
		lines = []string{"The user pool asks for an answer and says no more."}
	}
	return strings.Join(lines, "\n")
}
