//go:build !windows

package compat

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/cogtok/cogtok/internal/cogtoktest"
)

// oidcProvider is a running oidc-provider that looks like the domain of a pool.
type oidcProvider struct {
	url, callback string
	log           tail
}

var oidc struct {
	signIn sync.Mutex
	once   sync.Once
	server *oidcProvider
	err    error
}

// sharedOIDC returns the oidc-provider of all tests.
func sharedOIDC(t testing.TB) *oidcProvider {
	t.Helper()
	cogtoktest.Tool(t, "node", "nodejs")
	modules(t)
	oidc.once.Do(func() { oidc.server, oidc.err = startOIDC() })
	if oidc.err != nil {
		t.Fatalf("%v\n%s", oidc.err, oidc.server.log.String())
	}
	return oidc.server
}

func startOIDC() (*oidcProvider, error) {
	port := freePort()
	s := &oidcProvider{url: fmt.Sprintf("http://127.0.0.1:%d", port), callback: callbackURL()}
	cmd := exec.Command("node", filepath.Join("scripts", "oidc-provider.mjs"), strconv.Itoa(port), poolID, s.callback, clientSecret)
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	if err := cmd.Start(); err != nil {
		return s, err
	}
	atEnd(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return s, waitUntilUp(s.url)
}

// person returns somebody whose profile "p" signs in to the provider. The
// sessions rest in files, which can be put back to what they were.
func (s *oidcProvider) person(t *trial, client, keys string) *person {
	t.Helper()
	u := cogtoktest.NewUser(t)
	writeProfile(u, poolID, client, s.url, keys+"; store: file")
	path := u.Path("config/cogtok/config.yaml")
	config, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	u.WriteConfig(string(config) + "passphrase_command: [printf, correct-horse]\n")
	return &person{trial: t, u: u, issuer: "/" + poolID, client: client}
}

// oidcBrowser signs in at the provider.
func oidcBrowser(t *trial) *browser {
	s := sharedOIDC(t)
	b := s.person(t, "browserclient", "auth: browser; scopes: [openid, email]; redirect_urls: ["+s.callback+"]").browser("")
	oidc.signIn.Lock() // one browser at a time can come back to the one callback URL
	defer oidc.signIn.Unlock()
	b.signIn(
		step{map[string]string{"input[name=login]": "rob", "input[name=password]": "any"}, "button[type=submit]"},
		step{Click: "button[type=submit]"}, // consent
	)
	return b
}

// oidcRotates renews with a refresh token that is good for one use, and brings
// back the used one. That ends what came after it, too.
func oidcRotates(t *trial) {
	b := oidcBrowser(t)
	used := b.keep("used")
	b.renew()
	fresh := b.keep("fresh")
	b.restore(used)
	b.refusesToRenew()
	b.note("not renewed with a used refresh token")
	b.restore(fresh)
	b.refusesToRenew()
	b.note("nor with the new one after that")
}

// oidcRevokes logs out, and tries the refresh token that was revoked.
func oidcRevokes(t *trial) {
	b := oidcBrowser(t)
	b.renew()
	before := b.keep("before")
	b.logOut("--revoke")
	b.restore(before)
	b.refusesToRenew()
	b.note("revoked")
}

func (b *browser) refusesToRenew() {
	b.Helper()
	if r := b.u.Run("", "token", "p", "--force"); r.Code != 3 || r.Stdout != "" || !strings.Contains(r.Stderr, "the session has expired or was revoked") {
		b.Errorf("renewing with a refresh token of no use: %s", r)
	}
}

// keep stops the agent and copies what it has in files.
func (b *browser) keep(name string) string {
	b.Helper()
	b.u.StopAgent()
	dir := b.u.Path(name)
	if out, err := exec.Command("cp", "-Rp", b.u.Path("state"), dir).CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return dir
}

// restore stops the agent and puts its files back to what keep copied.
func (b *browser) restore(dir string) {
	b.Helper()
	b.u.StopAgent()
	if err := os.RemoveAll(b.u.Path("state")); err != nil {
		b.Fatal(err)
	}
	if err := os.Rename(dir, b.u.Path("state")); err != nil {
		b.Fatal(err)
	}
}

func cogtokOnOIDCProvider() []combination {
	return []combination{
		{cogtok, oidcServer, "browser", "none", whole, oidcRevokes},
		{
			cogtok, oidcServer, "browser", "refresh token rotation",
			"signed in, renewed, not renewed with a used refresh token, nor with the new one after that", oidcRotates,
		},
		{cogtok, oidcServer, "client-credentials", "none", "signed in, renewed", func(t *trial) {
			p := sharedOIDC(t).person(t, "machineclient", "auth: client-credentials; scopes: [orders/read]")
			p.u.Must(clientSecret, "secret", "set", "p", "client-secret")
			p.machine()
		}},
	}
}
