package cognito

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"math/big"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/profiles"
)

// confirmDevice registers this device where the pool tracks devices, and
// returns its key. Without it the refresh token of the sign-in is refused
// (https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-device-tracking.html).
// The device's password is thrown away: it would serve to skip MFA, which
// nobody has asked for. A device that can't be confirmed leaves the tokens
// good, so that is only logged.
func (s *signIn) confirmDevice(ctx context.Context, accessToken string, device *types.NewDeviceMetadataType) string {
	key, group := aws.ToString(device.DeviceKey), aws.ToString(device.DeviceGroupKey)
	client, err := s.provider.client(s.profile, nil)
	if key == "" || err != nil {
		return ""
	}
	password, salt := make([]byte, 40), make([]byte, 16)
	rand.Read(password)
	rand.Read(salt)
	verifier := newDeviceVerifier(group, key, base64.StdEncoding.EncodeToString(password), salt)
	// The call isn't repeated: the device would exist already.
	s.secrets = append(s.secrets, accessToken, aws.ToString(verifier.Salt), aws.ToString(verifier.PasswordVerifier))
	_, err = call(ctx, s.provider, resendUnsent, client.ConfirmDevice, &cip.ConfirmDeviceInput{
		AccessToken:                aws.String(accessToken),
		DeviceKey:                  aws.String(key),
		DeviceName:                 aws.String("cogtok"),
		DeviceSecretVerifierConfig: verifier,
	})
	if err != nil {
		s.provider.config.Logf("profile %s: the device is not confirmed, so renewing may fail: %s", shown(s.profile.Name), readAnswer(err).summary(s.secrets))
	}
	return key
}

// newDeviceVerifier returns PAD(salt) and PAD(g^x mod n) in base64, with x as
// for a password of the user key in the pool group.
func newDeviceVerifier(group, key, password string, salt []byte) *types.DeviceSecretVerifierConfigType {
	number := new(big.Int).SetBytes(salt)
	n, _ := new(big.Int).SetString(srpModulus, 16)
	verifier := new(big.Int).Exp(big.NewInt(2), srpPrivateKey(number, group, key, password), n)
	return &types.DeviceSecretVerifierConfigType{
		Salt:             aws.String(base64.StdEncoding.EncodeToString(pad(number))),
		PasswordVerifier: aws.String(base64.StdEncoding.EncodeToString(pad(verifier))),
	}
}

// Devices implements session.Provider. Cognito lists 60 at most; nobody has more
// machines.
func (p *Provider) Devices(ctx context.Context, profile profiles.Profile, g session.Grant) ([]agent.Device, error) {
	client, err := p.client(profile, nil)
	if err != nil {
		return nil, err
	}
	out, err := call(ctx, p, resendTemporary, client.ListDevices, &cip.ListDevicesInput{AccessToken: aws.String(g.AccessToken)})
	if err != nil {
		return nil, p.failure(ctx, attempt{op: opDevice, profile: profile, secrets: secrets{g.AccessToken}}, err)
	}
	devices := []agent.Device{}
	for _, d := range out.Devices {
		devices = append(devices, describeDevice(d, secrets{g.AccessToken}))
	}
	return devices, nil
}

// describeDevice reads what Cognito tells of a device, which for its name is
// what some program has made up.
func describeDevice(d types.DeviceType, hide secrets) agent.Device {
	device := agent.Device{Key: hide.redact(aws.ToString(d.DeviceKey), 60)}
	if d.DeviceCreateDate != nil {
		device.Created = d.DeviceCreateDate.UTC()
	}
	if d.DeviceLastAuthenticatedDate != nil {
		device.LastUsed = d.DeviceLastAuthenticatedDate.UTC()
	}
	for _, attribute := range d.DeviceAttributes {
		value := hide.redact(aws.ToString(attribute.Value), 100)
		switch aws.ToString(attribute.Name) {
		case "device_name":
			device.Name = value
		case "last_ip_used":
			device.LastIP = value
		case "dev:device_remembered_status", "device_status":
			device.Remembered = value == "remembered" || value == "valid"
		}
	}
	return device
}

// ForgetDevice implements session.Provider.
func (p *Provider) ForgetDevice(ctx context.Context, profile profiles.Profile, g session.Grant, key string) error {
	client, err := p.client(profile, nil)
	if err != nil {
		return err
	}
	_, err = call(ctx, p, resendTemporary, client.ForgetDevice, &cip.ForgetDeviceInput{AccessToken: aws.String(g.AccessToken), DeviceKey: aws.String(key)})
	if err != nil {
		return p.failure(ctx, attempt{op: opDevice, profile: profile, secrets: secrets{g.AccessToken}}, err)
	}
	return nil
}
