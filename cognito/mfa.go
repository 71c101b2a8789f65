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
	asks    int             // answers that were codes, or nothing where one is needed
	resends int             // messages that were asked for
	sent    map[string]bool // none of them is sent twice
	why     string          // said before the next question
}

func (c *codes) left() bool { return c.asks < maxAsks }

// mayResend reports whether another message may be asked for.
func (c *codes) mayResend() bool { return c.resends < maxAsks }

// answerSoftwareToken answers with a code of an authenticator app: one that is
// made from what the user has entrusted, else one that is asked for. After a
// wrong one the sign-in starts again before the next is asked for: whether Cognito's
// session outlives a wrong code is not documented, and a code that meets a spent
// session could not be sent a second time.
func answerSoftwareToken(ctx context.Context, s *signIn, st step) (step, error) {
	code, made, err := s.softwareToken(ctx, st)
	if err != nil {
		return step{}, err
	}
	next, err := s.respond(ctx, opCode, st, map[string]string{"SOFTWARE_TOKEN_MFA_CODE": code})
	switch kind := agent.KindOf(err); {
	case kind == agent.KindCodeUsed && made && s.first("code used"):
		delete(s.once, codeMade) // by another agent, or before a restart: the next one is good
		return step{}, errStartAgain
	case wrongCode(err) && made:
		return step{}, s.madeCodeRefused()
	case wrongCode(err) && s.codes.left():
		s.codes.why = "That code was wrong or used already. "
		return step{}, errStartAgain
	case kind == agent.KindCodeExpired && s.first("slow code"):
		s.codes.why = "That took too long, so the sign-in was begun anew. "
		return step{}, errStartAgain
	}
	return next, err
}

// codeMade is what a sign-in does once, of signIn.first.
const codeMade = "code made"

func wrongCode(err error) bool {
	kind := agent.KindOf(err)
	return kind == agent.KindCodeWrong || kind == agent.KindCodeUsed
}

// softwareToken returns a code, and whether it was made without asking.
func (s *signIn) softwareToken(ctx context.Context, st step) (code string, made bool, err error) {
	if s.login.Code != nil && s.first(codeMade) {
		entrusted, err := s.login.Code(ctx)
		if err != nil && s.login.Prompter == nil {
			return "", false, err
		}
		if err == nil && !entrusted.Empty() {
			return s.noteCode(entrusted.Reveal()), true, nil
		}
		if err != nil {
			s.codes.why = sentence(err)
		}
	}
	text := "Code from your authenticator app"
	if name := st.parameters["FRIENDLY_DEVICE_NAME"]; name != "" {
		text += " " + s.foreign(name)
	}
	code, err = s.askCode(ctx, "a code from an authenticator app", text)
	return code, false, err
}

// madeCodeRefused goes on with the person, if there is one. A second code of the
// same making would be as wrong, and five lock the user.
func (s *signIn) madeCodeRefused() error {
	s.madeWrong = true
	if s.login.Prompter != nil {
		s.codes.why = "The code that was made from the stored seed, or by totp_command, was refused: check them. "
		return errStartAgain
	}
	return errorf(s.profile, agent.KindCodeWrong, "the code that was made from the stored seed, or by totp_command, was wrong or used already").
		WithHint("check the clock and the seed (cogtok secret set %s totp-seed), then: cogtok login %s", shown(s.profile.Name), shown(s.profile.Name))
}

// A sentCode is a challenge whose code Cognito sends to the person.
type sentCode struct {
	response string // the name of the answer
	text     string
}

var sentCodes = map[string]sentCode{
	"SMS_MFA":   {"SMS_MFA_CODE", "Code sent by SMS"},
	"SMS_OTP":   {"SMS_OTP_CODE", "Code sent by SMS"},
	"EMAIL_OTP": {"EMAIL_OTP_CODE", "Code sent by email"},
}

