package cognito_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/internal/userpool"
	"github.com/cogtok/cogtok/profiles"
)

// A shelf keeps devices in memory.
type shelf struct {
	devices   map[string]session.Device
	forgotten []string
	full      error // what Save and Forget fail with
}

func (s *shelf) Load(_ context.Context, username string) session.Device { return s.devices[username] }

func (s *shelf) Save(_ context.Context, username string, d session.Device) error {
	if s.full != nil {
		return s.full
	}
	if s.devices == nil {
		s.devices = map[string]session.Device{}
	}
	s.devices[username] = d
	return nil
}

func (s *shelf) Forget(_ context.Context, username string) error {
	if s.full != nil {
		return s.full
	}
	delete(s.devices, username)
	s.forgotten = append(s.forgotten, username)
	return nil
}

// remembering makes a pool that remembers devices, which then need no second factor.
func remembering(s setup, optIn bool) setup {
	s.pool.DeviceConfiguration = &userpool.DeviceConfiguration{ChallengeRequiredOnNewDevice: true, DeviceOnlyRememberedOnUserPrompt: optIn}
	s.user.EmailMFA = true
	return s
}

func inEachDevicePool(t *testing.T, f func(t *testing.T, s setup)) {
	for _, auth := range []string{profiles.AuthSRP, profiles.AuthPassword, profiles.AuthChoice} {
		t.Run(auth, func(t *testing.T) {
			inEachPool(t, func(t *testing.T, s setup) {
				if s.auth = auth; auth == profiles.AuthChoice {
					s = choosing(s, "PASSWORD")
				}
				f(t, s)
			})
		})
	}
}

// The first sign-in confirms the device, the next proves it instead of a code.
func TestRememberedDevice(t *testing.T) {
	inEachDevicePool(t, func(t *testing.T, s setup) {
		w, kept := newWorld(t, remembering(s, false)), &shelf{}
		in, who, err := w.loginWith(session.Login{Devices: kept}, w.code)
		if err != nil || !in.DeviceRemembered || len(who.asked) != 1 {
			t.Fatalf("%v, remembered %v, asked %s", err, in.DeviceRemembered, who.texts())
		}
		device := kept.devices[w.user.Username] // Cognito's name, also where the email was typed
		if len(kept.devices) != 1 || device.Key == "" || device.Key != in.Grant.DeviceKey || device.GroupKey == "" || device.Password.Empty() {
			t.Errorf("kept %v, the grant's is %q", kept.devices, in.Grant.DeviceKey)
		}
		if got := w.pool.Devices(w.user.Username); len(got) != 1 || got[0].Name != "cogtok" || !got[0].Remembered {
			t.Errorf("the pool has %+v", got)
		}
		next, err := w.refresh(in.Grant)
		if err != nil || next.DeviceKey != device.Key {
			t.Errorf("refresh: %v, %q", err, next.DeviceKey)
		}
		without := in.Grant
		without.DeviceKey = ""
		_, err = w.refresh(without)
		wantKind(t, err, agent.KindLoginRequired, "refresh token")

		for _, knownAs := range []string{w.user.Username, ""} {
			again, err := w.loginBy(session.Login{Devices: kept, KnownAs: knownAs})
			if knownAs == "" && s.auth == profiles.AuthPassword { // its first challenge comes too late
				wantKind(t, err, agent.KindPromptNeeded)
				continue
			}
			if err != nil || again.Grant.DeviceKey != device.Key {
				t.Fatalf("known as %q: %v, device %q", knownAs, err, again.Grant.DeviceKey)
			}
			if _, err := w.refresh(again.Grant); err != nil {
				t.Errorf("refresh: %v", err)
			}
		}
		w.noMarkers("the log", w.log.text())
		if strings.Contains(w.log.text(), device.Password.Reveal()) {
			t.Error("the device's password is in the log")
		}
	})
}

