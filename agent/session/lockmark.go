package session

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// A lockMark is the file that tells the next agent that this one was locked. It
// is there or not: nothing in it could be damaged.
type lockMark string

func (k *Keeper) mark() lockMark { return lockMark(filepath.Join(k.cfg.StateDir, "locked")) }

// isThere reports whether the agent was locked. What can't be looked at counts
// as there.
func (m lockMark) isThere() bool {
	_, err := os.Lstat(string(m))
	return !errors.Is(err, fs.ErrNotExist)
}

// set makes the file or removes it, durably.
func (m lockMark) set(locked bool) error {
	var err error
	if locked {
		err = m.make()
	} else if err = os.Remove(string(m)); errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(string(m)))
}

func (m lockMark) make() error {
	file, err := os.OpenFile(string(m), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return file.Close()
}

// setMark makes the mark say what is so. Marks are set one after another, so the
// last one says it too.
func (k *Keeper) setMark() error {
	err := k.guard.inTime(func() error { return k.mark().set(k.lock.isLocked()) })
	if err != nil {
		k.cfg.Logf("session: noting whether the agent is locked: %v", err)
	}
	return err
}
