package cli

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/jwt"
)

func whoamiCommand(a *app) *cobra.Command {
	var f tokenFlags
	cmd := &cobra.Command{
		Use:   "whoami [PROFILE]",
		Short: "Show the claims of the token",
		Long: `Show what the token says: who it is for, the groups and attributes, until when.
Where no user signs in, it is for the app client. The signature isn't verified; the token comes from Cognito itself. This never
asks anything.`,
		Example:           "  cogtok whoami prod --type access",
		Args:              positional(0, "PROFILE"),
		ValidArgsFunction: a.completeProfile,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.whoami(cmd, a.profileOf(args), f)
		},
	}
	addWhichToken(cmd, &f)
	addOutput(cmd, &f.output)
	return cmd
}

func (a *app) whoami(cmd *cobra.Command, profile string, f tokenFlags) error {
	request, err := f.request(cmd, profile)
	if err != nil {
		return err
	}
	if err := oneOf(cmd, "output", f.output, outputs()); err != nil {
		return err
	}
	conn, err := a.connect(cmd.Context(), askNever)
	if err != nil {
		return err
	}
	defer conn.close()
	t, err := conn.token(cmd.Context(), request)
	if err != nil {
		return err
	}
	claims, err := jwt.Decode(t.Token)
	if err != nil {
		return agent.Errorf(agent.KindService, "%s: the token is not one of a user pool", t.Profile)
	}
	if err := a.answerAs(f.output, claims.Raw, claimsTable(claims.Raw, time.Now())); err != nil {
		return err
	}
	a.warn(t)
	return nil
}

// appClient is the claim that says whose a token is where there is no user.
const appClient = "client_id"

// isAppClients reports whether a token is an app client's own.
func isAppClients(raw map[string]any) bool {
	return raw["username"] == nil && raw["cognito:username"] == nil && raw[appClient] != nil
}

// firstClaims are the claims that people look for, in this order; the others
// follow by name.
func firstClaims() []string {
	return []string{"sub", "cognito:username", "username", "email", "cognito:groups", "token_use", "scope",
		appClient, "aud", "iss", "auth_time", "iat", "exp"}
}

func claimsTable(raw map[string]any, now time.Time) string {
	var names []string
	for name := range raw {
		if !slices.Contains(firstClaims(), name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	rows := [][]string{}
	if isAppClients(raw) {
		rows = append(rows, []string{"app client", claimText(appClient, raw[appClient], now)})
	}
	for _, name := range append(firstClaims(), names...) {
		if value, ok := raw[name]; ok {
			rows = append(rows, []string{name, claimText(name, value, now)})
		}
	}
	return table(rows)
}

// claimText is a claim's value for people: times as times, lists without
// brackets, all else as it stands in the token.
func claimText(name string, value any, now time.Time) string {
	switch v := value.(type) {
	case string:
		return v
	case float64:
		if slices.Contains([]string{"exp", "iat", "auth_time", "nbf"}, name) {
			return instantText(time.Unix(int64(v), 0), now)
		}
	case []any:
		if words, ok := wordsOf(v); ok {
			return strings.Join(words, ", ")
		}
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "?"
	}
	return string(text)
}

func wordsOf(list []any) ([]string, bool) {
	var words []string
	for _, item := range list {
		word, ok := item.(string)
		if !ok {
			return nil, false
		}
		words = append(words, word)
	}
	return words, true
}

// instantText is a time with how far from now it is.
func instantText(t, now time.Time) string {
	text := t.UTC().Format(time.RFC3339)
	switch ahead := t.Sub(now); {
	case ahead.Abs() < time.Second:
		return text + " (now)"
	case ahead > 0:
		return text + " (in " + left(t, now) + ")"
	}
	return text + " (" + left(now.Add(now.Sub(t)), now) + " ago)"
}
