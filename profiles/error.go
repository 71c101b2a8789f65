package profiles

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cogtok/cogtok/internal/printable"
)

// An Error is one thing that is wrong with a config file, or with what was to
// be written to it. Its texts are for people: lower case, printable, and they
// never hold a value of the file.
type Error struct {
	Path    string // empty: the file is not at fault, such as for a value given as a flag
	Line    int    // from 1; 0: the file as a whole
	Column  int    // from 1, in characters
	Message string
	Hint    string // what to do next; may be empty

	cause error
}

// Error returns file:line:column: message, as compilers do, so that editors
// can jump there.
func (e *Error) Error() string {
	path := printable.Text(e.Path)
	switch {
	case path == "":
		return e.Message
	case e.Line == 0:
		return fmt.Sprintf("%s: %s", path, e.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s", path, e.Line, e.Column, e.Message)
}

// Unwrap returns the cause, such as one that is [io/fs.ErrNotExist].
func (e *Error) Unwrap() error { return e.cause }

// Errors is all that is wrong with a config, in the order of the file. It is
// never empty, and errors.As finds its first *Error.
type Errors []*Error

// shownErrors is how many problems Errors.Error tells; a file with more of them
// is broken at its root, and the rest would only hide that.
const shownErrors = 10

// Error returns the problems, one a line.
func (e Errors) Error() string {
	lines := make([]string, 0, shownErrors+1)
	for _, one := range e[:min(len(e), shownErrors)] {
		lines = append(lines, one.Error())
	}
	if more := len(e) - shownErrors; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the problems, for errors.As and errors.Is.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, one := range e {
		all[i] = one
	}
	return all
}

// sorted puts the problems in the order of the file.
func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b *Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return e
}

// quote shows a name or key of the file.
func quote(s string) string { return `"` + printable.Limit(s, 64) + `"` }
