package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// A terminal is where the person sits: not standard input and output, which
// may be pipes, but the terminal that controls the process.
type terminal struct {
	in, out *os.File
	reader  *bufio.Reader
	asking  sync.Mutex     // one question at a time
	reading chan typedLine // a read is under way; nil: none is
}

// A typedLine is what came of a read.
type typedLine struct {
	text string
	err  error
}

// errNoLine means that a person ended the input (Ctrl-D) or hung up.
var errNoLine = errors.New("no line was typed")

// maxLine is the longest line that is taken, in bytes.
const maxLine = 16 << 10

func newTerminal(in, out *os.File) *terminal {
	return &terminal{in: in, out: out, reader: bufio.NewReaderSize(in, maxLine)}
}

// isTerminal reports whether an end of IO is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && f != nil && term.IsTerminal(int(f.Fd()))
}

// line shows text and returns the line that is typed after it, without its
// newline. It ends when ctx does, with the terminal as it was found; what the
// read that is still under way then brings is for the next question.
func (t *terminal) line(ctx context.Context, text string, echo bool) (string, error) {
	t.asking.Lock()
	defer t.asking.Unlock()
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if !echo {
		restore, err := hideTyping(t.in)
		if err != nil {
			return "", fmt.Errorf("the terminal can't hide what is typed: %w", err)
		}
		// The newline that was typed, or wasn't, isn't on the screen.
		defer func() { restore(); t.show("\n") }()
	}
	t.show(text)
	if t.reading == nil {
		reading := make(chan typedLine, 1)
		t.reading = reading
		go func() {
			text, err := t.read()
			reading <- typedLine{text, err}
		}()
	}
	select {
	case r := <-t.reading:
		t.reading = nil
		if r.err == nil {
			return r.text, nil
		}
		if echo {
			t.show("\n") // what follows gets a line of its own
		}
		return "", t.orSignal(ctx, r.err)
	case <-ctx.Done():
		if echo {
			t.show("\n")
		}
		return "", ctx.Err()
	}
}

// orSignal is the end of a question that wasn't answered: by a terminal that is
// gone, the signal that comes with it (SIGHUP). It is no answer of the person's.
func (t *terminal) orSignal(ctx context.Context, err error) error {
	if isThere(t.in) {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Second):
		return err
	}
}

func (t *terminal) read() (string, error) {
	line, err := t.reader.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", errors.New("the line is too long")
	case errors.Is(err, io.EOF) || (err != nil && len(line) == 0):
		return "", errNoLine
	case err != nil:
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

func (t *terminal) show(text string) { io.WriteString(t.out, text) }

func (t *terminal) close() {
	t.in.Close()
	if t.out != t.in {
		t.out.Close()
	}
}
