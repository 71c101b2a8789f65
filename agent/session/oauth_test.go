package session

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

func machineProfile() profiles.Profile {
	p := testProfile("prod")
	p.Auth, p.Username, p.Token, p.Scopes = profiles.AuthClientCredentials, "", agent.TypeAccess, []string{"api/read"}
	return p
}

func newMachineRig(t *testing.T) *rig {
	r := newRig(t)
	r.files["prod"] = machineProfile()
	r.start()
	return r
}

// Cognito bills each request of an app client: a token serves until shortly
// before it expires, whoever asks, and also without a terminal.
func TestClientCredentialsAreAskedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMachineRig(t)
		r.pool.delay = time.Second
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if _, err := r.token(agent.Caller{}, agent.TokenRequest{SessionOnly: true}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		time.Sleep(57 * time.Minute)
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Fatal(err)
		}
		if _, n := r.pool.counts(); n != 1 {
			t.Errorf("%d requests in the life of a token, want 1", n)
		}
		time.Sleep(2 * time.Minute)
		token, err := r.token(agent.Caller{}, agent.TokenRequest{})
		if err != nil || token.ExpiresIn < 3500 || token.Type != agent.TypeAccess {
			t.Errorf("%+v, %v", token, err)
		}
		if _, n := r.pool.counts(); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
	})
}

func TestScopesHaveTokensOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMachineRig(t)
		for _, scopes := range [][]string{nil, {"api/write"}, {"api/write", "api/read"}, {"api/read", "api/write", "api/read"}, {"api/write"}, nil} {
			if _, err := r.token(agent.Caller{}, agent.TokenRequest{Scopes: scopes}); err != nil {
				t.Fatal(err)
			}
		}
		if want := []string{"api/read", "api/write", "api/read api/write"}; !slices.Equal(r.pool.asked, want) {
			t.Errorf("asked for %q, want %q", r.pool.asked, want)
		}
	})
}

func TestWrongScopes(t *testing.T) {
	r := newMachineRig(t)
	for _, scope := range []string{"", "a b", `a"b`, "a\\b", "a\nb", strings.Repeat("a", 300), "é"} {
		_, err := r.token(agent.Caller{}, agent.TokenRequest{Scopes: []string{scope}})
		wantKind(t, err, agent.KindUsage)
	}
	_, err := r.token(agent.Caller{}, agent.TokenRequest{Scopes: make([]string, 51)})
	wantKind(t, err, agent.KindUsage)
	r.files["prod"] = testProfile("prod")
	r.touch()
	_, err = r.token(agent.Caller{}, agent.TokenRequest{Scopes: []string{"api/read"}})
	if e := wantKind(t, err, agent.KindUsage); !strings.Contains(e.Message, "`auth: srp`") {
		t.Error(e)
	}
	if in, renewed := r.pool.counts(); in+renewed > 0 {
		t.Errorf("%d sign-ins and %d requests", in, renewed)
	}
}

// Whoever asks for many scopes doesn't fill the agent's memory.
func TestManyScopesLeaveNoSessionsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMachineRig(t)
		for i := range 3 * maxScopedSessions {
			if _, err := r.token(agent.Caller{}, agent.TokenRequest{Scopes: []string{"api/" + string(rune('a'+i%26)) + strings.Repeat("x", i/26)}}); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(r.keeper.allSessions()); n > maxScopedSessions+1 {
			t.Errorf("%d sessions are held", n)
		}
	})
}

func TestClientCredentialsGiveNoIDToken(t *testing.T) {
	r := newMachineRig(t)
	_, err := r.token(agent.Caller{}, agent.TokenRequest{Type: agent.TypeID})
	wantKind(t, err, agent.KindNoIDToken)
	if _, n := r.pool.counts(); n > 0 {
		t.Errorf("%d requests", n)
	}
}

func TestLoginAndLogoutOfAnAppClient(t *testing.T) {
	r := newMachineRig(t)
	status := func() string { return r.keeper.statusOf(r.files["prod"]).State }
	if s := status(); s != agent.StateReady {
		t.Errorf("state %q at the start", s)
	}
	if _, err := r.keeper.Login(t.Context(), agent.Caller{}, agent.LoginRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil || status() != agent.StateSignedIn {
		t.Errorf("%v, state %q", err, status())
	}
	if in, renewed := r.pool.counts(); in != 1 || renewed != 0 {
		t.Errorf("%d sign-ins and %d requests: the token of the login was not used", in, renewed)
	}
	out, err := r.keeper.Logout(t.Context(), agent.Caller{}, agent.LogoutRequest{})
	if err != nil || !out.Ended || out.ValidUntil == nil || out.BrowserURL != "" {
		t.Errorf("%+v, %v", out, err)
	}
	_, err = r.token(agent.Caller{}, agent.TokenRequest{})
	wantKind(t, err, agent.KindLoginRequired)
	if s := status(); s != agent.StateSignedOut {
		t.Errorf("state %q after logout", s)
	}
}

func browserProfile() profiles.Profile {
	p := testProfile("prod")
	p.Auth, p.Username, p.Scopes = profiles.AuthBrowser, "", []string{"openid", "api/read"}
	p.RedirectURLs = []string{"http://localhost:8400/callback"}
	return p
}

// A browser is opened by `login` alone.
func TestTokenOpensNoBrowser(t *testing.T) {
	r := newRig(t)
	r.files["prod"] = browserProfile()
	r.start()
	person := &script{answers: map[string]string{agent.PromptBrowser: ""}}
	_, err := r.token(agent.Caller{Prompter: person}, agent.TokenRequest{})
	if e := wantKind(t, err, agent.KindLoginRequired); e.Hint != "run: cogtok login prod" {
		t.Errorf("hint %q", e.Hint)
	}
	if len(person.asked) > 0 {
		t.Fatalf("asked %v", person.kinds())
	}
	if _, err := r.keeper.Login(t.Context(), agent.Caller{Prompter: person}, agent.LoginRequest{}); err != nil {
		t.Fatal(err)
	}
	token := agent.TokenRequest{Scopes: []string{"api/read"}}
	if _, err := r.token(agent.Caller{}, token); err != nil {
		t.Error(err)
	}
	token.Scopes = []string{"api/write"}
	_, err = r.token(agent.Caller{}, token)
	if e := wantKind(t, err, agent.KindUsage); !strings.Contains(e.Hint, "`scopes`") {
		t.Error(e)
	}
	out, err := r.keeper.Logout(t.Context(), agent.Caller{}, agent.LogoutRequest{})
	if err != nil || out.BrowserURL != "https://example.com/logout" {
		t.Errorf("%+v, %v", out, err)
	}
}

// What an OAuth session may do is a part of what it is.
func TestOtherScopesAreAnotherSession(t *testing.T) {
	r := newRig(t)
	r.files["prod"] = browserProfile()
	r.start()
	person := &script{answers: map[string]string{agent.PromptBrowser: ""}}
	if _, err := r.keeper.Login(t.Context(), agent.Caller{Prompter: person}, agent.LoginRequest{}); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*profiles.Profile){
		"scopes":   func(p *profiles.Profile) { p.Scopes = []string{"openid", "api/write"} },
		"domain":   func(p *profiles.Profile) { p.Domain = "https://login.example.com" },
		"provider": func(p *profiles.Profile) { p.IdentityProvider = "Google" },
	} {
		p := browserProfile()
		change(&p)
		r.files["prod"] = p
		r.touch()
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); agent.KindOf(err) != agent.KindLoginRequired {
			t.Errorf("%s changed: %v", name, err)
		}
	}
}
