package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Every command but a warm `cogtok token` starts this program, and 200 clients
// at once may start 200 agents: what it does before main is part of it.

const (
	// ourAllocations is what a package of ours may make before main: tables and
	// errors, but no regular expressions, templates and the like.
	ourAllocations = 70
	// allAllocations is for all packages together. Most are those of the AWS SDK:
	// its tables of endpoints and schemas.
	allAllocations = 6600
)

func TestBeforeMain(t *testing.T) {
	program := filepath.Join(t.TempDir(), "cogtokd.exe") // only Windows cares for the name
	build := exec.Command("go", "build", "-trimpath", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(program, "--version")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	trace, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, trace)
	}
	all, ours := 0, 0
	for _, m := range regexp.MustCompile(`(?m)^init (\S+) .* (\d+) allocs$`).FindAllStringSubmatch(string(trace), -1) {
		n, _ := strconv.Atoi(m[2])
		all += n
		if !strings.HasPrefix(m[1], "github.com/cogtok/") {
			continue
		}
		ours++
		if n > ourAllocations {
			t.Errorf("%s makes %d allocations, and %d are allowed: sync.OnceValue puts off what may never be needed", m[1], n, ourAllocations)
		}
	}
	if ours == 0 {
		t.Errorf("this says nothing of our packages:\n%s", trace)
	}
	if all > allAllocations {
		t.Errorf("%d allocations before main, and %d are allowed:\n%s", all, allAllocations, trace)
	}
}
