package cognito

import (
	"context"

	"github.com/cogtok/cogtok/agent"
)

// srpParametersOf begins USER_SRP_AUTH.
func srpParametersOf(ctx context.Context, s *signIn) (map[string]string, error) {
	if err := s.needPassword(ctx); err != nil {
		return nil, err
	}
	exchange, err := s.newExchange()
	if err != nil {
		return nil, err
	}
	s.srp = exchange
	return map[string]string{"SRP_A": exchange.srpA()}, nil
}

func (s *signIn) newExchange() (*srpExchange, error) {
	exchange, err := newSRP(nil)
	if err != nil {
		return nil, errorf(s.profile, agent.KindInternal, "no random numbers from the system")
	}
	return exchange, nil
}

// answerPasswordVerifier proves the password. Cognito waits for the answer a
// few seconds only, so nothing is asked here.
func answerPasswordVerifier(ctx context.Context, s *signIn, st step) (step, error) {
	exchange := s.srp
	s.srp = nil // an exchange is good for one proof
	user := st.parameters["USER_ID_FOR_SRP"]
	if user == "" {
		user = s.username
	}
	responses, err := s.proof(exchange, poolGroup(s.profile.UserPoolID), user, s.password, st)
	if err != nil {
		return step{}, err
	}
	return s.respond(ctx, opVerifier, st, responses)
}

// proof answers the server's part of an exchange, for a user of the pool or for
// a device of its group.
func (s *signIn) proof(exchange *srpExchange, group, user string, password agent.Secret, st step) (map[string]string, error) {
	if exchange == nil {
		return nil, errorf(s.profile, agent.KindService, "Cognito asks for an SRP proof that nothing led up to")
	}
	parameters, err := parseSRPParameters(st.parameters)
	if err != nil {
		return nil, errorf(s.profile, agent.KindService, "%s", err)
	}
	proof, err := exchange.prove(group, user, password.Reveal(), parameters, s.provider.config.Now())
	if err != nil {
		return nil, errorf(s.profile, agent.KindService, "%s", err)
	}
	return map[string]string{
		"PASSWORD_CLAIM_SECRET_BLOCK": st.parameters["SECRET_BLOCK"],
		"PASSWORD_CLAIM_SIGNATURE":    proof.signature,
		"TIMESTAMP":                   proof.timestamp,
	}, nil
}
