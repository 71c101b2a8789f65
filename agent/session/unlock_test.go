package session

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
	"github.com/cogtok/cogtok/store"
	"github.com/cogtok/cogtok/store/vault"
)

const passphrase = "MARK-passphrase"

// newFileRig returns a rig with the real `store: file`.
func newFileRig(t *testing.T) *rig {
	r := newRig(t)
	p := r.files["prod"]
	p.Store = profiles.StoreFile
	r.files["prod"] = p
	r.cfg = func(c *Config) { c.Vaults = map[string]store.Vault{profiles.StoreFile: r.openFile()} }
	return r
}

func (r *rig) openFile() store.Vault {
	v, err := vault.Open(profiles.StoreFile, r.dir, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

func TestPassphraseIsAskedOnce(t *testing.T) {
	r := newFileRig(t)
	k := r.start()
	_, err := r.token(agent.Caller{}, agent.TokenRequest{})
	wantKind(t, err, agent.KindLocked)
	first := &script{answers: map[string]string{agent.PromptPassphrase: passphrase, agent.PromptPassword: rightPassword}}
	if _, err := k.Login(t.Context(), agent.Caller{Prompter: first}, agent.LoginRequest{}); err != nil {
		t.Fatal(err)
	}
	if got := first.kinds(); !slices.Equal(got, []string{agent.PromptPassphrase, agent.PromptPassphrase, agent.PromptPassword, agent.PromptConfirm}) {
		t.Errorf("asked %v, want a new passphrase twice", got)
	}
	k = r.restart()
	st, err := k.Status(t.Context(), agent.Caller{}, agent.StatusRequest{})
	if err != nil || st.Profiles[0].State != agent.StateLocked {
		t.Errorf("status %+v, %v", st, err)
	}
	_, err = r.token(agent.Caller{}, agent.TokenRequest{})
	wantKind(t, err, agent.KindLocked)
	var all sync.WaitGroup
	people := make([]*script, 20)
	for i := range people {
		people[i] = &script{answers: map[string]string{agent.PromptPassphrase: passphrase}}
		all.Go(func() {
			if _, err := r.token(agent.Caller{Prompter: people[i]}, agent.TokenRequest{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	asked := 0
	for _, p := range people {
		asked += len(slices.DeleteFunc(p.kinds(), func(kind string) bool { return kind == agent.PromptNotice })) // others are told to wait
	}
	if asked != 1 {
		t.Errorf("%d questions", asked)
	}
	if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
		t.Error(err)
	}
}

func TestWrongPassphrase(t *testing.T) {
	r := newFileRig(t)
	r.start()
	if err := r.openFile().Lock.Unlock(t.Context(), []byte(passphrase)); err != nil {
		t.Fatal(err)
	}
	wrong := &script{answers: map[string]string{agent.PromptPassphrase: "wrong"}}
	_, err := r.token(agent.Caller{Prompter: wrong}, agent.TokenRequest{})
	wantKind(t, err, agent.KindLocked)
	if n := len(wrong.kinds()); n != passphraseTries {
		t.Errorf("%d questions", n)
	}
	if !strings.HasPrefix(wrong.asked[1].Text, "Wrong passphrase") {
		t.Errorf("asked %q after a wrong one", wrong.asked[1].Text)
	}
}

// differing answers a new passphrase and its repetition differently, at first.
type differing struct {
	script
	n int
}

func (d *differing) Ask(ctx context.Context, q agent.Prompt) (agent.Secret, error) {
	d.n++
	if d.n == 1 {
		return agent.NewSecret("a slip"), nil
	}
	return d.script.Ask(ctx, q)
}

func TestNewPassphraseTwice(t *testing.T) {
	r := newFileRig(t)
	r.start()
	person := &differing{script: script{answers: map[string]string{agent.PromptPassphrase: passphrase}}}
	_, err := r.keeper.SetSecret(t.Context(), agent.Caller{Prompter: person}, agent.SetSecretRequest{
		Profile: "prod", Kind: agent.SecretPassword, Value: agent.NewSecret(rightPassword)})
	if err != nil {
		t.Fatal(err)
	}
	if person.n != 4 {
		t.Errorf("%d questions", person.n)
	}
	if err := r.openFile().Lock.Unlock(t.Context(), []byte(passphrase)); err != nil {
		t.Error(err)
	}
}

func TestPassphraseCommand(t *testing.T) {
	dir := t.TempDir()
	ran := filepath.Join(dir, "ran")
	program := filepath.Join(dir, "pass")
	write := func(text string) {
		if err := os.WriteFile(program, []byte("#!/bin/sh\necho x >>"+ran+"\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	r := newFileRig(t)
	inner := r.cfg
	r.cfg = func(c *Config) {
		inner(c)
		load := c.Load
		c.Load = func() (profiles.Config, error) {
			config, err := load()
			config.PassphraseCommand = []string{program, "show", "cogtok; rm -rf /"}
			return config, err
		}
	}
	r.start()
	write("echo 'MARK-said on stderr' >&2; exit 3")
	for range 5 {
		_, err := r.token(agent.Caller{}, agent.TokenRequest{})
		e := wantKind(t, err, agent.KindLocked)
		if !strings.Contains(e.Message, "exit status 3") || strings.Contains(e.Message, "MARK") {
			t.Errorf("message %q", e.Message)
		}
	}
	if data, _ := os.ReadFile(ran); len(data) != 2 {
		t.Errorf("a failing command ran %d times", len(data)/2)
	}
	write("printf '%s\\n' '" + passphrase + "'")
	if err := r.openFile().Lock.Unlock(t.Context(), []byte(passphrase)); err != nil {
		t.Fatal(err)
	}
	// Somebody who can see it fail can try at once.
	_, err := r.keeper.Login(t.Context(), agent.Caller{Prompter: &script{}}, agent.LoginRequest{Password: agent.NewSecret(rightPassword)})
	if err != nil {
		t.Fatal(err)
	}
	r.restart()
	if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
		t.Error(err)
	}
	write("echo wrong")
	r.restart()
	_, err = r.token(agent.Caller{}, agent.TokenRequest{})
	wantKind(t, err, agent.KindLocked)
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	r.restart()
	_, err = r.token(agent.Caller{}, agent.TokenRequest{})
	wantKind(t, err, agent.KindLocked)
	for _, line := range r.logs.lines {
		if strings.Contains(line, "MARK") {
			t.Errorf("logged %q", line)
		}
	}
}

// commandRig returns a rig with a passphrase_command, and what writes it.
func commandRig(t *testing.T) (r *rig, write func(text string)) {
	program := filepath.Join(t.TempDir(), "pass")
	r = newFileRig(t)
	inner := r.cfg
	r.cfg = func(c *Config) {
		inner(c)
		load := c.Load
		c.Load = func() (profiles.Config, error) {
			config, err := load()
			config.PassphraseCommand = []string{program}
			return config, err
		}
	}
	if err := r.openFile().Lock.Unlock(t.Context(), []byte(passphrase)); err != nil {
		t.Fatal(err)
	}
	return r, func(text string) {
		if err := os.WriteFile(program, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

// A command that prints without end doesn't fill the agent's memory.
func TestPassphraseCommandThatFloods(t *testing.T) {
	r, write := commandRig(t)
	for _, text := range []string{
		"exec yes MARK-flood",
		"trap '' PIPE; while :; do echo MARK-flood 2>/dev/null; done",
		"head -c 4099 /dev/zero",
	} {
		write(text)
		r.restart()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		_, err := r.token(agent.Caller{}, agent.TokenRequest{})
		if e := wantKind(t, err, agent.KindLocked); !strings.Contains(e.Message, "too much") {
			t.Errorf("%s: %v", text, err)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: took %v", text, took)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
			t.Errorf("%s: %d bytes were allocated", text, n)
		}
	}
}

// A command may leave something running, such as an agent of its own, which
// has its standard output.
func TestPassphraseCommandLeavesAChild(t *testing.T) {
	r, write := commandRig(t)
	write("sleep 3 & printf '%s\\n' '" + passphrase + "'")
	r.start()
	_, err := r.token(agent.Caller{}, agent.TokenRequest{})
	wantKind(t, err, agent.KindLoginRequired) // unlocked, and nobody is signed in
	write("sleep 3 & echo " + passphrase + "; exit 4")
	r.restart()
	_, err = r.token(agent.Caller{}, agent.TokenRequest{})
	if e := wantKind(t, err, agent.KindLocked); !strings.Contains(e.Message, "exit status 4") {
		t.Errorf("message %q", e.Message)
	}
}

// A passphrase may be as long as can be.
func TestLongPassphraseFromCommand(t *testing.T) {
	long := strings.Repeat("x", maxPassphrase)
	r := newFileRig(t)
	if err := r.openFile().Lock.Unlock(t.Context(), []byte(long)); err != nil {
		t.Fatal(err)
	}
	if err := unlockByCommand(t.Context(), r.openFile().Lock, []string{"printf", "%s\\r\\n", long}); err != nil {
		t.Error(err)
	}
}

// A command that was put right works at once for who unlocks.
func TestPassphraseCommandPutRight(t *testing.T) {
	r, write := commandRig(t)
	r.start()
	write("exit 1")
	wantKind(t, r.unlock(""), agent.KindLocked)
	_, err := r.token(agent.Caller{}, agent.TokenRequest{})
	wantKind(t, err, agent.KindLocked)
	write("echo " + passphrase)
	if err := r.unlock(""); err != nil {
		t.Error(err)
	}
}
