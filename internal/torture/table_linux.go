package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A Target says what a figure may be at most.
type Target struct {
	ID     string // of the figure's group
	Figure string
	Most   float64
	Unit   string
	Must   bool // a version that misses it isn't given out
}

// Limit is the target in words.
func (t Target) Limit() string {
	if t.Most == 0 {
		return "0"
	}
	return "≤ " + t.say(t.Most)
}

// say says a value in the target's unit.
func (t Target) say(value float64) string {
	text := fmt.Sprintf("%.3g", value)
	if value >= 1000 {
		text = fmt.Sprintf("%.0f", value)
	}
	return strings.TrimSpace(text + " " + t.Unit)
}

// A Row is a target and what was measured.
type Row struct {
	Target
	Measured string
	Missed   string // by how much; empty: it is met
	why      []string
}

// Setup says with which programs the rigs run, and how large.
type Setup struct {
	Programs string // the directory of cogtok and cogtokd
	Crashing string // and of those that can be told to crash
	Full     bool   // all counts as the targets mean them, which takes hours
}

// size is how often a rig does its thing.
func (s Setup) size(usual, full int) int {
	if s.Full {
		return full
	}
	return usual
}

// A result is one value, in the unit of its target.
type result struct {
	value float64
	of    int      // of how many; 0: it is not a share
	why   []string // what went wrong, if anything
}

func (r result) because(why []string) result {
	r.why = why
	return r
}

func ms(d time.Duration) result   { return result{value: float64(d) / 1e6} }
func mb(bytes int) result         { return result{value: max(0, float64(bytes)/(1<<20))} }
func number(v float64) result     { return result{value: v} }
func of(failed, times int) result { return result{value: float64(failed), of: times} }

// Rows returns the rows of all rigs before they have run.
func Rows() (all []Row) {
	for _, r := range rigs {
		for _, t := range r.targets {
			all = append(all, Row{Target: t})
		}
	}
	return all
}

// RunAll runs the rigs whose targets have one of the IDs, or all, one after
// another, and tells progress what it does.
func RunAll(ctx context.Context, s Setup, only []string, progress io.Writer) (rows []Row) {
	for _, r := range rigs {
		wanted := func(t Target) bool { return len(only) == 0 || slices.Contains(only, t.ID) }
		if !slices.ContainsFunc(r.targets, wanted) || ctx.Err() != nil {
			continue
		}
		began := time.Now()
		some := r.measure(ctx, s)
		fmt.Fprintf(progress, "%s took %.0f s\n", r.targets[0].ID, time.Since(began).Seconds())
		for _, row := range some {
			fmt.Fprintf(progress, "  %s: %s %s\n", row.Figure, row.Measured, row.Missed)
			for _, why := range row.why {
				fmt.Fprintf(progress, "    %s\n", why)
			}
		}
		rows = append(rows, some...)
	}
	return rows
}

// measure runs one rig for no longer than it may take.
func (r rig) measure(ctx context.Context, s Setup) []Row {
	limit := r.limit
	if s.Full {
		limit *= 20
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	type outcome struct {
		results []result
		err     error
	}
	done := make(chan outcome, 1)
	go func() {
		results, err := r.run(ctx, s)
		done <- outcome{results, err}
	}()
	var o outcome
	select {
	case o = <-done:
	case <-time.After(limit + 10*time.Second): // it doesn't heed ctx
		o.err = fmt.Errorf("it was not over within %s", limit)
	}
	rows := make([]Row, len(r.targets))
	for i, t := range r.targets {
		rows[i] = Row{Target: t, Measured: "nothing", Missed: "it failed"}
		switch {
		case errors.Is(o.err, ErrNoMount), errors.Is(o.err, ErrNoKeychain), errors.Is(o.err, ErrFewFiles):
			rows[i].Missed = "not measured: " + o.err.Error()
		case o.err != nil:
			rows[i].Missed = "it failed: " + strings.Join(strings.Fields(o.err.Error()), " ")
		case i < len(o.results):
			rows[i] = t.judge(o.results[i])
		}
	}
	return rows
}

// judge compares a result with the target.
func (t Target) judge(r result) Row {
	row := Row{Target: t, Measured: t.say(r.value)}
	if r.of > 0 {
		row.Measured = fmt.Sprintf("%.0f of %d", r.value, r.of)
	}
	if r.value > t.Most {
		row.Missed, row.why = "missed by "+t.say(r.value-t.Most), r.why
	}
	return row
}

// Print prints rows as a Markdown table, and returns how many targets were
// missed, and of those that must be met.
func Print(w io.Writer, rows []Row) (missed, musts int) {
	fmt.Fprint(w, "| | figure | target | measured | |\n|---|---|---|---|---|\n")
	for _, r := range rows {
		verdict := "met"
		if r.Missed != "" {
			verdict = r.Missed
			missed++
			if r.Must {
				musts++
			}
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", r.name(), r.Figure, r.Limit(), r.Measured, verdict)
	}
	return missed, musts
}

// name is the ID, marked where the target must be met.
func (t Target) name() string {
	if t.Must {
		return "**" + t.ID + "**"
	}
	return t.ID
}
