//go:build !windows

package profiles

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

// minimal is a valid config.
const minimal = "version: 1\n"

func TestLoad(t *testing.T) {
	path := writeConfig(t, sample)
	got, err := Load(path)
	want := sampleConfig()
	want.Path = path
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	data, err := Read(path)
	if err != nil || string(data) != sample {
		t.Errorf("Read: %v", err)
	}
}

func TestDefaultPath(t *testing.T) {
	if p := DefaultPath(); !filepath.IsAbs(p) || !strings.HasSuffix(p, "/cogtok/config.yaml") {
		t.Errorf("got %q", p)
	}
}

func TestLoadMissing(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "config.yaml"), filepath.Join(dir, "no", "such", "config.yaml")} {
		_, err := Load(path)
		var first *Error
		if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &first) || first.Hint != "run: cogtok profile add NAME" ||
			err.Error() != path+": there is no config yet" {
			t.Errorf("got %v", err)
		}
	}
}

// A place is a directory in which a test case puts a config.
type place struct {
	t    *testing.T
	dir  string
	path string // what is loaded
}

func newPlace(t *testing.T) place {
	dir := privateDir(t)
	return place{t: t, dir: dir, path: filepath.Join(dir, "config.yaml")}
}

func (p place) write(name string) string {
	path := filepath.Join(p.dir, name)
	p.must(os.MkdirAll(filepath.Dir(path), 0o700))
	p.must(os.WriteFile(path, []byte(minimal), 0o600))
	return path
}

func (p place) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// TestFileSafety loads configs that somebody else could have written, and those
// of people who keep them in unusual places.
func TestFileSafety(t *testing.T) {
	for _, c := range []struct {
		name    string
		want    string // "" if it loads
		prepare func(place)
	}{
		{"readable by all", "", func(p place) { p.must(os.Chmod(p.write("config.yaml"), 0o644)) }},
		{"read-only", "", func(p place) { p.must(os.Chmod(p.write("config.yaml"), 0o400)) }},
		{"writable by the group", "other users may write to it", func(p place) { p.must(os.Chmod(p.write("config.yaml"), 0o620)) }},
		{"writable by all", "other users may write to it", func(p place) { p.must(os.Chmod(p.write("config.yaml"), 0o602)) }},
		{"open directory", "other users may write to its directory", func(p place) {
			p.write("config.yaml")
			p.must(os.Chmod(p.dir, 0o777))
		}},
		{"sticky directory", "", func(p place) {
			p.write("config.yaml")
			p.must(os.Chmod(p.dir, 0o777|fs.ModeSticky))
		}},
		{"symlink", "", func(p place) { p.must(os.Symlink(p.write("dotfiles/cogtok.yaml"), p.path)) }},
		{"relative symlinks", "", func(p place) {
			p.write("dotfiles/cogtok.yaml")
			p.must(os.Symlink("cogtok.yaml", filepath.Join(p.dir, "dotfiles", "link")))
			p.must(os.Symlink("dotfiles/link", p.path))
		}},
		{"symlink to an open file", "other users may write to it", func(p place) {
			target := p.write("dotfiles/cogtok.yaml")
			p.must(os.Chmod(target, 0o666))
			p.must(os.Symlink(target, p.path))
		}},
		{"symlink into an open directory", "other users may write to its directory", func(p place) {
			target := p.write("dotfiles/cogtok.yaml")
			p.must(os.Chmod(filepath.Dir(target), 0o770))
			p.must(os.Symlink(target, p.path))
		}},
		{"symlink to nothing", "the symlink leads nowhere", func(p place) { p.must(os.Symlink("nothing", p.path)) }},
		{"symlink to itself", "the symlink leads nowhere", func(p place) { p.must(os.Symlink("config.yaml", p.path)) }},
		{"directory", "this is not a regular file", func(p place) { p.must(os.Mkdir(p.path, 0o700)) }},
		{"named pipe", "this is not a regular file", func(p place) { p.must(syscall.Mkfifo(p.path, 0o600)) }},
		{"device", "this is not a regular file", func(p place) { p.must(os.Symlink("/dev/null", p.path)) }},
		{"socket", "can't read the config", func(p place) {
			fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
			p.must(err)
			p.t.Cleanup(func() { syscall.Close(fd) })
			p.must(syscall.Bind(fd, &syscall.SockaddrUnix{Name: p.path}))
		}},
		{"too big", "the config is bigger than 1024 KiB", func(p place) { p.must(os.Truncate(p.write("config.yaml"), 2<<20)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t)
			c.prepare(p)
			start := time.Now()
			_, err := Load(p.path)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), p.path+": "+c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if time.Since(start) > 5*time.Second {
				t.Error("it waited for something")
			}
			if c.want != "" && Add(p.path, "new", given(), false) == nil {
				t.Error("a config that can't be trusted was edited")
			}
		})
	}
}

