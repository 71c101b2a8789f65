package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/cogtok/cogtok/agent"
)

// A readyPipe tells whoever has started the agent how that went. Package cli
// describes what is said, in start.go. Without a pipe errors go to standard
// error.
type readyPipe struct{ file *os.File }

func openReady(fd int) *readyPipe {
	if fd < 0 {
		return &readyPipe{}
	}
	keepFromChildren(fd)
	return &readyPipe{os.NewFile(uintptr(fd), "ready")}
}

func (r *readyPipe) say(text string) {
	if r.file != nil {
		_, _ = r.file.WriteString(text) // whoever wanted to know may have gone
	}
	r.close()
}

func (r *readyPipe) close() {
	if r.file != nil {
		_ = r.file.Close()
		r.file = nil
	}
}

func (r *readyPipe) ok() { r.say("ok\n") }

// busy says that another agent runs already.
func (r *readyPipe) busy() int {
	r.say("busy\n")
	return 0
}

// failed says why the agent can't run, and returns the exit status.
func (r *readyPipe) failed(err error) int {
	e := agent.AsError(err)
	if r.file == nil {
		complain(e)
	}
	text := fmt.Sprintf("error %s: %s\n", e.Kind, oneLine(e.Message))
	if e.Hint != "" {
		text += "hint: " + oneLine(e.Hint) + "\n"
	}
	r.say(text)
	return int(e.Code)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
