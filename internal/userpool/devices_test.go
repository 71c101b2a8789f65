package userpool_test

import (
	"bytes"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"

	"github.com/cogtok/cogtok/internal/userpool"
)

const (
	noDevice       = "Device does not exist."
	invalidRefresh = "Invalid Refresh Token."
	notFound       = "ResourceNotFoundException"
	devicePassword = "C+BECBTiYAbtGlUa7vYe7bWBj733DUeE8gQeJOIh08g="
)

// phone is the client's side of a device.
type phone struct {
	w                    *world
	username, key, group string
	refresh, access      string
	salt                 *big.Int
}

func deviceWorld(t *testing.T, config userpool.DeviceConfiguration) *world {
	w := newWorld(t, userpool.PoolConfig{DeviceConfiguration: &config, AliasAttributes: []string{"email"}})
	w.pool.AddClient(userpool.Client{ID: "main", Flows: append(allFlows(), "ALLOW_USER_AUTH")})
	w.pool.AddClient(userpool.Client{ID: "rotating", Flows: []string{"ALLOW_USER_PASSWORD_AUTH"}, Rotation: true})
	w.pool.AddUser(userpool.User{Username: "rob", Email: "rob@example.com", Password: password})
	w.pool.AddUser(userpool.User{Username: "app", Password: password, TOTPSeed: seed})
	return w
}

func (w *world) taken(username string, a answer) *phone {
	w.t.Helper()
	r := a.result(w.t)
	metadata, _ := r["NewDeviceMetadata"].(object)
	if metadata == nil {
		w.t.Fatalf("no NewDeviceMetadata: %v", r)
	}
	return &phone{
		w: w, username: username, key: metadata["DeviceKey"].(string), group: metadata["DeviceGroupKey"].(string),
		refresh: r["RefreshToken"].(string), access: r["AccessToken"].(string),
		salt: new(big.Int).SetBytes(bytes.Repeat([]byte{0x9c}, 16)),
	}
}

// newPhone signs rob in on a new device.
func (w *world) newPhone() *phone {
	w.t.Helper()
	return w.taken("rob", w.srpSignIn("main", "rob", password, 11))
}

func (d *phone) verifier() object {
	x := new(big.Int).SetBytes(sum256(signed(d.salt), sum256([]byte(d.group+d.key+":"+devicePassword))))
	encode := base64.StdEncoding.EncodeToString
	return object{"Salt": encode(signed(d.salt)), "PasswordVerifier": encode(signed(new(big.Int).Exp(big.NewInt(2), x, group15())))}
}

func (d *phone) confirm() answer {
	d.w.t.Helper()
	return d.w.call("ConfirmDevice", object{
		"AccessToken": d.access, "DeviceKey": d.key, "DeviceName": "phone", "DeviceSecretVerifierConfig": d.verifier(),
	})
}

// begin answers the password's challenge with the device's key.
func (d *phone) begin() answer {
	d.w.t.Helper()
	return d.w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", d.username, "PASSWORD", password, "DEVICE_KEY", d.key)
}

// startProof answers DEVICE_SRP_AUTH.
func (d *phone) startProof(a answer) (*srpClient, answer) {
	d.w.t.Helper()
	if a.text("ChallengeName") != "DEVICE_SRP_AUTH" || len(a.parameters()) != 0 {
		d.w.t.Fatalf("no DEVICE_SRP_AUTH: %s %s %v", a.errType, a.message, a.body)
	}
	c := newSRPClient(21)
	return c, d.w.respond("main", "DEVICE_SRP_AUTH", a.text("Session"), "USERNAME", d.username, "DEVICE_KEY", d.key, "SRP_A", c.publicA.Text(16))
}

func (d *phone) proof(c *srpClient, a answer, password string) []string {
	d.w.t.Helper()
	p := a.parameters()
	if a.text("ChallengeName") != "DEVICE_PASSWORD_VERIFIER" || p["DEVICE_KEY"] != d.key {
		d.w.t.Fatalf("no DEVICE_PASSWORD_VERIFIER: %s %s %v", a.errType, a.message, a.body)
	}
	p["USER_ID_FOR_SRP"] = d.key
	now := stamp(d.w.clock.Now())
	return []string{
		"USERNAME", d.username, "DEVICE_KEY", d.key, "PASSWORD_CLAIM_SECRET_BLOCK", p["SECRET_BLOCK"].(string),
		"PASSWORD_CLAIM_SIGNATURE", c.proof(p, d.group, password, now), "TIMESTAMP", now,
	}
}

