//go:build !windows

package file

import (
	"io/fs"
	"os"
	"syscall"
)

// openFlags keep a link, a pipe or a terminal from being opened in the file's place.
const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK | syscall.O_NOCTTY | syscall.O_CLOEXEC

// mustBeOurs refuses a file of another user, or one that others can read or write.
func mustBeOurs(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return refuse(path, "it is not a regular file", "move it away: mv %s %s.old", path, path)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return refuse(path, "it belongs to another user", "move it away: mv %s %s.old", path, path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return refuse(path, "others have access to it (mode "+info.Mode().Perm().String()+")", "chmod 600 %s", path)
	}
	return nil
}

// syncDirectory makes a rename in the directory durable.
func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
