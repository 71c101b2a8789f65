package cognito

import (
	"net"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/smithy-go/logging"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

// client returns an API client for the profile's pool. Only the operations
// named Admin… use credentials; nil means none. Nothing of ~/.aws or of AWS's
// environment variables is read.
func (p *Provider) client(profile profiles.Profile, credentials aws.CredentialsProvider) (*cip.Client, error) {
	if err := checkEndpoint(profile); err != nil {
		return nil, err
	}
	if credentials == nil {
		credentials = aws.AnonymousCredentials{}
	}
	options := cip.Options{
		Region:      profile.Region,
		Credentials: credentials,
		HTTPClient:  p.http,
		Retryer:     aws.NopRetryer{}, // see call: what may be sent twice is decided there
		Logger:      logging.Nop{},
		AppID:       "cogtok",
	}
	if profile.Endpoint != "" {
		options.BaseEndpoint = aws.String(strings.TrimRight(profile.Endpoint, "/"))
	} else if useFIPS(profile) {
		options.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateEnabled
	}
	return cip.New(options), nil
}

// useFIPS: in GovCloud, Cognito has FIPS endpoints only
// (https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/govcloud-cog.html),
// though the SDK would build the plain host name.
func useFIPS(profile profiles.Profile) bool {
	return profile.FIPS || strings.HasPrefix(profile.Region, "us-gov-")
}

var regionPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`) })

// checkEndpoint refuses what would send secrets to the wrong place. The config
// is checked where it is loaded; this is the last look before the wire.
func checkEndpoint(profile profiles.Profile) error {
	switch {
	case profile.Endpoint != "" && profile.FIPS:
		return errorf(profile, agent.KindConfig, "`fips` and `endpoint` exclude each other")
	case profile.Endpoint != "":
		return checkEndpointURL(profile)
	case strings.HasPrefix(profile.Region, "cn-"):
		return errorf(profile, agent.KindConfig, "Cognito has no user pools in the AWS China regions (%s)", shown(profile.Region))
	case !regionPattern().MatchString(profile.Region):
		return errorf(profile, agent.KindConfig, "%q is no AWS region", shown(profile.Region)).
			WithHint("set `region`, or `endpoint` if the user pool %s isn't at AWS", shown(profile.UserPoolID))
	}
	return nil
}

func checkEndpointURL(profile profiles.Profile) error {
	u, err := url.Parse(profile.Endpoint)
	switch {
	case err != nil || u.Host == "" || u.User != nil:
		return errorf(profile, agent.KindConfig, "`endpoint` is no URL of a server")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return errorf(profile, agent.KindConfig, "`endpoint` must be https: http is for servers on this machine")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// host returns the host that a profile's requests go to, for messages.
func host(profile profiles.Profile) string {
	if u, err := url.Parse(profile.Endpoint); err == nil && u.Host != "" {
		return shown(u.Host)
	}
	if useFIPS(profile) {
		return "cognito-idp-fips." + shown(profile.Region) + ".amazonaws.com"
	}
	if strings.HasPrefix(profile.Region, "eusc-") {
		return "cognito-idp." + shown(profile.Region) + ".amazonaws.eu"
	}
	return "cognito-idp." + shown(profile.Region) + ".amazonaws.com"
}