// prove goes through both device challenges.
func (d *phone) prove(a answer, password string) answer {
	d.w.t.Helper()
	c, a := d.startProof(a)
	return d.w.respond("main", "DEVICE_PASSWORD_VERIFIER", a.text("Session"), d.proof(c, a, password)...)
}

func (d *phone) renew(key string) (api, flow answer) {
	d.w.t.Helper()
	body := object{"ClientId": "main", "RefreshToken": d.refresh}
	pairs := []string{"REFRESH_TOKEN", d.refresh}
	if key != "" {
		body["DeviceKey"] = key
		pairs = append(pairs, "DEVICE_KEY", key)
	}
	return d.w.call("GetTokensFromRefreshToken", body), d.w.signIn("main", "REFRESH_TOKEN_AUTH", pairs...)
}

func (d *phone) renewRefused(t *testing.T, key string) {
	t.Helper()
	api, flow := d.renew(key)
	api.refused(t, notAuthorized, invalidRefresh)
	flow.refused(t, notAuthorized, invalidRefresh)
}

func TestRefreshIsTiedToTheDevice(t *testing.T) {
	w := deviceWorld(t, userpool.DeviceConfiguration{})
	d := w.newPhone()
	if _, claims := w.parse(d.access); claims["device_key"] != d.key || !strings.HasPrefix(d.key, "us-east-1_") {
		t.Errorf("device_key %v, not %s", claims["device_key"], d.key)
	}
	d.renewRefused(t, d.key) // not confirmed
	d.renewRefused(t, "")
	if a := d.confirm(); a.errType != "" || a.body["UserConfirmationNecessary"] != false {
		t.Fatal(a.errType, a.message, a.body)
	}
	api, flow := d.renew(d.key)
	if _, claims := w.parse(api.result(t)["AccessToken"].(string)); claims["device_key"] != d.key {
		t.Errorf("after the refresh: %v", claims)
	}
	flow.result(t)
	other := w.newPhone()
	other.confirm()
	d.renewRefused(t, "")
	d.renewRefused(t, other.key)
	if a := w.call("ForgetDevice", object{"AccessToken": other.access, "DeviceKey": d.key}); a.errType != "" {
		t.Fatal(a.errType, a.message)
	}
	d.renewRefused(t, d.key)
	api, _ = other.renew(other.key)
	api.result(t)
	w.pool.ForgetDevice("rob", other.key)
	other.renewRefused(t, other.key)
}

func TestRefreshWithRotationAndDevice(t *testing.T) {
	w := deviceWorld(t, userpool.DeviceConfiguration{})
	d := w.taken("rob", w.signIn("rotating", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password))
	d.confirm()
	renew := func(key string) answer {
		return w.call("GetTokensFromRefreshToken", object{"ClientId": "rotating", "RefreshToken": d.refresh, "DeviceKey": key})
	}
	renew("us-east-1_0").refused(t, notAuthorized, invalidRefresh) // and rotates nothing
	d.refresh = renew(d.key).result(t)["RefreshToken"].(string)
	renew(d.key).result(t)
}

