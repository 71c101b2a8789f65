package cognito

import (
	"context"
	"strings"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

// fallThrough goes on when the app client refuses the flow. USER_AUTH takes the
// same SRP proof as USER_SRP_AUTH, so that is tried by itself: the password is as
// safe. Any other flow is the person's decision, and the error names it.
func (s *signIn) fallThrough(ctx context.Context, err error) error {
	if agent.KindOf(err) != agent.KindFlowNotEnabled {
		return err
	}
	if s.flow.name == "USER_SRP_AUTH" && s.first("fall through") {
		box := s.flow.box
		s.flow, s.factor = flows[profiles.AuthChoice], profiles.ChallengePasswordSRP
		s.flow.box = box + " (or " + s.flow.box + ")"
		return errStartAgain
	}
	if other := s.otherFlow(ctx); other != "" {
		return agent.AsError(err).WithHint("set `auth: %s` in the profile, which the app client allows, or tick %s on it", other, s.flow.box)
	}
	return err
}

// A probe finds out whether the app client allows a flow, with nothing in it
// that could be judged: no password, no proof, and no code goes out.
type probe struct {
	auth       string
	parameters func(*signIn) map[string]string
}

var probes = []probe{
	{profiles.AuthSRP, probeSRP},
	{profiles.AuthChoice, func(s *signIn) map[string]string {
		parameters := probeSRP(s)
		parameters["PREFERRED_CHALLENGE"] = profiles.ChallengePasswordSRP
		return parameters
	}},
	{profiles.AuthPassword, func(*signIn) map[string]string { return map[string]string{} }},
}

func probeSRP(s *signIn) map[string]string {
	exchange, err := s.newExchange()
	if err != nil {
		return map[string]string{}
	}
	return map[string]string{"SRP_A": exchange.srpA()}
}

// otherFlow returns the `auth` of a flow that the app client surely allows,
// or "". Only the two answers that say so are taken for a yes: a challenge, and the
// complaint that the password is missing.
func (s *signIn) otherFlow(ctx context.Context) string {
	for _, p := range probes {
		f := flows[p.auth]
		if p.auth == s.profile.Auth || f.name == s.flow.name {
			continue
		}
		api, err := f.connect(ctx, s.provider, s.profile)
		if err != nil {
			return ""
		}
		parameters := p.parameters(s)
		parameters["USERNAME"] = s.profile.Username
		s.addSecretHash(parameters)
		st, err := api.initiate(ctx, f, parameters)
		a := readAnswer(err)
		missing := a.code == "InvalidParameterException" && strings.Contains(strings.ToLower(a.message), "missing required parameter")
		if err == nil && st.challenge != "" || err != nil && missing {
			return p.auth
		}
	}
	return ""
}
