//go:build !windows

package socketpath

import (
	"os"
	"testing"
)

func TestDefault(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, runtime, state, home, want string }{
		{"runtime directory", "/run/user/7", "/s", "/h", "/run/user/7/cogtok/agent.sock"},
		{"state directory", "", "/s", "/h", "/s/cogtok/run/" + host + "/agent.sock"},
		{"home", "", "", "/h", "/h/.local/state/cogtok/run/" + host + "/agent.sock"},
		{"relative is ignored", "run", "state", "/h", "/h/.local/state/cogtok/run/" + host + "/agent.sock"},
		{"nothing", "", "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("XDG_RUNTIME_DIR", tt.runtime)
			t.Setenv("XDG_STATE_HOME", tt.state)
			t.Setenv("HOME", tt.home)
			if got := Default(); got != tt.want {
				t.Errorf("Default() = %q, want %q", got, tt.want)
			}
		})
	}
}
