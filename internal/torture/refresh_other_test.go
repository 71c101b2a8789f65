//go:build !linux && !windows

package torture

import "testing"

func testDisk(t *testing.T, _ string) { t.Skip("it mounts a disk as Linux does") }

func testKeychain(t *testing.T, _ string) { t.Skip("it stops gnome-keyring") }
