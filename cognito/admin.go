package cognito

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go/logging"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

// adminAPI signs its requests (SigV4) with the AWS credentials of the person
// who runs the agent. They need cognito-idp:AdminInitiateAuth and
// cognito-idp:AdminRespondToAuthChallenge.
type adminAPI struct {
	provider *Provider
	client   *cip.Client
	profile  profiles.Profile
}

// signed loads the credentials anew for each sign-in: they change on disk.
func signed(ctx context.Context, p *Provider, profile profiles.Profile) (authAPI, error) {
	if err := checkEndpoint(profile); err != nil {
		return nil, err
	}
	credentials, err := p.awsCredentials(ctx, profile)
	if err != nil {
		return nil, err
	}
	client, err := p.client(profile, credentials)
	if err != nil {
		return nil, err
	}
	return adminAPI{p, client, profile}, nil
}

func (a adminAPI) initiate(ctx context.Context, f flow, parameters map[string]string) (step, error) {
	out, err := call(ctx, a.provider, f.again, a.client.AdminInitiateAuth, &cip.AdminInitiateAuthInput{
		AuthFlow:       f.name,
		ClientId:       aws.String(a.profile.ClientID),
		UserPoolId:     aws.String(a.profile.UserPoolID),
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

func (a adminAPI) respond(ctx context.Context, challenge, session string, responses map[string]string) (step, error) {
	out, err := call(ctx, a.provider, resendUnsent, a.client.AdminRespondToAuthChallenge, &cip.AdminRespondToAuthChallengeInput{
		ChallengeName:      types.ChallengeNameType(challenge),
		ClientId:           aws.String(a.profile.ClientID),
		UserPoolId:         aws.String(a.profile.UserPoolID),
		ChallengeResponses: responses,
		ClientMetadata:     a.profile.ClientMetadata,
		Session:            optional(session),
	})
	if err != nil {
		return step{}, err
	}
	return newStep(out.ChallengeName, out.ChallengeParameters, out.Session, out.AuthenticationResult, out.ResultMetadata), nil
}

// awsCredentials returns the credentials of the profile's `aws_profile`, or of
// the SDK's default chain. It takes at most one try's time.
func (p *Provider) awsCredentials(ctx context.Context, profile profiles.Profile) (aws.CredentialsProvider, error) {
	limited, cancel := context.WithTimeout(ctx, p.config.TryTimeout)
	defer cancel()
	value, err := loadCredentials(limited, profile)
	if err == nil {
		return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return value, nil }), nil
	}
	if ctx.Err() != nil {
		return nil, agent.AsError(ctx.Err())
	}
	p.config.Logf("profile %s: no AWS credentials: %T", shown(profile.Name), err)
	return nil, credentialsError(profile, err)
}

// loadCredentials waits in a goroutine of its own: a `credential_process` or a
// slow disk doesn't always end with ctx.
func loadCredentials(ctx context.Context, profile profiles.Profile) (aws.Credentials, error) {
	type result struct {
		value aws.Credentials
		err   error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		var cfg aws.Config
		cfg, r.err = config.LoadDefaultConfig(ctx, credentialOptions(profile)...)
		if r.err == nil {
			r.value, r.err = cfg.Credentials.Retrieve(ctx)
		}
		done <- r
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		return aws.Credentials{}, ctx.Err()
	}
}

func credentialOptions(profile profiles.Profile) []func(*config.LoadOptions) error {
	options := []func(*config.LoadOptions) error{
		config.WithLogger(logging.Nop{}),
		config.WithRetryMaxAttempts(2),
		config.WithEC2RoleCredentialOptions(func(o *ec2rolecreds.Options) { o.Client = metadataClient() }),
	}
	if regionPattern().MatchString(profile.Region) {
		options = append(options, config.WithDefaultRegion(profile.Region))
	}
	if profile.AWSProfile != "" {
		options = append(options, config.WithSharedConfigProfile(profile.AWSProfile))
	}
	return options
}

// metadataClient asks the metadata service of an EC2 instance, which is last in
// the default chain. Elsewhere its address answers nothing, so one second has to do.
func metadataClient() *imds.Client {
	return imds.New(imds.Options{
		Retryer: aws.NopRetryer{},
		HTTPClient: &http.Client{
			Timeout:   time.Second,
			Transport: &http.Transport{DialContext: (&net.Dialer{Timeout: time.Second}).DialContext, DisableKeepAlives: true},
		},
	})
}

// adminActions are what an IAM policy has to allow.
const adminActions = "cognito-idp:AdminInitiateAuth and cognito-idp:AdminRespondToAuthChallenge"

func credentialsError(profile profiles.Profile, err error) *agent.Error {
	var noProfile config.SharedConfigProfileNotExistError
	var sso *ssocreds.InvalidTokenError
	name := shown(profile.AWSProfile)
	switch {
	case errors.As(err, &noProfile):
		return errorf(profile, agent.KindAWSCredentials, "there is no AWS profile %q", name).
			WithHint("see: aws configure list-profiles")
	case errors.As(err, &sso) && name != "":
		return errorf(profile, agent.KindAWSCredentials, "the AWS single sign-on session is over").
			WithHint("run: aws sso login --profile %s", name)
	case errors.As(err, &sso):
		return errorf(profile, agent.KindAWSCredentials, "the AWS single sign-on session is over").WithHint("run: aws sso login")
	case errors.Is(err, context.DeadlineExceeded):
		return errorf(profile, agent.KindAWSCredentials, "getting AWS credentials took too long").
			WithHint("`auth: admin-password` signs with AWS credentials; try: aws sts get-caller-identity")
	case name != "":
		return errorf(profile, agent.KindAWSCredentials, "the AWS profile %q gives no credentials", name).
			WithHint("they must allow %s; try: aws sts get-caller-identity --profile %s", adminActions, name)
	}
	return errorf(profile, agent.KindAWSCredentials, "`auth: admin-password` needs AWS credentials, and the agent finds none").
		WithHint("set `aws_profile` to an AWS profile that allows %s; those of this shell's environment count once you run: cogtok agent restart", adminActions)
}
