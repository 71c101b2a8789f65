//go:build !windows

package startlock

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestMain is also the other process: it takes the lock of the socket in
// $SOCKET, says so, and ends with its standard input. With $AGAIN it becomes
// itself once more before it says so.
func TestMain(m *testing.M) {
	socket := os.Getenv("SOCKET")
	if socket == "" {
		os.Exit(m.Run())
	}
	_, err := Take(socket)
	if os.Getenv("AGAIN") != "" {
		err = syscall.Exec(os.Args[0], os.Args, []string{"SOCKET=" + socket})
	}
	fmt.Println(err)
	os.Stdin.Read(make([]byte, 1))
}

// other starts a process that takes the lock, and returns what came of it.
func other(t *testing.T, socket string, env ...string) (cmd *exec.Cmd, said string) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(env, "SOCKET="+socket)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	said, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return cmd, said[:len(said)-1]
}

const none = "<nil>"

func TestOneHolds(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "cogtok", "agent.sock")
	lock, err := Take(socket)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Dir(socket)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory: %v, %v", info, err)
	}
	if info, err := os.Stat(path(socket)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
	if _, said := other(t, socket); said != ErrHeld.Error() {
		t.Errorf("another process, while it is held: %s", said)
	}
	lock.Release()
	if _, said := other(t, socket); said != none {
		t.Errorf("another process, when it is free: %s", said)
	}
	if _, err := Take(socket); err != ErrHeld {
		t.Errorf("while the other has it: %v", err)
	}
}

// The lock ends with the process, however that ends.
func TestKilled(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	cmd, said := other(t, socket)
	if said != none {
		t.Fatal(said)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if _, err := Take(socket); err != nil {
		t.Error(err)
	}
}

// The full client has the lock that the thin one took before it became it.
// (Linux before 5.11 lost it; whoever comes first may start the agent then.)
func TestKeptByTheNextProgram(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	if _, said := other(t, socket, "AGAIN=1"); said != none {
		t.Errorf("it can't take again what it has: %s", said)
	}
	if _, err := Take(socket); err != ErrHeld {
		t.Errorf("another process took it: %v", err)
	}
}

// What stands in the way makes no lock, and nobody waits for it.
func TestNoLock(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"a link":      func(path string) error { return os.Symlink("/dev/null", path) },
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"a pipe":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			socket := filepath.Join(t.TempDir(), "s")
			if err := make(path(socket)); err != nil {
				t.Fatal(err)
			}
			done := time.AfterFunc(10*time.Second, func() { panic("it hangs") })
			defer done.Stop()
			if _, err := Take(socket); err == ErrHeld {
				t.Error(err)
			}
		})
	}
	if _, err := Take(filepath.Join(t.TempDir(), "no", "such", "s")); err != syscall.ENOENT {
		t.Errorf("two directories are missing: %v", err)
	}
}

// Those who wait go on when the lock is free, all at once, or when their time is over.
func TestWait(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	began := time.Now()
	Wait(socket, 10*time.Second)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("nobody holds it, and it took %v", took)
	}
	cmd, said := other(t, socket)
	if said != none {
		t.Fatal(said)
	}
	began = time.Now()
	Wait(socket, 100*time.Millisecond)
	if took := time.Since(began); took < 100*time.Millisecond {
		t.Errorf("it waited for %v", took)
	}
	time.AfterFunc(100*time.Millisecond, func() { cmd.Process.Kill() })
	began = time.Now()
	Wait(socket, 10*time.Second)
	if took := time.Since(began); took < 100*time.Millisecond || took > 5*time.Second {
		t.Errorf("it was free after 100 ms, and it took %v", took)
	}
}
