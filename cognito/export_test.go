package cognito

import "net/http"

// NewWithTransport returns a Provider whose requests go to t: AWS's own
// endpoints can't be reached from tests.
func NewWithTransport(c Config, t http.RoundTripper) *Provider {
	p := New(c)
	p.http = &http.Client{Transport: t}
	return p
}
