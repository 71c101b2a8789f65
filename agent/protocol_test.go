package agent

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const configPath = "/home/rob/.config/cogtok/config.yaml"

// An exemplary agent behaves as the transcripts of docs/protocol.md say.
type exemplary struct{ scripted }

var (
	six, seven = noon.Add(6 * time.Hour), noon.Add(7 * time.Hour)
	subject    = "5f0c2d7e-8a41-4c1b-9d0e-7b1a2c3d4e5f"
	prod       = ProfileStatus{Profile: "prod", UserPoolID: "us-east-1_AbCdEf123", ClientID: "1h57kf5cpq17m0eml12example", Username: "rob@example.com",
		Auth: "srp", Store: "keychain", State: StateSignedIn, Subject: subject, SignedInAt: &six, IDExpiresAt: &seven, AccessExpiresAt: &seven}
	sso = ProfileStatus{Profile: "sso", UserPoolID: prod.UserPoolID, ClientID: "2sso0example", Auth: "browser", Store: "keychain", State: StateSignedIn,
		Subject: subject, SignedInAs: "rob@example.com", SignedInAt: &six, IDExpiresAt: &seven, AccessExpiresAt: &seven}
	dev = ProfileStatus{Profile: "dev", UserPoolID: "us-east-1_XyZ987654", ClientID: "7gk2f0example", Username: "rob", Auth: "password", Store: "keychain", State: StateSignedOut}
)

// Token needs a code for the ID token, so that there is something to ask.
func (*exemplary) Token(ctx context.Context, c Caller, r TokenRequest) (Token, error) {
	switch {
	case r.Profile == "dev":
		return Token{}, Errorf(KindLoginRequired, "sign-in needed: nobody is signed in to profile dev").WithHint("run: cogtok login dev")
	case r.Profile == "sso":
		if _, err := askBrowser(ctx, c, "sso"); err != nil {
			return Token{}, err
		}
		r.Type = TypeAccess
	case r.Profile != "prod":
		return Token{}, Errorf(KindUnknownProfile, "there is no profile %q", r.Profile).WithHint("see: cogtok profile list")
	case r.Type == "":
		r.Type = TypeID
		if code, err := c.Prompter.Ask(ctx, Prompt{Kind: PromptMFA, Text: "Code from your authenticator app", Echo: true, Profile: "prod"}); err != nil {
			return Token{}, err
		} else if code.Reveal() != "123456" {
			return Token{}, Errorf(KindCodeWrong, "the code is wrong").WithHint("run: cogtok login prod")
		}
	}
	return Token{Version: 1, Profile: "prod", Type: r.Type, Token: "eyJraWQ…", Header: "Authorization", Value: "eyJraWQ…",
		ExpiresAt: seven, ExpiresIn: 3600, IssuedAt: six, Username: "rob", Subject: subject}, nil
}

// askBrowser sends the person behind the call to a sign-in page.
func askBrowser(ctx context.Context, c Caller, profile string) (Secret, error) {
	return c.Prompter.Ask(ctx, Prompt{Kind: PromptBrowser, Text: "Sign in to " + profile + " in the browser", Echo: true, Profile: profile,
		URL: "https://login.example.com/oauth2/authorize?client_id=2sso…", StartURL: "http://localhost:8765/Kq3c…"})
}

// signInByBrowser waits for a pasted address, or, for the profile here, for a
// browser that comes by itself, and at once.
func signInByBrowser(ctx context.Context, c Caller, profile string) (ProfileStatus, error) {
	s := sso
	s.Profile = profile
	if profile == "here" {
		asked := make(chan struct{})
		ctx, cancel := context.WithCancel(ctx)
		go func() {
			defer close(asked)
			askBrowser(ctx, c, profile)
		}()
		time.Sleep(20 * time.Millisecond)
		cancel()
		<-asked
		return s, nil
	}
	_, err := askBrowser(ctx, c, profile)
	return s, err
}

// resetPassword asks for what a forgotten password takes.
func resetPassword(ctx context.Context, c Caller) (Secret, error) {
	if _, err := c.Prompter.Ask(ctx, Prompt{Kind: PromptMFA, Text: "Code that was sent to r***@e***", Echo: true, Profile: "prod"}); err != nil {
		return Secret{}, err
	}
	return c.Prompter.Ask(ctx, Prompt{Kind: PromptNewPassword, Text: "New password for rob@example.com", Profile: "prod"})
}

func (*exemplary) Login(ctx context.Context, c Caller, r LoginRequest) (ProfileStatus, error) {
	if r.Profile != "prod" {
		return signInByBrowser(ctx, c, r.Profile)
	}
	password := r.Password
	if r.Reset {
		var err error
		if password, err = resetPassword(ctx, c); err != nil {
			return ProfileStatus{}, err
		}
	}
	if password.Empty() {
		var err error
		if password, err = c.Prompter.Ask(ctx, Prompt{Kind: PromptPassword, Text: "Password for rob@example.com (profile prod)", Profile: "prod"}); err != nil {
			return ProfileStatus{}, err
		}
	}
	if password.Reveal() != "correct horse" {
		return ProfileStatus{}, Errorf(KindWrongPassword, "the password for rob@example.com is wrong").WithHint("run: cogtok login prod")
	}
	return prod, nil
}

