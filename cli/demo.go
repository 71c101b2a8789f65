package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/cogtok/cogtok/agent"
)

func demoCommand(a *app) *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Sign in to a local user pool and call an API with the token: no account needed",
		Long: `Run a user pool and a GraphQL API on this machine, sign in through an agent of
their own and call the API with the token: each step with the command that you
would type. It touches nothing of your own config, keychain and agent, and stays
up for trying things from another terminal until Ctrl-C.`,
		Example:           "  cogtok demo --once",
		Args:              positional(0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.demo(cmd.Context(), once)
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "end after the steps; 0 means that the API took the token")
	return cmd
}

func (a *app) demo(ctx context.Context, once bool) (err error) {
	// So that a closed pipe ends the demo as an error, after cleaning up.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	world, err := a.newDemoWorld()
	if err != nil {
		return err
	}
	defer func() {
		if left := world.close(); err == nil {
			err = left
		}
	}()
	for _, step := range world.steps() {
		if err := a.showStep(ctx, step); err != nil {
			return err
		}
	}
	if once {
		return a.answer("The API took the token. That was all; everything is removed again.\n")
	}
	if err := a.answer(world.invitation()); err != nil {
		return err
	}
	<-ctx.Done() // Ctrl-C is how it ends, and no error
	return a.answer("\nEverything is removed again.\n")
}

// A demoStep is a command that a person would type, and how it is really run.
type demoStep struct {
	title   string
	command string
	run     func(ctx context.Context) (output string, err error)
}

// demoStepLimit is how long a step may take before the demo counts as failed.
const demoStepLimit = time.Minute

func (a *app) showStep(ctx context.Context, s demoStep) error {
	if err := a.answer("# " + s.title + "\n$ " + s.command + "\n"); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, demoStepLimit)
	defer cancel()
	output, err := s.run(limited)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if printErr := a.answer(shortenTokens(output) + "\n"); printErr != nil {
		return printErr
	}
	return err
}

// The demo's user. They are secrets of nobody.
const (
	demoUser         = "rob"
	demoPassword     = "Correct-horse-9"
	demoClientSecret = "1demo0client2secret3that4nobody5has6to7keep"
)

// steps are the steps of the demo, in order.
func (w *demoWorld) steps() []demoStep {
	var first string
	return []demoStep{
		{"A user pool and a GraphQL API run on this machine now. The config names the pool:",
			"cat " + w.config, w.showConfig},
		{"Without a token the API refuses:",
			w.curlCommand(false), w.query(false)},
		{"The app client has a secret. The agent keeps it, here in its memory, elsewhere in the keychain:",
			"echo '" + demoClientSecret + "' | cogtok secret set demo client-secret",
			w.cogtok(demoClientSecret, "secret", "set", "demo", "client-secret")},
		{"Sign in; without the pipe it asks. The password isn't sent to the pool: SRP proves that you know it.",
			"echo '" + demoPassword + "' | cogtok login demo --password-stdin",
			w.cogtok(demoPassword, "login", "demo", "--password-stdin")},
		{"The token, as scripts and tools ask for it (shortened here):",
			"cogtok token demo", w.firstToken(&first)},
		{"What the token says:", "cogtok whoami demo", w.cogtok("", "whoami", "demo")},
		{"Call the API with it. The API checks the signature, the issuer, the app client and the time:",
			w.curlCommand(true), w.query(true)},
		{"The agent renews a token before it expires, and now if it is told to. This is a new one:",
			"cogtok token demo --force", w.nextToken(&first)},
		{"Every terminal has the same session:", "cogtok status", w.cogtok("", "status")},
	}
}

const demoQuery = `{"query":"{ whoami { username email } listPosts { title author } }"}`

func (w *demoWorld) firstToken(first *string) func(context.Context) (string, error) {
	return func(ctx context.Context) (output string, err error) {
		*first, err = w.cogtok("", "token", "demo")(ctx)
		return *first, err
	}
}

func (w *demoWorld) nextToken(first *string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		next, err := w.cogtok("", "token", "demo", "--force")(ctx)
		if err == nil && next == *first {
			err = agent.Errorf(agent.KindInternal, "the demo failed: the renewed token is the old one")
		}
		return next, err
	}
}

// query calls the API, with a token or without, and makes sure that the API
// takes the one call and refuses the other.
func (w *demoWorld) query(withToken bool) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		output, err := w.curl(ctx, withToken)
		if err != nil {
			return output, err
		}
		var answer struct {
			Data struct {
				Whoami struct{ Username string }
			}
			Errors []struct{ ErrorType string }
		}
		if json.Unmarshal([]byte(output), &answer) != nil {
			return output, agent.Errorf(agent.KindInternal, "the demo failed: the API's answer is no JSON")
		}
		refused := len(answer.Errors) == 1 && answer.Errors[0].ErrorType == "UnauthorizedException"
		switch {
		case withToken && (len(answer.Errors) > 0 || answer.Data.Whoami.Username != demoUser):
			return output, agent.Errorf(agent.KindInternal, "the demo failed: the API refused the token")
		case !withToken && !refused:
			return output, agent.Errorf(agent.KindInternal, "the demo failed: the API took a call without a token")
		}
		return output, nil
	}
}

// invitation says how to go on from another terminal.
func (w *demoWorld) invitation() string {
	lines := []string{"# It stays up until Ctrl-C. In another terminal (password: " + demoPassword + "):"}
	if w.offPath {
		lines = append(lines, "export PATH="+posixQuote(w.bin)+":$PATH")
	}
	lines = append(lines,
		"export COGTOK_SOCKET="+posixQuote(w.socket),
		"export COGTOK_CONFIG="+posixQuote(w.config),
		"cogtok token",
		"curl -s "+w.api+` -H "Authorization: $(cogtok token)" -d '{"query":"mutation { createPost(title: \"Hello\") { id } }"}'`,
		"cogtok logout && cogtok login",
		"cogtok login demo-browser   # on the user pool's own page", "")
	return strings.Join(lines, "\n")
}

// shortenTokens cuts the lines of output that are tokens to what fits on a
// screen and tells one from another.
func shortenTokens(output string) string {
	const head, tail = 16, 12
	lines := strings.Split(output, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "eyJ") && len(line) > 4*(head+tail) && utf8.ValidString(line) {
			lines[i] = fmt.Sprintf("%s…%s (%d characters)", line[:head], line[len(line)-tail:], len(line))
		}
	}
	return strings.Join(lines, "\n")
}
