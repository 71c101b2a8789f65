//go:build !windows

package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/cogtok/cogtok/internal/cogtoktest"
	"github.com/cogtok/cogtok/internal/demoapi"
)

// block is a fenced block of the README.
type block struct{ language, text string }

func readmeBlocks(t *testing.T) (blocks []block) {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(readme), "\n```")
	for i := 1; i < len(parts); i += 2 {
		language, text, _ := strings.Cut(parts[i], "\n")
		blocks = append(blocks, block{language, text + "\n"})
	}
	return blocks
}

// Every shell line and the JavaScript of the README are run as they stand,
// against a pool and an API that check what they get. The make targets are the ones that CI itself runs
// (test) or that have their own test (demo, install).
func TestReadme(t *testing.T) {
	u, w := newUser(t, "memory")
	cogtoktest.Tool(t, "bash", "bash")
	cogtoktest.Tool(t, "curl", "curl")
	cogtoktest.Tool(t, "jq", "jq")
	w.pool.AddClient(readmeClient())
	api := startAPI(t, w, "1h57kf5cpq17m0eml12example")
	if err := os.Remove(u.Path("config/cogtok/config.yaml")); err != nil {
		t.Fatal(err)
	}
	u.Env = append(u.Env, "API_URL="+api)

	var script strings.Builder
	script.WriteString("set -euo pipefail\n")
	for _, b := range readmeBlocks(t) {
		switch {
		case b.language == "sh" && !strings.Contains(b.text, "make ") && !strings.HasPrefix(b.text, "cogtok login prod  "):
			for _, line := range strings.Split(strings.TrimSpace(b.text), "\n") {
				script.WriteString(readmeLine(line, w.url))
			}
		case b.language == "js":
			cogtoktest.Tool(t, "node", "nodejs")
			if err := os.WriteFile(u.Path("fetch.mjs"), []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	script.WriteString("node fetch.mjs\n")
	// The first screen, which takes the rest for granted.
	for _, line := range strings.Split(strings.TrimSpace(readmeBlocks(t)[0].text), "\n") {
		script.WriteString(readmeLine(line, w.url))
	}
	r := u.RunProgram("", "bash", "-c", script.String())
	if r.Code != 0 {
		t.Fatalf("%s\nthe script:\n%s", r, script.String())
	}
	if n := strings.Count(r.Stdout, "listPosts"); n < 2 {
		t.Errorf("the API answered %d queries, want curl's and fetch's: %s", n, r)
	}
}

// readmeLine makes a line of the README one that a script can run: passwords
// and secrets come from stdin, as for any script, and the profile is of the
// test's pool.
func readmeLine(line, endpoint string) string {
	command, _, _ := strings.Cut(line, "  #")
	command = strings.TrimSpace(command)
	switch {
	case strings.HasPrefix(command, "cogtok login"):
		command = "printf %s '" + password + "' | " + command + " --password-stdin"
	case strings.Contains(command, "client-secret"):
		command = "printf %s '" + clientSecret + "' | " + command + " && cogtok secret delete prod client-secret"
	case strings.HasPrefix(command, "cogtok profile add"):
		command += " --store memory --endpoint " + endpoint
	}
	return command + "\n"
}

// startAPI starts the GraphQL API of the demo, for one app client.
func startAPI(t *testing.T, w *world, clientID string) string {
	t.Helper()
	server := httptest.NewServer(demoapi.New(demoapi.Config{
		Issuer: w.pool.Issuer(), ClientIDs: []string{clientID},
		JWKSURL: w.url + "/" + w.pool.ID() + "/.well-known/jwks.json",
	}))
	t.Cleanup(server.Close)
	return server.URL + "/graphql"
}

// The API of the tests refuses a call without a token: or the others would
// prove nothing.
func TestAPIRefusesStrangers(t *testing.T) {
	w, err := newWorld()
	if err != nil {
		t.Fatal(err)
	}
	defer w.server.Close()
	resp, err := http.Post(startAPI(t, w, "openclient"), "application/json", strings.NewReader(`{"query":"{ listPosts { id } }"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusUnauthorized || !json.Valid(body) {
		t.Errorf("%s: %s", resp.Status, body)
	}
}