// In a pool that leaves it to the user, the answer decides. The device is
// confirmed either way: its refresh token is bound to it.
func TestOptInToDevice(t *testing.T) {
	for _, yes := range []bool{true, false} {
		w, kept := newWorld(t, remembering(setup{}, true)), &shelf{}
		in, who, err := w.loginWith(session.Login{Devices: kept}, w.code, map[bool]string{true: "y", false: "n"}[yes])
		if err != nil || in.DeviceRemembered != yes || who.last(agent.PromptConfirm).Text == "" {
			t.Fatalf("%v, remembered %v, asked %s", err, in.DeviceRemembered, who.texts())
		}
		if got := w.pool.Devices("rob"); len(got) != 1 || got[0].Remembered != yes {
			t.Errorf("the pool has %+v", got)
		}
		if _, err := w.refresh(in.Grant); err != nil {
			t.Errorf("refresh: %v", err)
		}
		var answers []any
		if !yes {
			answers = append(answers, w.code)
		}
		again, _, err := w.loginWith(session.Login{Devices: kept, KnownAs: "rob"}, answers...)
		if err != nil || again.Grant.DeviceKey != in.Grant.DeviceKey {
			t.Errorf("again: %v, %q", err, again.Grant.DeviceKey)
		}
	}
	// Nobody can be asked: no, and the tokens are good.
	s := remembering(setup{}, true)
	s.user.EmailMFA = false
	w := newWorld(t, s)
	in, err := w.loginBy(session.Login{Devices: &shelf{}})
	if err != nil || in.DeviceRemembered || in.Grant.DeviceKey == "" {
		t.Errorf("%v, %+v", err, in)
	}
}

// A device that was forgotten at the pool is dropped: there is no question for
// it but the second factor, and the person is asked for the password once.
func TestStaleDevice(t *testing.T) {
	inEachDevicePool(t, func(t *testing.T, s setup) {
		w, kept := newWorld(t, remembering(s, false)), &shelf{}
		in, _, err := w.loginWith(session.Login{Devices: kept}, w.code)
		if err != nil {
			t.Fatal(err)
		}
		w.pool.ForgetDevice(w.user.Username, in.Grant.DeviceKey)
		asked := 0
		again, who, err := w.loginWith(session.Login{Devices: kept, KnownAs: w.user.Username, Password: func(context.Context) (agent.Secret, error) {
			asked++
			return agent.NewSecret(goodPassword), nil
		}}, w.code)
		if err != nil || asked != 1 || len(who.asked) != 1 {
			t.Fatalf("%v, asked for the password %d times, and %s", err, asked, who.texts())
		}
		if a := w.pool.PasswordAttempts(w.user.Username); a.Failures != 0 {
			t.Errorf("%+v", a)
		}
		if device := kept.devices[w.user.Username]; device.Key == in.Grant.DeviceKey || device.Key != again.Grant.DeviceKey || len(kept.forgotten) == 0 {
			t.Errorf("kept %+v, forgotten %v", device, kept.forgotten)
		}
		if !strings.Contains(w.log.text(), "device is not known") {
			t.Errorf("the log says %q", w.log.text())
		}
	})
}

// A store that can't be written to doesn't keep anybody from signing in.
func TestStaleDeviceThatStays(t *testing.T) {
	w := newWorld(t, remembering(setup{}, false))
	kept := &shelf{full: errors.New("no space"), devices: map[string]session.Device{
		"rob": {Key: "us-east-1_11111111-2222-3333-4444-555555555555", GroupKey: "-group", Password: agent.NewSecret("marker-device")},
	}}
	in, who, err := w.loginWith(session.Login{Devices: kept, KnownAs: "rob"}, w.code)
	if err != nil || len(who.asked) != 1 || in.Grant.DeviceKey == "" || in.DeviceRemembered {
		t.Errorf("%v, asked %s", err, who.texts())
	}
	if _, err := w.refresh(in.Grant); err != nil {
		t.Errorf("refresh: %v", err)
	}
}

