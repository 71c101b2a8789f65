//go:build !windows

package e2e

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cogtok/cogtok/internal/cogtoktest"
)

// No secret stands in a file, a log, an output, an argument or the environment
// of what runs, whatever happens.
func TestNoSecretLeaks(t *testing.T) {
	t.Parallel()
	for _, store := range []string{"memory", "file"} {
		t.Run(store, func(t *testing.T) {
			u, w := newUser(t, store)
			if store == "file" {
				withPassphrase(u, w)
			}
			const wrong = "Marker-Wrong-84!"
			var shown strings.Builder
			run := func(stdin string, args ...string) {
				t.Helper()
				r := u.Run(stdin, append(args, "-v")...)
				fmt.Fprintln(&shown, r)
			}
			run(clientSecret, "secret", "set", "secret", "client-secret")
			run(password, "secret", "set", "email", "password")
			run(wrong, "login", "prod", "--password-stdin")
			run(wrong, "login", "nobody", "--password-stdin")
			run(password, "login", "flowoff", "--password-stdin")
			for _, profile := range []string{"prod", "password", "admin", "secret", "rotating"} {
				run(password, "login", profile, "--password-stdin")
				run("", "token", profile, "--force", "--output", "json")
				run("", "token", profile, "--output", "creds")
				run("", "whoami", profile, "--output", "json")
			}
			run("", "token", "email")
			run(totpSeed, "secret", "set", "totp", "totp-seed")
			run(password, "login", "totp", "--password-stdin")
			run("", "secret", "list")
			run("", "secret", "set", "prod", "password", wrong)
			run("", "status", "--output", "json")
			processes := scanProcess(t, agentPID(t, u))
			run("", "logout", "prod", "--revoke")
			run("", "logout", "secret", "--everywhere", "--forget")
			u.Must("", "agent", "restart")
			run("", "token", "rotating")

			markers := append(refreshTokens(w), password, clientSecret, wrong, "Marker-Passphrase-83", totpSeed)
			for _, m := range markers {
				m64 := base64.StdEncoding.EncodeToString([]byte(m))
				for _, form := range []string{m, m64[:len(m64)-len(m64)%4-4]} {
					if strings.Contains(shown.String(), form) {
						t.Errorf("a command printed %s", form)
					}
					if strings.Contains(processes, form) {
						t.Errorf("the agent's arguments or environment hold %s", form)
					}
					for _, found := range u.FindMarkers(form) {
						if form == "Marker-Passphrase-83" && strings.Contains(found, "config.yaml") {
							continue // this test's own passphrase_command
						}
						t.Errorf("on disk: %s", found)
					}
				}
			}
			if len(markers) < 10 {
				t.Errorf("only %d markers: the test looks for too little", len(markers))
			}
		})
	}
}

// refreshTokens returns the refresh tokens that went over the wire.
func refreshTokens(w *world) (tokens []string) {
	for _, call := range w.server.Calls() {
		if token, ok := call.Parameters["RefreshToken"].(string); ok && token != "" {
			tokens = append(tokens, token)
		}
	}
	return tokens
}

// scanProcess returns the arguments and the environment of a process.
func scanProcess(t *testing.T, pid int) string {
	t.Helper()
	if pid == 0 {
		t.Fatal("no agent runs")
	}
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		cogtoktest.Missing(t, "looking at processes needs /proc")
	}
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		t.Fatal(err)
	}
	environment, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)) // root may read it
	return string(args) + string(environment)
}
