package cognito_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/cognito"
	"github.com/cogtok/cogtok/internal/userpool"
)

// get gets a page as somebody else on the machine does, and returns the status.
func get(t *testing.T, address string) int {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Error(err)
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}

// What a command line shows leads nobody into the sign-in: the state isn't in it.
func TestBrowserStartURL(t *testing.T) {
	w := newBrowserWorld(t, setup{})
	v := newVisitor(t)
	if _, err := w.browse(v); err != nil {
		t.Fatal(err)
	}
	start, _ := url.Parse(v.prompts[0].StartURL)
	back, _ := url.Parse(w.profile.RedirectURLs[0])
	if start.Host != back.Host || len(start.Path) != 44 || start.RawQuery != "" || !strings.Contains(v.prompts[0].URL, "state=") {
		t.Errorf("the prompt is %+v", v.prompts[0])
	}
}

// Whoever has the sign-in page's address can't bring their own account after the
// person's browser opened it.
func TestBrowserOfAnother(t *testing.T) {
	w := newBrowserWorld(t, setup{})
	v, other := newVisitor(t), newVisitor(t)
	v.stay = true
	v.answer = func(address string) (string, error) {
		other.visit(v.prompts[0].URL)
		other.shows("This sign-in was begun in another browser")
		return address, nil // it can be pasted all the same
	}
	if _, err := w.browse(v); err != nil {
		t.Error(err)
	}
}

// Of two who open the start page one has read its address somewhere.
func TestBrowserStartTwice(t *testing.T) {
	for name, when := range map[string]func(v *visitor, start string){
		"before the browser": func(v *visitor, start string) {
			thief := newVisitor(t)
			thief.stay = true
			thief.visit(start)
			if status := get(t, start); status != http.StatusForbidden { // the person's
				t.Errorf("status %d", status)
			}
		},
		"after it": func(v *visitor, start string) {
			v.stay = true
			v.visit(start)
			get(t, start)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newBrowserWorld(t, setup{})
			v := newVisitor(t)
			asked := make(chan agent.Prompt, 1)
			prompter := prompterFunc(func(ctx context.Context, p agent.Prompt) (agent.Secret, error) {
				asked <- p
				<-ctx.Done()
				return agent.Secret{}, agent.AsError(ctx.Err())
			})
			go func() { when(v, (<-asked).StartURL) }()
			began := time.Now()
			_, err := w.provider.SignIn(t.Context(), w.profile, session.Login{Prompter: prompter})
			wantKind(t, err, agent.KindPromptUnanswered, "opened twice", "somebody else on this machine", "cogtok login prod")
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
			isFree(t, w.profile.RedirectURLs[0])
		})
	}
}

// The page may be opened a second time while the tokens are got: they may be
// the other one's, and are given up.
func TestBrowserStartTwiceLate(t *testing.T) {
	f, v := newFakeDomain(t), newVisitor(t)
	f.token = func(w http.ResponseWriter, nonce string) {
		get(t, v.prompts[0].StartURL)
		_ = json.NewEncoder(w).Encode(map[string]any{
			"access_token": fakeToken("access", nil), "id_token": fakeToken("id", map[string]any{"nonce": nonce}), "token_type": "Bearer",
		})
	}
	_, err := f.browse(v)
	wantKind(t, err, agent.KindPromptUnanswered, "opened twice")
	v.shows("You are not signed in", "opened twice")
}

type prompterFunc func(context.Context, agent.Prompt) (agent.Secret, error)

func (f prompterFunc) Ask(ctx context.Context, p agent.Prompt) (agent.Secret, error) {
	return f(ctx, p)
}

// isFree fails unless one can listen at a callback URL's port, now.
func isFree(t *testing.T, callback string) {
	t.Helper()
	u, _ := url.Parse(callback)
	l, err := net.Listen("tcp", "127.0.0.1:"+u.Port())
	if err != nil {
		t.Errorf("the port is not free: %v", err)
		return
	}
	l.Close()
}

