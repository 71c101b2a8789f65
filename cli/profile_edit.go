package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

func profileEditCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "edit",
		Short: "Edit the config in $VISUAL or $EDITOR",
		Long: `Edit a copy of the config in $VISUAL or $EDITOR. It takes the config's place when
it is valid, and only then.`,
		Example:           "  EDITOR=nano cogtok profile edit",
		Args:              positional(0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.editConfig(cmd.Context())
		},
	}
}

func (a *app) editConfig(ctx context.Context) error {
	if a.noInput {
		return agent.Errorf(agent.KindPromptNeeded, "profile edit opens an editor, and nobody can be asked here").
			WithHint("leave --no-input out (or unset COGTOK_NO_INPUT) at a terminal")
	}
	path, err := a.configPath()
	if err != nil {
		return err
	}
	old, err := profiles.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		old, err = []byte(profiles.Template), nil
	}
	if err != nil {
		return configError(err)
	}
	dir, err := os.MkdirTemp("", "cogtok")
	if err != nil {
		return agent.Errorf(agent.KindInternal, "can't make a temporary directory: %s", reason(err))
	}
	draft := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(draft, old, 0o600); err != nil {
		return agent.Errorf(agent.KindInternal, "can't write a temporary file: %s", reason(err))
	}
	err = a.editUntilValid(ctx, path, draft, old)
	if edited, readErr := os.ReadFile(draft); err != nil && readErr == nil && string(edited) != string(old) {
		a.note("your edit is in %s", draft)
		return err
	}
	os.RemoveAll(dir)
	return err
}

// editUntilValid runs the editor on draft until what it leaves is a config and
// in path's place, or the person gives up.
func (a *app) editUntilValid(ctx context.Context, path, draft string, old []byte) error {
	for {
		if err := a.runEditor(ctx, draft); err != nil {
			return err
		}
		edited, err := os.ReadFile(draft)
		if err != nil {
			return agent.Errorf(agent.KindInternal, "can't read what was edited: %s", reason(err))
		}
		if string(edited) == string(old) {
			a.note("nothing was changed")
			return nil
		}
		if err = profiles.Replace(path, old, edited); err == nil {
			a.note("%s is changed", path)
			return nil
		}
		if again, askErr := a.editAgain(ctx, err); !again {
			return errors.Join(askErr, configError(err))
		}
	}
}

// editAgain shows what is wrong with the edited config and asks whether to go
// on. It is false where nobody can be asked.
func (a *app) editAgain(ctx context.Context, wrong error) (bool, error) {
	ask, ok := a.prompter(askAlways)
	if !ok {
		return false, nil
	}
	defer ask.tty.close()
	if _, err := ask.Ask(ctx, agent.Prompt{Kind: agent.PromptNotice, Text: wrong.Error()}); err != nil {
		return false, err
	}
	answer, err := ask.Ask(ctx, agent.Prompt{Kind: agent.PromptConfirm, Text: "Edit again?"})
	return err == nil && answer.Reveal() == "y", err
}

// editorWait is how long an editor has to clean up when the program is
// interrupted.
const editorWait = 2 * time.Second

// runEditor runs the person's editor on a file. What they set may hold
// arguments, such as "code --wait".
func (a *app) runEditor(ctx context.Context, file string) error {
	editor := a.Getenv("VISUAL")
	if editor == "" {
		editor = a.Getenv("EDITOR")
	}
	if editor == "" {
		editor = defaultEditor
	}
	cmd := editorCommand(ctx, editor, file)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.Stdin, a.Stderr, a.Stderr
	cmd.WaitDelay = editorWait
	if tty, err := openTerminal(); err == nil {
		defer tty.close()
		cmd.Stdin, cmd.Stdout = tty.in, tty.out
		if before, err := term.GetState(int(tty.in.Fd())); err == nil {
			defer term.Restore(int(tty.in.Fd()), before)
		}
	}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &exit):
		return agent.Errorf(agent.KindUsage, "the editor ended with status %d, so nothing is changed", exit.ExitCode())
	case err != nil:
		return agent.Errorf(agent.KindUsage, "can't run the editor: %s", reason(err)).WithHint("set EDITOR to one that is installed")
	}
	return nil
}
