package cognito

import (
	"context"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/cogtok/cogtok/agent"
)

// A secondFactor is a kind of MFA: how it is named to people, and how it is set
// up during a sign-in. See
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-mfa.html
type secondFactor struct {
	name  string
	label string
	setUp answerer // nil: not during a sign-in
}

// secondFactors are the kinds, in the order of the menu.
var secondFactors = []secondFactor{
	{"SOFTWARE_TOKEN_MFA", "Authenticator app", setUpSoftwareToken},
	{"EMAIL_OTP", "Code by email", setUpEmail},
	{"SMS_MFA", "Code by SMS", nil},
}

// answerSelectMFA asks which of the user's second factors is to be used. The
// documentation calls the list MFAS_CAN_SELECT, Cognito and AWS's own clients
// MFAS_CAN_CHOOSE; and it has been called EMAIL_MFA what is EMAIL_OTP in the API.
func answerSelectMFA(ctx context.Context, s *signIn, st step) (step, error) {
	list := st.parameters["MFAS_CAN_CHOOSE"]
	if list == "" {
		list = st.parameters["MFAS_CAN_SELECT"]
	}
	chosen, err := s.chooseSecondFactor(ctx, list, "Which second factor do you want to use?", func(secondFactor) bool { return true })
	if err != nil {
		return step{}, err
	}
	return s.respond(ctx, opCode, st, map[string]string{"ANSWER": chosen.name})
}

// chooseSecondFactor asks for one of a list that is JSON in a string. Where there is
// one there is nothing to ask.
func (s *signIn) chooseSecondFactor(ctx context.Context, list, text string, usable func(secondFactor) bool) (secondFactor, error) {
	var names []string
	if err := json.Unmarshal([]byte(list), &names); err != nil {
		return secondFactor{}, errorf(s.profile, agent.KindService, "Cognito's list of second factors makes no sense")
	}
	var known []secondFactor
	var labels []string
	for _, f := range secondFactors {
		if usable(f) && (slices.Contains(names, f.name) || f.name == "EMAIL_OTP" && slices.Contains(names, "EMAIL_MFA")) {
			known, labels = append(known, f), append(labels, f.label)
		}
	}
	switch len(known) {
	case 0:
		return secondFactor{}, errorf(s.profile, agent.KindUnknownChallenge, "none of the second factors that Cognito offers can be used here").
			WithHint("ask who runs the user pool %s, or set one up in your application", shown(s.profile.UserPoolID))
	case 1:
		return known[0], nil
	}
	// A new start, for another code, isn't for another choice.
	if i := slices.IndexFunc(known, func(f secondFactor) bool { return f.name == s.secondFactor }); i >= 0 {
		return known[i], nil
	}
	i, err := s.choose(ctx, "which second factor to use", text, labels)
	if err != nil {
		return secondFactor{}, err
	}
	s.secondFactor = known[i].name
	return known[i], nil
}

// answerMFASetup sets up a second factor, which the user pool requires and the
// user lacks. A phone number alone can't be given here.
func answerMFASetup(ctx context.Context, s *signIn, st step) (step, error) {
	if err := s.needPerson("a second factor to be set up"); err != nil {
		return step{}, err
	}
	chosen, err := s.chooseSecondFactor(ctx, st.parameters["MFAS_CAN_SETUP"],
		"The user pool requires a second factor. Which one do you want to set up?", func(f secondFactor) bool { return f.setUp != nil })
	if err != nil {
		return step{}, err
	}
	return chosen.setUp(ctx, s, st)
}

