package cli

import (
	"runtime"
	"strings"

	"golang.org/x/term"
	"rsc.io/qr"
)

// quietZone is how many light modules are around a QR code. The standard asks
// for four; two are what apps need, and leave more rows of a small terminal.
const quietZone = 2

// qrCode draws text as a QR code for the terminal; empty where it can't be shown.
// It is never the only way to say a thing.
func (p prompter) qrCode(text string) string {
	if !drawsBlocks(p.getenv, runtime.GOOS) {
		return ""
	}
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "" // too long
	}
	columns, _, err := term.GetSize(int(p.tty.out.Fd()))
	if err != nil || columns < code.Size+2*quietZone {
		return ""
	}
	return drawQR(code)
}

// drawQR draws two rows of modules in each line, light ones in the terminal's
// foreground. That and the background are set to white and black, since an app
// may not read the code the other way round, as it would be on a light terminal.
func drawQR(code *qr.Code) string {
	const white, reset = "\x1b[97;40m", "\x1b[0m"
	light := func(x, y int) bool { return !code.Black(x, y) } // outside, all are
	var out strings.Builder
	for y := -quietZone; y < code.Size+quietZone; y += 2 {
		out.WriteString(white)
		for x := -quietZone; x < code.Size+quietZone; x++ {
			// The size is odd: below the last row there is half a line that isn't drawn.
			out.WriteString(cell(light(x, y), light(x, y+1) && y+1 < code.Size+quietZone))
		}
		out.WriteString(reset + "\n")
	}
	return out.String()
}

// cell is a character whose halves are light or dark.
func cell(upper, lower bool) string {
	switch {
	case upper && lower:
		return "█"
	case upper:
		return "▀"
	case lower:
		return "▄"
	}
	return " "
}

// drawsBlocks reports whether the terminal knows colours and block characters.
func drawsBlocks(getenv func(string) string, goos string) bool {
	if getenv == nil {
		return false
	}
	if goos == "windows" {
		return getenv("WT_SESSION") != "" // set by Windows Terminal
	}
	kind := getenv("TERM")
	return kind != "" && kind != "dumb" && isUTF8(locale(getenv))
}

// locale is the one for characters, as POSIX orders the variables.
func locale(getenv func(string) string) string {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := getenv(name); value != "" {
			return value
		}
	}
	return ""
}

func isUTF8(locale string) bool {
	locale = strings.ToLower(locale)
	return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
}
