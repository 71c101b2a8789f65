package torture

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// cells are the first cells of the rows of a table: figure and target.
func cells(table string) (all []string) {
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if strings.HasPrefix(line, "| S") || strings.HasPrefix(line, "| **S") {
			all = append(all, strings.Join(cells[:min(3, len(cells))], " | "))
		}
	}
	return all
}

// The manual's table has the command's rows, whatever was measured.
func TestDocument(t *testing.T) {
	doc, err := os.ReadFile("../../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	Print(&table, Rows())
	want, got := cells(table.String()), cells(string(doc))
	if len(want) == 0 || !slices.Equal(want, got) {
		t.Errorf("docs/reliability.md has\n%s\nand the command\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestJudge(t *testing.T) {
	slow := Target{"S7", "a call", 10, "ms", false}
	lost := Target{"S11", "lost", 0, "", true}
	var table bytes.Buffer
	missed, musts := Print(&table, []Row{
		slow.judge(ms(10 * time.Millisecond)), slow.judge(ms(12500 * time.Microsecond)),
		lost.judge(of(0, 1000)), lost.judge(of(2, 1000)),
	})
	want := `| | figure | target | measured | |
|---|---|---|---|---|
| S7 | a call | ≤ 10 ms | 10 ms | met |
| S7 | a call | ≤ 10 ms | 12.5 ms | missed by 2.5 ms |
| **S11** | lost | 0 | 0 of 1000 | met |
| **S11** | lost | 0 | 2 of 1000 | missed by 2 |
`
	if table.String() != want || missed != 2 || musts != 1 {
		t.Errorf("%d, %d\n%s", missed, musts, &table)
	}
}

// A rig that fails, takes too long or can't run here is missed, and never met.
func TestMeasure(t *testing.T) {
	r := rig{limit: time.Second, targets: []Target{{ID: "S1", Must: true}, {ID: "S2"}}}
	for says, run := range map[string]func(context.Context, Setup) ([]result, error){
		"it failed: context deadline exceeded": func(ctx context.Context, _ Setup) ([]result, error) { <-ctx.Done(); return nil, ctx.Err() },
		"not measured: ":                       func(context.Context, Setup) ([]result, error) { return nil, ErrNoMount },
		"it failed":                            func(context.Context, Setup) ([]result, error) { return nil, nil },
	} {
		r.run = run
		for _, row := range r.measure(t.Context(), Setup{}) {
			if !strings.HasPrefix(row.Missed, says) {
				t.Errorf("%q, want %q", row.Missed, says)
			}
		}
	}
}