// After custom challenges a remembered device proves itself too.
func TestDeviceAfterCustom(t *testing.T) {
	inEachCustom(t, func(t *testing.T, s setup, srp bool) {
		s = remembering(s, false)
		s.user.EmailMFA = false
		w, kept := customWorld(t, s, srp, userpool.Ask(0, riddles...)), &shelf{}
		in, _, err := w.loginWith(session.Login{Devices: kept}, "four", "six")
		if err != nil {
			t.Fatal(err)
		}
		again, _, err := w.loginWith(session.Login{Devices: kept, KnownAs: w.user.Username}, "four", "six")
		if err != nil || again.Grant.DeviceKey != in.Grant.DeviceKey {
			t.Fatalf("%v, device %q", err, again.Grant.DeviceKey)
		}
		if _, err := w.refresh(again.Grant); err != nil {
			t.Errorf("refresh: %v", err)
		}
		proofs := 0
		for _, p := range w.parameters("RespondToAuthChallenge") {
			if p["ChallengeName"] == "DEVICE_PASSWORD_VERIFIER" {
				proofs++
			}
		}
		if proofs != 1 {
			t.Errorf("%d proofs of the device", proofs)
		}
	})
}

// A device whose proof is refused goes the same way.
func TestWrongDevicePassword(t *testing.T) {
	w, kept := newWorld(t, remembering(setup{}, false)), &shelf{}
	in, _, err := w.loginWith(session.Login{Devices: kept}, w.code)
	if err != nil {
		t.Fatal(err)
	}
	broken := kept.devices["rob"]
	broken.Password = agent.NewSecret("marker-another-password")
	kept.devices["rob"] = broken
	again, who, err := w.loginWith(session.Login{Devices: kept, KnownAs: "rob"}, w.code)
	if err != nil || len(who.asked) != 1 || again.Grant.DeviceKey == in.Grant.DeviceKey {
		t.Fatalf("%v, asked %s", err, who.texts())
	}
	if n := len(w.parameters("RespondToAuthChallenge")); n > 8 {
		t.Errorf("%d answers", n)
	}
	// A lock-out is none of the device's.
	kept.devices["rob"] = broken
	s := newStage(t, profiles.AuthPassword, func(operation string, body map[string]any, w http.ResponseWriter) {
		switch {
		case operation == "InitiateAuth":
			fmt.Fprint(w, `{"ChallengeName":"DEVICE_SRP_AUTH","Session":"marker-session-marker-session","ChallengeParameters":{}}`)
		default:
			refused(w, 400, "NotAuthorizedException", "Password attempts exceeded")
		}
	})
	_, _, err = s.loginWith(session.Login{Devices: kept, KnownAs: "rob"})
	wantKind(t, err, agent.KindTooManyAttempts)
	if kept.devices["rob"].Key == "" {
		t.Error("the device was dropped for a lock-out")
	}
}

// A server that never takes a device, and one that asks for a proof of none.
func TestDeviceWithoutEnd(t *testing.T) {
	for _, known := range []bool{true, false} {
		s := newStage(t, profiles.AuthPassword, func(operation string, body map[string]any, w http.ResponseWriter) {
			if operation == "InitiateAuth" {
				fmt.Fprint(w, `{"ChallengeName":"DEVICE_SRP_AUTH","Session":"marker-session-marker-session","ChallengeParameters":{}}`)
				return
			}
			refused(w, 400, "ResourceNotFoundException", "Device does not exist.")
		})
		kept := &shelf{}
		if known {
			kept.devices = map[string]session.Device{"rob": {Key: "key", GroupKey: "group", Password: agent.NewSecret("marker-device")}}
		}
		_, _, err := s.loginWith(session.Login{Devices: kept, KnownAs: "rob"})
		wantKind(t, err, agent.KindDeviceUnknown, "device")
		if n := s.requests.Load(); n > 4 {
			t.Errorf("%d requests", n)
		}
	}
}

