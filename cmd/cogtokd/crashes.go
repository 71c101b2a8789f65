package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/cogtok/cogtok/agent"
)

// An agent that crashes again and again is not started for ever: after
// maxCrashes within crashTime clients are told so, until crashTime has passed. An
// agent that was killed, or told to stop, didn't crash: a crash leaves what the
// runtime had to say in agent-crash.log.
const (
	maxCrashes = 5
	crashTime  = time.Minute
)

// crashes is what is remembered of them between agents.
type crashes struct {
	Size  int64       `json:"size"`  // of agent-crash.log at the last start
	Times []time.Time `json:"times"` // of the starts that found it longer
}

// checkCrashes notes a crash of the last agent, if it did, and fails with
// KindUnreachable if there were too many. The caller has the agent's lock.
func checkCrashes(stateDir, log string) error {
	path := filepath.Join(stateDir, "agent-crashes.json")
	var c crashes
	if text, err := os.ReadFile(path); err == nil {
		_ = json.Unmarshal(text, &c)
	}
	if !c.note(crashLogSize(stateDir), time.Now()) {
		return nil
	}
	if text, err := json.Marshal(c); err == nil {
		_ = os.WriteFile(path, text, 0o600)
	}
	if len(c.Times) <= maxCrashes {
		return nil
	}
	return agent.Errorf(agent.KindUnreachable, "the agent crashed %d times within a minute", len(c.Times)).
		WithHint("see %s and %s; it is started again a minute after the last crash", crashLog(stateDir), log)
}

// note takes in how long the crash log is, and reports whether there is
// anything to remember.
func (c *crashes) note(size int64, now time.Time) bool {
	before := len(c.Times)
	var recent []time.Time
	for _, t := range c.Times {
		if age := now.Sub(t); age >= 0 && age < crashTime {
			recent = append(recent, t)
		}
	}
	c.Times = recent
	if size > c.Size {
		c.Times = append(c.Times, now)
	}
	changed := size != c.Size || len(c.Times) != before
	c.Size = size
	return changed || len(c.Times) > maxCrashes
}

func crashLog(stateDir string) string { return filepath.Join(stateDir, "agent-crash.log") }

func crashLogSize(stateDir string) int64 {
	info, err := os.Stat(crashLog(stateDir))
	if err != nil {
		return 0
	}
	return info.Size()
}
