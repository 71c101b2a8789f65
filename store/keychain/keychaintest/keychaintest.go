//go:build linux

// Package keychaintest runs tests on a real keychain: gnome-keyring in a D-Bus
// session and a home directory of the test's own. The user's keychain is never
// touched.
package keychaintest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// Password opens the login keychain of a session.
const Password = "the keychain's password"

const inside = "COGTOK_TEST_KEYCHAIN_SESSION"

// tools are the programs that a session needs, by the Debian package they are from.
var tools = []struct{ program, pkg string }{
	{"dbus-run-session", "dbus"},
	{"gnome-keyring-daemon", "gnome-keyring"},
	{"secret-tool", "libsecret-tools"},
}

// Session runs the calling test a second time, alone, in a process whose
// session has an unlocked gnome-keyring, and reports how that went. It returns
// true in that process and false in the one that go test started, which has
// nothing more to do:
//
//	if !keychaintest.Session(t) {
//		return
//	}
func Session(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inside) == t.Name() {
		return true
	}
	needTools(t)
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	script := `printf %s "$0" | gnome-keyring-daemon --unlock --components=secrets && exec "$@"`
	cmd := exec.CommandContext(ctx, "dbus-run-session", "--", "sh", "-c", script, Password,
		os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=80s")
	cmd.Env = environment(t)
	// All of the session is one process group, so that nothing outlives it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name()+" ")) {
		t.Fatalf("in the keychain session: %v\n%s", err, out)
	}
	t.Logf("in the keychain session:\n%s", out)
	return false
}

func needTools(t *testing.T) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool.program); err == nil {
			continue
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing: install %s", tool.program, tool.pkg)
		}
		t.Skipf("%s is missing: install %s", tool.program, tool.pkg)
	}
}

// environment is that of a login on a fresh machine without a display.
func environment(t *testing.T) []string {
	home := t.TempDir()
	runtime := filepath.Join(home, "run")
	if err := os.Mkdir(runtime, 0o700); err != nil {
		t.Fatal(err)
	}
	env := []string{"HOME=" + home, "XDG_RUNTIME_DIR=" + runtime, "LANG=C.UTF-8", inside + "=" + t.Name()}
	for _, name := range []string{"PATH", "TMPDIR", "CI", "GORACE", "GOCOVERDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// Connect returns a connection of its own to the session bus.
func Connect(t *testing.T) *dbus.Conn {
	t.Helper()
	bus, err := dbus.ConnectSessionBus()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bus.Close() })
	return bus
}

// Lock locks the login keychain.
func Lock(t *testing.T) {
	t.Helper()
	var locked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	service := Connect(t).Object("org.freedesktop.secrets", "/org/freedesktop/secrets")
	all := []dbus.ObjectPath{"/org/freedesktop/secrets/collection/login"}
	err := service.Call("org.freedesktop.Secret.Service.Lock", 0, all).Store(&locked, &prompt)
	if err != nil || len(locked) != 1 {
		t.Fatalf("locking the keychain: %v, locked %v, prompt %v", err, locked, prompt)
	}
}

// Unlock unlocks the login keychain, by the call that a login to the desktop makes.
func Unlock(t *testing.T) {
	t.Helper()
	service := Connect(t).Object("org.freedesktop.secrets", "/org/freedesktop/secrets")
	var none dbus.Variant
	secret := struct {
		Session           dbus.ObjectPath
		Parameters, Value []byte
		ContentType       string
	}{Value: []byte(Password), ContentType: "text/plain"}
	err := service.Call("org.freedesktop.Secret.Service.OpenSession", 0, "plain", dbus.MakeVariant("")).Store(&none, &secret.Session)
	if err != nil {
		t.Fatal(err)
	}
	const unlock = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface.UnlockWithMasterPassword"
	if err := service.Call(unlock, 0, dbus.ObjectPath("/org/freedesktop/secrets/collection/login"), secret).Err; err != nil {
		t.Fatalf("unlocking the keychain: %v", err)
	}
}

// Process returns the keychain's process.
func Process(t *testing.T) *os.Process {
	t.Helper()
	var pid uint32
	err := Connect(t).BusObject().Call("org.freedesktop.DBus.GetConnectionUnixProcessID", 0, "org.freedesktop.secrets").Store(&pid)
	if err != nil {
		t.Fatal(err)
	}
	process, err := os.FindProcess(int(pid))
	if err != nil {
		t.Fatal(err)
	}
	return process
}