func (*exemplary) Logout(_ context.Context, _ Caller, r LogoutRequest) (LogoutResult, error) {
	result := LogoutResult{Profile: r.Profile, Ended: true, ValidUntil: &seven}
	if r.Profile == "sso" {
		result.BrowserURL = "https://login.example.com/logout?client_id=2sso…"
	}
	return result, nil
}

func (e *exemplary) Devices(ctx context.Context, c Caller, r DevicesRequest) (DeviceList, error) {
	if r.Profile == "dev" {
		_, err := e.Token(ctx, c, TokenRequest{Profile: "dev"})
		return DeviceList{}, err
	}
	return DeviceList{Profile: "prod", Devices: []Device{
		{Key: "us-east-1_0c2d7e5f", Name: "cogtok on ada", LastIP: "203.0.113.7", LastUsed: six, Created: six, Remembered: true, Current: true},
		{Key: "us-east-1_7b1a2c3d"},
	}}, nil
}

func (*exemplary) Status(context.Context, Caller, StatusRequest) (Status, error) {
	return Status{Version: 1, Default: "prod", Profiles: []ProfileStatus{dev, prod}, Config: configPath}, nil
}

func (*exemplary) ListSecrets(context.Context, Caller, StatusRequest) (SecretList, error) {
	return SecretList{Secrets: []SecretEntry{{Profile: "prod", Kind: SecretClientSecret, Store: "keychain"}}}, nil
}

func (*exemplary) Lock(context.Context, Caller, None) (None, error) { return None{}, nil }

func (*exemplary) Unlock(_ context.Context, _ Caller, r UnlockRequest) (None, error) {
	if r.Passphrase.Reveal() == "wrong" {
		return None{}, Errorf(KindLocked, "the passphrase is wrong").WithHint("run: cogtok unlock")
	}
	return None{}, nil
}

func (*exemplary) Reload(context.Context, Caller, None) (ReloadResult, error) {
	return ReloadResult{Config: configPath, Profiles: 2}, nil
}

func (*exemplary) Upgrade(context.Context, Caller, None) (UpgradeResult, error) {
	return UpgradeResult{Upgrading: true, Version: "1.1.0"}, nil
}

// Watch goes on until the connection ends.
func (*exemplary) Watch(ctx context.Context, c Caller, r WatchRequest) (None, error) {
	if r.Profile != "prod" {
		return None{}, Errorf(KindUnknownProfile, "there is no profile %q", r.Profile).WithHint("see: cogtok status")
	}
	eight := noon.Add(8 * time.Hour)
	for _, e := range []Event{
		{Event: EventState, State: StateSignedIn, IDExpiresAt: &seven, AccessExpiresAt: &seven},
		{Event: EventRenewed, IDExpiresAt: &eight, AccessExpiresAt: &eight},
		{Event: EventError, Message: "Cognito can't be reached"},
		{Event: EventLoginNeeded, Message: "sign-in needed: the refresh token was revoked", Hint: "run: cogtok login prod"},
	} {
		e.Profile = "prod"
		if err := c.Notify(e); err != nil {
			return None{}, err
		}
	}
	<-ctx.Done()
	return None{}, ctx.Err()
}

func (*exemplary) Version(context.Context, Caller, None) (Version, error) {
	return Version{Version: "1.0.0", Protocol: Protocol, ProtocolMin: 1, PID: 4242, StartedAt: six, Config: configPath,
		Socket: "/run/user/1000/cogtok/agent.sock", Log: "/home/rob/.local/state/cogtok/agent.log"}, nil
}

