package session

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
)

const goodConfig = `version: 1
default: prod
profiles:
  prod:
    user_pool_id: us-east-1_Test
    client_id: client
    username: rob
  staging:
    user_pool_id: us-east-1_Test
    client_id: client
    username: amy
store: memory
`

// newConfigRig returns a rig with a real config.
func newConfigRig(t *testing.T) *rig {
	r := newRig(t)
	r.write(goodConfig)
	r.cfg = func(c *Config) { c.Load = func() (profiles.Config, error) { return profiles.Load(r.config) } }
	return r
}

// write replaces the config as editors do.
func (r *rig) write(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.config+".new", []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(r.config+".new", r.config); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) status() agent.Status {
	r.t.Helper()
	st, err := r.keeper.Status(r.t.Context(), agent.Caller{}, agent.StatusRequest{})
	if err != nil {
		r.t.Fatal(err)
	}
	return st
}

func TestConfigChanges(t *testing.T) {
	r := newConfigRig(t)
	r.start()
	r.login(agent.Caller{})
	if st := r.status(); len(st.Profiles) != 2 || st.Default != "prod" || st.ConfigError != "" || st.Profiles[0].State != agent.StateSignedIn {
		t.Fatalf("status %+v", st)
	}
	r.write(strings.Replace(goodConfig, "  staging:", "  test:", 1))
	if st := r.status(); st.Profiles[1].Profile != "test" {
		t.Errorf("status %+v", st)
	}
	// Another user: the old session isn't used, and is there when they are back.
	r.write(strings.Replace(goodConfig, "rob", "alice", 1))
	_, err := r.token(agent.Caller{}, agent.TokenRequest{})
	wantKind(t, err, agent.KindLoginRequired)
	r.write(goodConfig)
	if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
		t.Error(err)
	}
}

func TestBrokenConfig(t *testing.T) {
	r := newConfigRig(t)
	r.start()
	r.login(agent.Caller{})
	source := rand.New(rand.NewPCG(3, 4))
	broken := 0
	for range 500 {
		text := []byte(goodConfig)
		for range 1 + source.IntN(5) {
			text[source.IntN(len(text))] = "\x00:\t{[-&*!|x\n"[source.IntN(12)]
		}
		if _, err := profiles.Parse(r.config, text); err == nil {
			continue // another good one
		}
		broken++
		r.write(string(text))
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{Profile: "prod"}); err != nil {
			t.Fatalf("%v with\n%s", err, text)
		}
		if st := r.status(); st.ConfigError == "" || len(st.Profiles) != 2 {
			t.Fatalf("status %+v", st)
		}
	}
	if broken < 100 {
		t.Errorf("only %d were broken", broken)
	}
	if _, err := r.keeper.Reload(t.Context(), agent.Caller{}, agent.None{}); agent.KindOf(err) != agent.KindConfig {
		t.Errorf("reload: %v", err)
	}
	_, err := r.token(agent.Caller{}, agent.TokenRequest{Profile: "new"})
	wantKind(t, err, agent.KindConfig)
	r.write(goodConfig)
	if st := r.status(); st.ConfigError != "" {
		t.Errorf("status %+v", st)
	}
	got, err := r.keeper.Reload(t.Context(), agent.Caller{}, agent.None{})
	if err != nil || got.Profiles != 2 || got.Config != r.config {
		t.Errorf("reload %+v, %v", got, err)
	}
}

func TestBrokenConfigAtTheStart(t *testing.T) {
	r := newConfigRig(t)
	r.write("version: 1\nprofiles:\n  prod:\n    user_pool: x\n")
	r.start()
	_, err := r.token(agent.Caller{}, agent.TokenRequest{})
	if e := wantKind(t, err, agent.KindConfig); !strings.Contains(e.Message, r.config+":4:5") {
		t.Errorf("message %q", e.Message)
	}
	if st := r.status(); st.ConfigError == "" || len(st.Profiles) != 0 {
		t.Errorf("status %+v", st)
	}
	r.write(goodConfig)
	r.login(agent.Caller{})
}

