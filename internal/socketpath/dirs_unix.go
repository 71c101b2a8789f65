//go:build !windows

package socketpath

import "os"

// runtimeDir is $XDG_RUNTIME_DIR; the XDG specification has relative paths ignored.
func runtimeDir() string { return absolute(os.Getenv("XDG_RUNTIME_DIR")) }

func stateDir() string {
	if dir := absolute(os.Getenv("XDG_STATE_HOME")); dir != "" {
		return dir
	}
	if home := absolute(os.Getenv("HOME")); home != "" {
		return home + "/.local/state"
	}
	return ""
}

func absolute(path string) string {
	if len(path) > 1 && path[0] == '/' {
		return path
	}
	return ""
}
