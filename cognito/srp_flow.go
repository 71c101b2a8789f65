package cognito

import (
	"context"

	"github.com/cogtok/cogtok/agent"
)

// srpParametersOf begins USER_SRP_AUTH.
func srpParametersOf(s *signIn) (map[string]string, error) {
	exchange, err := newSRP(nil)
	if err != nil {
		return nil, errorf(s.profile, agent.KindInternal, "no random numbers from the system")
	}
	s.srp = exchange
	return map[string]string{"SRP_A": exchange.srpA()}, nil
}

// answerPasswordVerifier proves the password. Cognito waits for the answer a
// few seconds only, so nothing is asked here.
func answerPasswordVerifier(ctx context.Context, s *signIn, st step) (step, error) {
	exchange := s.srp
	s.srp = nil // an exchange is good for one proof
	if exchange == nil {
		return step{}, errorf(s.profile, agent.KindService, "Cognito asks for an SRP proof that nothing led up to")
	}
	parameters, err := parseSRPParameters(st.parameters)
	if err != nil {
		return step{}, errorf(s.profile, agent.KindService, "%s", err)
	}
	user := st.parameters["USER_ID_FOR_SRP"]
	if user == "" {
		user = s.username
	}
	proof, err := exchange.prove(poolGroup(s.profile.UserPoolID), user, s.password.Reveal(), parameters, s.provider.config.Now())
	if err != nil {
		return step{}, errorf(s.profile, agent.KindService, "%s", err)
	}
	return s.respond(ctx, opVerifier, st, map[string]string{
		"PASSWORD_CLAIM_SECRET_BLOCK": st.parameters["SECRET_BLOCK"],
		"PASSWORD_CLAIM_SIGNATURE":    proof.signature,
		"TIMESTAMP":                   proof.timestamp,
	})
}
