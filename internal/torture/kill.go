//go:build !windows

package torture

import (
	"context"
	"syscall"
	"time"
)

// KillFigures are what one saw whose agent was killed again and again.
type KillFigures struct {
	Figures
	P50     time.Duration `json:"p50"` // from the kill to the next token
	P99     time.Duration `json:"p99"`
	SignIns int           `json:"sign_ins"`
}

// Kill kills the agent so many times, and runs `cogtok token` each time, which
// has to start another one that goes on with the session.
func Kill(ctx context.Context, programs string, kills int) (f KillFigures, err error) {
	w, err := NewWorld(programs, "file")
	if err != nil {
		return f, err
	}
	defer w.Close()
	if err := w.SignIn(ctx, "prod"); err != nil {
		return f, err
	}
	w.Server.ResetCalls()
	for range kills {
		v, err := w.Agent(ctx)
		if err != nil {
			return f, err
		}
		if err := syscall.Kill(v.PID, syscall.SIGKILL); err != nil {
			return f, err
		}
		began := time.Now()
		_, err = w.Run(ctx, "", "token", "prod")
		f.note(time.Since(began), err)
	}
	f.P50, f.P99 = f.took.at(50), f.took.at(99)
	f.SignIns = w.Server.Count("InitiateAuth")
	return f, nil
}

// SpeedFigures are how long a token takes from an agent that has it.
type SpeedFigures struct {
	AgentP50   time.Duration `json:"agent_p50"` // on a connection that is open
	AgentP99   time.Duration `json:"agent_p99"`
	ProgramP50 time.Duration `json:"program_p50"` // the whole of `cogtok token`
	ProgramP99 time.Duration `json:"program_p99"`
	Failed     int           `json:"failed"`
	Complaints complaints    `json:"complaints"`
}

// Speed asks so many times on a connection, and by running `cogtok token`.
func Speed(ctx context.Context, programs string, asks, runs int) (f SpeedFigures, err error) {
	w, err := NewWorld(programs, "memory")
	if err != nil {
		return f, err
	}
	defer w.Close()
	if err := w.SignIn(ctx, "prod"); err != nil {
		return f, err
	}
	var onOne Figures
	c := hold(w.Socket, &onOne)
	if c == nil {
		return f, errNoToken
	}
	defer c.Close()
	for range asks {
		askOn(c, &onOne)
	}
	programsRun := Figures{}
	for range runs {
		began := time.Now()
		_, err := w.Run(ctx, "", "token", "prod")
		programsRun.note(time.Since(began), err)
	}
	f.AgentP50, f.AgentP99 = onOne.took.at(50), onOne.took.at(99)
	f.ProgramP50, f.ProgramP99 = programsRun.took.at(50), programsRun.took.at(99)
	f.Failed = onOne.Failed + programsRun.Failed
	return f, nil
}

// QuietFigures are what an agent takes that nobody calls.
type QuietFigures struct {
	Memory  int     `json:"memory"`   // resident bytes
	WakeUps float64 `json:"wake_ups"` // in 30 s
	CPU     float64 `json:"cpu"`      // of one core, in percent
}

// settled is how long it takes an agent that isn't called any more to close its
// connections and have its collector rest, half a minute, and Go's runtime to
// notice that, a minute.
const settled = 100 * time.Second

// Quiet leaves an agent with a session alone for so long, after it has had the
// time to give back what the sign-in took. It needs /proc.
func Quiet(ctx context.Context, programs string, length time.Duration) (f QuietFigures, err error) {
	m, err := newBusyMachine(ctx, programs, 0)
	if err != nil {
		return f, err
	}
	defer m.close()
	pid := m.agent.cmd.Process.Pid
	time.Sleep(settled)
	cpu, wakeUps := cpuTime(pid), switches(pid)
	time.Sleep(length)
	f.Memory = resident(pid)
	f.CPU = 100 * float64(cpuTime(pid)-cpu) / float64(length)
	f.WakeUps = float64(switches(pid)-wakeUps) * float64(30*time.Second) / float64(length)
	return f, nil
}
