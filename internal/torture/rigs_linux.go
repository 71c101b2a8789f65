package torture

import (
	"context"
	"time"
)

// A rig measures some figures together.
type rig struct {
	limit   time.Duration
	targets []Target
	run     func(context.Context, Setup) ([]result, error) // in the targets' order
}

// rigs are all of them. Their order is that of the table.
var rigs = []rig{
	{2 * time.Minute, []Target{
		{"S7", "a new client's token beside 500 slow clients, p99", 10, "ms", false},
		{"S7", "of these calls failed", 0, "", false},
	}, func(ctx context.Context, s Setup) ([]result, error) {
		f, err := Slow(ctx, s.Programs, 500, 10_000)
		return []result{ms(f.P99), of(f.Failed, f.Asked).because(f.Complaints)}, err
	}},
	{3 * time.Minute, []Target{
		{"S8", "a new client's token beside 10,000 idle connections, p99", 50, "ms", false},
		{"S8", "of these calls, and those on the idle ones, failed", 0, "", false},
		{"S8", "resident memory with them", 80, "MB", false},
		{"S8", "more than before, when they are gone", 10, "MB", false},
	}, func(ctx context.Context, s Setup) ([]result, error) {
		f, err := Idle(ctx, s.Programs, 10_000, 10_000)
		return []result{ms(f.P99), of(f.Failed+f.Refused+f.Lost, f.Asked+2*f.Connections).because(f.Complaints), mb(f.With), mb(f.After - f.Before)}, err
	}},
	{time.Minute, []Target{
		{"S9", "with 64 files for 200 clients: calls without a token and without `busy`", 0, "", false},
		{"S9", "renewals that failed for want of a file", 0, "", false},
		{"S9", "of one core, while 150 come back each second", 5, "%", false},
		{"S9", "from their end to a new client's token", 1000, "ms", false},
	}, func(ctx context.Context, s Setup) ([]result, error) {
		f, err := FewFiles(ctx, s.Programs, 64, 200, 10*time.Second)
		return []result{of(f.Unclear, f.Clients).because(f.Complaints), of(3-f.Renewed, 3), number(f.CPU), ms(f.Recovery)}, err
	}},
	{3 * time.Minute, []Target{
		{"S10", "crashes and panics over broken frames", 0, "", false},
		{"S10", "memory that they cost", 5, "MB", false},
	}, func(ctx context.Context, s Setup) ([]result, error) {
		f, err := Frames(ctx, s.Programs, 1_000_000, uint64(time.Now().UnixNano()))
		bad := f.Panics
		if f.Crashed {
			bad++
		}
		return []result{of(bad, f.Frames).because(f.Complaints), mb(f.Growth)}, err
	}},
	{3 * time.Minute, []Target{
		{"S11", "clients that hang up early and that the agent doesn't survive", 0, "", true},
	}, func(ctx context.Context, s Setup) ([]result, error) {
		f, err := HangUps(ctx, s.Programs, 100_000)
		return []result{of(f.HangUps-f.Survived, f.HangUps).because(f.Complaints)}, err
	}},
	{4 * time.Minute, []Target{
		{"S12", "200 clients start one agent: rounds that don't leave exactly one", 0, "", true},
		{"S12", "of the clients failed", 0, "", true},
		{"S12", "a client's time, p99", 1000, "ms", true},
	}, func(ctx context.Context, s Setup) ([]result, error) {
		rounds := s.size(12, 100)
		f, err := Start(ctx, s.Programs, 200, rounds)
		return []result{of(0, rounds), of(f.Failed, f.Calls).because(f.Errors), ms(f.took.at(99))}, err // another number of agents is an error
	}},
	{2 * time.Minute, []Target{
		{"S13", "from kill -9 to the next token, p99", 500, "ms", false},
		{"S13", "sign-ins or errors for it", 0, "", false},
	}, func(ctx context.Context, s Setup) ([]result, error) {
		f, err := Kill(ctx, s.Programs, s.size(100, 200))
		return []result{ms(f.P99), of(f.Failed+f.SignIns, f.Calls).because(f.Errors)}, err
	}},
	{4 * time.Minute, []Target{
		{"S14", "sessions lost by a crash in a rotation, 60 s of grace", 0, "", true},
		{"S14", "the same without grace, outside the window", 0, "", true},
		{"S14", "the window, from Cognito's exchange to the file, p99", 50, "ms", true},
	}, rotations},
	{2 * time.Minute, []Target{
		{"S15", "calls to Cognito for 1000 who wait", 1, "", false},
		{"S15", "the slowest of them, beyond what Cognito took", 50, "ms", false},
	}, func(ctx context.Context, s Setup) ([]result, error) {
		f, err := Herd(ctx, 1000, s.size(20, 100))
		return []result{number(float64(f.MostCalls)), ms(f.SlowestBy)}, err
	}},
	{time.Minute, []Target{
		{"S16", "calls without a token in an outage of 25 minutes, with tokens of 30", 0, "", false},
		{"S16", "tries in it", 40, "", false},
	}, func(ctx context.Context, s Setup) ([]result, error) {
		f, err := outages(ctx, OutageKinds, 25*time.Minute, 30*time.Minute, 0, true)
		if err != nil {
			return nil, err
		}
		long, err := outages(ctx, OutageKinds, 25*time.Minute, 30*time.Minute, 15*time.Minute, true) // which have to be renewed
		return []result{of(f.Failed+long.Failed, f.Asked+long.Asked), number(float64(max(f.Tries, long.Tries)))}, err
	}},
	{3 * time.Minute, []Target{
		{"S17", "expired tokens handed out, whatever the clocks do", 0, "", true},
		{"S17", "that live shorter than was asked for, without a warning", 0, "", true},
	}, func(ctx context.Context, s Setup) ([]result, error) {
		f, err := Expired(ctx, s.size(500_000, 1_000_000), uint64(time.Now().UnixNano()))
		return []result{of(f.Expired, f.HandedOut), of(f.Short, f.HandedOut)}, err
	}},
	{time.Minute, []Target{
		{"S18", "calls to Cognito for the first token after a suspend or a set clock", 1, "", false},
		{"S18", "that token, the slowest", 2000, "ms", false},
		{"S18", "of them none, or an old one", 0, "", false},
	}, func(ctx context.Context, s Setup) ([]result, error) {
		f, err := Clocks(ctx, s.size(30, 100))
		return []result{number(float64(f.MostCalls)), ms(f.Slowest), of(f.Failed+f.Expired+f.LateByTwo, f.Events).because(f.Complaints)}, err
	}},
	{2 * time.Minute, []Target{
		{"S19", "tries with a wrong stored password, over 1000 calls and 50 restarts", 1, "", true},
		{"S19", "tries with a wrong authenticator's seed, the same", 1, "", true},
		{"S19", "users locked", 0, "", true},
	}, lockouts},
	{time.Minute, []Target{
		{"S20", "tries while throttled for ten minutes", 30, "", false},
		{"S20", "before the time that Retry-After gave", 0, "", false},
	}, func(ctx context.Context, s Setup) ([]result, error) {
		plain, err := outages(ctx, []string{"throttled", "429 page"}, 10*time.Minute, time.Hour, 0, false)
		if err != nil {
			return nil, err
		}
		told, err := outages(ctx, []string{"retry-after seconds", "retry-after date"}, 10*time.Minute, time.Hour, 0, false)
		return []result{number(float64(max(plain.Tries, told.Tries))), of(told.TooSoon, told.Tries)}, err
	}},
	{time.Minute, []Target{
		{"S21", "a token from memory while the keychain hangs, p99", 5, "ms", false},
		{"S21", "until the error of a call that needs the keychain", 3200, "ms", false},
		{"S21", "from when it goes on to a token", 2000, "ms", false},
	}, func(ctx context.Context, s Setup) ([]result, error) {
		f, err := Keychain(ctx, s.Programs, 10_000)
		return []result{ms(f.CachedP99), ms(max(f.Uncached, f.NewAgent)), ms(f.Recovery)}, err
	}},
	{time.Minute, []Target{
		{"S22", "renewals that failed, or weren't told of, on a full disk", 0, "", false},
	}, func(ctx context.Context, s Setup) ([]result, error) {
		f, err := FullDisk(ctx, s.Programs, 3)
		return []result{of(max(f.Failed, f.Renewals-f.Told), f.Renewals).because(f.Complaints)}, err
	}},
	{2 * time.Minute, []Target{
		{"S22", "starts that failed on a file that was cut", 0, "", false},
	}, func(ctx context.Context, s Setup) ([]result, error) {
		f, err := Truncated(ctx, s.size(8, 1))
		return []result{of(f.Cuts-f.Served, f.Cuts).because(f.Complaints)}, err
	}},
	{time.Minute, []Target{
		{"S23", "broken configs with which the good one wasn't kept", 0, "", false},
		{"S23", "until `status` names the fault", 1000, "ms", false},
	}, func(ctx context.Context, s Setup) ([]result, error) {
		f, err := Config(ctx, s.Programs, 500, uint64(time.Now().UnixNano()))
		return []result{of(f.Broken-min(f.Kept, f.Shown), f.Broken).because(f.Complaints), ms(f.SlowestSay)}, err
	}},
	{2 * time.Minute, []Target{
		{"S24", "calls that failed in 20 upgrades under 100 clients", 0, "", false},
		{"S24", "the longest that one took", 250, "ms", false},
	}, func(ctx context.Context, s Setup) ([]result, error) {
		f, err := Upgrade(ctx, s.Programs, 100, 20)
		return []result{of(f.Failed, f.Calls).because(f.Errors), ms(f.Worst)}, err
	}},
	{3 * time.Minute, []Target{
		{"S25", "memory that a million calls cost", 1, "MB", false},
		{"S25", "of the calls failed", 0, "", false},
		{"S25", "more files open than before", 0, "", false},
	}, func(ctx context.Context, s Setup) ([]result, error) {
		f, err := Soak(ctx, s.Programs, s.size(500_000, 10_000_000))
		return []result{mb(int(f.Slope)), of(f.Failed, f.Calls), number(float64(max(0, f.FDs)))}, err
	}},
	{2 * time.Minute, []Target{
		{"S26", "a token on an open connection, p50", 0.15, "ms", false},
		{"S26", "the same, p99", 5, "ms", false},
		{"S26", "the whole of `cogtok token`, p50", 5, "ms", false},
		{"S26", "the same, p99", 20, "ms", false},
	}, func(ctx context.Context, s Setup) ([]result, error) {
		f, err := Speed(ctx, s.Programs, 10_000, s.size(2000, 10_000))
		return []result{ms(f.AgentP50), ms(f.AgentP99), ms(f.ProgramP50), ms(f.ProgramP99)}, err
	}},
	{5 * time.Minute, []Target{
		{"S27", "resident memory of an agent that nobody calls", 20, "MB", false},
		{"S27", "its wake-ups in 30 s", 1, "", false},
		{"S27", "of one core", 0.02, "%", false},
	}, func(ctx context.Context, s Setup) ([]result, error) {
		f, err := Quiet(ctx, s.Programs, time.Duration(s.size(60, 600))*time.Second)
		return []result{mb(f.Memory), number(f.WakeUps), number(f.CPU)}, err
	}},
	{time.Minute, []Target{
		{"S31", "of 50 calls in flight at SIGTERM, without an answer", 0, "", false},
		{"S31", "from SIGTERM to the last answer", 5000, "ms", false},
	}, stops},
}

