package main

import (
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

const nobody = 65534

// agentOf is agent, but it is another user who listens: the kernel remembers
// who called listen(2).
func (in *installation) agentOf(uid int, answer func(net.Conn, string)) {
	in.t.Helper()
	fd, err := newSocket()
	if err != nil {
		in.t.Fatal(err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: in.socket}); err != nil {
		in.t.Fatal(err)
	}
	if err := os.Chmod(in.socket, 0o777); err != nil {
		in.t.Fatal(err)
	}
	if err := listenAs(uid, fd); err != nil {
		in.t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), in.socket)
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		in.t.Fatal(err)
	}
	in.serve(l, answer)
}

// listenAs changes the effective user of one thread while it listens.
func listenAs(uid, fd int) error {
	runtime.LockOSThread()
	const keep = ^uintptr(0)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, keep, uintptr(uid), keep); errno != 0 {
		return errno
	}
	err := syscall.Listen(fd, 8)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, keep, uintptr(os.Getuid()), keep); errno != 0 {
		return errno // the thread stays locked and ends with the test
	}
	runtime.UnlockOSThread()
	return err
}

// A socket where another user listens gets nothing, not even the request.
func TestForeignListener(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can listen as another user")
	}
	in := install(t)
	got := make(chan string, 1)
	in.agentOf(nobody, func(conn net.Conn, request string) {
		rest, _ := io.ReadAll(conn)
		got <- request + string(rest)
	})
	in.cogtok("token", "prod").wantFull(t, "token", "prod")
	if sent := <-got; sent != "" {
		t.Errorf("a foreign listener was sent %q", sent)
	}
}

// While it waits for a token the program can't be inspected: what can't be
// dumped belongs to root in /proc (proc(5)).
func TestRefusesInspection(t *testing.T) {
	in := install(t)
	waiting, release := make(chan bool, 1), make(chan bool)
	serve := func(conn net.Conn, _ string) {
		waiting <- true
		<-release
		conn.Write([]byte(answer))
	}
	cmd := exec.CommandContext(t.Context(), in.dir+"/cogtok", "token")
	cmd.Env = in.env
	if os.Getuid() == 0 {
		in.agentOf(nobody, serve)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	} else {
		in.agent(serve)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-waiting:
	case <-time.After(10 * time.Second):
		t.Fatal("no request within 10 s")
	}
	info, err := os.Stat("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/environ")
	if err != nil {
		t.Fatal(err)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid != 0 {
		t.Errorf("its memory belongs to user %d", uid)
	}
	close(release)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
