package oauth

import (
	"errors"
	"fmt"
	"time"
)

// What is wrong with an answer or a document.
var (
	// ErrTooLong means that an answer is longer than MaxAnswer.
	ErrTooLong = errors.New("the answer is too long")
	// ErrNotUnderstood means that an answer is not what the endpoint has to say.
	ErrNotUnderstood = errors.New("the answer makes no sense")
	// ErrNoDomain means that the user pool has no domain, and so no endpoints.
	ErrNoDomain = errors.New("the user pool has no domain")
	// ErrUnsafe means that an endpoint is not where secrets may be sent.
	ErrUnsafe = errors.New("an endpoint is not a safe address")
)

// An Error is a request that didn't get what it was for.
type Error struct {
	// Status is HTTP's; 0: no answer came, or it broke off.
	Status int
	// Code is the server's word (RFC 6749, section 5.2), such as
	// "invalid_grant"; empty: the answer was no OAuth error. Code and
	// Description are foreign text, and may repeat what was sent.
	Code, Description string
	// HTML says that the answer is a web page.
	HTML bool
	// Err is why there is no answer, or none that can be used; nil where Status
	// and Code say it all.
	Err error
	// Date is the server's clock; zero if it didn't say.
	Date time.Time
	// RetryAfter is the header of that name, as it came.
	RetryAfter string
}

// Error says what kind of failure it was, and nothing that a server wrote.
func (e *Error) Error() string {
	switch {
	case e.Status == 0:
		return "there is no answer"
	case e.Code != "":
		return fmt.Sprintf("the server refuses (HTTP %d)", e.Status)
	}
	return fmt.Sprintf("the answer is of no use (HTTP %d)", e.Status)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }
