//go:build !windows

package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/cogtok/cogtok/agent"
)

// A person sits at a terminal at which the client runs. Standard output is a
// pipe, as in a shell's $(…); standard input and error are the terminal.
type person struct {
	*testing.T
	cmd    *exec.Cmd
	tty    *os.File // the person's side
	slave  *os.File // held open, so that the terminal can be looked at after the end
	stdout bytes.Buffer
	ended  chan error

	mu    sync.Mutex
	shown strings.Builder
	seen  int
}

func (w *world) atTerminal(args ...string) *person {
	w.Helper()
	return w.atTerminalWith(nil, args...)
}

// atTerminalWith is atTerminal with standard error elsewhere, unless it is nil.
func (w *world) atTerminalWith(stderr *os.File, args ...string) *person {
	w.Helper()
	return w.atTerminalRunning(func(cmd *exec.Cmd) {
		cmd.Args = append(cmd.Args, args...)
		if stderr != nil {
			cmd.Stderr = stderr
		}
	})
}

// atTerminalRunning is atTerminal for what change makes of the client.
func (w *world) atTerminalRunning(change func(*exec.Cmd)) *person {
	w.Helper()
	tty, slave, err := pty.Open()
	if err != nil {
		w.Fatal(err)
	}
	p := &person{T: w.T, cmd: w.child(), tty: tty, slave: slave, ended: make(chan error, 1)}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = slave, &p.stdout, slave
	change(p.cmd)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.cmd.Start(); err != nil {
		w.Fatal(err)
	}
	go p.watch()
	go func() { p.ended <- p.cmd.Wait() }()
	w.Cleanup(func() { p.cmd.Process.Kill(); slave.Close(); tty.Close() })
	return p
}

func (p *person) watch() {
	buf := make([]byte, 4096)
	for {
		n, err := p.tty.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.shown.Write(buf[:n])
		p.mu.Unlock()
	}
}

func (p *person) all() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.ReplaceAll(p.shown.String(), "\r\n", "\n")
}

// expect waits until text is shown after what was expected last.
func (p *person) expect(text string) {
	p.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		shown := p.all()
		if at := strings.Index(shown[p.seen:], text); at >= 0 {
			p.seen += at + len(text)
			return
		}
		if time.Now().After(deadline) {
			p.Fatalf("%q isn't shown, but:\n%s", text, shown)
		}
	}
}

func (p *person) types(keys string) {
	p.Helper()
	if _, err := p.tty.WriteString(keys); err != nil {
		p.Fatal(err)
	}
}

// end waits for the end of the client and compares its exit status. The
// terminal has to be as it was.
func (p *person) end(code int) {
	p.Helper()
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		p.Fatalf("it hangs:\n%s", p.all())
	}
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.Errorf("exit status %d, want %d:\n%s", got, code, p.all())
	}
	if !p.echoes() {
		p.Error("the terminal is left without echo")
	}
}

