package file_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/cogtok/cogtok/store/file"
)

// The tests below run a part of themselves in a child process: TestMain calls
// the job that childJob names.
const (
	childJob = "COGTOK_TEST_CHILD_JOB"
	childDir = "COGTOK_TEST_CHILD_DIR"
)

var jobs = map[string]func(dir string) error{
	"write until killed":  writeUntilKilled,
	"limited file size":   limitedFileSize,
	"read-only directory": readOnlyDirectory,
	"full disk":           fullDisk,
}

func TestMain(m *testing.M) {
	if job, ok := jobs[os.Getenv(childJob)]; ok {
		if err := job(os.Getenv(childDir)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func child(t *testing.T, job, dir string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childJob+"="+job, childDir+"="+dir)
	return cmd
}

func runChild(t *testing.T, job, dir string) {
	t.Helper()
	cmd := child(t, job, dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", job, err, out)
	}
}

// childStore is a child's Store in dir, for which no warning is right.
func childStore(dir string) (*file.Store, error) {
	p, err := keyedPlace(dir)
	if err != nil {
		return nil, err
	}
	return p.openWarn(func(text string) { panic("warning: " + text) }), nil
}

// writeUntilKilled puts ever new values of changing length.
func writeUntilKilled(dir string) error {
	s, err := childStore(dir)
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		if err := s.Put(backgroundContext, "counter", counterValue(i)); err != nil {
			return err
		}
		if i == 0 {
			fmt.Println("started")
		}
	}
}

func counterValue(i int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%d ", i), 1+i%500)
}

// TestKilledWriter: after kill -9 at any moment the file holds a whole value.
func TestKilledWriter(t *testing.T) {
	dir := t.TempDir()
	p, err := keyedPlace(dir)
	try(t, err)
	put(t, p.open(t), "bystander", "v")
	for round := range 25 {
		cmd := child(t, "write until killed", dir)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		try(t, err)
		try(t, cmd.Start())
		if _, err := out.Read(make([]byte, 1)); err != nil {
			t.Fatalf("the writer did not start: %v %s", err, &stderr)
		}
		time.Sleep(time.Duration(round) * 731 * time.Microsecond) // a moment of its own each
		try(t, cmd.Process.Kill())
		cmd.Wait()
		s := p.open(t) // fails the test on a warning
		want(t, s, "bystander", "v")
		got, err := s.Get(t.Context(), "counter")
		if err != nil || !wholeCounter(got) {
			t.Errorf("round %d: %.40q, %v", round, got, err)
		}
	}
	put(t, p.open(t), "bystander", "w")
	if left, _ := filepath.Glob(p.path + ".*"); len(left) != 1 || left[0] != p.path+".lock" {
		t.Errorf("left over: %v, want the lock alone", left)
	}
}

func wholeCounter(got []byte) bool {
	var i int
	if _, err := fmt.Sscan(string(got), &i); err != nil {
		return false
	}
	return bytes.Equal(got, counterValue(i))
}

// limitedFileSize stands for a full disk where none can be mounted: the write
// of the new file is cut short.
func limitedFileSize(dir string) error {
	ignoreFileSizeSignal()
	s, err := childStore(dir)
	if err != nil {
		return err
	}
	const limit = 16 << 10
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		return err
	}
	return fillUp(dir, s, "larger than this process may write")
}

func TestWriteCutShort(t *testing.T) {
	runChild(t, "limited file size", t.TempDir())
}

// fillUp puts random values that fit and that don't, 500 times. What was put
// last stays readable, for this Store and a new one.
func fillUp(dir string, s *file.Store, reason string) error {
	failed := 0
	last := []byte("first")
	if err := s.Put(backgroundContext, "x", last); err != nil {
		return fmt.Errorf("the first Put: %w", err)
	}
	for i := range 500 {
		value := bytes.Repeat([]byte{byte(i)}, (i*7919)%(60<<10))
		err := s.Put(backgroundContext, "x", value)
		switch {
		case err == nil:
			last = value
		case strings.Contains(err.Error(), reason):
			failed++
		default:
			return fmt.Errorf("round %d: error %q, want %q", i, err, reason)
		}
		if err := wantWhole(dir, s, last); err != nil {
			return fmt.Errorf("round %d: %w", i, err)
		}
	}
	if failed < 100 || failed > 400 {
		return fmt.Errorf("%d of 500 writes failed: this tests nothing", failed)
	}
	return nil
}

func wantWhole(dir string, s *file.Store, value []byte) error {
	fresh, err := childStore(dir)
	if err != nil {
		return err
	}
	for _, s := range []*file.Store{s, fresh} {
		got, err := s.Get(backgroundContext, "x")
		if err != nil || !bytes.Equal(got, value) {
			return fmt.Errorf("%d bytes, %v; want the %d bytes that were put last", len(got), err, len(value))
		}
	}
	p, err := keyedPlace(dir)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(p.path + ".new"); err == nil {
		return fmt.Errorf("%s.new was left behind", p.path)
	}
	return nil
}

// TestReadOnlyDirectory: what is there can be read, and what can't be written
// says why.
func TestReadOnlyDirectory(t *testing.T) {
	// Not t.TempDir: an ordinary user has to get into it.
	dir, err := os.MkdirTemp("", "cogtok-readonly-")
	try(t, err)
	t.Cleanup(func() { os.Chmod(dir, 0o700); os.RemoveAll(dir) })
	if os.Getuid() == 0 {
		try(t, os.Chown(dir, 61001, 61001))
	}
	runChild(t, "read-only directory", dir)
}

func readOnlyDirectory(dir string) error {
	if os.Getuid() == 0 { // for whom no directory is read-only
		if err := syscall.Setuid(61001); err != nil {
			return err
		}
	}
	s, err := childStore(dir)
	if err != nil {
		return err
	}
	if err := s.Put(backgroundContext, "x", []byte("v")); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		return err
	}
	err = s.Put(backgroundContext, "x", []byte("w"))
	if err == nil || !strings.Contains(err.Error(), "permission denied") {
		return fmt.Errorf("error %v, want permission denied", err)
	}
	return wantWhole(dir, s, []byte("v"))
}

// backgroundContext is for child processes, which have no test.
var backgroundContext = context.Background()

// keyedPlace is a place in dir whose key several processes know: it lies in
// the open beside it, which is good enough for a test.
func keyedPlace(dir string) (*place, error) {
	p := &place{path: filepath.Join(dir, "sessions.age")}
	keyPath := filepath.Join(dir, "key")
	text, err := os.ReadFile(keyPath)
	if errors.Is(err, fs.ErrNotExist) {
		id, err := age.GenerateX25519Identity()
		if err != nil {
			return nil, err
		}
		text = []byte(id.String())
		if err := os.WriteFile(keyPath, text, 0o600); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	return p, p.items.Put(backgroundContext, file.SealingKey, text)
}

// ignoreFileSizeSignal has a write beyond RLIMIT_FSIZE fail with EFBIG instead
// of ending the process.
func ignoreFileSizeSignal() { signal.Ignore(syscall.SIGXFSZ) }
