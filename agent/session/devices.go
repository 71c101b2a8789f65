package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
	"github.com/cogtok/cogtok/store"
)

// A device outlives the sessions of its user: it lies in the vault's Sessions,
// under Cognito's own name for the user. By what the user types there would be
// several for one.

// devicesOf is the DeviceStore of a profile's sign-ins.
type devicesOf struct {
	keeper  *Keeper
	profile profiles.Profile
}

// deviceRecord is a Device as it is stored.
type deviceRecord struct {
	Version  int    `json:"version"` // 1
	Username string `json:"username"`
	Key      string `json:"key"`
	GroupKey string `json:"group_key"`
	Password string `json:"password"`
}

func (d devicesOf) name(username string) string {
	who := fmt.Sprintf("%s\n%s\n%s", place(d.profile.Endpoint), d.profile.UserPoolID, username)
	sum := sha256.Sum256([]byte(who))
	return "device/" + hex.EncodeToString(sum[:16])
}

func (d devicesOf) vault() store.Store { return d.keeper.vaults[d.profile.Store].Sessions }

// Load implements DeviceStore.
func (d devicesOf) Load(ctx context.Context, username string) Device {
	if username == "" {
		return Device{}
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	data, err := d.vault().Get(ctx, d.name(username))
	if err != nil {
		if !errors.Is(err, store.ErrNotFound) {
			d.keeper.cfg.Logf("session: profile %s: reading the device: %v", d.profile.Name, d.keeper.storeError(d.profile.Store, err))
		}
		return Device{}
	}
	defer clear(data)
	var r deviceRecord
	if json.Unmarshal(data, &r) != nil || r.Version != 1 || r.Username != username {
		return Device{}
	}
	return Device{Key: r.Key, GroupKey: r.GroupKey, Password: agent.NewSecret(r.Password)}
}

// knownAs returns Cognito's name for the user whom the profile's `username`
// means, if a device of theirs was kept.
func (d devicesOf) knownAs(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	name, err := d.vault().Get(ctx, d.aliasName())
	if err != nil {
		return ""
	}
	return string(name)
}

func (d devicesOf) aliasName() string { return d.name("alias of\n" + foldUser(d.profile.Username)) }

// Save implements DeviceStore. It isn't cut short when ctx ends: the refresh
// token of the sign-in is bound to the device.
func (d devicesOf) Save(ctx context.Context, username string, device Device) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	data, err := json.Marshal(deviceRecord{1, username, device.Key, device.GroupKey, device.Password.Reveal()})
	if err != nil {
		return err
	}
	defer clear(data)
	err = d.vault().Put(ctx, d.name(username), data)
	if err == nil && d.profile.Username != "" {
		err = d.vault().Put(ctx, d.aliasName(), []byte(username))
	}
	if err != nil {
		return d.keeper.storeError(d.profile.Store, err)
	}
	return nil
}

// Forget implements DeviceStore.
func (d devicesOf) Forget(ctx context.Context, username string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := d.vault().Delete(ctx, d.name(username)); err != nil {
		return d.keeper.storeError(d.profile.Store, err)
	}
	return nil
}

// Devices implements agent.Agent.
func (k *Keeper) Devices(ctx context.Context, c agent.Caller, r agent.DevicesRequest) (agent.DeviceList, error) {
	p, g, err := k.signedInGrant(ctx, c, r.Profile)
	if err != nil {
		return agent.DeviceList{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	devices, err := k.cfg.Provider.Devices(ctx, p, g)
	if err != nil {
		return agent.DeviceList{}, named(p, err)
	}
	for i := range devices {
		devices[i].Current = g.DeviceKey != "" && devices[i].Key == g.DeviceKey
	}
	return agent.DeviceList{Profile: p.Name, Devices: devices}, nil
}

// ForgetDevice implements agent.Agent. A session whose device is forgotten
// can't be renewed any more.
func (k *Keeper) ForgetDevice(ctx context.Context, c agent.Caller, r agent.ForgetDeviceRequest) (agent.None, error) {
	p, g, err := k.signedInGrant(ctx, c, r.Profile)
	if err != nil {
		return agent.None{}, err
	}
	key := r.Key
	if key == "" {
		key = g.DeviceKey
	}
	if key == "" {
		return agent.None{}, agent.Errorf(agent.KindUsage, "profile %s: the user pool doesn't know this machine as a device", p.Name).
			WithHint("see: cogtok device list %s", p.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := k.cfg.Provider.ForgetDevice(ctx, p, g, key); err != nil {
		return agent.None{}, named(p, err)
	}
	if key != g.DeviceKey {
		return agent.None{}, nil
	}
	return agent.None{}, named(p, devicesOf{k, p}.Forget(ctx, g.Username))
}

// signedInGrant returns what a session can call Cognito's API with: an access
// token that lives, renewed if need be, and who it belongs to.
func (k *Keeper) signedInGrant(ctx context.Context, c agent.Caller, profile string) (profiles.Profile, Grant, error) {
	p, err := k.open(profile)
	if err != nil {
		return p, Grant{}, err
	}
	s := k.session(p)
	h, _, err := s.find(ctx, c, p, wanted{kind: agent.TypeAccess, sessionOnly: true})
	if locked := k.lock.refuses(); locked != nil { // meanwhile
		err = locked
	}
	if err != nil {
		return p, Grant{}, named(p, err)
	}
	g := s.currentRecord().grant()
	g.AccessToken = h.jwt
	return p, g, nil
}
