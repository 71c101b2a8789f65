package userpool

import (
	"crypto/rand"
	"encoding/base64"
	"maps"
	"math/big"
	"slices"
	"time"
)

// Remembered devices:
// https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-device-tracking.html

// DeviceConfiguration makes a pool track devices. Its zero value remembers every
// device that is confirmed, and still asks for a second factor there.
type DeviceConfiguration struct {
	// ChallengeRequiredOnNewDevice lets a remembered device prove itself instead
	// of a second factor.
	ChallengeRequiredOnNewDevice bool
	// DeviceOnlyRememberedOnUserPrompt remembers a confirmed device only once
	// UpdateDeviceStatus says so ("user opt-in").
	DeviceOnlyRememberedOnUserPrompt bool
}

// device is a user's device. It is the user's once ConfirmDevice has brought the
// verifier; until then only the sign-in that made it knows it.
type device struct {
	key, group string
	name       string
	verifier   verifier
	remembered bool

	created, modified, lastSeen time.Time
}

// deviceMetadata is NewDeviceMetadata in the answer of a sign-in.
type deviceMetadata struct{ DeviceKey, DeviceGroupKey string }

// sentFrom notes the device that a request of a sign-in names. Each request
// counts for itself: an answer without DEVICE_KEY goes on without the device.
func (in *signIn) sentFrom(key string) *apiError {
	in.device = nil
	if in.pool.config.DeviceConfiguration == nil || in.user == nil || key == "" {
		return nil
	}
	in.device = in.user.devices[key]
	if in.device == nil {
		return noDevice()
	}
	return nil
}

func noDevice() *apiError { return refuse("ResourceNotFoundException", "Device does not exist.") }

// trusted says whether the sign-in comes from a device that stands for a second
// factor.
func (in *signIn) trusted() bool {
	return in.device != nil && in.device.remembered && in.pool.config.DeviceConfiguration.ChallengeRequiredOnNewDevice
}

// askDevice asks a remembered device to prove itself. A device that isn't
// remembered only is tracked.
func askDevice(c *call, in *signIn) (any, *apiError) {
	if in.device == nil || !in.device.remembered || in.deviceProved {
		return nil, nil
	}
	answer := c.challenge(*in, "DEVICE_SRP_AUTH", nil)
	answer.ChallengeParameters = map[string]string{}
	return answer, nil
}

// answerDeviceSRP begins the proof of the device.
func answerDeviceSRP(c *call, in *signIn, answers map[string]string) (any, *apiError) {
	if in.device == nil {
		return nil, missingParameter("DEVICE_KEY")
	}
	group := newSRPGroup()
	a, ok := group.parseA(answers["SRP_A"])
	if !ok {
		return nil, invalidParameter("SRP_A is not valid")
	}
	d, b := in.device, new(big.Int).SetBytes(randomBytes(128))
	in.exchange = &srpExchange{
		realm: d.group, name: d.key, password: d.verifier,
		a: a, b: b, publicB: group.publicB(d.verifier.v, b), created: c.now,
	}
	in.block = base64.StdEncoding.EncodeToString(randomBytes(768))
	return c.challenge(*in, "DEVICE_PASSWORD_VERIFIER", map[string]string{
		"SALT":         d.verifier.salt.Text(16),
		"SRP_B":        in.exchange.publicB.Text(16),
		"SECRET_BLOCK": in.block,
		"DEVICE_KEY":   d.key,
		"USERNAME":     in.user.username,
	}), nil
}

