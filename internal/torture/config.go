//go:build !windows

package torture

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/userpool"
	"github.com/cogtok/cogtok/profiles"
)

// ConfigFigures are what Config saw.
type ConfigFigures struct {
	Broken     int           `json:"broken"`      // configs
	Kept       int           `json:"kept"`        // with which a token was had, as before
	Shown      int           `json:"shown"`       // that status names
	SlowestSay time.Duration `json:"slowest_say"` // until it does
	Complaints complaints    `json:"complaints"`
}

// Config gives the running agent so many broken configs, each made of the good
// one by a few wrong bytes, a cut, or a part that comes twice.
func Config(ctx context.Context, programs string, broken int, seed uint64) (f ConfigFigures, err error) {
	m, err := newMachine(ctx, programs, "memory", userpool.Client{})
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
	good := m.config("memory")
	before, err := m.token(agent.TokenRequest{})
	if err != nil {
		return f, err
	}
	source := rand.New(rand.NewPCG(seed, 23))
	for f.Broken < broken {
		text := mutate(source, good)
		if _, err := profiles.Parse(m.path("config/cogtok/config.yaml"), []byte(text)); err == nil {
			continue // another good one
		}
		f.Broken++
		if err := m.writeConfig(text); err != nil {
			return f, err
		}
		began := time.Now()
		token, err := m.token(agent.TokenRequest{})
		if err == nil && token.Token == before.Token {
			f.Kept++
		} else {
			f.Complaints.add("%v with\n%s", err, text)
		}
		if st, err := m.status(); err == nil && st.ConfigError != "" && len(st.Profiles) == 3 {
			f.Shown++
		} else {
			f.Complaints.add("status %+v, %v with\n%s", st, err, text)
		}
		f.SlowestSay = max(f.SlowestSay, time.Since(began))
	}
	if err := m.writeConfig(good); err != nil {
		return f, err
	}
	if st, err := m.status(); err != nil || st.ConfigError != "" {
		f.Complaints.add("with the good one again: %+v, %v", st, err)
	}
	return f, nil
}

// mutate does one thing to a text that may break it.
func mutate(source *rand.Rand, text string) string {
	b := []byte(text)
	from := source.IntN(len(b))
	to := from + source.IntN(min(60, len(b)-from))
	switch source.IntN(4) {
	case 0:
		return string(b[:from])
	case 1:
		return string(b[:to]) + string(b[from:])
	case 2:
		return string(b[:from]) + string(b[to:])
	}
	for range 1 + source.IntN(5) {
		b[source.IntN(len(b))] = "\x00:\t{[-&*!|x\n\xff"[source.IntN(13)]
	}
	return string(b)
}