// However a sign-in ends, it ends at once, and its port is free.
func TestBrowserFreesPort(t *testing.T) {
	hungUp := agent.Errorf(agent.KindPromptUnanswered, "whoever was asked has hung up")
	say := func(answer string, err error) func(string) (string, error) {
		return func(string) (string, error) { return answer, err }
	}
	for name, c := range map[string]struct {
		prepare func(w *world, v *visitor, end func())
		kind    agent.Kind // empty: signed in
	}{
		"success": {func(*world, *visitor, func()) {}, ""},
		"refusal": {func(w *world, _ *visitor, _ func()) { w.profile.Scopes = []string{"openid", "none"} }, agent.KindScopeRefused},
		"refused code": {func(w *world, _ *visitor, _ func()) {
			w.server.Fail("/oauth2/token", userpool.InternalError, 1)
		}, agent.KindService},
		"other user": {func(w *world, _ *visitor, _ func()) { w.profile.Username = "eve" }, agent.KindUnexpectedIdentity},
		"paste": {func(_ *world, v *visitor, _ func()) {
			v.stay, v.answer = true, func(a string) (string, error) { return a, nil }
		}, ""},
		"wrong pastes": {func(_ *world, v *visitor, _ func()) { v.stay, v.answer = true, say("nonsense", nil) }, agent.KindPromptUnanswered},
		"decline": {func(_ *world, v *visitor, _ func()) {
			v.stay, v.answer = true, say("", agent.Errorf(agent.KindPromptUnanswered, "no"))
		}, agent.KindPromptUnanswered},
		"hang-up":       {func(_ *world, v *visitor, _ func()) { v.username, v.answer = "", say("", hungUp) }, agent.KindPromptUnanswered},
		"timeout":       {func(_ *world, v *visitor, _ func()) { v.username = "" }, agent.KindPromptUnanswered},
		"empty, nobody": {func(_ *world, v *visitor, _ func()) { v.username, v.answer = "", say("", nil) }, agent.KindPromptUnanswered},
		"shutdown": {func(_ *world, v *visitor, end func()) {
			v.username, v.answer = "", func(string) (string, error) { end(); time.Sleep(time.Second); return "", hungUp }
		}, agent.KindCanceled},
	} {
		t.Run(name, func(t *testing.T) {
			w := newBrowserWorld(t, setup{provider: cognito.Config{BrowserTimeout: 3 * time.Second}})
			v := newVisitor(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c.prepare(w, v, cancel)
			began := time.Now()
			_, err := w.provider.SignIn(ctx, w.profile, session.Login{ClientSecret: w.secret, Prompter: v})
			if c.kind != "" || err != nil {
				wantKind(t, err, c.kind)
			}
			isFree(t, w.profile.RedirectURLs[0])
			if name != "timeout" && name != "empty, nobody" && time.Since(began) > 2500*time.Millisecond {
				t.Errorf("it took %s", time.Since(began))
			}
		})
	}
}

// The port is free before a prompter is through that takes its time.
func TestBrowserFreesPortFirst(t *testing.T) {
	w := newBrowserWorld(t, setup{})
	ctx, cancel := context.WithCancel(t.Context())
	free := make(chan struct{})
	prompter := prompterFunc(func(context.Context, agent.Prompt) (agent.Secret, error) {
		cancel()
		time.Sleep(500 * time.Millisecond)
		isFree(t, w.profile.RedirectURLs[0])
		close(free)
		return agent.Secret{}, nil
	})
	_, err := w.provider.SignIn(ctx, w.profile, session.Login{Prompter: prompter})
	wantKind(t, err, agent.KindCanceled)
	<-free
}

// A sign-in that waits at the port is told apart from a strange program, also
// where it waits at another path of it.
func TestBrowserPortOfAnotherSignIn(t *testing.T) {
	w := newBrowserWorld(t, setup{})
	first := w.profile.RedirectURLs[0]
	v := newVisitor(t)
	v.stay = true
	var second error
	v.answer = func(address string) (string, error) {
		profile := w.profile
		profile.RedirectURLs = []string{strings.Replace(first, "localhost", "127.0.0.1", 1) + "/other", first}
		_, second = w.provider.SignIn(t.Context(), profile, session.Login{Prompter: newVisitor(t)})
		return address, nil
	}
	if _, err := w.browse(v); err != nil {
		t.Fatal(err)
	}
	wantKind(t, second, agent.KindBusy, "another sign-in of cogtok is waiting at", first, "finish or end it")
	w.browsed() // it is over, and so is its claim
}