func TestNoRefreshAfterTheAdminFlow(t *testing.T) {
	w := deviceWorld(t, userpool.DeviceConfiguration{})
	d := w.taken("rob", w.adminSignIn(goodSigning(), poolID, "main", "ADMIN_USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password))
	d.confirm()
	d.renewRefused(t, d.key)
}

func TestUntrackedPoolGivesNoDevice(t *testing.T) {
	w := refreshWorld(t, userpool.Client{Flows: allFlows()})
	r := w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password, "DEVICE_KEY", "us-east-1_0").result(t)
	if r["NewDeviceMetadata"] != nil {
		t.Error(r["NewDeviceMetadata"])
	}
	access := r["AccessToken"].(string)
	if _, claims := w.parse(access); claims["device_key"] != nil {
		t.Error(claims)
	}
	d := &phone{w: w, key: "us-east-1_0", salt: big.NewInt(5), access: access}
	d.confirm().refused(t, invalidParameter, "Invalid device key given.")
}

func TestRememberedDeviceProvesItself(t *testing.T) {
	w := deviceWorld(t, userpool.DeviceConfiguration{})
	d := w.newPhone()
	d.confirm()
	r := d.prove(d.begin(), devicePassword).result(t)
	if _, claims := w.parse(r["AccessToken"].(string)); claims["device_key"] != d.key || r["NewDeviceMetadata"] != nil {
		t.Errorf("%v, claims %v", r, claims)
	}
	d.refresh = r["RefreshToken"].(string)
	api, _ := d.renew(d.key)
	api.result(t)
	d.prove(w.srpWithDevice("rob", d.key), devicePassword).result(t)
	d.prove(w.signIn("main", "USER_AUTH", "USERNAME", "rob", "PREFERRED_CHALLENGE", "PASSWORD", "PASSWORD", password, "DEVICE_KEY", d.key), devicePassword).result(t)
	d.prove(d.begin(), "another").refused(t, notAuthorized, wrongPassword)
	w.taken("rob", w.srpSignIn("main", "rob", password, 3)) // without the key: a new device
}

// srpWithDevice is srpSignIn with the device's key in both requests.
func (w *world) srpWithDevice(username, key string) answer {
	w.t.Helper()
	c := newSRPClient(12)
	first := w.signIn("main", "USER_SRP_AUTH", "USERNAME", username, "SRP_A", c.publicA.Text(16), "DEVICE_KEY", key)
	return w.respond("main", "PASSWORD_VERIFIER", "", append(w.verifierAnswer(c, first, password, stamp(w.clock.Now())), "DEVICE_KEY", key)...)
}

func TestDeviceProofRefusals(t *testing.T) {
	w := deviceWorld(t, userpool.DeviceConfiguration{})
	d, other := w.newPhone(), w.newPhone()
	d.confirm()
	other.confirm()
	tests := []struct {
		name             string
		change           []string
		errType, message string
	}{
		{"other block", []string{"PASSWORD_CLAIM_SECRET_BLOCK", "AAAA"}, notAuthorized, wrongPassword},
		{"other signature", []string{"PASSWORD_CLAIM_SIGNATURE", "AAAA"}, notAuthorized, wrongPassword},
		{"other device", []string{"DEVICE_KEY", other.key}, notAuthorized, wrongPassword},
		{"unknown device", []string{"DEVICE_KEY", "us-east-1_0"}, notFound, noDevice},
		{"no device", []string{"DEVICE_KEY", ""}, invalidParameter, "Missing required parameter DEVICE_KEY"},
		{"no signature", []string{"PASSWORD_CLAIM_SIGNATURE", ""}, invalidParameter, "Missing required parameter PASSWORD_CLAIM_SIGNATURE"},
		{"no block", []string{"PASSWORD_CLAIM_SECRET_BLOCK", ""}, invalidParameter, "Missing required parameter PASSWORD_CLAIM_SECRET_BLOCK"},
		{"no timestamp", []string{"TIMESTAMP", ""}, invalidParameter, "Missing required parameter TIMESTAMP"},
		{"day with a zero", []string{"TIMESTAMP", "Thu Mar 05 14:07:09 UTC 2026"}, notAuthorized, wrongPassword},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, a := d.startProof(d.begin())
			w.respond("main", "DEVICE_PASSWORD_VERIFIER", a.text("Session"), append(d.proof(c, a, devicePassword), test.change...)...).
				refused(t, test.errType, test.message)
		})
	}
	c, a := d.startProof(d.begin())
	answers := d.proof(c, a, devicePassword)
	w.respond("main", "DEVICE_PASSWORD_VERIFIER", "", answers...).refused(t, invalidParameter, "Missing required parameter Session")
	w.respond("main", "DEVICE_PASSWORD_VERIFIER", a.text("Session"), answers...).result(t)
	w.respond("main", "DEVICE_PASSWORD_VERIFIER", a.text("Session"), answers...).refused(t, notAuthorized, usedSession)
	session := d.begin().text("Session")
	w.respond("main", "DEVICE_SRP_AUTH", session, "USERNAME", "rob", "DEVICE_KEY", d.key, "SRP_A", "0").refused(t, invalidParameter, "SRP_A is not valid")
	session = d.begin().text("Session")
	w.respond("main", "DEVICE_SRP_AUTH", session, "USERNAME", "rob", "SRP_A", "abc").refused(t, invalidParameter, "Missing required parameter DEVICE_KEY")
}

