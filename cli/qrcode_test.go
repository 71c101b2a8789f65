package cli

import (
	"strings"
	"testing"

	"rsc.io/qr"
)

// Each module is where the code has it, within a light zone.
func TestDrawQR(t *testing.T) {
	for _, text := range []string{"x", "otpauth://totp/prod:rob@example.com?secret=" + strings.Repeat("JBSWY3DP", 7) + "&issuer=cogtok"} {
		code, err := qr.Encode(text, qr.L)
		if err != nil {
			t.Fatal(err)
		}
		var rows [][]bool // light modules
		for line := range strings.Lines(drawQR(code)) {
			cells, ok := strings.CutPrefix(line, "\x1b[97;40m")
			cells, ended := strings.CutSuffix(cells, "\x1b[0m\n")
			if !ok || !ended {
				t.Fatalf("line %q", line)
			}
			var upper, lower []bool
			for _, r := range cells {
				upper = append(upper, r == '█' || r == '▀')
				lower = append(lower, r == '█' || r == '▄')
			}
			rows = append(rows, upper, lower)
		}
		size := code.Size + 2*quietZone
		if len(rows) != size+1 || len(rows[0]) != size {
			t.Fatalf("%d × %d modules, want %d", len(rows[0]), len(rows), size)
		}
		for y := range size {
			for x := range size {
				if black := code.Black(x-quietZone, y-quietZone); rows[y][x] == black {
					t.Fatalf("module %d, %d: light is %t", x, y, rows[y][x])
				}
			}
		}
	}
}

func TestDrawsBlocks(t *testing.T) {
	for _, tt := range []struct {
		env, goos string
		want      bool
	}{
		{"TERM=xterm LANG=de_DE.UTF-8", "linux", true},
		{"TERM=xterm LC_CTYPE=C.utf8 LANG=C", "darwin", true},
		{"TERM=xterm LC_ALL=C LANG=de_DE.UTF-8", "linux", false},
		{"TERM=xterm", "linux", false},
		{"TERM=dumb LANG=C.UTF-8", "linux", false},
		{"LANG=C.UTF-8", "linux", false},
		{"TERM=xterm LANG=C.UTF-8", "windows", false},
		{"WT_SESSION=5f0c", "windows", true},
	} {
		env := map[string]string{}
		for _, entry := range strings.Fields(tt.env) {
			name, value, _ := strings.Cut(entry, "=")
			env[name] = value
		}
		if got := drawsBlocks(func(name string) string { return env[name] }, tt.goos); got != tt.want {
			t.Errorf("%s on %s: %t", tt.env, tt.goos, got)
		}
	}
}
