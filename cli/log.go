package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/printable"
)

// logPoll is how often `agent log -f` looks for more.
const logPoll = 300 * time.Millisecond

func logCommand(a *app) *cobra.Command {
	var follow bool
	var count int
	cmd := &cobra.Command{
		Use:               "log",
		Short:             "Print the end of the agent's log",
		Example:           "  cogtok agent log -f",
		Args:              positional(0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if count < 0 {
				return usage(cmd, "--lines can't be negative")
			}
			return a.log(cmd.Context(), count, follow)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what is added, until Ctrl-C")
	cmd.Flags().IntVarP(&count, "lines", "n", 50, "how many lines")
	return cmd
}

func (a *app) log(ctx context.Context, count int, follow bool) error {
	path, err := a.logPath(ctx)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return agent.Errorf(agent.KindUsage, "there is no log yet at %s", path).WithHint("run: cogtok agent start")
	}
	if err != nil {
		return agent.Errorf(agent.KindUsage, "can't read the log %s: %s", path, reason(err))
	}
	defer func() { f.Close() }()
	text, err := io.ReadAll(f)
	if err != nil {
		return agent.Errorf(agent.KindUsage, "can't read the log %s: %s", path, reason(err))
	}
	if err := a.answer(printable.Lines(string(lastLines(text, count)))); err != nil || !follow {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(logPoll):
		}
		f = reopened(f, path)
		more, err := io.ReadAll(f)
		if err != nil || len(more) == 0 {
			continue
		}
		if err := a.answer(printable.Lines(string(more))); err != nil {
			return err
		}
	}
}

// lastLines returns the last n lines of text.
func lastLines(text []byte, n int) []byte {
	at := len(bytes.TrimSuffix(text, []byte("\n")))
	for ; n > 0 && at >= 0; n-- {
		at = bytes.LastIndexByte(text[:at], '\n')
	}
	if n > 0 || at < 0 {
		return text
	}
	return bytes.TrimPrefix(text[at:], []byte("\n"))
}

// logPath asks the agent where its log is; without an agent it is where one
// puts it.
func (a *app) logPath(ctx context.Context) (string, error) {
	v, err := a.agentVersion(ctx)
	if err == nil && v != nil && v.Log != "" {
		return v.Log, nil
	}
	dir := stateDirectory(a.Getenv)
	if dir == "" {
		return "", agent.Errorf(agent.KindUsage, "there is no place for a log, since HOME is not set")
	}
	return filepath.Join(dir, "cogtok", "agent.log"), nil
}

// reopened returns the file to go on reading: f, or the one that took its
// place at path when the log was rotated.
func reopened(f *os.File, path string) *os.File {
	now, err := os.Stat(path)
	before, statErr := f.Stat()
	if err != nil || statErr != nil || os.SameFile(now, before) {
		return f
	}
	next, err := os.Open(path)
	if err != nil {
		return f
	}
	f.Close()
	return next
}