// setUpSoftwareToken registers an authenticator app: the seed is shown once, and
// a code proves that the app has it. The seed crosses to the person's terminal,
// as it must, and is kept nowhere here.
func setUpSoftwareToken(ctx context.Context, s *signIn, st step) (step, error) {
	client, err := s.provider.client(s.profile, nil)
	if err != nil {
		return step{}, err
	}
	out, err := call(ctx, s.provider, resendUnsent, client.AssociateSoftwareToken, &cip.AssociateSoftwareTokenInput{Session: optional(st.session)})
	if err != nil {
		return step{}, s.restartIfSlow(s.failed(ctx, opSetup, err))
	}
	seed := aws.ToString(out.SecretCode)
	if _, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.TrimRight(seed, "=")); err != nil || seed == "" {
		return step{}, senseless(s.profile, "the seed for the authenticator app is none")
	}
	st.session = aws.ToString(out.Session)
	if err := s.tell(ctx, s.seedPrompt(seed)); err != nil {
		return step{}, err
	}
	s.secrets = append(s.secrets, seed, st.session)
	session, err := s.verifySoftwareToken(ctx, client, st.session)
	if err != nil {
		return step{}, err
	}
	st.session = session
	next, err := s.respond(ctx, opSetup, st, map[string]string{})
	return next, s.restartIfSlow(err)
}

// seedPrompt shows a seed, as text and as the address that QR codes for
// authenticator apps hold
// (https://github.com/google/google-authenticator/wiki/Key-Uri-Format).
func (s *signIn) seedPrompt(seed string) agent.Prompt {
	issuer := "Cognito " + s.profile.UserPoolID
	address := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + s.profile.Username,
		RawQuery: url.Values{"secret": {seed}, "issuer": {issuer}}.Encode()}
	var groups []string
	for chunk := range slices.Chunk([]byte(seed), 4) {
		groups = append(groups, string(chunk))
	}
	return agent.Prompt{
		Text: fmt.Sprintf("The user pool requires an authenticator app. Add an account to yours by the QR code, or by this secret:\n\n  %s\n\nWhoever has it can make your codes: don't keep it.",
			strings.Join(groups, " ")),
		URL: strings.ReplaceAll(address.String(), "+", "%20"),
	}
}

// verifySoftwareToken proves that the app has the seed, and returns the session
// that goes on from there. A wrong code leaves the session good.
func (s *signIn) verifySoftwareToken(ctx context.Context, client *cip.Client, session string) (string, error) {
	for {
		code, err := s.askCode(ctx, "a code from an authenticator app", "Code that the app shows now")
		if err != nil {
			return "", err
		}
		out, err := call(ctx, s.provider, resendUnsent, client.VerifySoftwareToken, &cip.VerifySoftwareTokenInput{
			Session: optional(session), UserCode: aws.String(code), FriendlyDeviceName: aws.String("cogtok"),
		})
		if err != nil {
			err = s.failed(ctx, opSetup, err)
			if kind := agent.KindOf(err); (kind == agent.KindCodeWrong || kind == agent.KindRefused) && s.codes.left() {
				s.codes.why = "That code was wrong. "
				continue
			}
			return "", s.restartIfSlow(err)
		}
		if out.Status != "SUCCESS" {
			return "", senseless(s.profile, "the authenticator app is neither accepted nor refused")
		}
		s.codes = codes{}
		return aws.ToString(out.Session), nil
	}
}

// setUpEmail gives the address that codes will go to.
func setUpEmail(ctx context.Context, s *signIn, st step) (step, error) {
	answer, err := s.ask(ctx, "an email address", agent.Prompt{Kind: agent.PromptText, Text: "Email address for codes", Echo: true})
	if err != nil {
		return step{}, err
	}
	address := strings.TrimSpace(answer.Reveal())
	if address == "" {
		return step{}, errorf(s.profile, agent.KindPromptUnanswered, "no email address was given").
			WithHint("run: cogtok login %s", shown(s.profile.Name))
	}
	next, err := s.respond(ctx, opSetup, st, map[string]string{"EMAIL": address})
	return next, s.restartIfSlow(err)
}

// restartIfSlow begins the sign-in anew, once, when the person took longer than
// Cognito's session lives.
func (s *signIn) restartIfSlow(err error) error {
	if agent.KindOf(err) == agent.KindCodeExpired && s.first("slow set-up") {
		return errStartAgain
	}
	return err
}
