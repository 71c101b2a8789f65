//go:build !windows

package cli

import "path/filepath"

// stateDirectory is where programs keep what is neither config nor cache; ""
// when the environment names no home. The XDG specification has relative paths
// ignored.
func stateDirectory(getenv func(string) string) string {
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return dir
	}
	if home := getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state")
	}
	return ""
}
