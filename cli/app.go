package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/printable"
)

// An app is one run of the program: its surroundings and the common flags.
type app struct {
	IO
	options
	limit  context.Context    // of --timeout; nil without
	cancel context.CancelFunc // of limit
}

// prepare runs before every command, when its flags are parsed.
func (a *app) prepare(cmd *cobra.Command, _ []string) error {
	if err := a.fromEnvironment(cmd); err != nil {
		return err
	}
	if a.timeout < 0 {
		return usage(cmd, "--timeout can't be negative")
	}
	if a.timeout == 0 {
		return nil
	}
	cause := agent.Errorf(agent.KindNetwork, "no answer within %s", a.timeout).
		WithHint("that is the limit of --timeout or COGTOK_TIMEOUT")
	ctx, cancel := context.WithTimeoutCause(cmd.Context(), a.timeout, cause)
	a.limit, a.cancel = ctx, cancel
	cmd.SetContext(ctx)
	return nil
}

func (a *app) close() {
	if a.cancel != nil {
		a.cancel()
	}
}

// report says on standard error what went wrong and returns the exit status.
func (a *app) report(ctx context.Context, err error) int {
	if err == nil {
		return 0
	}
	if s, ok := signalOf(ctx); ok {
		return 128 + s
	}
	if errors.Is(err, syscall.EPIPE) {
		return int(agent.CodeUnexpected) // whoever read has gone: nobody to tell
	}
	e := asError(err)
	if a.limit != nil && errors.As(context.Cause(a.limit), &e) {
		a.debug("%s", asError(err).Message)
	}
	for line := range strings.SplitSeq(e.Message, "\n") {
		fmt.Fprintf(a.Stderr, "cogtok: %s\n", printable.Text(line))
	}
	if e.Hint != "" {
		fmt.Fprintf(a.Stderr, "cogtok: hint: %s\n", printable.Text(e.Hint))
	}
	return int(e.Code)
}

// asError is agent.AsError, but for an error that cobra made of the command
// line: all others are agent.Errors or say that a context ended.
func asError(err error) *agent.Error {
	e := agent.AsError(err)
	var own *agent.Error
	if e.Kind == agent.KindInternal && !errors.As(err, &own) {
		return agent.Errorf(agent.KindUsage, "the command line can't be understood").WithHint("see: cogtok help")
	}
	return e
}

// answer writes a command's result to standard output.
func (a *app) answer(text string) error {
	_, err := a.Stdout.Write([]byte(text))
	if err == nil || errors.Is(err, syscall.EPIPE) {
		return err
	}
	return agent.Errorf(agent.KindInternal, "can't write the answer to standard output: %s", reason(err))
}

// note tells something that isn't the answer, unless --quiet.
func (a *app) note(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.Stderr, "cogtok: %s\n", printable.Text(fmt.Sprintf(format, args...)))
	}
}

// debug tells what goes on, with --verbose.
func (a *app) debug(format string, args ...any) {
	if a.verbose {
		fmt.Fprintf(a.Stderr, "cogtok: %s\n", printable.Text(fmt.Sprintf(format, args...)))
	}
}

// reason is err in as few words as the system has for it: without the
// operation and the path that Go's errors repeat.
func reason(err error) string {
	var path *os.PathError
	var link *os.LinkError
	var call *os.SyscallError
	switch {
	case errors.As(err, &path):
		return path.Err.Error()
	case errors.As(err, &link):
		return link.Err.Error()
	case errors.As(err, &call):
		return call.Err.Error()
	}
	return err.Error()
}

// left says how long it is until t, as people say it, in hours and minutes
// once it is longer than a few minutes. More than a year is as good as for
// ever: what a server says then is no promise.
func left(until time.Time, now time.Time) string {
	d := until.Sub(now).Round(time.Second)
	if d > 10*time.Minute {
		d = d.Round(time.Minute)
	}
	hours, minutes := int(d.Hours()), int(d.Minutes())%60
	switch {
	case d <= 0:
		return "expired"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", minutes)
	case d < 48*time.Hour && minutes > 0:
		return fmt.Sprintf("%dh %dm", hours, minutes)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", hours)
	case d > 366*24*time.Hour:
		return "more than a year"
	}
	return fmt.Sprintf("%dd", hours/24)
}
