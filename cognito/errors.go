package cognito

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/cognito/oauth"
	"github.com/cogtok/cogtok/internal/printable"
	"github.com/cogtok/cogtok/profiles"
)

// An attempt is a call that failed: all that its error is made from.
type attempt struct {
	op           operation
	profile      profiles.Profile
	box          string       // of the flow
	clientSecret agent.Secret // that was sent; empty: none was
	secrets      secrets      // that were sent
	srp          bool         // the answer depends on the clock
	device       bool         // the refresh token is bound to one
}

// failed returns the error of one of the sign-in's calls.
func (s *signIn) failed(ctx context.Context, op operation, err error) error {
	return s.provider.failure(ctx, attempt{
		op: op, profile: s.profile, box: s.flow.box, clientSecret: s.login.ClientSecret,
		secrets: s.secrets, srp: op == opVerifier,
	}, err)
}

// failure makes an error for people of the SDK's, and logs what kind it was.
func (p *Provider) failure(ctx context.Context, a attempt, err error) error {
	if ctx.Err() != nil {
		return agent.AsError(ctx.Err())
	}
	a.secrets = append(secrets{a.clientSecret.Reveal()}, a.secrets...)
	answer := readAnswer(err)
	p.config.Logf("profile %s: %s failed: %s", shown(a.profile.Name), a.op, answer.summary(a.secrets))
	return p.sayWhen(p.meaning(a, answer, err), answer)
}

// meaning is what an answer means, or that there is none.
func (p *Provider) meaning(a attempt, answer answer, err error) error {
	switch {
	case answer.code != "":
		return p.refusal(a, answer)
	case answer.status != 0:
		return nonsense(a.profile, answer)
	}
	return networkError(a.profile, err, p.config.TryTimeout)
}

// An answer is what a server said when it didn't say yes.
type answer struct {
	status  int    // HTTP; 0: none came, or it broke off
	code    string // Cognito's error type; empty: it was no error of an AWS API
	message string // not for people, and possibly with secrets
	html    bool
	tooLong bool
	date    time.Time // zero if the answer has none
	err     error

	retryAfter string // the header of that name
}

func readAnswer(err error) answer {
	if e := (*oauth.Error)(nil); errors.As(err, &e) {
		return readOAuthAnswer(e)
	}
	a := answer{err: err, tooLong: errors.Is(err, errTooLong)}
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) && response.Response != nil && response.Response.Response != nil && (a.tooLong || !brokeOff(err)) {
		a.status = response.HTTPStatusCode()
		a.html = strings.HasPrefix(response.Response.Header.Get("Content-Type"), "text/html")
		a.date, _ = http.ParseTime(response.Response.Header.Get("Date"))
		a.retryAfter = response.Response.Header.Get("Retry-After")
	}
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() != "UnknownError" {
		a.code, a.message = api.ErrorCode(), api.ErrorMessage()
	}
	return a
}

// brokeOff reports whether an answer ended before its end.
func brokeOff(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, syscall.ECONNRESET)
}

// summary is for the log: the type and no word of the message.
func (a answer) summary(sent secrets) string {
	switch {
	case a.code != "":
		return fmt.Sprintf("%s (HTTP %d)", sent.typeName(a.code), a.status)
	case a.status != 0:
		return fmt.Sprintf("an answer that is no Cognito API's (HTTP %d)", a.status)
	}
	return reason(a.err, 0)
}

// unknownOperation reports whether a server of somebody else's doesn't know the
// operation: they say so in many ways.
func (a answer) unknownOperation() bool {
	switch {
	case a.code == "UnknownOperationException", a.code == "NotImplemented", a.code == "InvalidAction",
		strings.HasSuffix(a.code, "Unsupported"):
		return true
	case a.status == http.StatusNotFound, a.status == http.StatusNotImplemented:
		return true
	}
	return a.status >= 500 && a.code == "" && a.retryAfter == "" // else it knows, and is busy
}

// isTemporary reports whether the same request may succeed in a moment.
func isTemporary(err error) bool {
	a := readAnswer(err)
	switch {
	case a.tooLong:
		return false
	case a.code == "":
		return a.status == 0 || a.status == http.StatusTooManyRequests || a.status >= 500
	}
	return a.status >= 500 || strings.HasPrefix(a.code, "TooManyRequests") || strings.HasPrefix(a.code, "Throttl")
}

// nonsense returns the error for an answer that is no Cognito API's: a captive
// portal, a proxy's page, a broken server.
func nonsense(profile profiles.Profile, a answer) *agent.Error {
	switch {
	case a.tooLong:
		return senseless(profile, "it is longer than %d bytes", maxResponse)
	case a.status == http.StatusTooManyRequests:
		return errorf(profile, agent.KindThrottled, "%s gets too many requests (HTTP %d)", host(profile), a.status).WithHint(hintAgain)
	case a.status >= 500:
		return errorf(profile, agent.KindService, "%s has trouble (HTTP %d)", host(profile), a.status)
	case a.html:
		return senseless(profile, "it is a web page").WithHint("does the network want you to sign in, in a browser?")
	}
	return senseless(profile, "it is no Cognito API's (HTTP %d)", a.status)
}

func networkError(profile profiles.Profile, err error, limit time.Duration) *agent.Error {
	e := errorf(profile, agent.KindNetwork, "can't reach %s: %s", host(profile), reason(err, limit))
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		return e.WithHint("a proxy or the network's sign-in page may stand in between")
	}
	if profile.Endpoint != "" {
		return e.WithHint("is the server at `endpoint` of the profile up?")
	}
	return e
}

// reason says in words why there is no answer.
func reason(err error, limit time.Duration) string {
	var (
		dns         *net.DNSError
		netErr      net.Error
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &certificate):
		return "its TLS certificate " + certificateReason(certificate)
	case errors.As(err, &record):
		return "it doesn't speak TLS"
	case errors.As(err, &dns) && !dns.IsTimeout:
		return "its name can't be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route to it"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		if limit > 0 {
			return "no answer within " + limit.String()
		}
		return "no answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "the connection was cut"
	}
	return "the connection failed"
}

func certificateReason(err *tls.CertificateVerificationError) string {
	var (
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &host):
		return "is for another host"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "has expired or is not valid yet"
	}
	return "is not trusted"
}

// errorf returns an error that names the profile.
func errorf(profile profiles.Profile, kind agent.Kind, format string, args ...any) *agent.Error {
	return agent.Errorf(kind, "%s%s", profilePrefix(profile), fmt.Sprintf(format, args...))
}

func profilePrefix(profile profiles.Profile) string { return "profile " + shown(profile.Name) + ": " }

// shown makes a short foreign text fit to be shown.
func shown(s string) string { return printable.Limit(s, 100) }