func TestWhichProfile(t *testing.T) {
	r := newConfigRig(t)
	k := r.start()
	noDefault := strings.Replace(goodConfig, "default: prod\n", "", 1)
	only := noDefault[:strings.Index(noDefault, "  staging")] + "store: memory\n"
	for _, tt := range []struct {
		config, name, want string
		kind               agent.Kind
		hint               string
	}{
		{goodConfig, "", "prod", "", ""},
		{goodConfig, "staging", "staging", "", ""},
		{only, "", "prod", "", ""},
		{noDefault, "", "", agent.KindNoProfile, "default: prod"},
		{goodConfig, "stagin", "", agent.KindUnknownProfile, "did you mean staging?"},
		{goodConfig, "zzz", "", agent.KindUnknownProfile, "cogtok status"},
		{goodConfig, "\x1b]0;x\a", "", agent.KindUnknownProfile, ""},
		{"version: 1\n", "", "", agent.KindNoProfile, "cogtok profile add"},
		{"version: 1\n", "prod", "", agent.KindUnknownProfile, "cogtok profile add"},
	} {
		r.write(tt.config)
		p, err := k.profile(tt.name)
		if p.Name != tt.want || agent.KindOf(err) != tt.kind {
			t.Errorf("%q: %q, %v", tt.name, p.Name, err)
		}
		if err == nil {
			continue
		}
		if e := agent.AsError(err); !strings.Contains(e.Hint, tt.hint) || strings.ContainsAny(e.Message, "\x1b\a") {
			t.Errorf("%q: %q, hint %q", tt.name, e.Message, e.Hint)
		}
	}
	if err := os.Remove(r.config); err != nil {
		t.Fatal(err)
	}
	r.restart()
	_, err := r.token(agent.Caller{}, agent.TokenRequest{})
	wantKind(t, err, agent.KindNoProfile)
	if st := r.status(); st.ConfigError != "" {
		t.Errorf("no config yet, and status says %q", st.ConfigError)
	}
	r.write(goodConfig)
	r.login(agent.Caller{})
}

// Calls, reloads and edits at the same time: for the race detector.
func TestReloadWhileInUse(t *testing.T) {
	r := newConfigRig(t)
	k := r.start()
	r.login(agent.Caller{})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 50 {
				switch (i + j) % 5 {
				case 0:
					_, _ = k.Reload(t.Context(), agent.Caller{}, agent.None{})
				case 1:
					_, _ = k.Status(t.Context(), agent.Caller{}, agent.StatusRequest{})
				case 2:
					_, _ = k.SetSecret(t.Context(), agent.Caller{}, agent.SetSecretRequest{
						Profile: "staging", Kind: agent.SecretClientSecret, Value: agent.NewSecret(fmt.Sprint(j))})
				case 3:
					_, _ = r.token(agent.Caller{}, agent.TokenRequest{Force: true})
				default:
					if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
}

func TestSecretRequests(t *testing.T) {
	r := newConfigRig(t)
	k := r.start()
	for _, kind := range []string{"", "refresh-token", "../password", "PASSWORD"} {
		_, err := k.SetSecret(t.Context(), agent.Caller{}, agent.SetSecretRequest{Profile: "prod", Kind: kind, Value: agent.NewSecret("x")})
		wantKind(t, err, agent.KindUsage)
		_, err = k.DeleteSecret(t.Context(), agent.Caller{}, agent.SecretRequest{Profile: "prod", Kind: kind})
		wantKind(t, err, agent.KindUsage)
	}
	_, err := k.SetSecret(t.Context(), agent.Caller{}, agent.SetSecretRequest{Profile: "prod", Kind: agent.SecretPassword})
	wantKind(t, err, agent.KindUsage)
	r.store(agent.SecretPassword, "x")
	list, err := k.ListSecrets(t.Context(), agent.Caller{}, agent.StatusRequest{})
	if err != nil || len(list.Secrets) != 1 || list.Secrets[0] != (agent.SecretEntry{Profile: "prod", Kind: "password", Store: "memory"}) {
		t.Errorf("list %+v, %v", list, err)
	}
	if _, err := k.DeleteSecret(t.Context(), agent.Caller{}, agent.SecretRequest{Profile: "prod", Kind: agent.SecretPassword}); err != nil {
		t.Error(err)
	}
	if list, _ = k.ListSecrets(t.Context(), agent.Caller{}, agent.StatusRequest{Profile: "prod"}); len(list.Secrets) != 0 {
		t.Errorf("list %+v", list)
	}
}