// answerDeviceVerifier judges the proof of the device. A wrong one counts as a
// wrong password; what AWS does isn't documented.
func answerDeviceVerifier(c *call, in *signIn, answers map[string]string) (any, *apiError) {
	switch {
	case in.device == nil:
		return nil, missingParameter("DEVICE_KEY")
	case answers["PASSWORD_CLAIM_SECRET_BLOCK"] == "":
		return nil, missingParameter("PASSWORD_CLAIM_SECRET_BLOCK")
	case answers["TIMESTAMP"] == "":
		return nil, missingParameter("TIMESTAMP")
	}
	stamp, refusal := parseStamp(answers["TIMESTAMP"])
	if refusal != nil {
		return nil, refusal
	}
	proof := func() bool {
		same := in.device.key == in.exchange.name && answers["PASSWORD_CLAIM_SECRET_BLOCK"] == in.block
		return same && in.exchange.proved(c.now, stamp, answers)
	}
	if refusal := in.user.provePassword(c.now, proof); refusal != nil {
		return nil, refusal
	}
	in.deviceProved = true
	return c.advance(*in)
}

// trackDevice ties a complete sign-in to its device, or to a new one, which it
// returns the metadata of.
func (c *call) trackDevice(in *signIn) *deviceMetadata {
	switch {
	case in.pool.config.DeviceConfiguration == nil:
		return nil
	case in.device != nil:
		in.device.lastSeen = c.now
		return nil
	}
	in.device = &device{
		key: in.pool.config.Region + "_" + newUUID(), group: "-" + rand.Text()[:8],
		created: c.now, modified: c.now, lastSeen: c.now,
	}
	return &deviceMetadata{in.device.key, in.device.group}
}

// checkDevice refuses a refresh from anywhere but the sign-in's own device, once
// that is confirmed; and all of them after an ADMIN_ flow:
// https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flows-public-server-side.html
func (f *family) checkDevice(key string) *apiError {
	switch {
	case f.device == nil: // not tracked
		return nil
	case f.adminFlow || f.device.key != key || f.user.devices[key] != f.device:
		return notAuthorized("Invalid Refresh Token.")
	}
	return nil
}

// accessTokenDevice is accessTokenUser with the device of the token, which is
// nil in pools that don't track any.
func (c *call) accessTokenDevice() (*Pool, *user, *device, *apiError) {
	pool, u, refusal := c.accessTokenUser()
	if refusal != nil {
		return nil, nil, nil, refusal
	}
	claims, _ := pool.accessClaims(c.params.text("AccessToken"))
	return pool, u, pool.made[claims.JTI].by.family.device, nil
}

// confirmDevice takes the verifier of the device that the access token was made
// for.
func confirmDevice(c *call) (any, *apiError) {
	pool, u, d, refusal := c.accessTokenDevice()
	key := c.params.text("DeviceKey")
	switch {
	case refusal != nil:
		return nil, refusal
	case d == nil || d.key != key:
		return nil, invalidParameter("Invalid device key given.")
	case u.devices[key] != nil: // the text isn't documented
		return nil, refuse("DeviceKeyExistsException", "Device key already exists.")
	}
	v, refusal := deviceVerifier(c.params.fields("DeviceSecretVerifierConfig"))
	if refusal != nil {
		return nil, refusal
	}
	optIn := pool.config.DeviceConfiguration.DeviceOnlyRememberedOnUserPrompt
	d.name, d.verifier, d.remembered, d.modified = c.params.text("DeviceName"), v, !optIn, c.now
	u.devices[key] = d
	return struct{ UserConfirmationNecessary bool }{optIn}, nil
}

// deviceVerifier reads DeviceSecretVerifierConfig: salt and verifier in base64,
// as minimal two's complement, so that neither can be taken for a negative
// number. AWS's texts aren't documented.
func deviceVerifier(config map[string]any) (verifier, *apiError) {
	salt, goodSalt := parsePadded(config["Salt"])
	v, goodVerifier := parsePadded(config["PasswordVerifier"])
	switch {
	case config["Salt"] == nil || config["PasswordVerifier"] == nil:
		return verifier{}, missingParameter("DeviceSecretVerifierConfig")
	case !goodSalt || salt.BitLen() > 16*8:
		return verifier{}, invalidParameter("Invalid salt given.")
	case !goodVerifier || v.Cmp(big.NewInt(1)) <= 0 || v.Cmp(newSRPGroup().n) >= 0:
		return verifier{}, invalidParameter("Invalid password verifier given.")
	}
	return verifier{salt: salt, v: v}, nil
}