// What can't be kept is not remembered, and the tokens are good.
func TestDeviceThatCannotBeKept(t *testing.T) {
	w := newWorld(t, remembering(setup{}, false))
	in, _, err := w.loginWith(session.Login{Devices: &shelf{full: errors.New("no space")}}, w.code)
	if err != nil || in.DeviceRemembered || !strings.Contains(w.log.text(), "could not be kept") {
		t.Errorf("%v, %v, the log says %q", err, in.DeviceRemembered, w.log.text())
	}
	w.server.Fail("ConfirmDevice", userpool.InternalError, 1)
	in, _, err = w.loginWith(session.Login{Devices: &shelf{}}, w.code)
	if err != nil || in.DeviceRemembered || !strings.Contains(w.log.text(), "not confirmed") {
		t.Errorf("%v, %v, the log says %q", err, in.DeviceRemembered, w.log.text())
	}
	w.server.Fail("UpdateDeviceStatus", userpool.InternalError, userpool.Always)
	w2 := newWorld(t, remembering(setup{}, true))
	w2.server.Fail("UpdateDeviceStatus", userpool.Throttle, userpool.Always)
	in, _, err = w2.loginWith(session.Login{Devices: &shelf{}}, w2.code, "y")
	if err != nil || in.DeviceRemembered || !strings.Contains(w2.log.text(), "not remembered") {
		t.Errorf("%v, %v, the log says %q", err, in.DeviceRemembered, w2.log.text())
	}
}

func TestDevicesAreListed(t *testing.T) {
	w := newWorld(t, remembering(setup{}, false))
	one, _, err := w.loginWith(session.Login{}, w.code)
	if err != nil {
		t.Fatal(err)
	}
	two, _, err := w.loginWith(session.Login{}, w.code)
	if err != nil {
		t.Fatal(err)
	}
	devices, err := w.provider.Devices(t.Context(), w.profile, two.Grant)
	if err != nil || len(devices) != 2 {
		t.Fatalf("%+v, %v", devices, err)
	}
	for _, d := range devices {
		if d.Name != "cogtok" || !d.Remembered || time.Since(d.Created) > time.Minute || time.Since(d.LastUsed) > time.Minute {
			t.Errorf("%+v", d)
		}
	}
	if err := w.provider.ForgetDevice(t.Context(), w.profile, two.Grant, one.Grant.DeviceKey); err != nil {
		t.Fatal(err)
	}
	err = w.provider.ForgetDevice(t.Context(), w.profile, two.Grant, one.Grant.DeviceKey)
	w.checkError(err)
	wantKind(t, err, agent.KindDeviceUnknown, "knows no such device", "cogtok device list prod")
	err = w.provider.ForgetDevice(t.Context(), w.profile, two.Grant, "no device key")
	w.checkError(err)
	wantKind(t, err, agent.KindDeviceUnknown, "cogtok device list prod")
	_, err = w.refresh(one.Grant)
	wantKind(t, err, agent.KindLoginRequired)
	_, err = w.provider.Devices(t.Context(), w.profile, session.Grant{AccessToken: "marker-no-token"})
	w.checkError(err)
	wantKind(t, err, agent.KindLoginRequired)
}

// Whether a device is remembered doesn't depend on the order of what Cognito
// tells; what other programs named their devices is not trusted.
func TestDescriptionOfDevices(t *testing.T) {
	s := newStage(t, profiles.AuthPassword, func(_ string, _ map[string]any, w http.ResponseWriter) {
		fmt.Fprint(w, `{"Devices":[
			{"DeviceKey":"a","DeviceAttributes":[{"Name":"dev:device_remembered_status","Value":"not_remembered"},{"Name":"device_status","Value":"valid"}]},
			{"DeviceKey":"b","DeviceAttributes":[{"Name":"device_status","Value":"valid"},{"Name":"dev:device_remembered_status","Value":"remembered"}]},
			{"DeviceKey":"c\u001b[2J","DeviceCreateDate":1700000000.5,"DeviceAttributes":[{"Name":"device_name","Value":"\u001b[31mmarker-access\u202e"},{"Name":"last_ip_used","Value":"192.0.2.1"}]},
			{}]}`)
	})
	devices, err := s.provider.Devices(t.Context(), s.profile, session.Grant{AccessToken: "marker-access"})
	if err != nil || len(devices) != 4 {
		t.Fatalf("%+v, %v", devices, err)
	}
	if devices[0].Remembered || !devices[1].Remembered || devices[2].LastIP != "192.0.2.1" || devices[2].Created.IsZero() {
		t.Errorf("%+v", devices)
	}
	text := fmt.Sprint(devices)
	s.noMarkers("a device", text)
	if strings.ContainsAny(text, "\x1b\u202e") {
		t.Errorf("%q", text)
	}
}
