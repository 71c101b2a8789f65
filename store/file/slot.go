package file

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"github.com/cogtok/cogtok/internal/failpoint"
)

// secondSlot is where a change of the file at path is written, synced and read
// back before it takes the file's place: after a crash or on a full disk one of
// the two is whole. It always holds the newer one, since every writer begins by
// taking it over or removing it.
func secondSlot(path string) string { return path + ".new" }

// writeFile replaces the file in one step. The caller holds the lock and has
// read the file, which checked what it is. The lock is why the second slot can
// have a fixed name.
func writeFile(path string, data []byte) error {
	failpoint.Reach(failpoint.BeforeStoring)
	second := secondSlot(path)
	if err := os.Remove(second); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unavailable("write", path, err)
	}
	err := writeNew(second, data)
	if err == nil {
		err = readBack(second, data)
	}
	if err == nil {
		err = os.Rename(second, path)
	}
	if err != nil {
		os.Remove(second)
		return unavailable("write", path, err)
	}
	failpoint.Reach(failpoint.Renamed)
	if err := syncDirectory(filepath.Dir(path)); err != nil {
		return unavailable("write", path, err)
	}
	failpoint.Reach(failpoint.DirectorySynced)
	return nil
}

func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|openFlags, 0o600)
	if err != nil {
		return err
	}
	failpoint.Reach(failpoint.NewFileMade)
	half := len(data) / 2 // in two parts, so that a crash in between can be tried
	_, err = f.Write(data[:half])
	failpoint.Reach(failpoint.NewFileHalf)
	if err == nil {
		_, err = f.Write(data[half:])
	}
	failpoint.Reach(failpoint.NewFileWritten)
	if err == nil {
		err = f.Sync()
	}
	failpoint.Reach(failpoint.NewFileSynced)
	return errors.Join(err, f.Close())
}

// readBack makes sure that what was written is what is read: a network's file
// system may say yes to what it doesn't keep.
func readBack(path string, data []byte) error {
	kept, _, err := readFile(path)
	if err == nil && !bytes.Equal(kept, data) {
		err = errNotKept
	}
	failpoint.Reach(failpoint.ReadBack)
	return err
}

var errNotKept = errors.New("reading it back gave something else")

// takeOverUnlocked is takeOver for who has no lock. Where another writer has it,
// that one lives, and what is in the second slot is its own affair.
func (s *Store) takeOverUnlocked(ctx context.Context) {
	if _, err := os.Lstat(secondSlot(s.path)); err != nil {
		return
	}
	select {
	case s.writer <- struct{}{}:
		defer func() { <-s.writer }()
	default:
		return
	}
	l := flock.New(s.path + ".lock")
	defer l.Close()
	if locked, err := l.TryLock(); err == nil && locked {
		s.takeOver(ctx)
	}
}

// takeOver lets what a killed writer left whole in the second slot take the
// file's place: it may be a refresh token that Cognito takes no other for. What
// is of no use there is left to the next writer. The caller holds the lock.
func (s *Store) takeOver(ctx context.Context) {
	sealed, _, err := readFile(secondSlot(s.path))
	if err != nil || sealed == nil {
		return
	}
	id, err := s.key.Key(ctx)
	if err != nil {
		return
	}
	values, bad := unseal(sealed, id)
	if bad != nil {
		return
	}
	wipe(values)
	if os.Rename(secondSlot(s.path), s.path) == nil {
		_ = syncDirectory(filepath.Dir(s.path))
	}
}
