package cognito

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/cogtok/cogtok/internal/failpoint"
)

// maxResponse is the longest answer that is read, in bytes. Cognito's longest
// hold three tokens of some kilobytes.
const maxResponse = 1 << 20

// idleTimeout is how long a connection is kept that isn't used.
const idleTimeout = 30 * time.Second

// errTooLong means that an answer is longer than maxResponse.
var errTooLong = errors.New("the answer is too long")

// newHTTPClient returns the client of all requests. It follows no redirect: a
// password or refresh token goes to the host that it was meant for or nowhere.
func newHTTPClient(roots *x509.CertPool) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{
		Transport: guardedTransport{&http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    5 * time.Second,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true, // else a short answer could unpack to a long one
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// guardedTransport bounds the answers and marks the failures where nothing of
// the request has left.
type guardedTransport struct{ next http.RoundTripper }

// CloseIdleConnections is what http.Client.CloseIdleConnections looks for.
func (t guardedTransport) CloseIdleConnections() {
	if next, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		next.CloseIdleConnections()
	}
}

func (t guardedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	var connected atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), trace)) // a copy
	if r.Body != nil {
		r.Body = plainBody{r.Body}
	}
	failpoint.Reach(failpoint.BeforeRequest)
	response, err := t.next.RoundTrip(r)
	failpoint.Reach(failpoint.AnswerBegins)
	if err != nil {
		if !connected.Load() {
			err = unsentError{err}
		}
		return nil, err
	}
	response.Body = &boundedBody{body: response.Body, left: maxResponse}
	return response, nil
}

// unsentError means that no connection came about: the request may be sent
// again whatever it holds.
type unsentError struct{ error }

func (e unsentError) Unwrap() error { return e.error }

// plainBody hides the WriteTo of a request's body. The SDK (smithy-go v1.28.8)
// closes the body as soon as an answer comes, and its WriteTo then fails with
// io.EOF where its Read ends well. net/http may still be making sure that the
// body has ended; it takes the failure for a broken connection and closes it
// while the answer is being read.
type plainBody struct{ io.ReadCloser }

// boundedBody fails with errTooLong after left bytes.
type boundedBody struct {
	body io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if int64(n) > b.left {
		return 0, errTooLong
	}
	b.left -= int64(n)
	return n, err
}

func (b *boundedBody) Close() error { return b.body.Close() }
