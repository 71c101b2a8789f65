package cognito

import (
	"context"
	"strings"
	"unicode"

	"github.com/cogtok/cogtok/agent"
)

// maxAsks is how often a person is asked for a code in one sign-in. Five wrong
// ones lock the user
// (https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-mfa.html).
const maxAsks = 3

// codes are the one-time codes of a sign-in.
type codes struct {
	asks int
	sent map[string]bool // none of them is sent twice
	why  string          // said before the next question
}

func (c *codes) left() bool { return c.asks < maxAsks }

// answerSoftwareToken asks for the code of an authenticator app. After a wrong
// one the sign-in starts again before the next is asked for: whether Cognito's
// session outlives a wrong code is not documented, and a code that meets a spent
// session could not be sent a second time.
func answerSoftwareToken(ctx context.Context, s *signIn, st step) (step, error) {
	text := "Code from your authenticator app"
	if name := st.parameters["FRIENDLY_DEVICE_NAME"]; name != "" {
		text += " " + s.foreign(name)
	}
	code, err := s.askCode(ctx, "a code from an authenticator app", text)
	if err != nil {
		return step{}, err
	}
	next, err := s.respond(ctx, opCode, st, map[string]string{"SOFTWARE_TOKEN_MFA_CODE": code})
	if agent.KindOf(err) == agent.KindCodeWrong && s.codes.left() {
		s.codes.why = "That code was wrong or used already. "
		return step{}, errStartAgain
	}
	return next, err
}

// answerSMS asks for the code that Cognito has sent. A wrong one is asked for
// again on the same session, since the message that came is still good; if the
// session turns out to be spent, a new start sends a new message.
func answerSMS(ctx context.Context, s *signIn, st step) (step, error) {
	text := "Code sent by SMS"
	if to := st.parameters["CODE_DELIVERY_DESTINATION"]; to != "" {
		text += " to " + s.foreign(to)
	}
	for wrong := false; ; wrong = true {
		code, err := s.askCode(ctx, "a code that it sends by SMS", text)
		if err != nil {
			return step{}, err
		}
		next, err := s.respond(ctx, opCode, st, map[string]string{"SMS_MFA_CODE": code})
		switch kind := agent.KindOf(err); {
		case kind == agent.KindCodeWrong && s.codes.left():
			s.codes.why = "That code was wrong. "
		case kind == agent.KindCodeExpired && wrong && s.codes.left():
			s.codes.why = "A new code is on its way. "
			return step{}, errStartAgain
		default:
			return next, err
		}
	}
}

// askCode asks until there is a code that was not sent yet.
func (s *signIn) askCode(ctx context.Context, what, text string) (string, error) {
	for s.codes.left() {
		s.codes.asks++
		answer, err := s.ask(ctx, what, agent.Prompt{Kind: agent.PromptMFA, Text: s.codes.why + text, Echo: true})
		if err != nil {
			return "", err
		}
		code := strings.Map(dropSpace, answer.Reveal())
		switch {
		case code == "":
			s.codes.why = "No code was given. "
		case s.codes.sent[code]:
			s.codes.why = "That code was tried already, wait for the next one. "
		default:
			if s.codes.sent == nil {
				s.codes.sent = map[string]bool{}
			}
			s.codes.sent[code] = true
			return code, nil
		}
	}
	return "", errorf(s.profile, agent.KindCodeWrong, "no good code in %d tries", maxAsks)
}

// dropSpace drops the spaces that apps show in the middle of a code.
func dropSpace(r rune) rune {
	if unicode.IsSpace(r) {
		return -1
	}
	return r
}
