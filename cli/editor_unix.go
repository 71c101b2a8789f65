//go:build !windows

package cli

import (
	"context"
	"os/exec"
	"syscall"
)

const defaultEditor = "vi"

// editorCommand lets the shell split what the person set, as git does.
func editorCommand(ctx context.Context, editor, file string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", editor+` "$@"`, editor, file)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	return cmd
}