// answerSentCode asks for the code that Cognito has sent. A wrong one is asked
// for again on the same session, since the message that came is still good; if
// the session turns out to be spent, a new start sends a new message. That is
// also the only way to get another one: the API has none to send it again.
func answerSentCode(ctx context.Context, s *signIn, st step) (step, error) {
	kind := sentCodes[st.challenge]
	text := kind.text + s.destination(st.parameters["CODE_DELIVERY_DESTINATION"])
	wrong := false
	for {
		code, err := s.askSentCode(ctx, text)
		if err != nil {
			return step{}, err
		}
		if code == "" {
			s.codes.why = newCode
			return step{}, errStartAgain
		}
		next, err := s.respond(ctx, opCode, st, map[string]string{kind.response: code})
		switch failed := agent.KindOf(err); {
		case failed == agent.KindCodeWrong && s.codes.left():
			s.codes.why, wrong = "That code was wrong. ", true
		case failed == agent.KindCodeExpired && s.codes.left():
			if s.codes.why = newCode; wrong {
				s.codes.why = "After a wrong code the message counts no more. " + newCode
			}
			return step{}, errStartAgain
		case failed == agent.KindCodeExpired && wrong: // the session was spent with that
			return step{}, s.noGoodCode()
		default:
			return next, err
		}
	}
}

const newCode = "A new code is on its way. "

// destination says where a code went; Cognito masks most of it.
func (s *signIn) destination(to string) string {
	if to == "" {
		return ""
	}
	return " to " + s.foreign(to)
}

// askSentCode asks for a code that was sent. It returns "" when another one is
// to be sent.
func (s *signIn) askSentCode(ctx context.Context, text string) (string, error) {
	for s.codes.left() {
		question := text
		if s.codes.mayResend() {
			question += " (empty: send a new one)"
		}
		code, err := s.askOnce(ctx, "a code that it sends", question)
		switch {
		case err != nil:
			return "", err
		case code == "" && s.codes.mayResend():
			s.codes.resends++
			s.codes.asks--
			return "", nil
		case code == "":
			s.codes.why = "No code was given. "
		case code != "" && !s.codes.sent[code]:
			return s.noteCode(code), nil
		case code != "":
			s.codes.why = "That code was tried already. "
		}
	}
	return "", s.noGoodCode()
}

func (s *signIn) noGoodCode() error {
	return errorf(s.profile, agent.KindCodeWrong, "no good code in %d tries", maxAsks).
		WithHint("run: cogtok login %s", shown(s.profile.Name))
}

// askOnce asks for a code, without the spaces that apps show in the middle of one.
func (s *signIn) askOnce(ctx context.Context, what, text string) (string, error) {
	s.codes.asks++
	answer, err := s.ask(ctx, what, agent.Prompt{Kind: agent.PromptMFA, Text: s.codes.why + text, Echo: true})
	return strings.Map(dropSpace, answer.Reveal()), err
}

// noteCode remembers a code that is about to be sent: none is sent twice, or shown.
func (s *signIn) noteCode(code string) string {
	s.secrets = append(s.secrets, code)
	if s.codes.sent == nil {
		s.codes.sent = map[string]bool{}
	}
	s.codes.sent[code] = true
	return code
}

// askCode asks until there is a code that was not sent yet.
func (s *signIn) askCode(ctx context.Context, what, text string) (string, error) {
	for s.codes.left() {
		code, err := s.askOnce(ctx, what, text)
		switch {
		case err != nil:
			return "", err
		case code == "":
			s.codes.why = "No code was given. "
		case s.codes.sent[code]:
			s.codes.why = "That code was tried already, wait for the next one. "
		default:
			return s.noteCode(code), nil
		}
	}
	return "", s.noGoodCode()
}

// dropSpace drops the spaces that apps show in the middle of a code.
func dropSpace(r rune) rune {
	if unicode.IsSpace(r) {
		return -1
	}
	return r
}
