//go:build !darwin && !windows

package keychain

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/godbus/dbus/v5"

	"github.com/cogtok/cogtok/store"
)

// The names of the Secret Service API
// (specifications.freedesktop.org/secret-service).
const (
	serviceName     = "org.freedesktop.secrets"
	servicePath     = "/org/freedesktop/secrets"
	serviceIface    = "org.freedesktop.Secret.Service"
	collectionIface = "org.freedesktop.Secret.Collection"
	loginCollection = "/org/freedesktop/secrets/collection/login"
)

// maxValue is 0: the Secret Service sets no limit.
func (system) maxValue(string) int { return 0 }

// ready keeps go-keyring from what it does by itself: without a bus it would
// start dbus-launch, whose daemons outlive the program; for a locked collection
// it would open a window and wait for it without end, or fail with an error
// that doesn't tell.
func (system) ready() error {
	if err := findBus(); err != nil {
		return err
	}
	bus, err := dbus.SessionBus() // go-keyring's own connection
	if err != nil {
		return &store.UnavailableError{
			Reason: "no keychain: the D-Bus session can't be reached",
			Hint:   "restart the agent in the session that you are in (cogtok agent restart), " + useAnother,
			Err:    err,
		}
	}
	collection, err := collectionOf(bus)
	if err != nil {
		return err
	}
	var locked bool
	if err := bus.Object(serviceName, collection).StoreProperty(collectionIface+".Locked", &locked); err != nil {
		return err
	}
	if locked {
		return errLocked
	}
	return nil
}

// findBus makes sure that there is a session bus, and that the D-Bus library
// finds it: it doesn't look in $XDG_RUNTIME_DIR.
func findBus() error {
	const variable = "DBUS_SESSION_BUS_ADDRESS"
	if address := os.Getenv(variable); address != "" && !strings.HasPrefix(address, "autolaunch:") {
		return nil
	}
	path := filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "bus")
	if info, err := os.Stat(path); filepath.IsAbs(path) && err == nil && info.Mode().Type() == fs.ModeSocket {
		return os.Setenv(variable, "unix:path="+dbus.EscapeBusAddressValue(path))
	}
	return &store.UnavailableError{
		Reason: "no keychain: there is no D-Bus session (DBUS_SESSION_BUS_ADDRESS is not set, and $XDG_RUNTIME_DIR/bus does not exist)",
		Hint:   "start the agent in a desktop session, " + useAnother,
	}
}

// collectionOf returns the collection that go-keyring works on: "login", else
// the default one.
func collectionOf(bus *dbus.Conn) (dbus.ObjectPath, error) {
	service := bus.Object(serviceName, servicePath)
	var all []dbus.ObjectPath
	if err := service.StoreProperty(serviceIface+".Collections", &all); err != nil {
		return "", err
	}
	if slices.Contains(all, loginCollection) {
		return loginCollection, nil
	}
	var path dbus.ObjectPath
	if err := service.Call(serviceIface+".ReadAlias", 0, "default").Store(&path); err != nil {
		return "", err
	}
	if path == "/" {
		return "", &store.UnavailableError{
			Reason: "the keychain has no default collection to keep secrets in",
			Hint:   "make one with the desktop's password manager (Seahorse, KWalletManager, KeePassXC), " + useAnother,
		}
	}
	return path, nil
}

var errLocked = &store.UnavailableError{
	Reason: "the keychain is locked",
	Hint:   "unlock it with the desktop's password manager (Seahorse, KWalletManager, KeePassXC) and try again, " + useAnother,
}

var knownErrors = []knownError{
	{
		is:     isDBus("org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner", "org.freedesktop.DBus.Error.Spawn."),
		reason: "no keychain: no program in this D-Bus session offers the Secret Service",
		hint:   "start gnome-keyring, KWallet or KeePassXC, " + useAnother,
	},
	{
		is:     isDBus("org.freedesktop.Secret.Error.IsLocked"),
		reason: errLocked.Reason,
		hint:   errLocked.Hint,
	},
	{
		is:     func(err error) bool { return strings.HasPrefix(err.Error(), "failed to unlock correct collection") },
		reason: errLocked.Reason,
		hint:   errLocked.Hint,
	},
	{
		is:     isDBus("org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.Disconnected"),
		reason: "the keychain service went away during the call",
		hint:   "try again; if that doesn't help, restart the keychain service, " + useAnother,
	},
	{
		is:     isOneOf(dbus.ErrClosed, io.EOF, syscall.EPIPE, syscall.ECONNRESET),
		reason: "the D-Bus session ended during the call",
		hint:   "restart the agent in the session that you are in: cogtok agent restart",
	},
}

func isOneOf(errs ...error) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(errs, func(e error) bool { return errors.Is(err, e) })
	}
}

// isDBus matches D-Bus errors by name; a prefix ends in a dot.
func isDBus(names ...string) func(error) bool {
	return func(err error) bool {
		var e dbus.Error
		if !errors.As(err, &e) {
			return false
		}
		for _, name := range names {
			if e.Name == name || strings.HasSuffix(name, ".") && strings.HasPrefix(e.Name, name) {
				return true
			}
		}
		return false
	}
}
