package main

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// What the kernel says of a running agent: no core dumps, no traces to read
// for others, and a directory that is never unmounted.
func TestHardened(t *testing.T) {
	h := newHome(t)
	h.env = append(h.env, "GOTRACEBACK=all")
	proc := "/proc/" + strconv.Itoa(h.running().Process.Pid)
	limits, err := os.ReadFile(proc + "/limits")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(limits)) {
		if f := strings.Fields(line); strings.HasPrefix(line, "Max core file size") && (f[4] != "0" || f[5] != "0") {
			t.Error(line)
		}
	}
	status, err := os.ReadFile(proc + "/status")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(status), "Umask:\t0077") {
		t.Errorf("umask: %s", status)
	}
	// Files of a process that isn't dumpable belong to root, whoever runs it.
	info, err := os.Stat(proc + "/environ")
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 && ownerOf(info) == os.Geteuid() {
		t.Error("others of the user may read the agent's memory")
	}
	if cwd, err := os.Readlink(proc + "/cwd"); err == nil && cwd != "/" {
		t.Errorf("it is in %s", cwd)
	}
}