func rotations(ctx context.Context, s Setup) ([]result, error) {
	times := s.size(10, 100)
	kept, err := Rotation(ctx, s.Crashing, times, time.Minute)
	if err != nil {
		return nil, err
	}
	lost, err := Rotation(ctx, s.Crashing, times, 0)
	wrong := 0
	for point, n := range lost.Lost {
		if !isUnsafe(point) {
			wrong += n
		}
	}
	return []result{of(kept.Crashes-kept.Survived, kept.Crashes).because(kept.Complaints), of(wrong, lost.Crashes).because(lost.Complaints), ms(max(kept.WindowP99, lost.WindowP99))}, err
}

func isUnsafe(point string) bool {
	for _, p := range unsafePoints {
		if string(p) == point {
			return true
		}
	}
	return false
}

func lockouts(ctx context.Context, s Setup) ([]result, error) {
	password, err := Lockout(ctx, s.Programs, 1000, 50, false)
	if err != nil {
		return nil, err
	}
	seed, err := Lockout(ctx, s.Programs, 1000, 50, true)
	locked := 0
	for _, f := range []LockoutFigures{password, seed} {
		if f.Locked {
			locked++
		}
	}
	return []result{number(float64(password.Attempts)), number(float64(seed.Attempts)), of(locked, 2)}, err
}

// outages runs an outage of each kind. Of the tries it returns the most that
// one kind had, of the rest the sum.
func outages(ctx context.Context, kinds []string, length, life, minTTL time.Duration, live bool) (sum OutageFigures, err error) {
	for _, kind := range kinds {
		f, err := Outage(ctx, kind, length, life, minTTL, live)
		if err != nil {
			return sum, err
		}
		sum.Asked, sum.Failed, sum.TooSoon = sum.Asked+f.Asked, sum.Failed+f.Failed, sum.TooSoon+f.TooSoon
		sum.Tries = max(sum.Tries, f.Tries)
	}
	return sum, nil
}

func stops(ctx context.Context, s Setup) ([]result, error) {
	var lost int
	var took time.Duration
	for _, upstream := range []time.Duration{1500 * time.Millisecond, 20 * time.Second} {
		f, err := Stop(ctx, s.Programs, 50, upstream)
		if err != nil {
			return nil, err
		}
		lost, took = lost+50-f.Answered-f.ShuttingDown, max(took, f.Took)
	}
	return []result{of(lost, 100), ms(took)}, nil
}
