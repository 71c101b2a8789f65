//go:build unix

package main

import (
	"bytes"
	"debug/macho"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cogtok/cogtok/agent"
)

// launchd is a launch_activate_socket(3) that hands over copies of a socket.
func launchd(t *testing.T, copies int, err error) (activate func(string) ([]int, error), fds *[]int) {
	t.Helper()
	l, listenErr := net.Listen("unix", filepath.Join(t.TempDir(), "agent.sock"))
	if listenErr != nil {
		t.Fatal(listenErr)
	}
	file, fileErr := l.(*net.UnixListener).File()
	if fileErr != nil {
		t.Fatal(fileErr)
	}
	t.Cleanup(func() { file.Close(); l.Close() })
	fds = &[]int{}
	return func(name string) ([]int, error) {
		if name != "agent" {
			t.Errorf("asked for %q", name)
		}
		for range copies {
			fd, err := syscall.Dup(int(file.Fd())) // as launchd: without close-on-exec
			if err != nil {
				t.Fatal(err)
			}
			*fds = append(*fds, fd)
		}
		return *fds, err
	}, fds
}

func TestLaunchdSocket(t *testing.T) {
	activate, fds := launchd(t, 1, nil)
	file, err := launchdSocket("agent", activate)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	flags, err := unix.FcntlInt(file.Fd(), unix.F_GETFD, 0)
	if int(file.Fd()) != (*fds)[0] || err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("descriptor %d of %v, flags %d, %v", file.Fd(), *fds, flags, err)
	}
}

func TestNoLaunchd(t *testing.T) {
	activate, _ := launchd(t, 0, syscall.ESRCH)
	if file, err := launchdSocket("agent", activate); file != nil || err != nil {
		t.Errorf("%v, %v", file, err)
	}
}

func TestLaunchdErrors(t *testing.T) {
	for _, tt := range []struct {
		copies int
		err    error
		says   string
	}{
		{0, syscall.ENOENT, `has no socket of the name "agent"`},
		{0, syscall.EALREADY, "handed over the socket \"agent\" before"},
		{0, syscall.EPERM, "operation not permitted"},
		{0, nil, "has made 0 sockets"},
		{2, nil, "has made 2 sockets"},
	} {
		activate, fds := launchd(t, tt.copies, tt.err)
		file, err := launchdSocket("agent", activate)
		if file != nil || agent.KindOf(err) != agent.KindSocketPath || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%v, %v; want %q", file, err, tt.says)
		}
		for _, fd := range *fds {
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
				t.Errorf("descriptor %d is still open", fd)
			}
		}
	}
}

// The program for macOS gets launchd's function from libSystem, and is built
// without C. There is a Mac to run it on only where CI has one.
func TestLaunchdIsLinked(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds cogtokd for another system")
	}
	for _, arch := range []string{"amd64", "arm64"} {
		program := filepath.Join(t.TempDir(), arch)
		cmd := exec.Command("go", "build", "-o", program, ".")
		cmd.Env = append(os.Environ(), "GOOS=darwin", "GOARCH="+arch, "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for _, name := range []string{"_launch_activate_socket", "_free"} {
			if from := boundTo(t, program, name); from != "/usr/lib/libSystem.B.dylib" {
				t.Errorf("%s: %s comes from %q", arch, name, from)
			}
		}
	}
}

// boundTo returns the library from which a program imports a symbol. It stands
// before the symbol in what the program tells dyld to bind, <mach-o/loader.h>:
// BIND_OPCODE_SET_DYLIB_ORDINAL_IMM, BIND_OPCODE_SET_SYMBOL_TRAILING_FLAGS_IMM.
func boundTo(t *testing.T, program, symbol string) string {
	t.Helper()
	file, err := macho.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	libraries, err := file.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	for i, library := range libraries {
		if bytes.Contains(text, fmt.Appendf(nil, "%c\x40%s\x00", 0x11+i, symbol)) {
			return library
		}
	}
	return ""
}
