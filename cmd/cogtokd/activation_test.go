//go:build unix && !darwin

package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/cogtok/cogtok/agent"
)

// activate runs cogtokd as systemd does: with a file as descriptor 3, and the
// variables, of which pid is what LISTEN_PID says; PID stands for the right one.
func (h *home) activate(file *os.File, pid string, extra ...string) (cmd *exec.Cmd, output *bytes.Buffer) {
	h.t.Helper()
	pid = strings.ReplaceAll(pid, "PID", "$$")
	script := fmt.Sprintf("export LISTEN_PID=%s LISTEN_FDNAMES=x; exec %s", pid, os.Args[0])
	cmd = exec.Command("/bin/sh", "-c", script)
	cmd.Env = append(append([]string{"LISTEN_FDS=1"}, h.env...), extra...)
	cmd.ExtraFiles = []*os.File{file}
	output = &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { cmd.Process.Kill() })
	return cmd, output
}

// listening returns a socket that listens at path, as systemd makes it.
func (h *home) listening(path string) *os.File {
	h.t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		h.t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	file, err := l.(*net.UnixListener).File()
	if err != nil {
		h.t.Fatal(err)
	}
	l.Close()
	h.t.Cleanup(func() { file.Close() })
	return file
}

func TestActivation(t *testing.T) {
	h := newHome(t)
	if err := os.Mkdir(h.dir+"/run/cogtok", 0o700); err != nil {
		t.Fatal(err)
	}
	socket := h.listening(h.sock)
	for range 2 { // systemd starts it again when it is needed again
		c := h.client() // waits in the backlog
		cmd, output := h.activate(socket, "PID")
		v, err := c.Version(t.Context(), agent.Caller{}, agent.None{})
		if err != nil || v.PID != cmd.Process.Pid {
			t.Fatalf("%+v, %v; %s; %s", v, err, output, h.log())
		}
		if pid := h.client().PID(); pid != cmd.Process.Pid {
			t.Errorf("clients see pid %d as the agent", pid)
		}
		if _, err := c.Stop(t.Context(), agent.Caller{}, agent.None{}); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, output)
		}
		if _, err := os.Lstat(h.sock); err != nil {
			t.Errorf("the socket isn't the agent's to remove: %v", err)
		}
	}
}

// The variables don't reach programs that the agent runs, and an upgrade keeps
// the socket that was handed over.
func TestActivationAndUpgrade(t *testing.T) {
	h := newHome(t)
	if err := os.Mkdir(h.dir+"/run/cogtok", 0o700); err != nil {
		t.Fatal(err)
	}
	h.config("version: 1\nstore: file\npassphrase_command: [sh, -c, \"env > " + h.dir + "/seen; ls -l /dev/fd/ > " + h.dir + "/fds; echo Marker-Passphrase-83\"]\n" +
		"profiles:\n  prod: {user_pool_id: us-east-1_AbCdEf123, client_id: abc, username: rob}\n")
	socket := h.listening(h.sock)
	program, self := h.installed(), os.Args[0]
	os.Args[0] = program
	defer func() { os.Args[0] = self }()
	cmd, output := h.activate(socket, "PID")
	c := h.client()
	h.installed()
	upgradeOf(t, c)
	takeovers(t, c, 1)
	if _, err := c.ListSecrets(t.Context(), agent.Caller{}, agent.StatusRequest{}); err != nil {
		t.Fatalf("%v; %s", err, output)
	}
	seen, err := os.ReadFile(h.dir + "/seen")
	if err != nil || strings.Contains(string(seen), "LISTEN_") {
		t.Errorf("a child's environment: %v, %s", err, seen)
	}
	fds, err := os.ReadFile(h.dir + "/fds")
	for _, ours := range []string{"socket:", "memfd", ".lock"} {
		if err != nil || strings.Contains(string(fds), ours) {
			t.Errorf("a child's descriptors: %v, %q", err, fds)
		}
	}
	_ = cmd.Process.Signal(stopSignal)
	_ = cmd.Wait()
	if _, err := os.Lstat(h.sock); err != nil {
		t.Errorf("the socket isn't the agent's to remove: %v", err)
	}
}

// With another's LISTEN_PID the agent makes a socket of its own.
func TestActivationOfAnother(t *testing.T) {
	h := newHome(t)
	other := h.listening(h.dir + "/run/other.sock")
	cmd, output := h.activate(other, "1")
	for range 500 {
		if c, err := agent.Dial(t.Context(), h.sock); err == nil {
			v, err := c.Version(t.Context(), agent.Caller{}, agent.None{})
			if err != nil || v.PID != cmd.Process.Pid {
				t.Errorf("%+v, %v", v, err)
			}
			c.Close()
			return
		}
		brief()
	}
	t.Errorf("no agent: %s", output)
}

func TestBadActivation(t *testing.T) {
	h := newHome(t)
	if err := os.Mkdir(h.dir+"/run/cogtok", 0o700); err != nil {
		t.Fatal(err)
	}
	devNull, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer devNull.Close()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	tcpFile, _ := tcp.(*net.TCPListener).File()
	defer tcpFile.Close()
	datagram, err := net.ListenPacket("unixgram", h.dir+"/datagram")
	if err != nil {
		t.Fatal(err)
	}
	defer datagram.Close()
	datagramFile, _ := datagram.(*net.UnixConn).File()
	defer datagramFile.Close()
	for name, tt := range map[string]struct {
		file  *os.File
		extra []string
		says  string
	}{
		"no socket":   {devNull, nil, "is no socket"},
		"TCP":         {tcpFile, nil, "is no Unix socket"},
		"datagrams":   {datagramFile, nil, "is no stream socket"},
		"elsewhere":   {h.listening(h.dir + "/elsewhere"), nil, "elsewhere"},
		"two of them": {h.listening(h.dir + "/two"), []string{"LISTEN_FDS=2"}, "2 sockets were handed over"},
	} {
		cmd, output := h.activate(tt.file, "PID", tt.extra...)
		if err := cmd.Wait(); err == nil || !strings.Contains(output.String(), tt.says) {
			t.Errorf("%s: %v, %s", name, err, output)
		}
	}
}

// An agent that had the socket's path before it was made anew is named.
func TestActivationBesideAnAgent(t *testing.T) {
	h := newHome(t)
	old := h.running()
	os.Remove(h.sock)
	cmd, output := h.activate(h.listening(h.sock), "PID")
	if err := cmd.Wait(); err == nil || !strings.Contains(output.String(), fmt.Sprintf("(pid %d)", old.Process.Pid)) {
		t.Errorf("%v, %s", err, output)
	}
}
