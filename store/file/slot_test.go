//go:build !windows

package file_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gofrs/flock"

	"github.com/cogtok/cogtok/store/file"
)

// killed returns a place whose file has x = old, and what a writer that is
// killed just before its rename leaves in the second slot: x = new.
func killed(t *testing.T) (p *place, second []byte) {
	t.Helper()
	p = newPlace(t)
	put(t, p.open(t), "x", "old")
	put(t, p.open(t), "bystander", "v")
	other := newPlace(t)
	try(t, other.items.Put(t.Context(), file.SealingKey, itemOf(t, p)))
	write(t, other.path, p.read(t))
	put(t, other.open(t), "x", "new")
	return p, other.read(t)
}

func wantNoSecond(t *testing.T, p *place) {
	t.Helper()
	if _, err := os.Lstat(p.path + ".new"); err == nil {
		t.Error("the second slot is still there")
	}
}

// What a killed writer has written to the end isn't lost: it may be a refresh
// token that Cognito takes no other for.
func TestSecondSlotIsTakenOver(t *testing.T) {
	for name, first := range map[string]func(*testing.T, *file.Store){
		"by a reader": func(t *testing.T, s *file.Store) { want(t, s, "x", "new") },
		"by a writer": func(t *testing.T, s *file.Store) { put(t, s, "y", "v") },
		"by a writer that has read before": func(t *testing.T, s *file.Store) {
			want(t, s, "bystander", "v")
			put(t, s, "y", "v")
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, second := killed(t)
			s := p.open(t)
			if name == "by a writer that has read before" {
				want(t, s, "x", "old")
			}
			write(t, p.path+".new", second)
			first(t, s)
			wantNoSecond(t, p)
			for _, s := range []*file.Store{s, p.open(t)} {
				want(t, s, "x", "new")
				want(t, s, "bystander", "v")
			}
		})
	}
}

// What is cut short or damaged there changes nothing, is told to nobody, and
// is gone with the next change.
func TestSecondSlotOfNoUse(t *testing.T) {
	p, second := killed(t)
	other := newPlace(t)
	put(t, other.open(t), "x", "new")
	damages := map[string][]byte{"sealed to another key": other.read(t), "zeros": make([]byte, len(second))}
	for i := range second {
		damages[fmt.Sprintf("truncated to %d", i)] = second[:i]
		flipped := bytes.Clone(second)
		flipped[i] ^= 1 << (i % 8)
		damages[fmt.Sprintf("bit flipped in byte %d", i)] = flipped
	}
	for name, damaged := range damages {
		write(t, p.path+".new", damaged)
		s := p.open(t) // fails the test on a warning
		got, err := s.Get(t.Context(), "x")
		if err != nil || string(got) != "old" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	put(t, p.open(t), "bystander", "w")
	wantNoSecond(t, p)
	want(t, p.open(t), "x", "old")
}

// What is in the second slot while a living writer has the lock is the
// writer's, and nobody waits for that.
func TestSecondSlotOfALivingWriter(t *testing.T) {
	p, second := killed(t)
	write(t, p.path+".new", second)
	writer := flock.New(p.path + ".lock")
	if ok, err := writer.TryLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	want(t, p.open(t), "x", "old")
	if left, err := os.ReadFile(p.path + ".new"); err != nil || !bytes.Equal(left, second) {
		t.Errorf("the writer's file was touched: %v", err)
	}
	try(t, writer.Unlock())
	want(t, p.open(t), "x", "new")
}

// There may be no file yet, when the first change of all was cut off.
func TestSecondSlotAlone(t *testing.T) {
	p, second := killed(t)
	write(t, p.path+".new", second)
	try(t, os.Remove(p.path))
	want(t, p.open(t), "x", "new")
	if all, _ := filepath.Glob(p.path + "*"); len(all) != 2 {
		t.Errorf("there are %v, want the file and its lock", all)
	}
}
