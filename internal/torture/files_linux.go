package torture

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/userpool"
)

// DiskFigures are what FullDisk saw.
type DiskFigures struct {
	Renewals   int           `json:"renewals"` // while the disk was full
	Failed     int           `json:"failed"`
	Told       int           `json:"told"`       // of the renewals, by status
	Saved      time.Duration `json:"saved"`      // from when there is room until all is stored
	AtTheEnd   bool          `json:"at_the_end"` // what could not be stored is, by an agent that is told to end
	ReadOnly   bool          `json:"read_only"`  // it starts and serves on a read-only disk
	Complaints complaints    `json:"complaints"`
}

// ErrNoMount means that this process may not mount anything.
var ErrNoMount = errors.New("mounting is not permitted")

// FullDisk has the agent's state on a disk of 64 KiB and fills that. Each renewal
// gives another refresh token, which can't be stored: the agent goes on and says
// so. When there is room it stores it, by itself and when it is told to end.
func FullDisk(ctx context.Context, programs string, renewals int) (f DiskFigures, err error) {
	m, err := newMachine(ctx, programs, "file", userpool.Client{Rotation: true, RetryGrace: time.Minute})
	if err != nil {
		return f, err
	}
	defer m.close()
	dir := m.path("state/cogtok")
	err = syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k,mode=0700")
	if errors.Is(err, fs.ErrPermission) {
		return f, ErrNoMount
	}
	if err != nil {
		return f, err
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	if err := errors.Join(m.cheapPassphrase(), m.start()); err != nil {
		return f, err
	}
	if err := m.login(); err != nil {
		return f, err
	}
	for range 2 { // the second time it is told to end
		if err := fill(dir); err != nil {
			return f, err
		}
		f.renew(m, renewals)
		if err := os.Remove(dir + "/filler"); err != nil {
			return f, err
		}
		if f.Saved == 0 {
			f.Saved = m.untilSaved()
			continue
		}
		m.end(syscall.SIGTERM, 15*time.Second)
		m.server.ResetCalls()
		if err := m.restart(); err != nil {
			return f, err
		}
		_, err := m.token(agent.TokenRequest{SessionOnly: true})
		if f.AtTheEnd = err == nil; err != nil {
			f.Complaints.add("after the end: %v", err)
		}
	}
	return f, f.readOnly(m, dir)
}

// readOnly starts the agent where nothing can be written.
func (f *DiskFigures) readOnly(m *machine, dir string) error {
	m.end(syscall.SIGTERM, 15*time.Second)
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		return err
	}
	if err := m.start(); err != nil {
		return err
	}
	_, err := m.token(agent.TokenRequest{SessionOnly: true})
	st, e := m.status()
	f.ReadOnly = err == nil && e == nil && strings.Contains(st.Profiles[0].Problem, "read-only")
	if !f.ReadOnly {
		f.Complaints.add("read-only: %v, %v, %+v", err, e, st)
	}
	return nil
}

// fill leaves no room.
func fill(dir string) error {
	file, err := os.Create(dir + "/filler")
	if err != nil {
		return err
	}
	defer file.Close()
	for _, size := range []int{4096, 1} {
		for err = nil; err == nil; {
			_, err = file.Write(make([]byte, size))
		}
	}
	if errors.Is(err, syscall.ENOSPC) {
		return nil
	}
	return err
}

func (f *DiskFigures) renew(m *machine, renewals int) {
	for range renewals {
		f.Renewals++
		if _, err := m.token(agent.TokenRequest{Force: true}); err != nil {
			f.Failed++
			f.Complaints.add("on a full disk: %v", err)
		}
		st, err := m.status()
		if err == nil && st.Profiles[0].Unpersisted && st.Profiles[0].Problem != "" {
			f.Told++
		} else {
			f.Complaints.add("status on a full disk: %+v, %v", st, err)
		}
	}
}

// untilSaved waits until nothing is in memory alone.
func (m *machine) untilSaved() time.Duration {
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		st, err := m.status()
		if took := time.Since(began); err == nil && !st.Profiles[0].Unpersisted || took > 2*time.Minute {
			return took
		}
	}
}
