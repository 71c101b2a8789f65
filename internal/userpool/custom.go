package userpool

import (
	"maps"
	"slices"
)

// CUSTOM_AUTH and its three Lambda triggers:
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-challenge.html

// CustomAuth are the triggers of CUSTOM_AUTH, as functions. An error of theirs
// reaches the client as a UserLambdaValidationException. They run under the
// server's lock, so they must not call the pool.
type CustomAuth struct {
	// Define says what comes next (DefineAuthChallenge).
	Define func(CustomRequest) (CustomDecision, error)
	// Create makes a challenge (CreateAuthChallenge).
	Create func(CustomRequest) (CustomChallenge, error)
	// Verify judges an answer (VerifyAuthChallengeResponse).
	Verify func(CustomRequest) (bool, error)
}

// CustomRequest is what a trigger is told.
type CustomRequest struct {
	Username       string
	UserNotFound   bool              // nobody, whose existence isn't told
	Session        []CustomRound     // so far
	ClientMetadata map[string]string // of this request

	Private map[string]string // Verify: what Create kept to itself
	Answer  string            // Verify: the client's
}

// CustomRound is a challenge that was answered.
type CustomRound struct {
	ChallengeName string
	Result        bool
	Metadata      string // what Create noted
}

// CustomDecision is what Define says: a challenge (CUSTOM_CHALLENGE, or
// PASSWORD_VERIFIER after SRP_A), or that the sign-in has passed or failed.
type CustomDecision struct {
	ChallengeName string
	IssueTokens   bool
	Fail          bool
}

// CustomChallenge is what Create makes.
type CustomChallenge struct {
	Public   map[string]string // ChallengeParameters
	Private  map[string]string // for Verify
	Metadata string            // for Define
}

// Question is a custom challenge with one right answer.
type Question struct {
	Public map[string]string
	Answer string
}

// Ask are triggers that put questions in their order, after the password if the
// client begins with SRP_A. A wrong answer gets the same question again, until
// there were more than wrongAllowed in the sign-in.
func Ask(wrongAllowed int, questions ...Question) *CustomAuth {
	next := func(r CustomRequest) (right, wrong int) {
		for _, round := range r.Session {
			switch {
			case round.ChallengeName != "CUSTOM_CHALLENGE":
			case round.Result:
				right++
			default:
				wrong++
			}
		}
		return right, wrong
	}
	return &CustomAuth{
		Define: func(r CustomRequest) (CustomDecision, error) {
			right, wrong := next(r)
			switch {
			case len(r.Session) == 1 && r.Session[0].ChallengeName == "SRP_A":
				return CustomDecision{ChallengeName: "PASSWORD_VERIFIER"}, nil
			case wrong > wrongAllowed:
				return CustomDecision{Fail: true}, nil
			case right == len(questions):
				return CustomDecision{IssueTokens: true}, nil
			}
			return CustomDecision{ChallengeName: "CUSTOM_CHALLENGE"}, nil
		},
		Create: func(r CustomRequest) (CustomChallenge, error) {
			right, _ := next(r)
			q := questions[right]
			return CustomChallenge{Public: q.Public, Private: map[string]string{"answer": q.Answer}}, nil
		},
		Verify: func(r CustomRequest) (bool, error) {
			return !r.UserNotFound && r.Answer == r.Private["answer"], nil
		},
	}
}

// custom is where a sign-in by CUSTOM_AUTH stands.
type custom struct {
	rounds  []CustomRound
	srpA    string          // for PASSWORD_VERIFIER
	current CustomChallenge // that waits for its answer
	passed  bool
}

// with returns a copy with one more round.
func (s custom) with(round CustomRound) *custom {
	s.rounds = append(slices.Clone(s.rounds), round)
	return &s
}

