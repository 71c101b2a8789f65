//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// canBecome says that a process can become another program and keep its files.
const canBecome = true

// checkProgram refuses a program that somebody else may have put there: it gets
// the user's sessions.
func checkProgram(path string, info os.FileInfo) error {
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", path)
	case owner != 0 && owner != os.Geteuid():
		return fmt.Errorf("%s belongs to uid %d", path, owner)
	case writableByOthers(info):
		return fmt.Errorf("others may write to %s", path)
	}
	dir, err := os.Stat(filepath.Dir(path))
	if err == nil && dir.Mode()&os.ModeSticky == 0 && dir.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("others may write to %s", filepath.Dir(path))
	}
	return err
}

// writableByOthers leaves a group of one's own out: some systems' umask is 002.
func writableByOthers(info os.FileInfo) bool {
	ownGroup := int(info.Sys().(*syscall.Stat_t).Gid) == os.Getegid()
	return info.Mode().Perm()&0o002 != 0 || info.Mode().Perm()&0o020 != 0 && !ownGroup
}

// isBeingWritten reports whether a program could not be run only because an
// installer has it open.
func isBeingWritten(err error) bool { return errors.Is(err, syscall.ETXTBSY) }
