//go:build !windows

package compat

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/cogtoktest"
)

func TestMain(m *testing.M) { os.Exit(cogtoktest.Main(m)) }

// node runs one of the scripts and decodes what it prints.
func node(t *testing.T, script string, input, output any) {
	t.Helper()
	path := cogtoktest.Tool(t, "node", "nodejs")
	modules(t)
	in, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, filepath.Join("scripts", script))
	cmd.Stdin = bytes.NewReader(in)
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, errOut.Bytes())
	}
	if err := json.Unmarshal(out, output); err != nil {
		t.Fatalf("%s printed %q: %v", script, out, err)
	}
}

// modules makes sure that the npm packages are there.
func modules(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("node_modules/cognito-local"); err != nil {
		cogtoktest.Missing(t, "the npm packages are missing: run npm ci in compat/")
	}
}