func TestUnknownDevice(t *testing.T) {
	w := deviceWorld(t, userpool.DeviceConfiguration{})
	const key = "us-east-1_0a1b"
	w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", password, "DEVICE_KEY", key).refused(t, notFound, noDevice)
	w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "rob", "PASSWORD", "x", "DEVICE_KEY", key).refused(t, notAuthorized, wrongPassword)
	w.srpWithDevice("rob", key).refused(t, notFound, noDevice)
	d := w.newPhone() // not confirmed
	d.begin().refused(t, notFound, noDevice)
	d.confirm()
	w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "app", "PASSWORD", password, "DEVICE_KEY", d.key).refused(t, notFound, noDevice)

	// The same answer without the key goes on.
	c := newSRPClient(8)
	first := w.signIn("main", "USER_SRP_AUTH", "USERNAME", "rob", "SRP_A", c.publicA.Text(16))
	answers := w.verifierAnswer(c, first, password, stamp(w.clock.Now()))
	w.respond("main", "PASSWORD_VERIFIER", "", append(answers, "DEVICE_KEY", key)...).refused(t, notFound, noDevice)
	w.respond("main", "PASSWORD_VERIFIER", "", answers...).result(t)
	session := w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "app", "PASSWORD", password).text("Session")
	code := []string{"USERNAME", "app", "SOFTWARE_TOKEN_MFA_CODE", w.code(seed)}
	w.respond("main", "SOFTWARE_TOKEN_MFA", session, append(code, "DEVICE_KEY", key)...).refused(t, notFound, noDevice)
	w.respond("main", "SOFTWARE_TOKEN_MFA", session, code...).result(t)
}

func TestDeviceAndMFA(t *testing.T) {
	for _, instead := range []bool{true, false} {
		w := deviceWorld(t, userpool.DeviceConfiguration{ChallengeRequiredOnNewDevice: instead})
		answerCode := func(a answer, more ...string) answer {
			t.Helper()
			if a.text("ChallengeName") != "SOFTWARE_TOKEN_MFA" {
				t.Fatalf("instead %v: %s %s %v", instead, a.errType, a.message, a.body)
			}
			defer w.clock.advance(90e9) // for another code
			return w.respond("main", "SOFTWARE_TOKEN_MFA", a.text("Session"), append(more, "USERNAME", "app", "SOFTWARE_TOKEN_MFA_CODE", w.code(seed))...)
		}
		d := w.taken("app", answerCode(w.signIn("main", "USER_PASSWORD_AUTH", "USERNAME", "app", "PASSWORD", password)))
		d.confirm()
		a := d.begin()
		if !instead {
			a = answerCode(a, "DEVICE_KEY", d.key)
		}
		d.prove(a, devicePassword).result(t)
		w.call("UpdateDeviceStatus", object{"AccessToken": d.access, "DeviceKey": d.key, "DeviceRememberedStatus": "not_remembered"})
		if r := answerCode(d.begin(), "DEVICE_KEY", d.key).result(t); r["NewDeviceMetadata"] != nil {
			t.Errorf("a tracked device got a new key: %v", r)
		}
		w.taken("app", answerCode(d.begin())) // a code's answer without the key
	}
}

func TestOptIn(t *testing.T) {
	w := deviceWorld(t, userpool.DeviceConfiguration{DeviceOnlyRememberedOnUserPrompt: true})
	d := w.newPhone()
	if a := d.confirm(); a.body["UserConfirmationNecessary"] != true {
		t.Fatal(a.errType, a.message, a.body)
	}
	api, _ := d.renew(d.key)
	api.result(t) // confirmed is enough for that
	d.begin().result(t)
	status := func(status string) object {
		return object{"AccessToken": d.access, "DeviceKey": d.key, "DeviceRememberedStatus": status}
	}
	if a := w.call("UpdateDeviceStatus", status("remembered")); a.errType != "" {
		t.Fatal(a.errType, a.message)
	}
	if got := w.pool.Devices("rob"); len(got) != 1 || got[0] != (userpool.Device{Key: d.key, Name: "phone", Remembered: true}) {
		t.Errorf("%+v", got)
	}
	d.prove(d.begin(), devicePassword).result(t)
	w.call("UpdateDeviceStatus", status("maybe")).refused(t, invalidParameter,
		"1 validation error detected: Value at 'deviceRememberedStatus' failed to satisfy constraint: Member must satisfy enum value set: [remembered, not_remembered]")
	w.call("UpdateDeviceStatus", object{"AccessToken": d.access, "DeviceKey": d.key}).
		refused(t, invalidParameter, "Missing required parameter DeviceRememberedStatus")
}

