package session

import (
	"testing"

	"github.com/cogtok/cogtok/agent"
)

const deviceKey = "us-east-1_5f0c2d7e-8a41-4c1b-9d0e-7b1a2c3d4e5f"

func TestDevicesAreKeptByCognitosName(t *testing.T) {
	r := newRig(t)
	k := r.start()
	byEmail := testProfile("prod")
	byEmail.Username = "Rob@example.com"
	byName := testProfile("other")
	ctx := t.Context()
	kept := Device{Key: deviceKey, GroupKey: "group", Password: agent.NewSecret("MARK-device")}
	if err := (devicesOf{k, byEmail}).Save(ctx, "rob", kept); err != nil {
		t.Fatal(err)
	}
	k = r.restart()
	for _, d := range []devicesOf{{k, byEmail}, {k, byName}} {
		if got := d.Load(ctx, "rob"); got.Key != kept.Key || got.GroupKey != kept.GroupKey || !got.Password.Equal(kept.Password) {
			t.Errorf("profile %s: %+v", d.profile.Name, got)
		}
	}
	if name := (devicesOf{k, byEmail}).knownAs(ctx); name != "rob" {
		t.Errorf("known as %q", name)
	}
	otherPool := byName
	otherPool.UserPoolID = "us-east-1_Other"
	elsewhere := byName
	elsewhere.Endpoint = "https://evil.example.com"
	for _, d := range []devicesOf{{k, otherPool}, {k, elsewhere}} {
		if got := d.Load(ctx, "rob"); got.Key != "" {
			t.Errorf("another pool or endpoint gets the device: %+v", got)
		}
	}
	if got := (devicesOf{k, byName}).Load(ctx, "eve"); got.Key != "" {
		t.Errorf("another user gets the device: %+v", got)
	}
	if err := (devicesOf{k, byName}).Forget(ctx, "rob"); err != nil {
		t.Fatal(err)
	}
	if got := (devicesOf{k, byEmail}).Load(ctx, "rob"); got.Key != "" {
		t.Errorf("still there: %+v", got)
	}
}

// The device outlives a logout: the user pool goes on knowing it.
func TestDeviceOutlivesLogout(t *testing.T) {
	r := newRig(t)
	k := r.start()
	r.login(agent.Caller{})
	if err := (devicesOf{k, r.files["prod"]}).Save(t.Context(), "rob", Device{Key: deviceKey, GroupKey: "g"}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Logout(t.Context(), agent.Caller{}, agent.LogoutRequest{}); err != nil {
		t.Fatal(err)
	}
	r.login(agent.Caller{})
	if r.pool.login.KnownAs != "rob" || r.pool.login.Devices.Load(t.Context(), "rob").Key != deviceKey {
		t.Errorf("known as %q", r.pool.login.KnownAs)
	}
}

func TestDeviceMethods(t *testing.T) {
	r := newRig(t)
	k := r.start()
	_, err := k.Devices(t.Context(), agent.Caller{}, agent.DevicesRequest{})
	wantKind(t, err, agent.KindLoginRequired)
	r.login(agent.Caller{})
	_, err = k.ForgetDevice(t.Context(), agent.Caller{}, agent.ForgetDeviceRequest{})
	wantKind(t, err, agent.KindUsage) // this machine is none

	r.pool.device = deviceKey
	r.login(agent.Caller{})
	list, err := k.Devices(t.Context(), agent.Caller{}, agent.DevicesRequest{})
	if err != nil || list.Profile != "prod" || len(list.Devices) != 1 || !list.Devices[0].Current {
		t.Errorf("%+v, %v", list, err)
	}
	devices := devicesOf{k, r.files["prod"]}
	if err := devices.Save(t.Context(), "rob", Device{Key: deviceKey, GroupKey: "g"}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.ForgetDevice(t.Context(), agent.Caller{}, agent.ForgetDeviceRequest{Key: "another"}); err != nil {
		t.Fatal(err)
	}
	if devices.Load(t.Context(), "rob").Key == "" {
		t.Error("another device was named, and this one is forgotten")
	}
	if _, err := k.ForgetDevice(t.Context(), agent.Caller{}, agent.ForgetDeviceRequest{}); err != nil {
		t.Fatal(err)
	}
	if devices.Load(t.Context(), "rob").Key != "" {
		t.Error("the device is still kept")
	}
}
