//go:build linux

package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cogtok/cogtok/internal/cogtoktest"
)

// systemd takes the units as they are, but for the place of the program.
func TestUnits(t *testing.T) {
	analyze := cogtoktest.Tool(t, "systemd-analyze", "systemd")
	dir := t.TempDir()
	var units []string
	for _, name := range []string{"cogtok.socket", "cogtok.service"} {
		text, err := os.ReadFile("../../contrib/systemd/" + name)
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.ReplaceAll(text, []byte("%h/.local/bin/cogtokd"), []byte(os.Args[0]))
		units = append(units, filepath.Join(dir, name))
		if err := os.WriteFile(units[len(units)-1], text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(analyze, append([]string{"--user", "--man=no", "verify"}, units...)...)
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir)
	if out, err := cmd.CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}

// The LaunchAgent is XML, and runs the program.
func TestLaunchAgent(t *testing.T) {
	text, err := os.ReadFile("../../contrib/launchd/com.cogtok.agent.plist")
	if err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(bytes.NewReader(text)); err == nil; {
		_, err = d.Token()
	}
	if !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if !strings.Contains(string(text), "bin/cogtokd") {
		t.Error("it doesn't run cogtokd")
	}
}