// beginCustom is CUSTOM_AUTH. With CHALLENGE_NAME SRP_A the password comes first.
func beginCustom(c *call, pool *Pool, client *Client) (any, *apiError) {
	if pool.config.Custom == nil {
		return nil, invalidParameter("Custom auth lambda trigger is not configured for the user pool.")
	}
	p := c.params.texts("AuthParameters")
	var proofs []string
	if p["CHALLENGE_NAME"] == "SRP_A" {
		proofs = append(proofs, "SRP_A")
	}
	typed, u, refusal := c.who(pool, client, proofs...)
	if refusal != nil {
		return nil, refusal
	}
	if u != nil {
		if refusal := pool.ready(u, c.now); refusal != nil {
			return nil, refusal
		}
	}
	in := signIn{pool: pool, client: client, user: u, typed: typed, signed: c.signed, srpSession: true, custom: &custom{}}
	if len(proofs) > 0 {
		in.custom = &custom{rounds: []CustomRound{{ChallengeName: "SRP_A", Result: true}}, srpA: p["SRP_A"]}
	}
	if !in.custom.wantsPassword() { // the password's challenge judges the device
		if refusal := in.sentFrom(c.deviceKey()); refusal != nil {
			return nil, refusal
		}
	}
	return c.goOn(in)
}

// wantsPassword says whether the flow began with SRP_A.
func (s *custom) wantsPassword() bool { return s.srpA != "" }

// goOn takes the next step of a custom sign-in, which may be nobody's.
func (c *call) goOn(in signIn) (any, *apiError) {
	if in.user != nil && (in.password || !in.custom.wantsPassword()) {
		return c.advance(in)
	}
	answer, refusal := askCustom(c, &in)
	if answer == nil && refusal == nil {
		return nil, incorrectPassword() // Define passes nobody, or before the password
	}
	return answer, refusal
}

// askCustom is the step in which the triggers have their say.
func askCustom(c *call, in *signIn) (any, *apiError) {
	if in.custom == nil || in.custom.passed {
		return nil, nil
	}
	decision, err := in.pool.config.Custom.Define(c.customRequest(in))
	switch {
	case err != nil:
		return nil, lambdaFailed("DefineAuthChallenge", err)
	case decision.Fail:
		return nil, incorrectPassword()
	case decision.IssueTokens:
		passed := *in.custom
		passed.passed = true
		in.custom = &passed
		return nil, nil
	case decision.ChallengeName == "PASSWORD_VERIFIER" && in.custom.wantsPassword() && !in.password:
		return c.startSRP(*in, in.custom.srpA)
	case decision.ChallengeName == "CUSTOM_CHALLENGE":
		return c.createChallenge(*in)
	}
	return nil, refuse("InvalidLambdaResponseException", "Invalid lambda function output : Invalid challenge name")
}

// createChallenge makes a CUSTOM_CHALLENGE.
func (c *call) createChallenge(in signIn) (any, *apiError) {
	made, err := in.pool.config.Custom.Create(c.customRequest(&in))
	if err != nil {
		return nil, lambdaFailed("CreateAuthChallenge", err)
	}
	next := *in.custom
	next.current = made
	in.custom = &next
	answer := c.challenge(in, "CUSTOM_CHALLENGE", nil)
	answer.ChallengeParameters = map[string]string{"USERNAME": in.username()}
	maps.Copy(answer.ChallengeParameters, made.Public)
	return answer, nil
}

// answerCustom has an answer judged. A wrong one doesn't end the sign-in, unless
// Define says so.
func answerCustom(c *call, in *signIn, answers map[string]string) (any, *apiError) {
	r := c.customRequest(in)
	r.Private, r.Answer = in.custom.current.Private, answers["ANSWER"]
	right, err := in.pool.config.Custom.Verify(r)
	if err != nil {
		return nil, lambdaFailed("VerifyAuthChallengeResponse", err)
	}
	next := *in
	next.custom = in.custom.with(CustomRound{"CUSTOM_CHALLENGE", right, in.custom.current.Metadata})
	return c.goOn(next)
}

// customRequest is what every trigger is told.
func (c *call) customRequest(in *signIn) CustomRequest {
	return CustomRequest{
		Username: in.username(), UserNotFound: in.user == nil,
		Session: slices.Clone(in.custom.rounds), ClientMetadata: maps.Clone(c.params.texts("ClientMetadata")),
	}
}

// answered notes for Define that one of Cognito's own challenges was answered.
func (in *signIn) answered(challenge string) {
	if in.custom != nil {
		in.custom = in.custom.with(CustomRound{ChallengeName: challenge, Result: true})
	}
}

func lambdaFailed(trigger string, err error) *apiError {
	return refuse("UserLambdaValidationException", "%s failed with error %s.", trigger, err.Error())
}