func parsePadded(value any) (*big.Int, bool) {
	text, _ := value.(string)
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) == 0 {
		return nil, false
	}
	x := new(big.Int).SetBytes(raw)
	return x, x.Sign() > 0 && slices.Equal(pad(x), raw)
}

// ownDevice finds the device that an operation names, among the user's.
func (c *call) ownDevice() (*user, *device, *apiError) {
	_, u, refusal := c.accessTokenUser()
	if refusal != nil {
		return nil, nil, refusal
	}
	d := u.devices[c.params.text("DeviceKey")]
	if d == nil {
		return nil, nil, noDevice()
	}
	return u, d, nil
}

func updateDeviceStatus(c *call) (any, *apiError) {
	_, d, refusal := c.ownDevice()
	if refusal != nil {
		return nil, refusal
	}
	status := c.params.text("DeviceRememberedStatus")
	if status == "" {
		return nil, missingParameter("DeviceRememberedStatus")
	}
	d.remembered, d.modified = status == "remembered", c.now
	return struct{}{}, nil
}

// forgetDevice ends a device, and with it the refresh tokens that are tied to it.
func forgetDevice(c *call) (any, *apiError) {
	u, d, refusal := c.ownDevice()
	if refusal != nil {
		return nil, refusal
	}
	delete(u.devices, d.key)
	return struct{}{}, nil
}

func getDevice(c *call) (any, *apiError) {
	_, d, refusal := c.ownDevice()
	if refusal != nil {
		return nil, refusal
	}
	return struct{ Device deviceType }{d.describe()}, nil
}

// maxDevices is how many devices a page of ListDevices has at most (Limit).
const maxDevices = 60

// listDevices lists the user's devices by their keys. PaginationToken is the
// last key of the page before.
func listDevices(c *call) (any, *apiError) {
	_, u, refusal := c.accessTokenUser()
	if refusal != nil {
		return nil, refusal
	}
	page := struct {
		Devices         []deviceType
		PaginationToken string `json:",omitempty"`
	}{Devices: []deviceType{}}
	limit := maxDevices
	if given := c.params.number("Limit"); given > 0 {
		limit = given
	}
	for _, key := range slices.Sorted(maps.Keys(u.devices)) {
		switch after := c.params.text("PaginationToken"); {
		case key <= after:
		case len(page.Devices) == limit:
			page.PaginationToken = page.Devices[limit-1].DeviceKey
			return page, nil
		default:
			page.Devices = append(page.Devices, u.devices[key].describe())
		}
	}
	return page, nil
}

// deviceType is DeviceType of the API model. Dates are seconds since 1970.
type deviceType struct {
	DeviceKey                   string
	DeviceAttributes            []attribute
	DeviceCreateDate            int64
	DeviceLastModifiedDate      int64
	DeviceLastAuthenticatedDate int64
}

func (d *device) describe() deviceType {
	status := "not_remembered"
	if d.remembered {
		status = "remembered"
	}
	attributes := []attribute{{"device_status", "valid"}, {"dev:device_remembered_status", status}}
	if d.name != "" {
		attributes = append(attributes, attribute{"device_name", d.name})
	}
	return deviceType{d.key, attributes, d.created.Unix(), d.modified.Unix(), d.lastSeen.Unix()}
}

// Device is a device that a user confirmed.
type Device struct {
	Key, Name  string
	Remembered bool
}

// Devices are the user's confirmed devices, by their keys.
func (p *Pool) Devices(name string) (devices []Device) {
	p.change(name, func(u *user) {
		for _, key := range slices.Sorted(maps.Keys(u.devices)) {
			devices = append(devices, Device{key, u.devices[key].name, u.devices[key].remembered})
		}
	})
	return devices
}

// ForgetDevice ends a device of a user, as AdminForgetDevice does.
func (p *Pool) ForgetDevice(name, key string) {
	p.change(name, func(u *user) {
		if u.devices[key] == nil {
			panic("userpool: no device " + key)
		}
		delete(u.devices, key)
	})
}
