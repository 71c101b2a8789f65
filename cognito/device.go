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

// useDevice takes the device of a user, by Cognito's name for the user, once
// that is known.
func (s *signIn) useDevice(ctx context.Context, username string) {
	if s.device.Key == "" && s.login.Devices != nil && username != "" && !s.once[string(agent.KindDeviceUnknown)] {
		s.device, s.deviceUser = s.login.Devices.Load(ctx, username), username
	}
}

// addDevice adds the device to a request: it belongs in every one of a sign-in.
func (s *signIn) addDevice(parameters map[string]string) {
	if s.device.Key != "" {
		parameters["DEVICE_KEY"] = s.device.Key
	}
}

// forgetDevice drops a device that Cognito doesn't know any more, or whose
// proof it refuses. The sign-in goes on as from a new one.
func forgetDevice(ctx context.Context, s *signIn) error {
	s.provider.config.Logf("profile %s: the device is not known any more", shown(s.profile.Name))
	s.device = session.Device{}
	if s.login.Devices == nil {
		return nil
	}
	for _, name := range []string{s.login.KnownAs, s.username} {
		if name == "" {
			continue
		}
		if err := s.login.Devices.Forget(ctx, name); err != nil {
			s.provider.config.Logf("profile %s: the device could not be forgotten: %s", shown(s.profile.Name), agent.AsError(err).Message)
		}
	}
	return nil
}

// answerDeviceSRP begins the proof that this is the device that Cognito
// remembers, which stands for a second factor. The challenge names no user, and may
// be the first, but the device is kept under Cognito's name for its user.
func answerDeviceSRP(ctx context.Context, s *signIn, st step) (step, error) {
	if s.device.Key != "" {
		s.username = s.deviceUser
	}
	exchange, err := s.newExchange()
	if err != nil {
		return step{}, err
	}
	s.deviceSRP = exchange
	return s.respond(ctx, opDeviceProof, st, map[string]string{"SRP_A": exchange.srpA()})
}

// answerDeviceVerifier proves it: SRP as for a password, with the device's group
// in place of the user pool and its key in place of the user.
func answerDeviceVerifier(ctx context.Context, s *signIn, st step) (step, error) {
	exchange := s.deviceSRP
	s.deviceSRP = nil
	responses, err := s.proof(exchange, s.device.GroupKey, s.device.Key, s.device.Password, st)
	if err != nil {
		return step{}, err
	}
	return s.respond(ctx, opDeviceProof, st, responses)
}

// confirmDevice registers this device where the pool tracks devices, and
// returns its key. Without it the refresh token of the sign-in is refused, even
// if nobody wants to be remembered
// (https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-device-tracking.html).
// A device that can't be confirmed leaves the tokens good, so that is only logged.
func (s *signIn) confirmDevice(ctx context.Context, accessToken, username string, metadata *types.NewDeviceMetadataType) string {
	device := newDevice(metadata)
	client, err := s.provider.client(s.profile, nil)
	if device.Key == "" || err != nil {
		return ""
	}
	salt := make([]byte, 16)
	rand.Read(salt)
	verifier := newDeviceVerifier(device.GroupKey, device.Key, device.Password.Reveal(), salt)
	s.secrets = append(s.secrets, accessToken, device.Password.Reveal(), aws.ToString(verifier.Salt), aws.ToString(verifier.PasswordVerifier))
	// The call isn't repeated: the device would exist already.
	out, err := call(ctx, s.provider, resendUnsent, client.ConfirmDevice, &cip.ConfirmDeviceInput{
		AccessToken:                aws.String(accessToken),
		DeviceKey:                  aws.String(device.Key),
		DeviceName:                 aws.String("cogtok"),
		DeviceSecretVerifierConfig: verifier,
	})
	if err != nil {
		s.provider.config.Logf("profile %s: the device is not confirmed, so renewing may fail: %s", shown(s.profile.Name), readAnswer(err).summary(s.secrets))
		return device.Key
	}
	s.remembered = !out.UserConfirmationNecessary || s.offerToRemember(ctx, client, accessToken, device.Key)
	if s.login.Devices != nil {
		if err := s.login.Devices.Save(ctx, username, device); err != nil {
			s.provider.config.Logf("profile %s: the device could not be kept: %s", shown(s.profile.Name), agent.AsError(err).Message)
			s.remembered = false
		}
	}
	return device.Key
}

// newDevice makes up the password of a device.
func newDevice(metadata *types.NewDeviceMetadataType) session.Device {
	password := make([]byte, 40)
	rand.Read(password)
	return session.Device{
		Key:      aws.ToString(metadata.DeviceKey),
		GroupKey: aws.ToString(metadata.DeviceGroupKey),
		Password: agent.NewSecret(base64.StdEncoding.EncodeToString(password)),
	}
}

// offerToRemember asks the person, where the user pool leaves it to them whether
// a device is remembered. It reports whether it is.
func (s *signIn) offerToRemember(ctx context.Context, client *cip.Client, accessToken, key string) bool {
	if !s.confirm(ctx, "Remember this machine, so that signing in from here may need no second factor?") {
		return false
	}
	_, err := call(ctx, s.provider, resendTemporary, client.UpdateDeviceStatus, &cip.UpdateDeviceStatusInput{
		AccessToken:            aws.String(accessToken),
		DeviceKey:              aws.String(key),
		DeviceRememberedStatus: types.DeviceRememberedStatusTypeRemembered,
	})
	if err != nil {
		s.provider.config.Logf("profile %s: the device is not remembered: %s", shown(s.profile.Name), readAnswer(err).summary(s.secrets))
	}
	return err == nil
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
		case "dev:device_remembered_status":
			device.Remembered = value == "remembered"
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
