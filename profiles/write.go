package profiles

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	lockWait  = 2 * time.Second
	lockPause = 10 * time.Millisecond
)

var (
	errLocked  = &unsafeError{"another program is writing the config", "try again"}
	errChanged = &unsafeError{"the config was changed by somebody else meanwhile, so nothing was written", "look at it and try again"}
)

// update replaces the file at path by what change makes of it; old is nil when
// there is no file. Its errors are Errors; on any the file is as before.
func update(path string, change func(old []byte) ([]byte, error)) error {
	target, err := resolve(path)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(target), 0o700)
	}
	if err == nil {
		err = checkDirectory(filepath.Dir(target))
	}
	if err == nil {
		err = updateFile(target, change)
	}
	var told Errors
	if err == nil || errors.As(err, &told) {
		return err
	}
	return Errors{fileError(path, err)}
}

func updateFile(path string, change func(old []byte) ([]byte, error)) error {
	unlock, err := lockDirectory(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer unlock()
	old, mode, err := current(path)
	if err != nil {
		return err
	}
	data, err := change(old)
	if err != nil {
		return err
	}
	return replaceFile(path, old, data, mode)
}

// current returns what the file holds, nil if there is none, and its mode.
func current(path string) ([]byte, fs.FileMode, error) {
	data, info, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0o600, nil
	}
	if err != nil {
		return nil, 0, err
	}
	return append([]byte{}, data...), info.Mode().Perm(), nil
}

// replaceFile writes data to a new file and renames it to path, so that there
// is a whole file at any moment. It looks a last time whether the file is still
// the old one: text editors take no locks.
func replaceFile(path string, old, data []byte, mode fs.FileMode) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".config.yaml.*")
	if err != nil {
		return &fs.PathError{Op: "create", Path: dir, Err: errors.Unwrap(err)}
	}
	defer os.Remove(f.Name())
	if err := errors.Join(fill(f, data, mode), f.Close()); err != nil {
		return err
	}
	now, _, err := current(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, old) || (now == nil) != (old == nil) {
		return errChanged
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	syncDirectory(dir)
	return nil
}

func fill(f *os.File, data []byte, mode fs.FileMode) error {
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	return f.Sync()
}
