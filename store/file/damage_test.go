package file_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"

	"github.com/cogtok/cogtok/store/file"
)

// wantAside checks that exactly one file was kept aside, and which.
func wantAside(t *testing.T, p *place, content []byte) {
	t.Helper()
	asides, err := filepath.Glob(p.path + ".bad-*")
	if err != nil || len(asides) != 1 {
		t.Errorf("kept aside: %v, %v, want one file", asides, err)
		return
	}
	if got, err := os.ReadFile(asides[0]); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%s holds something else: %v", asides[0], err)
	}
}

// TestDamage: whatever is in the file, the store starts, serves, and loses
// nothing that could still be of use.
func TestDamage(t *testing.T) {
	original := newPlace(t)
	put(t, original.open(t), "prod", "marker-1f0b")
	whole := original.read(t)
	damages := map[string][]byte{
		"something appended": append(bytes.Clone(whole), 'x'),
		"doubled":            append(bytes.Clone(whole), whole...),
		"zeros":              make([]byte, len(whole)),
	}
	for i := range whole {
		damages[fmt.Sprintf("truncated to %d", i)] = whole[:i]
		flipped := bytes.Clone(whole)
		flipped[i] ^= 1 << (i % 8)
		damages[fmt.Sprintf("bit flipped in byte %d", i)] = flipped
	}
	for name, damaged := range damages {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.items.Put(t.Context(), file.SealingKey, itemOf(t, original))
			write(t, p.path, damaged)
			warnings := 0
			s := p.openWarn(func(string) { warnings++ })
			wantNone(t, s, "prod")
			wantNone(t, s, "prod")
			if warnings != 1 {
				t.Errorf("%d warnings after reading, want 1", warnings)
			}
			put(t, s, "prod", "new")
			if warnings != 2 {
				t.Errorf("%d warnings after writing, want 2", warnings)
			}
			want(t, p.open(t), "prod", "new")
			wantAside(t, p, damaged)
		})
	}
}

func itemOf(t *testing.T, p *place) []byte {
	t.Helper()
	item, err := p.items.Get(t.Context(), file.SealingKey)
	if err != nil {
		t.Fatal(err)
	}
	return item
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestPayloads is about files that our key opens, with something else inside.
func TestPayloads(t *testing.T) {
	for name, test := range map[string]struct {
		payload string
		newer   bool
	}{
		"empty":             {"", false},
		"not JSON":          {"marker-1f0b", false},
		"no version":        {`{"values":{"x":"dg=="}}`, false},
		"version 0":         {`{"version":0,"values":{}}`, false},
		"not base64":        {`{"version":1,"values":{"x":"marker-1f0b!"}}`, false},
		"other shape":       {`{"version":1,"values":[]}`, false},
		"two values":        {`{"version":1,"values":{}} {}`, false},
		"newer":             {`{"version":2,"values":{"x":"dg=="}}`, true},
		"newer, new shape":  {`{"version":7,"values":["a"]}`, true},
		"newer, other keys": {`{"version":2,"items":{}}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			put(t, p.open(t), "x", "v")
			sealed := sealTo(t, itemOf(t, p), test.payload)
			write(t, p.path, sealed)
			warnings := 0
			s := p.openWarn(func(text string) {
				if warnings++; bytes.Contains([]byte(text), []byte("marker")) {
					t.Errorf("the payload is in the warning: %s", text)
				}
			})
			if !test.newer {
				wantNone(t, s, "x")
				put(t, s, "x", "w")
				wantAside(t, p, sealed)
				return
			}
			_, err := s.Get(t.Context(), "x")
			wantUnavailable(t, err, "newer cogtok")
			wantUnavailable(t, s.Put(t.Context(), "x", []byte("w")), "newer cogtok")
			if !bytes.Equal(p.read(t), sealed) || warnings != 0 {
				t.Errorf("the file was changed, or %d warnings given", warnings)
			}
		})
	}
}

func sealTo(t *testing.T, identity []byte, payload string) []byte {
	t.Helper()
	id, err := age.ParseX25519Identity(string(identity))
	if err != nil {
		t.Fatal(err)
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, id.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte(payload))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return sealed.Bytes()
}

// TestNothingReadableAtRest looks for the values, names and the passphrase in all
// that was written.
func TestNothingReadableAtRest(t *testing.T) {
	dir := t.TempDir()
	const value, name, passphrase = "marker-value-91d4c7", "marker-name-55ab01", "marker-passphrase-c3d2e1"
	key := file.NewQuickPassphrase(filepath.Join(dir, "key.age"))
	if err := key.Unlock(t.Context(), []byte(passphrase)); err != nil {
		t.Fatal(err)
	}
	s := file.Open(filepath.Join(dir, "secrets.age"), key, nil)
	put(t, s, name, value)
	put(t, s, name, value+value)
	write(t, filepath.Join(dir, "secrets.age"), []byte("damaged"))
	put(t, s, name, value)
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		for _, marker := range []string{value, name, passphrase, "AGE-SECRET-KEY-1"} {
			for _, form := range []string{marker, hex.EncodeToString([]byte(marker)), base64.StdEncoding.EncodeToString([]byte(marker))[:12]} {
				if bytes.Contains(data, []byte(form)) {
					t.Errorf("%s has %s", path, form)
				}
			}
		}
		return err
	})
	if err != nil || files < 4 { // the key, its lock, the file, its lock, the damaged one
		t.Errorf("looked at %d files: %v", files, err)
	}
}