// ownedBy is the file information of a file of another user.
type ownedBy struct {
	fs.FileInfo
	uid uint32
}

func (o ownedBy) Sys() any { return &syscall.Stat_t{Uid: o.uid} }

func TestOwner(t *testing.T) {
	own := uint32(os.Geteuid())
	for uid, ok := range map[uint32]bool{own: true, 0: true, own + 1: false, 65534: own == 65534} {
		if got := checkOwner(ownedBy{uid: uid}) == nil; got != ok {
			t.Errorf("uid %d: accepted %v", uid, got)
		}
	}
}

// Only root can give files away, so this runs where the tests run as root, as in
// a container; TestOwner holds the rule itself everywhere.
func TestForeignOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to give files to another user")
	}
	const stranger = 12345
	for name, give := range map[string]func(p place) error{
		"it belongs to another user": func(p place) error { return os.Chown(p.write("config.yaml"), stranger, stranger) },
		"its directory belongs to another user": func(p place) error {
			p.write("config.yaml")
			return os.Chown(p.dir, stranger, stranger)
		},
	} {
		p := newPlace(t)
		p.must(give(p))
		if _, err := Load(p.path); err == nil || err.Error() != p.path+": "+name {
			t.Errorf("%s: got %v", name, err)
		}
	}
	p := newPlace(t)
	p.must(os.Symlink(p.write("real.yaml"), p.path))
	p.must(os.Lchown(p.path, stranger, stranger))
	if _, err := Load(p.path); err == nil {
		t.Error("a stranger's symlink was followed")
	}
}

// A symlinked config stays a symlink, and its target keeps its mode.
func TestEditSymlink(t *testing.T) {
	p := newPlace(t)
	target := p.write("dotfiles/cogtok.yaml")
	p.must(os.Chmod(target, 0o644))
	p.must(os.Symlink("dotfiles/cogtok.yaml", p.path))
	p.must(Add(p.path, "new", given(), true))
	link, err := os.Lstat(p.path)
	p.must(err)
	info, err := os.Stat(target)
	p.must(err)
	if link.Mode().Type() != fs.ModeSymlink || info.Mode() != 0o644 || !strings.Contains(content(t, target), "new:") {
		t.Errorf("link %v, target %v:\n%s", link.Mode(), info.Mode(), content(t, target))
	}
}

// What can't be written stays as it was, and nothing is left lying about.
func TestEditFails(t *testing.T) {
	p := newPlace(t)
	p.path = p.write("config.yaml")
	unlock, err := lockDirectory(p.dir)
	p.must(err)
	if err := Add(p.path, "new", given(), false); err == nil || err.Error() != p.path+": another program is writing the config" {
		t.Errorf("locked: got %v", err)
	}
	unlock()
	p.must(Add(p.path, "new", given(), false))
	if os.Geteuid() == 0 {
		return // root writes anywhere
	}
	p.must(os.Chmod(p.dir, 0o500))
	defer os.Chmod(p.dir, 0o700)
	if err := Add(p.path, "other", given(), false); err == nil || err.Error() != p.path+": can't write the config: permission denied" {
		t.Errorf("read-only directory: got %v", err)
	}
}

// A full disk: the write fails, the old file stays and the new one goes.
func TestFullDisk(t *testing.T) {
	p := newPlace(t)
	p.path = p.write("config.yaml")
	err := replaceFile(p.path, []byte(minimal), []byte("x"), 0o600)
	p.must(err)
	var limit syscall.Rlimit
	p.must(syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	small := limit
	small.Cur = 1024
	p.must(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small))
	err = replaceFile(p.path, []byte("x"), []byte(strings.Repeat("y", 5000)), 0o600)
	p.must(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	entries, _ := os.ReadDir(p.dir)
	if err == nil || content(t, p.path) != "x" || len(entries) != 1 {
		t.Errorf("%v, %d files", err, len(entries))
	}
	if e := fileError(p.path, err); e.Message != "can't write the config: file too large" {
		t.Errorf("got %v", e)
	}
}
