package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/cogtok/cogtok/agent"
)

// tokens is what a format may be asked to print.
type tokens struct {
	asked agent.Token // the one that was asked for
	// Both tokens of the session, for formats that need them.
	id, access agent.Token
	shell      shell
	now        time.Time
}

// A format prints tokens.
type format struct {
	name  string
	both  bool // needs both tokens of the session
	print func(tokens) (string, error)
}

// formats is the table of `cogtok token --output`.
func formats() []format {
	return []format{
		{"token", false, func(t tokens) (string, error) { return t.asked.Token + "\n", nil }},
		{"bearer", false, func(t tokens) (string, error) { return "Bearer " + t.asked.Token + "\n", nil }},
		{"header", false, func(t tokens) (string, error) { return t.asked.Header + ": " + t.asked.Value + "\n", nil }},
		{"json", false, func(t tokens) (string, error) { return compactJSON(t.asked) }},
		{"creds", true, printCreds},
		{"env", true, printEnv},
		{"exec-credential", false, printExecCredential},
	}
}

func formatNames() []string {
	var names []string
	for _, f := range formats() {
		names = append(names, f.name)
	}
	return names
}

func findFormat(name string) (format, bool) {
	for _, f := range formats() {
		if f.name == name {
			return f, true
		}
	}
	return format{}, false
}

// printCreds prints what `aws cognito-idp initiate-auth` prints, key by key
// and in its layout. There is no RefreshToken: it never leaves the agent.
// https://docs.aws.amazon.com/cli/latest/reference/cognito-idp/initiate-auth.html
func printCreds(t tokens) (string, error) {
	type result struct {
		AccessToken string
		ExpiresIn   int64
		TokenType   string
		IdToken     string `json:",omitempty"`
	}
	return indentedJSON("    ", struct {
		ChallengeParameters  struct{}
		AuthenticationResult result
	}{AuthenticationResult: result{
		AccessToken: t.access.Token,
		ExpiresIn:   max(0, int64(t.access.ExpiresAt.Sub(t.now).Seconds())),
		TokenType:   "Bearer",
		IdToken:     t.id.Token,
	}})
}

// printEnv prints assignments for a shell to evaluate. The time is that of the
// token that expires first. Where there is no ID token its variable is empty, so
// that none of another profile stays behind.
func printEnv(t tokens) (string, error) {
	expires := t.asked.ExpiresAt
	for _, other := range []agent.Token{t.id, t.access} {
		if other.Token != "" && other.ExpiresAt.Before(expires) {
			expires = other.ExpiresAt
		}
	}
	var lines strings.Builder
	for _, v := range []struct{ name, value string }{
		{"COGTOK_TOKEN", t.asked.Token},
		{"COGTOK_ID_TOKEN", t.id.Token},
		{"COGTOK_ACCESS_TOKEN", t.access.Token},
		{"COGTOK_EXPIRES_AT", expires.UTC().Format(time.RFC3339)},
	} {
		lines.WriteString(t.shell.export(v.name, v.value) + "\n")
	}
	return lines.String(), nil
}

// printExecCredential prints the answer of a kubectl credential plugin.
// https://kubernetes.io/docs/reference/config-api/client-authentication.v1/
func printExecCredential(t tokens) (string, error) {
	type spec struct {
		Interactive bool `json:"interactive"`
	}
	type status struct {
		ExpirationTimestamp string `json:"expirationTimestamp"`
		Token               string `json:"token"`
	}
	return compactJSON(struct {
		Kind       string `json:"kind"`
		APIVersion string `json:"apiVersion"`
		Spec       spec   `json:"spec"`
		Status     status `json:"status"`
	}{
		Kind:       "ExecCredential",
		APIVersion: "client.authentication.k8s.io/v1",
		Status:     status{t.asked.ExpiresAt.UTC().Format(time.RFC3339), t.asked.Token},
	})
}

// answerJSON writes a command's result as JSON to standard output.
func (a *app) answerJSON(result any) error {
	text, err := indentedJSON("  ", result)
	if err != nil {
		return err
	}
	return a.answer(text)
}

// answerAs writes a command's result as JSON, or as the text for people.
func (a *app) answerAs(output string, result any, text string) error {
	if output == "json" {
		return a.answerJSON(result)
	}
	return a.answer(text)
}

func compactJSON(v any) (string, error) { return indentedJSON("", v) }
func indentedJSON(indent string, v any) (string, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return "", agent.Errorf(agent.KindInternal, "can't write the answer as JSON")
	}
	return out.String(), nil
}
