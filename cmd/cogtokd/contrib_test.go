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
	"reflect"
	"testing"

	"github.com/cogtok/cogtok/internal/cogtoktest"
	"github.com/cogtok/cogtok/internal/socketpath"
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

// The command of docs/agent.md makes a LaunchAgent that has launchd make the
// socket where clients look for it, and that has the agent take it.
func TestLaunchAgent(t *testing.T) {
	cogtoktest.Tool(t, "hostname", "hostname")
	home := t.TempDir()
	for _, name := range []string{"XDG_RUNTIME_DIR", "XDG_STATE_HOME"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", home)
	cmd := exec.Command("sh", "-euc", installCommand(t)+"\ncat ~/Library/LaunchAgents/com.cogtok.agent.plist")
	cmd.Dir = "../.."
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	job := readPlist(t, text)
	socket := socketpath.Default()
	want := []any{home + "/.local/bin/cogtokd", "--launchd-socket", "agent", "--socket", socket}
	if got := job["ProgramArguments"]; !reflect.DeepEqual(got, want) {
		t.Errorf("it runs %q, want %q", got, want)
	}
	sockets := map[string]any{"agent": map[string]any{"SockPathName": socket, "SockPathMode": "384"}} // 0600
	if got := job["Sockets"]; !reflect.DeepEqual(got, sockets) {
		t.Errorf("it makes %v, want %v", got, sockets)
	}
	if job["RunAtLoad"] != true || job["Label"] != "com.cogtok.agent" || bytes.Contains(text, []byte("YOU")) {
		t.Errorf("%v", job)
	}
	if info, err := os.Stat(filepath.Dir(socket)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the socket's directory: %v, %v", info, err)
	}
}

// installCommand is what docs/agent.md says to run, up to what needs macOS.
func installCommand(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/agent.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ = bytes.Cut(text, []byte("## macOS\n"))
	_, text, _ = bytes.Cut(text, []byte("```sh\n"))
	command, _, ok := bytes.Cut(text, []byte("cogtok agent stop\n"))
	if !ok {
		t.Fatal("docs/agent.md has no such command")
	}
	return string(command)
}

// readPlist reads a property list. Numbers stay text.
func readPlist(t *testing.T, text []byte) map[string]any {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(text))
	for {
		token, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "dict" {
			job := plistValue(t, d, start).(map[string]any)
			for err == nil {
				_, err = d.Token()
			}
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			return job
		}
	}
}

func plistValue(t *testing.T, d *xml.Decoder, start xml.StartElement) any {
	t.Helper()
	var text string
	var list []any
	for {
		token, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.CharData:
			text += string(token)
		case xml.StartElement:
			list = append(list, plistValue(t, d, token))
		case xml.EndElement:
			switch start.Name.Local {
			case "dict":
				return plistDict(t, list)
			case "array":
				return list
			case "true", "false":
				return start.Name.Local == "true"
			case "key", "string", "integer":
				return text
			}
			t.Fatalf("a plist has no <%s>", start.Name.Local)
		}
	}
}

func plistDict(t *testing.T, list []any) map[string]any {
	t.Helper()
	dict := map[string]any{}
	for i := 0; i+1 < len(list); i += 2 {
		dict[list[i].(string)] = list[i+1]
	}
	if 2*len(dict) != len(list) {
		t.Fatalf("keys without values, or twice: %v", list)
	}
	return dict
}
