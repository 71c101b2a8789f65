package cognito

import (
	"context"
	"net/url"
	"sync"

	"github.com/cogtok/cogtok/cognito/oauth"
	"github.com/cogtok/cogtok/profiles"
)

// ports knows where the sign-ins of a Provider wait for browsers, so that none
// of them is taken for a strange program.
type ports struct {
	mu      sync.Mutex
	waiting map[*oauth.Listener]bool
}

// listen takes the port of one of the profile's callback URLs. others are those
// that other sign-ins wait at.
func (p *ports) listen(ctx context.Context, profile profiles.Profile) (listener *oauth.Listener, others []string, err error) {
	p.mu.Lock() // else one that has just begun to listen could be missed
	defer p.mu.Unlock()
	for _, text := range profile.RedirectURLs {
		if p.isOwn(text) {
			others = append(others, text)
		}
	}
	listener, err = oauth.Listen(ctx, profile.RedirectURLs)
	if err == nil {
		if p.waiting == nil {
			p.waiting = map[*oauth.Listener]bool{}
		}
		p.waiting[listener] = true
	}
	return listener, others, err
}

// isOwn compares the ports: hosts and paths may differ where the port is one.
func (p *ports) isOwn(callback string) bool {
	for waiting := range p.waiting {
		if portOf(waiting.URL) == portOf(callback) {
			return true
		}
	}
	return false
}

func portOf(callback string) string {
	u, err := url.Parse(callback)
	if err != nil || u.Port() == "" {
		return "80"
	}
	return u.Port()
}

// close ends listening that nothing has come of.
func (p *ports) close(listener *oauth.Listener) {
	listener.Close()
	p.left(listener)
}

// left is called when nobody waits at a listener any more.
func (p *ports) left(listener *oauth.Listener) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, listener)
}