func TestConfirmDeviceRefusals(t *testing.T) {
	w := deviceWorld(t, userpool.DeviceConfiguration{})
	d, other := w.newPhone(), w.newPhone()
	good := d.verifier()
	unpadded := base64.StdEncoding.EncodeToString(d.salt.Bytes())
	n := base64.StdEncoding.EncodeToString(signed(group15()))
	tests := []struct {
		name, key        string
		config           any
		errType, message string
	}{
		{"other device", other.key, good, invalidParameter, "Invalid device key given."},
		{"no verifier", d.key, nil, invalidParameter, "Missing required parameter DeviceSecretVerifierConfig"},
		{"no salt", d.key, object{"PasswordVerifier": good["PasswordVerifier"]}, invalidParameter, "Missing required parameter DeviceSecretVerifierConfig"},
		{"salt taken for negative", d.key, object{"PasswordVerifier": good["PasswordVerifier"], "Salt": unpadded}, invalidParameter, "Invalid salt given."},
		{"salt no base64", d.key, object{"PasswordVerifier": good["PasswordVerifier"], "Salt": "!"}, invalidParameter, "Invalid salt given."},
		{"salt no text", d.key, object{"PasswordVerifier": good["PasswordVerifier"], "Salt": 5}, invalidParameter, "Invalid salt given."},
		{"verifier 1", d.key, object{"PasswordVerifier": "AQ==", "Salt": good["Salt"]}, invalidParameter, "Invalid password verifier given."},
		{"verifier N", d.key, object{"PasswordVerifier": n, "Salt": good["Salt"]}, invalidParameter, "Invalid password verifier given."},
		{"verifier in hexadecimal", d.key, object{"PasswordVerifier": "zz", "Salt": good["Salt"]}, invalidParameter, "Invalid password verifier given."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w.call("ConfirmDevice", object{"AccessToken": d.access, "DeviceKey": test.key, "DeviceSecretVerifierConfig": test.config}).
				refused(t, test.errType, test.message)
		})
	}
	d.confirm()
	d.confirm().refused(t, "DeviceKeyExistsException", "Device key already exists.")
	w.call("GlobalSignOut", object{"AccessToken": other.access})
	other.confirm().refused(t, notAuthorized, "Access Token has been revoked")
}

func TestListGetForgetDevices(t *testing.T) {
	w := deviceWorld(t, userpool.DeviceConfiguration{})
	keys := map[string]bool{}
	var d *phone
	for range 3 {
		d = w.newPhone()
		d.confirm()
		keys[d.key] = true
	}
	list := func(limit int, after string) (devices []any, next string) {
		t.Helper()
		body := object{"AccessToken": d.access, "Limit": limit}
		if after != "" {
			body["PaginationToken"] = after
		}
		a := w.call("ListDevices", body)
		devices, _ = a.body["Devices"].([]any)
		return devices, a.text("PaginationToken")
	}
	first, next := list(2, "")
	second, end := list(2, next)
	if len(first) != 2 || len(second) != 1 || next == "" || end != "" {
		t.Fatalf("pages %v, %v", first, second)
	}
	for _, each := range append(first, second...) {
		delete(keys, each.(object)["DeviceKey"].(string))
	}
	if len(keys) != 0 {
		t.Errorf("not listed: %v", keys)
	}
	w.call("ListDevices", object{"AccessToken": d.access, "Limit": 61}).refused(t, invalidParameter,
		"1 validation error detected: Value at 'limit' failed to satisfy constraint: Member must have value less than or equal to 60")
	w.call("ListDevices", object{"AccessToken": d.access, "Limit": "2"}).refused(t, "SerializationException", "Unexpected field type")

	one := object{"AccessToken": d.access, "DeviceKey": d.key}
	device, _ := w.call("GetDevice", one).body["Device"].(object)
	if device["DeviceKey"] != d.key || device["DeviceCreateDate"] != float64(w.clock.Now().Unix()) || len(device["DeviceAttributes"].([]any)) != 3 {
		t.Errorf("device: %v", device)
	}
	w.call("ForgetDevice", one)
	for _, operation := range []string{"GetDevice", "ForgetDevice"} {
		w.call(operation, one).refused(t, notFound, noDevice)
		w.call(operation, object{"DeviceKey": d.key}).refused(t, invalidParameter, "Missing required parameter AccessToken")
	}
}
