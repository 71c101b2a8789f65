package cli

import (
	"context"
	"os/exec"
	"strings"
)

const defaultEditor = "notepad"

func editorCommand(ctx context.Context, editor, file string) *exec.Cmd {
	words := strings.Fields(editor)
	return exec.CommandContext(ctx, words[0], append(words[1:], file)...)
}
