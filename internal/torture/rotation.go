//go:build !windows

package torture

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/failpoint"
	"github.com/cogtok/cogtok/internal/userpool"
)

// RotationFigures are what Rotation saw.
type RotationFigures struct {
	Crashes   int            `json:"crashes"`
	Survived  int            `json:"survived"`  // sessions that went on without a sign-in
	Lost      map[string]int `json:"lost"`      // sessions that did not, by point
	Untouched []string       `json:"untouched"` // points that no renewal came to
	// Window is the time from Cognito's exchange of the refresh token until the new
	// one is in its file: with no time of grace a crash in it ends the session.
	WindowP50  time.Duration `json:"window_p50"`
	WindowP99  time.Duration `json:"window_p99"`
	Recovery   time.Duration `json:"recovery"` // from the restart to the token, the longest
	Complaints []string      `json:"complaints"`
}

// unsafePoints are those between Cognito's exchange and the whole of the new file.
var unsafePoints = []failpoint.Point{
	failpoint.AnswerBegins, failpoint.Answered, failpoint.BeforeStoring, failpoint.NewFileMade, failpoint.NewFileHalf,
}

// Rotation crashes the agent at every point of a renewal, so many times each,
// with an app client that rotates refresh tokens and takes the old one for so
// long. After each crash it starts the agent again and asks for a token.
// programs are built with the tag failpoints. With a time of grace every session
// must survive; without one only those may be lost that crash in the window.
func Rotation(ctx context.Context, programs string, times int, grace time.Duration) (RotationFigures, error) {
	f := RotationFigures{Lost: map[string]int{}}
	m, err := newMachine(ctx, programs, "file", userpool.Client{Rotation: true, RetryGrace: grace})
	if err != nil {
		return f, err
	}
	defer m.close()
	if err := m.start(); err != nil {
		return f, err
	}
	if err := m.login(); err != nil {
		return f, err
	}
	var windows spread
	for _, point := range failpoint.Points {
		for range times {
			if err := f.crash(m, point, grace, &windows); err != nil {
				return f, err
			}
		}
	}
	f.WindowP50, f.WindowP99 = windows.at(50), windows.at(99)
	return f, nil
}

// crash is one round.
func (f *RotationFigures) crash(m *machine, point failpoint.Point, grace time.Duration, windows *spread) error {
	m.kill()
	if err := m.start(point); err != nil {
		return err
	}
	_, err := m.token(agent.TokenRequest{SessionOnly: true}) // the one who asks sees the crash
	if !m.ended(5 * time.Second) {
		f.Untouched = append(f.Untouched, string(point))
		f.complain("%s: no crash: %v", point, err)
		return nil
	}
	f.Crashes++
	m.server.ResetCalls()
	began := time.Now()
	if err := m.start(); err != nil {
		return err
	}
	if _, err = m.token(agent.TokenRequest{SessionOnly: true}); err == nil {
		f.Survived++
		f.Recovery = max(f.Recovery, time.Since(began))
		windows.measure(m)
		return nil
	}
	f.Lost[string(point)]++
	if grace > 0 || !slices.Contains(unsafePoints, point) {
		f.complain("%s: %v", point, err)
	}
	return m.login()
}

func (f *RotationFigures) complain(format string, args ...any) {
	c := complaints(f.Complaints)
	c.add(format, args...)
	f.Complaints = c
}

// measure notes how long the last renewal's new refresh token was not in its file.
func (s *spread) measure(m *machine) {
	info, err := os.Stat(m.path("state/cogtok/file-sessions.age"))
	calls := m.server.Calls()
	if err != nil || len(calls) == 0 {
		return
	}
	*s = append(*s, info.ModTime().Sub(calls[len(calls)-1].Time))
}

// CrashesOnDemand reports whether the program at path can be told to crash: no
// program that is given to users may.
func CrashesOnDemand(path string) (bool, error) {
	text, err := os.ReadFile(path)
	return strings.Contains(string(text), "COGTOK_FAILPOINT"), err
}
