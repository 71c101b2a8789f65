package cli

import (
	"strings"
	"unicode/utf8"

	"github.com/cogtok/cogtok/internal/printable"
)

// table lays rows out in columns, two spaces apart. Each cell is made safe to
// show. The last column is as long as it gets.
func table(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			row[i] = printable.Text(cell)
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	var out strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell)
			line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return out.String()
}

// orDash is s, or what stands in a table for nothing.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
