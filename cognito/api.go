package cognito

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/cogtok/cogtok/profiles"
)

// authAPI is the pair of operations of a sign-in: InitiateAuth and
// RespondToAuthChallenge, or the two of the same names that begin in Admin.
// Their errors are the SDK's.
type authAPI interface {
	initiate(ctx context.Context, f flow, parameters map[string]string) (step, error)
	respond(ctx context.Context, challenge, session string, responses map[string]string) (step, error)
}

// A challengeName is one of the API's names of challenges.
type challengeName = types.ChallengeNameType

// A step is what Cognito answers: the tokens, or a challenge.
type step struct {
	challenge  string
	parameters map[string]string
	session    string // may be absent on a challenge
	result     *types.AuthenticationResultType
	at         time.Time       // the server's time; zero if it didn't say
	available  []challengeName // SELECT_CHALLENGE: what can be chosen
}

func newStep(challenge types.ChallengeNameType, parameters map[string]string, session *string, result *types.AuthenticationResultType, about middleware.Metadata) step {
	return step{challenge: string(challenge), parameters: parameters, session: aws.ToString(session), result: result, at: serverTime(about)}
}

// serverTime is the Date of an answer (RFC 9110, section 6.6.1).
func serverTime(about middleware.Metadata) time.Time {
	at, _ := awsmiddleware.GetServerTime(about)
	return at
}

// unsignedAPI signs nothing: the operations need no AWS credentials.
type unsignedAPI struct {
	provider *Provider
	client   *cip.Client
	profile  profiles.Profile
}

func unsigned(_ context.Context, p *Provider, profile profiles.Profile) (authAPI, error) {
	client, err := p.client(profile, nil)
	if err != nil {
		return nil, err
	}
	return unsignedAPI{p, client, profile}, nil
}

func (a unsignedAPI) initiate(ctx context.Context, f flow, parameters map[string]string) (step, error) {
	out, err := call(ctx, a.provider, f.again, a.client.InitiateAuth, &cip.InitiateAuthInput{
		AuthFlow:       f.name,
		ClientId:       aws.String(a.profile.ClientID),
		AuthParameters: parameters,
		ClientMetadata: a.profile.ClientMetadata,
	})
	if err != nil {
		return step{}, err
	}
	next := newStep(out.ChallengeName, out.ChallengeParameters, out.Session, out.AuthenticationResult, out.ResultMetadata)
	next.available = out.AvailableChallenges
	return next, nil
}

func (a unsignedAPI) respond(ctx context.Context, challenge, session string, responses map[string]string) (step, error) {
	out, err := call(ctx, a.provider, resendUnsent, a.client.RespondToAuthChallenge, &cip.RespondToAuthChallengeInput{
		ChallengeName:      types.ChallengeNameType(challenge),
		ClientId:           aws.String(a.profile.ClientID),
		ChallengeResponses: responses,
		ClientMetadata:     a.profile.ClientMetadata,
		Session:            optional(session),
	})
	if err != nil {
		return step{}, err
	}
	return newStep(out.ChallengeName, out.ChallengeParameters, out.Session, out.AuthenticationResult, out.ResultMetadata), nil
}

// optional returns nil for the empty string, which Cognito refuses as a value.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