func readDoc(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestDocTranscripts runs what the manual shows.
func TestDocTranscripts(t *testing.T) {
	path := serve(t, &Server{Agent: &exemplary{}, Config: configPath})
	blocks := regexp.MustCompile("(?s)```transcript\n(.*?)```").FindAllStringSubmatch(readDoc(t), -1)
	called := map[string]bool{}
	for _, block := range blocks {
		nc := dialRaw(t, path)
		_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
		for line := range strings.Lines(block[1]) {
			replay(t, nc, strings.TrimSuffix(line, "\n"))
			if m := regexp.MustCompile(`^→ .*"method":"([^"]*)"`).FindStringSubmatch(line); m != nil {
				called[m[1]] = true
			}
		}
	}
	for name := range methods {
		if !called[name] {
			t.Errorf("no transcript calls %s", name)
		}
		if !strings.Contains(readDoc(t), "\n### "+name+"\n") {
			t.Errorf("the manual has no section %s", name)
		}
	}
	if len(blocks) < len(methods) {
		t.Errorf("%d transcripts", len(blocks))
	}
}

// replay sends a line that begins with "→ " and expects one with "← ".
func replay(t *testing.T, nc net.Conn, line string) {
	t.Helper()
	text, sent := strings.CutPrefix(line, "→ ")
	want, received := strings.CutPrefix(line, "← ")
	if sent == received {
		t.Fatalf("not a line of a transcript: %q", line)
	}
	wire := text
	if received {
		wire = want
	}
	if strings.HasPrefix(wire, "Content-Length") {
		wire = strings.ReplaceAll(wire, `\r\n`, "\r\n")
	} else {
		wire += "\n"
	}
	if sent {
		if _, err := io.WriteString(nc, wire); err != nil {
			t.Fatal(err)
		}
		return
	}
	got := make([]byte, len(wire))
	n, err := io.ReadFull(nc, got)
	if string(got[:n]) != wire {
		t.Fatalf("came   %q (%v)\nwanted %q", got[:n], err, wire)
	}
}

// TestDocKinds: the manual's table of errors is the code's.
func TestDocKinds(t *testing.T) {
	rows := regexp.MustCompile(`(?m)^\| ([1-8]) \| [^|]* \| (.*) \|$`).FindAllStringSubmatch(readDoc(t), -1)
	documented := map[Kind]Code{}
	for _, row := range rows {
		for _, kind := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[2], -1) {
			documented[Kind(kind[1])] = Code(row[1][0] - '0')
		}
	}
	for kind, code := range kindCodes {
		if documented[kind] != code {
			t.Errorf("%s has code %d, in the manual %d", kind, code, documented[kind])
		}
	}
	if len(documented) != len(kindCodes) {
		t.Errorf("the manual has %d kinds, the code %d", len(documented), len(kindCodes))
	}
}

// TestDocLimits: the manual's numbers are the code's.
func TestDocLimits(t *testing.T) {
	doc := readDoc(t)
	for _, row := range []string{
		fmt.Sprintf("| a message to the agent | %d KiB (65,536 bytes, without the line's end or the headers) |", maxFromClient>>10),
		fmt.Sprintf("| a message from the agent | %d KiB |", maxFromAgent>>10),
		fmt.Sprintf("| nesting | %d |", maxDepth),
		fmt.Sprintf("| a message, from its first byte to its last | %.0f s |", frameTimeout.Seconds()),
		fmt.Sprintf("| your taking a message from the agent | %.0f s |", writeTimeout.Seconds()),
		fmt.Sprintf("| a connection without a call | %.0f s,", idleTimeout.Seconds()),
		fmt.Sprintf("| calls under way on a connection | %d |", queueLength),
		fmt.Sprintf("| connections of a process | %d |", maxConnsPerPID),
		fmt.Sprintf("| connections in all | %d,%03d,", maxConns/1000, maxConns%1000),
		fmt.Sprintf("| a person at a prompt | %.0f s |", PromptTimeout.Seconds()),
		fmt.Sprintf("| calls in flight when the agent is stopped | %.0f s,", drainTimeout.Seconds()),
		fmt.Sprintf("after %.0f s without an\nanswer or a prompt (%.0f s for `version` and `status`), and connect within %.0f s", callTimeout.Seconds(), quickTimeout.Seconds(), connectTimeout.Seconds()),
		fmt.Sprintf("This is protocol %d.", Protocol),
	} {
		if !strings.Contains(doc, row) {
			t.Errorf("the manual doesn't say: %s", row)
		}
	}
	prompts := []string{PromptPassword, PromptNewPassword, PromptPassphrase, PromptMFA, PromptText, PromptConfirm, PromptChoice, PromptNotice, PromptBrowser}
	rows := regexp.MustCompile(`(?s)\| kind \| the answer is \|\n(.*?)\n\n`).FindString(doc)
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^[|] `([a-z-]+)` [|]").FindAllStringSubmatch(rows, -1) {
		listed = append(listed, m[1])
	}
	events := []string{EventState, EventSignedIn, EventRenewed, EventLoginNeeded, EventSignedOut, EventLocked, EventUnlocked, EventError, EventConfig, EventMissed}
	if got := firstColumn(doc, "| event | "); !slices.Equal(got, events) {
		t.Errorf("events in the manual: %v, want %v", got, events)
	}
	if !slices.Equal(listed, prompts) {
		t.Errorf("prompts in the manual: %v, want %v", listed, prompts)
	}
}

// firstColumn returns the words of the table that begins like that.
func firstColumn(doc, head string) (words []string) {
	_, table, _ := strings.Cut(doc, head)
	table, _, _ = strings.Cut(table, "\n\n")
	for _, m := range regexp.MustCompile("(?m)^[|] `([a-z-]+)` [|]").FindAllStringSubmatch(table, -1) {
		words = append(words, m[1])
	}
	return words
}

// TestDocClients: the manual has the clients as they are in contrib/clients.
func TestDocClients(t *testing.T) {
	doc := readDoc(t)
	for file, language := range map[string]string{"token.py": "python", "token.mjs": "js", "token.lua": "lua"} {
		program, err := os.ReadFile("../contrib/clients/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(doc, "```"+language+"\n"+string(program)+"```\n") {
			t.Errorf("the manual has another %s", file)
		}
	}
}
