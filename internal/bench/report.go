//go:build unix

package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// A target says how long a program may take at most, as a multiple of another.
type target struct {
	program, than string
	most          float64
}

var targets = []target{
	{cogtokToken, emptyGo, 1.5}, {cogtokToken, cTrue, 2.8}, {cogtokToken, sshAdd, 0.5}, {cogtokToken, oidcToken, 1},
	{cogtokdStart, emptyGo, 4},
}

func printTable(out io.Writer, programs []program, t times) {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "median µs\tmin µs\tx %s\tx %s\t\n", cTrue, emptyGo)
	for _, p := range programs {
		fmt.Fprintf(table, "%d\t%d\t%.2f\t%.2f\t  %s\n", median(t[p.name]).Microseconds(), slices.Min(t[p.name]).Microseconds(),
			t.ratio(p.name, cTrue), t.ratio(p.name, emptyGo), p.name)
	}
	table.Flush()
}

// printTargets reports whether all targets were met.
func printTargets(out io.Writer, t times) bool {
	all := true
	fmt.Fprintln(out)
	for _, target := range targets {
		if len(t[target.than]) == 0 {
			fmt.Fprintf(out, "?     %s was not measured\n", target.than)
			all = false
			continue
		}
		word, ratio := "PASS", t.ratio(target.program, target.than)
		if ratio > target.most {
			word, all = "MISS", false
		}
		fmt.Fprintf(out, "%s  %s takes %.2f x %s, the target is at most %.2f\n", word, target.program, ratio, target.than, target.most)
	}
	return all
}

// ratio is how many times as long a program takes as another, within a round:
// the median of all rounds.
func (t times) ratio(program, other string) float64 {
	ratios := make([]float64, len(t[program]))
	for round := range ratios {
		ratios[round] = float64(t[program][round]) / float64(t[other][round])
	}
	return median(ratios)
}

// median returns the middle of what is not empty.
func median[T time.Duration | float64](all []T) T {
	sorted := slices.Sorted(slices.Values(all))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
