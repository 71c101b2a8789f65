//go:build !windows

package compat

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/compatibility.md")

// The servers and the clients of docs/compatibility.md.
const (
	embedded     = "embedded pool"
	localServer  = "cognito-local"
	oidcServer   = "oidc-provider"
	cogtok       = "cogtok"
	identityJS   = "amazon-cognito-identity-js"
	amplifyJS    = "aws-amplify"
	awsCLI       = "AWS CLI"
	whole        = "signed in, renewed, revoked"
	noOtherThing = "none"
)

// A combination is a cell of the tables in docs/compatibility.md. run runs it
// for real; what came of that must be what the cell says.
type combination struct {
	client, server  string
	flow, challenge string
	outcome         string
	run             func(*trial)
}

func (c combination) name() string {
	return strings.ReplaceAll(strings.Join([]string{c.client, c.server, c.flow, c.challenge}, "/"), " ", "-")
}

// combinations is the table of all that is run.
func combinations() []combination {
	return slices.Concat(
		cogtokOnOwnPool(), cogtokOnCognitoLocal(), cogtokInBrowser(), cogtokOnOIDCProvider(),
		identityOnOwnPool(), amplifyOnOwnPool(), awsCLIOnOwnPool(),
	)
}

// A trial is one run of a combination.
type trial struct {
	*testing.T
	came []string
}

// note notes what came of the trial.
func (t *trial) note(what string) { t.came = append(t.came, what) }

func TestCombinations(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range combinations() {
		if seen[c.name()] {
			t.Fatalf("%s stands twice in the table", c.name())
		}
		seen[c.name()] = true
		t.Run(c.name(), func(t *testing.T) {
			t.Parallel()
			tr := &trial{T: t}
			c.run(tr)
			if came := strings.Join(tr.came, ", "); came != c.outcome {
				t.Errorf("what came of it:\n  %s\nwhat the table says:\n  %s", came, c.outcome)
			}
		})
	}
}

const compatibilityDoc = "../docs/compatibility.md"

// The document is made of the table whose every cell TestCombinations runs.
func TestDocument(t *testing.T) {
	want := []byte(document(t, combinations()))
	if *update {
		if err := os.WriteFile(compatibilityDoc, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(compatibilityDoc)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Errorf("%s isn't what the table says: run make compat", compatibilityDoc)
	}
}

// document renders the table. It has a table for what cogtok did on each
// server, and one for what each client of others did on the embedded pool.
func document(t *testing.T, all []combination) string {
	t.Helper()
	var ours, theirs []combination
	for _, c := range all {
		if c.client == cogtok {
			ours = append(ours, c)
		} else {
			theirs = append(theirs, c)
		}
	}
	return fmt.Sprintf(documentText, versions(t),
		matrix(ours, []string{embedded, localServer, oidcServer}, func(c combination) string { return c.server }),
		matrix(theirs, []string{identityJS, amplifyJS, awsCLI}, func(c combination) string { return c.client }))
}

const documentText = `# Compatibility

What was run, and what came of it. The tests of [compat/](../compat) run every cell of these tables with the real programs and
fail when something else comes of it, or when this page doesn't say so; ` + "`make compat`" + ` rewrites it.

- **signed in**: tokens came, and their claims are right. Nearly all of those of the embedded pool are verified with
  aws-jwt-verify as well.
- **renewed**: the refresh token gave new ones; an app client got another one. **not renewed**: the server refuses to, and cogtok says to sign in again.
- **revoked**, **signed out everywhere**: the session was ended at the server, which has no use for its refresh token any more.
- **refused**: for the reason that follows. That cogtok says so, with the right exit status, is tested.
- An empty cell was not run.

No server here is Amazon Cognito. The embedded pool (internal/userpool) was written from AWS's documentation; that it isn't just
what cogtok takes it for is what the second table shows: AWS's own clients against it.

%s
## cogtok, on each server

%s
## Clients of others, on the embedded pool

%s`

// versions lists the packages of others.
func versions(t *testing.T) string {
	t.Helper()
	text := "| what | version |\n|---|---|\n"
	for _, name := range []string{localServer, oidcServer, identityJS, amplifyJS, "aws-jwt-verify", "playwright-core"} {
		text += fmt.Sprintf("| %s | %s |\n", name, dependencies(t)[name])
	}
	return text + "| AWS CLI, Chromium | what is installed |\n"
}

// matrix renders combinations with a row for each flow and challenge.
func matrix(all []combination, columns []string, column func(combination) string) string {
	type row struct{ flow, challenge string }
	var rows []row
	cells := map[row]map[string]string{}
	for _, c := range all {
		r := row{c.flow, c.challenge}
		if cells[r] == nil {
			cells[r] = map[string]string{}
			rows = append(rows, r)
		}
		cells[r][column(c)] = c.outcome
	}
	// A flow's rows stand together, in the order of the table.
	var flows []string
	for _, r := range rows {
		if !slices.Contains(flows, r.flow) {
			flows = append(flows, r.flow)
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return slices.Index(flows, a.flow) - slices.Index(flows, b.flow) })
	text := "| flow | challenge | " + strings.Join(columns, " | ") + " |\n|---|---|" + strings.Repeat("---|", len(columns)) + "\n"
	for _, r := range rows {
		line := []string{r.flow, r.challenge}
		for _, name := range columns {
			line = append(line, cells[r][name])
		}
		text += "| " + strings.Join(line, " | ") + " |\n"
	}
	return text
}
