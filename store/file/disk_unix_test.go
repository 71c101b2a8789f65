//go:build unix

package file_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

func TestModes(t *testing.T) {
	p := newPlace(t)
	put(t, p.open(t), "x", "v")
	for path, mode := range map[string]fs.FileMode{filepath.Dir(p.path): 0o700, p.path: 0o600, p.path + ".lock": 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), mode)
		}
	}
}

// TestRefused: what may be somebody's trap is neither read nor replaced.
func TestRefused(t *testing.T) {
	for name, test := range map[string]struct {
		lay    func(t *testing.T, path, elsewhere string)
		reason string
	}{
		"symbolic link": {func(t *testing.T, path, elsewhere string) {
			try(t, os.Rename(path, elsewhere))
			try(t, os.Symlink(elsewhere, path))
		}, "symbolic link"},
		"dangling link": {func(t *testing.T, path, elsewhere string) {
			try(t, os.Remove(path))
			try(t, os.Symlink(elsewhere, path))
		}, "symbolic link"},
		"directory": {func(t *testing.T, path, _ string) {
			try(t, os.Remove(path))
			try(t, os.Mkdir(path, 0o700))
		}, "not a regular file"},
		"pipe": {func(t *testing.T, path, _ string) {
			try(t, os.Remove(path))
			try(t, syscall.Mkfifo(path, 0o600))
		}, "not a regular file"},
		"readable by the group": {func(t *testing.T, path, _ string) { try(t, os.Chmod(path, 0o640)) }, "others have access"},
		"writable by all":       {func(t *testing.T, path, _ string) { try(t, os.Chmod(path, 0o602)) }, "others have access"},
		"another user's": {func(t *testing.T, path, _ string) {
			if os.Getuid() != 0 {
				t.Skip("only root can give a file away: run as root")
			}
			try(t, os.Chown(path, 61001, 61001))
		}, "belongs to another user"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			put(t, p.open(t), "x", "v")
			elsewhere := filepath.Join(t.TempDir(), "elsewhere")
			test.lay(t, p.path, elsewhere)
			before, err := os.Lstat(p.path)
			try(t, err)
			s := p.open(t)
			_, err = s.Get(t.Context(), "x")
			wantUnavailable(t, err, test.reason)
			wantUnavailable(t, s.Put(t.Context(), "x", []byte("w")), test.reason)
			if after, err := os.Lstat(p.path); err != nil || !os.SameFile(before, after) {
				t.Errorf("the file was replaced: %v", err)
			}
			if data, err := os.ReadFile(elsewhere); err == nil && !bytes.HasPrefix(data, []byte("age-encryption.org/v1\n")) {
				t.Errorf("what the link points to was changed")
			}
			if name == "dangling link" {
				if _, err := os.Lstat(elsewhere); err == nil {
					t.Error("the link was written through")
				}
			}
		})
	}
}

// TestPlantedNewFile: a link at the temporary name isn't written through.
func TestPlantedNewFile(t *testing.T) {
	p := newPlace(t)
	put(t, p.open(t), "x", "v")
	target := filepath.Join(t.TempDir(), "target")
	try(t, os.WriteFile(target, []byte("mine"), 0o600))
	try(t, os.Symlink(target, p.path+".new"))
	put(t, p.open(t), "x", "w")
	want(t, p.open(t), "x", "w")
	if data, err := os.ReadFile(target); err != nil || string(data) != "mine" {
		t.Errorf("the link was written through: %q, %v", data, err)
	}
}

// TestLockIsHeld: a writer that hangs, in another process, holds up no reader
// and no writer for ever.
func TestLockIsHeld(t *testing.T) {
	p := newPlace(t)
	s := p.open(t)
	put(t, s, "x", "v")
	other := flock.New(p.path + ".lock")
	if ok, err := other.TryLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	start := time.Now()
	done := make(chan error, 3)
	for range cap(done) {
		go func() { done <- s.Put(t.Context(), "x", []byte("w")) }()
	}
	want(t, p.open(t), "x", "v")
	want(t, s, "x", "v")
	for range cap(done) {
		wantUnavailable(t, <-done, "another process holds its lock")
	}
	if took := time.Since(start); took > 3500*time.Millisecond {
		t.Errorf("three writers took %v, want 3 s", took)
	}
	try(t, other.Unlock())
	put(t, s, "x", "w")
}

func try(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
