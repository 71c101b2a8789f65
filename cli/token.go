package cli

import (
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/cogtok/cogtok/agent"
)

// tokenFlags are the flags of `cogtok token`.
type tokenFlags struct {
	kind   string
	scopes []string // as written
	minTTL time.Duration
	force  bool
	output string
	shell  string
	// answered is the error that the agent has answered already, as JSON: the
	// thin client hands it over, so that nothing is tried a second time.
	answered string
}

func tokenCommand(a *app) *cobra.Command {
	var f tokenFlags
	cmd := &cobra.Command{
		Use:   "token [PROFILE]",
		Short: "Print a token that is valid for at least --min-ttl",
		Long: `Print a token of the profile, renewed first if it has to be. Where a person has
to sign in, it asks at the terminal if there is one, and exits with 3 if not.`,
		Example:           `  curl -H "Authorization: $(cogtok token prod)" https://api.example.com/posts`,
		Args:              positional(0, "PROFILE"),
		ValidArgsFunction: a.completeProfile,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.token(cmd, a.profileOf(args), f)
		},
	}
	addWhichToken(cmd, &f)
	cmd.Flags().DurationVar(&f.minTTL, "min-ttl", 0, "how long the token has to live yet (default: 2m, or half its life if that is less)")
	cmd.Flags().BoolVar(&f.force, "force", false, "renew the token now")
	cmd.Flags().StringVarP(&f.output, "output", "o", "token", "token, bearer, header, json, creds, env or exec-credential")
	cmd.Flags().StringVar(&f.shell, "shell", "", "bash, zsh, fish or powershell, for --output env (default: by $SHELL)")
	cmd.Flags().StringVar(&f.answered, "agent-error", "", "the error that the agent has answered already (from the thin client)")
	cmd.Flags().MarkHidden("agent-error")
	cmd.RegisterFlagCompletionFunc("output", completeWords(formatNames()))
	cmd.RegisterFlagCompletionFunc("shell", completeWords(shellNames()))
	return cmd
}

// addWhichToken defines the flags of all commands that are about one token.
func addWhichToken(cmd *cobra.Command, f *tokenFlags) {
	cmd.Flags().StringVar(&f.kind, "type", "", "id or access (default: what the profile says)")
	cmd.Flags().StringArrayVar(&f.scopes, "scope", nil, "a `scope` that the access token must have, instead of the profile's; may be repeated")
	cmd.RegisterFlagCompletionFunc("type", completeWords(tokenTypes()))
	cmd.RegisterFlagCompletionFunc("scope", cobra.NoFileCompletions)
}

func tokenTypes() []string { return []string{agent.TypeID, agent.TypeAccess} }

func (a *app) token(cmd *cobra.Command, profile string, f tokenFlags) error {
	request, err := f.request(cmd, profile)
	if err != nil {
		return err
	}
	if err := oneOf(cmd, "output", f.output, formatNames()); err != nil {
		return err
	}
	if f.shell == "" {
		f.shell = loginShell(a.Getenv)
	}
	if err := oneOf(cmd, "shell", f.shell, shellNames()); err != nil {
		return err
	}
	// An agent that ends has a successor, which may know better.
	if e := agent.ParseError([]byte(f.answered)); f.answered != "" && !ended(e) {
		return a.answered(e)
	}
	format, _ := findFormat(f.output)
	shell, _ := findShell(f.shell)
	conn, err := a.connect(cmd.Context(), askIfSeen)
	if err != nil {
		return err
	}
	defer conn.close()
	t, err := conn.tokens(cmd.Context(), request, format.both)
	if err != nil {
		return err
	}
	t.shell, t.now = shell, time.Now()
	text, err := format.print(t)
	if err != nil {
		return err
	}
	if err := a.answer(text); err != nil {
		return err
	}
	a.warn(t.asked)
	return nil
}

// answered is the agent's error, or the reason for it that only this side knows.
func (a *app) answered(e *agent.Error) error {
	if p, err := a.place(); err == nil && e.Kind == agent.KindOtherConfig {
		if err := p.checkConfig(); err != nil {
			return err
		}
	}
	return e
}

// request checks the flags that say which token.
func (f tokenFlags) request(cmd *cobra.Command, profile string) (agent.TokenRequest, error) {
	r := agent.TokenRequest{Profile: profile, Type: f.kind, Force: f.force}
	if f.kind != "" {
		if err := oneOf(cmd, "type", f.kind, tokenTypes()); err != nil {
			return r, err
		}
	}
	r.Scopes = splitScopes(f.scopes)
	if len(f.scopes) > 0 && len(r.Scopes) == 0 {
		return r, usage(cmd, "--scope needs a value")
	}
	if f.minTTL < 0 {
		return r, usage(cmd, "--min-ttl can't be negative")
	}
	if f.minTTL > 0 || cmd.Flags().Changed("min-ttl") {
		seconds := int64((f.minTTL + time.Second - 1) / time.Second)
		r.MinTTL = &seconds
	}
	return r, nil
}

// splitScopes takes scopes as people write them: one a flag, or several with
// commas or spaces between.
func splitScopes(written []string) []string {
	return strings.FieldsFunc(strings.Join(written, " "), func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
}

// tokens asks for the token and, when both are wanted, for its sister.
func (c *connection) tokens(ctx context.Context, r agent.TokenRequest, both bool) (tokens, error) {
	asked, err := c.token(ctx, r)
	if err != nil || !both {
		return tokens{asked: asked}, err
	}
	other := agent.TokenRequest{Profile: asked.Profile, Type: agent.TypeID, MinTTL: r.MinTTL}
	if asked.Type == agent.TypeID {
		other.Type, other.Scopes = agent.TypeAccess, r.Scopes
	}
	sister, err := c.token(ctx, other)
	if agent.KindOf(err) == agent.KindNoIDToken {
		err = nil // the access token is all there is
	}
	if err != nil {
		return tokens{}, err
	}
	if other.Type == agent.TypeAccess {
		return tokens{asked: asked, id: asked, access: sister}, nil
	}
	return tokens{asked: asked, id: sister, access: asked}, nil
}

// token asks for one token and makes sure that it is fit for a header and a
// terminal: the server that it came from may be anybody's emulator.
func (c *connection) token(ctx context.Context, r agent.TokenRequest) (agent.Token, error) {
	t, err := c.Token(ctx, c.caller, r)
	if err != nil {
		return t, err
	}
	for _, s := range []string{t.Token, t.Header, t.Value} {
		if !plain(s) {
			return agent.Token{}, agent.Errorf(agent.KindService, "%s: the token is not one: it holds characters that no token has", t.Profile)
		}
	}
	return t, nil
}

// plain reports whether s is printable ASCII on one line.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// warn tells what is wrong with a token that was handed out all the same.
func (a *app) warn(t agent.Token) {
	if t.Warning != "" {
		a.note("%s", t.Warning)
	}
}