func (p *person) echoes() bool {
	state, err := unix.IoctlGetTermios(int(p.slave.Fd()), getTermios)
	if err != nil {
		p.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

func password(text string) agent.Prompt { return agent.Prompt{Kind: agent.PromptPassword, Text: text} }

func TestPromptForPassword(t *testing.T) {
	w := newWorld(t)
	w.serve(&scripted{tokens: twoTokens(), prompts: []agent.Prompt{password("Password for rob\x1b[2J")}})
	p := w.atTerminal("token", "prod")
	p.expect("Password for rob�[2J: ")
	if p.echoes() {
		t.Error("what is typed is shown")
	}
	p.types(marker + "\n")
	p.end(0)
	if w.agent.answers[0] != marker || strings.Contains(p.all(), marker) {
		t.Errorf("answer %q, terminal: %s", w.agent.answers, p.all())
	}
	if p.stdout.String() != "eyJ.id.sig\n" {
		t.Errorf("standard output: %q", &p.stdout)
	}
}

func TestPromptsOfEveryKind(t *testing.T) {
	w := newWorld(t)
	w.serve(&scripted{prompts: []agent.Prompt{
		{Kind: agent.PromptNotice, Text: "The code was sent to r***@e***"},
		{Kind: agent.PromptMFA, Text: "Code", Echo: true},
		{Kind: agent.PromptChoice, Text: "Which way?", Choices: []string{"app", "text message"}},
		{Kind: agent.PromptConfirm, Text: "Keep the password?"},
		{Kind: agent.PromptConfirm, Text: "Sure?"},
		{Kind: "of-tomorrow", Text: "Shoe size:", Echo: true},
	}})
	p := w.atTerminal("login", "prod")
	p.expect("The code was sent to r***@e***\nCode: ")
	p.types("123456\n")
	p.expect("Which way?\n  1) app\n  2) text message\nNumber (1-2): ")
	p.types("3\n")
	p.expect("Please type a number of the list.\n")
	p.expect("Number (1-2): ")
	p.types("2\n")
	p.expect("Keep the password? [y/N] ")
	p.types("Yes\n")
	p.expect("Sure? [y/N] ")
	p.types("\n")
	p.expect("Shoe size: ")
	p.types("43\n")
	p.end(0)
	if want := []string{"", "123456", "text message", "y", "n", "43"}; !slices.Equal(w.agent.answers, want) {
		t.Errorf("answers: %q", w.agent.answers)
	}
	if p.expect("cogtok: signed in to prod as rob; the token is good for 1h"); p.stdout.Len() != 0 {
		t.Errorf("standard output: %q", &p.stdout)
	}
}

// Ctrl-C, Ctrl-\ and a hang-up at a hidden prompt leave the terminal as it was.
func TestInterruptedPrompt(t *testing.T) {
	for keys, code := range map[string]int{"\x03": 130, "\x1c": 131, "half a passw\x03": 130} {
		w := newWorld(t)
		w.serve(&scripted{prompts: []agent.Prompt{password("Password")}})
		p := w.atTerminal("token")
		p.expect("Password: ")
		p.types(keys)
		p.end(code)
		if p.stdout.Len() != 0 || strings.Contains(p.all(), "cogtok:") || strings.Contains(p.all(), "goroutine") {
			t.Errorf("%q: %q, %s", keys, &p.stdout, p.all())
		}
	}
	w := newWorld(t)
	w.serve(&scripted{prompts: []agent.Prompt{password("Password")}})
	p := w.atTerminal("token")
	p.expect("Password: ")
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.end(143)
}

func TestCtrlDIsNoAnswer(t *testing.T) {
	for _, echo := range []bool{false, true} {
		w := newWorld(t)
		w.serve(&scripted{prompts: []agent.Prompt{{Kind: agent.PromptText, Text: "Answer", Echo: echo}}})
		p := w.atTerminal("token")
		p.expect("Answer: ")
		p.types("\x04")
		p.end(3)
		p.expect("\ncogtok: ") // on a line of its own
	}
}

// An agent that gives up while the person thinks ends the prompt.
func TestPromptThatIsOvertaken(t *testing.T) {
	tty, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	defer slave.Close()
	p := prompter{tty: newTerminal(slave, slave)}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = p.Ask(ctx, password("Password"))
	if agent.KindOf(err) != agent.KindPromptUnanswered {
		t.Errorf("%v", err)
	}
	state, err := unix.IoctlGetTermios(int(slave.Fd()), getTermios)
	if err != nil || state.Lflag&unix.ECHO == 0 {
		t.Errorf("the terminal is left without echo: %v", err)
	}
	// What is typed then is the answer to the next question.
	if _, err := tty.WriteString("good\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := p.Ask(t.Context(), password("Password")); err != nil || answer.Reveal() != "good" {
		t.Errorf("%q, %v", answer.Reveal(), err)
	}
}

// `token` asks only where standard error is a terminal too; `login` asks at
// any. Nobody is asked with --no-input or without a terminal.
func TestWhoMayBeAsked(t *testing.T) {
	refusal := "cogtok: prod: sign-in needed\ncogtok: hint: run: cogtok login prod\n"
	w := newWorld(t)
	w.serve(&scripted{prompts: []agent.Prompt{password("Password")}})
	for _, args := range []string{"token", "headers", "login", "whoami", "token --no-input"} {
		w.expect(result{"", refusal, 3}, strings.Fields(args)...)
		cmd := w.child(strings.Fields(args)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Run(); cmd.ProcessState.ExitCode() != 3 || stderr.String() != refusal {
			t.Errorf("%s without a terminal: %v: %s", args, err, &stderr)
		}
	}
	for _, args := range []string{"token --no-input", "--no-input login", "whoami"} {
		p := w.atTerminal(strings.Fields(args)...)
		p.end(3)
		p.expect(refusal)
	}
	w.env["COGTOK_NO_INPUT"] = "1"
	w.atTerminal("login").end(3)
	delete(w.env, "COGTOK_NO_INPUT")

	// In the terminal of an editor that catches standard error.
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, args := range []string{"token", "headers"} {
		p := w.atTerminalWith(null, args)
		p.end(3)
		if strings.Contains(p.all(), "Password") {
			t.Errorf("%s asked: %s", args, p.all())
		}
	}
}

func TestSecretIsAskedForOnce(t *testing.T) {
	w := newWorld(t)
	w.serve(&scripted{})
	p := w.atTerminal("secret", "set", "prod", "client-secret")
	p.expect("Client secret for prod: ")
	p.types(marker + "\n")
	p.end(0)
	if want := `set prod/client-secret="` + marker + `"`; w.agent.calls[0] != want || strings.Contains(p.all(), marker) {
		t.Errorf("%q: %s", w.agent.calls, p.all())
	}
	p = w.atTerminal("secret", "set", "prod", "password")
	p.expect("Password for prod: ")
	p.types("\n")
	p.end(3)
	p.expect("cogtok: nothing was typed")
	w.atTerminal("secret", "set", "prod", "password", "--no-input").end(3)
	w.atTerminal("login", "--password-stdin").end(2)
	if len(w.agent.calls) != 1 {
		t.Errorf("calls: %q", w.agent.calls)
	}
}

func TestFlawedAnswers(t *testing.T) {
	w := newWorld(t)
	w.write("config.yaml", goodConfig)
	w.serve(&scripted{prompts: []agent.Prompt{password("Password for rob")}, tokens: twoTokens()})
	for typed, flaw := range map[string]string{"a\xffb": "is not UTF-8 text", "a\x00b": "has a NUL character in it"} {
		for _, args := range [][]string{{"token"}, {"login"}} {
			p := w.atTerminal(args...)
			p.expect("Password for rob: ")
			p.types(typed + "\n")
			p.end(2)
			p.expect("cogtok: the answer " + flaw + ": Password for rob")
		}
		p := w.atTerminal("secret", "set", "prod", "password")
		p.expect("Password for prod: ")
		p.types(typed + "\n")
		p.end(2)
		p.expect("cogtok: the secret " + flaw)
	}
	if len(w.agent.answers) != 0 {
		t.Errorf("%q", w.agent.answers)
	}
}

// A background job is not stopped by the kernel at a question that it can't
// put: it is told at once that nobody can be asked.
func TestBackgroundJobIsNotAsked(t *testing.T) {
	w := newWorld(t)
	w.serve(&scripted{prompts: []agent.Prompt{password("Password")}})
	w.env["CLIENT"] = os.Args[0]
	for _, args := range []string{"token", "login"} {
		p := w.atTerminalRunning(func(cmd *exec.Cmd) {
			cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-mc", `"$CLIENT" cli ` + args + ` & wait $!; exit $?`}
		})
		p.end(3)
		p.expect("cogtok: prod: sign-in needed")
	}
}

// Whatever a server puts into a question, the terminal gets text.
func FuzzPrompt(f *testing.F) {
	f.Add("mfa", "Code\x1b]52;c;ZXZpbA==\x07", "a\u202eb")
	f.Add(agent.PromptChoice, "Which\r\n", "\x9b31m")
	f.Add(agent.PromptConfirm, "Sure?", "")
	f.Add(agent.PromptNotice, "line\nline\u2028", "")
	f.Fuzz(func(t *testing.T, kind, text, choice string) {
		shown := shownFor(t, agent.Prompt{Kind: kind, Text: text, Choices: []string{choice}, Echo: true})
		for _, r := range shown {
			if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)) {
				t.Fatalf("%q is shown as %q", text, shown)
			}
		}
	})
}

// shownFor returns what a terminal shows for a question that is answered "1".
func shownFor(t *testing.T, q agent.Prompt) string {
	in, keys, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	keys.WriteString("1\n")
	keys.Close()
	screen, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer screen.Close()
	shown := make(chan string)
	go func() {
		text, _ := io.ReadAll(screen)
		shown <- string(text)
	}()
	prompter{tty: newTerminal(in, out)}.Ask(t.Context(), q)
	out.Close()
	return <-shown
}
