package file_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestFullDisk needs a file system of its own: a small tmpfs in a mount
// namespace, which goes away with the process.
func TestFullDisk(t *testing.T) {
	cmd := child(t, "full disk", t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.Is(err, fs.ErrPermission), errors.As(err, &exit) && strings.HasPrefix(string(out), noMount):
		t.Skip("mounting is not permitted here: run as root; TestWriteCutShort tries the same with a limited file size")
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	}
}

const noMount = "mounting is not permitted"

// fullDisk fills a disk of 64 KiB, makes it read-only, and writable again.
func fullDisk(dir string) error {
	err := errors.Join(
		syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
		syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k,mode=0700"))
	if errors.Is(err, fs.ErrPermission) {
		return errors.New(noMount)
	}
	if err != nil {
		return err
	}
	s, err := childStore(dir)
	if err != nil {
		return err
	}
	if err := fillUp(dir, s, "the disk is full"); err != nil {
		return err
	}
	if err := s.Put(backgroundContext, "x", []byte("v")); err != nil {
		return err
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		return err
	}
	if err := s.Put(backgroundContext, "x", []byte("w")); err == nil || !strings.Contains(err.Error(), "read-only") {
		return fmt.Errorf("on a read-only file system: %v", err)
	}
	if err := wantWhole(dir, s, []byte("v")); err != nil {
		return err
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT, "size=64k"); err != nil {
		return err
	}
	return s.Put(backgroundContext, "x", []byte("w"))
}
