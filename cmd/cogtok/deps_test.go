package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Each package that is linked costs time at every start, used or not, so these
// lists are part of the program. Measure with `make bench` before you add one.
var (
	linkedEverywhere = []string{
		"cmp", "errors", "github.com/cogtok/cogtok/cmd/cogtok", "github.com/cogtok/cogtok/internal/socketpath",
		"io", "io/fs", "iter", "math/bits", "os", "path", "runtime", "slices", "strconv", "sync", "sync/atomic",
		"syscall", "time", "unicode/utf8", "unsafe",
	}
	linkedBesides = map[string][]string{
		"linux":  {"github.com/cogtok/cogtok/internal/startlock"},
		"darwin": {"github.com/cogtok/cogtok/internal/startlock"},
		// os needs the others.
		"windows": {"os/signal", "context", "structs", "unicode/utf16"},
	}
)

func TestDependencies(t *testing.T) {
	for goos, besides := range linkedBesides {
		t.Run(goos, func(t *testing.T) {
			allowed := slices.Concat(linkedEverywhere, besides)
			linked := dependencies(t, goos)
			for _, pkg := range linked {
				if !slices.Contains(allowed, pkg) {
					t.Errorf("%s is new", pkg)
				}
			}
			for _, pkg := range allowed {
				if !slices.Contains(linked, pkg) {
					t.Errorf("%s is on the list but isn't linked", pkg)
				}
			}
		})
	}
}

// dependencies lists what the program links on an operating system, without the
// standard library's inner parts, which change with each release of Go.
func dependencies(t *testing.T, goos string) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", ".")
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(strings.Fields(string(out)), func(pkg string) bool {
		return strings.HasPrefix(pkg, "internal/")
	})
}
