package oauth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"
)

// A BusyError means that none of the callback URLs can be had: other programs
// listen there.
type BusyError struct {
	URLs []string
	Err  error // of the last one
}

// Error names the URLs.
func (e *BusyError) Error() string {
	return fmt.Sprintf("another program listens at %s", strings.Join(e.URLs, " and "))
}

// Unwrap returns Err.
func (e *BusyError) Unwrap() error { return e.Err }

// A Listener has the port of a callback URL on this machine.
type Listener struct {
	// URL is the callback URL, as it was given.
	URL string
	// Taken are those before it that other programs have.
	Taken []string

	at        *url.URL
	listeners []net.Listener
}

// Listen takes the port of the first of the callback URLs that is free. It
// fails with a *BusyError if none is.
func Listen(ctx context.Context, callbackURLs []string) (*Listener, error) {
	var taken []string
	var last error
	for _, text := range callbackURLs {
		at, err := parseCallback(text)
		if err != nil {
			return nil, err
		}
		listeners, err := bind(at, func(network, address string) (net.Listener, error) {
			var config net.ListenConfig
			return config.Listen(ctx, network, address)
		})
		if err == nil {
			return &Listener{URL: text, Taken: taken, at: at, listeners: listeners}, nil
		}
		taken, last = append(taken, text), err
	}
	return nil, &BusyError{taken, last}
}

// path is the callback URL's, as a browser sends it.
func (l *Listener) path() string {
	if path := l.at.EscapedPath(); path != "" {
		return path
	}
	return "/"
}

// Close gives the port back.
func (l *Listener) Close() {
	for _, listener := range l.listeners {
		_ = listener.Close()
	}
}

// parseCallback takes http://localhost, http://127.0.0.1 and http://[::1], the
// only ones for which Cognito allows http
// (https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateUserPoolClient.html).
func parseCallback(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || len(addresses(u)) == 0 || u.User != nil || strings.ContainsAny(text, "?#") ||
		u.Port() == "0" || strings.HasSuffix(u.Host, ":") {
		return nil, fmt.Errorf("no callback URL on this machine: %w", ErrUnsafe)
	}
	return u, nil
}

// addresses are those of this machine that the host of a callback URL may mean
// to a browser. Neither is ever the one of all interfaces.
func addresses(u *url.URL) []string {
	switch strings.ToLower(u.Hostname()) {
	case "localhost":
		return []string{"127.0.0.1", "::1"}
	case "127.0.0.1":
		return []string{"127.0.0.1"}
	case "::1":
		return []string{"::1"}
	}
	return nil
}

// bind listens at all addresses of a callback URL. A browser may take either of
// localhost's: if somebody else has one of them, the code could end up there.
// An address that this machine hasn't got is nobody's.
func bind(at *url.URL, listen func(network, address string) (net.Listener, error)) ([]net.Listener, error) {
	port := at.Port()
	if port == "" {
		port = "80"
	}
	var (
		bound  []net.Listener
		missed error
	)
	for _, address := range addresses(at) {
		listener, err := listen("tcp", net.JoinHostPort(address, port))
		switch {
		case err == nil:
			bound = append(bound, listener)
		case isAbsent(err):
			missed = err
		default:
			return nil, closeAll(bound, err)
		}
	}
	if len(bound) == 0 {
		return nil, missed
	}
	return bound, nil
}

// Windows has numbers of its own for what is the matter with an address.
const (
	wsaAFNoSupport  = syscall.Errno(10047)
	wsaAddrNotAvail = syscall.Errno(10049)
)

// isAbsent reports whether one can't listen at an address because the machine
// hasn't got it: there is no IPv6, as a rule. Anything else may be the doing of
// somebody who has the address.
func isAbsent(err error) bool {
	for _, absent := range []error{syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT, wsaAddrNotAvail, wsaAFNoSupport} {
		if errors.Is(err, absent) {
			return true
		}
	}
	return false
}

func closeAll(listeners []net.Listener, err error) error {
	for _, listener := range listeners {
		_ = listener.Close()
	}
	return err
}
