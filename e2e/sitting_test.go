//go:build !windows

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/cogtok/cogtok/internal/cogtoktest"
	"github.com/cogtok/cogtok/internal/userpool"
)

// A challenge is a sign-in at a terminal: who signs in where, and what is asked.
type challenge struct {
	name    string
	pool    userpool.PoolConfig
	client  userpool.Client
	user    userpool.User
	keys    string         // more of the profile, a line each
	store   string         // default: memory
	args    []string       // more of `cogtok login`
	prepare func(*sitting) // before each sign-in
	signUp  bool           // the user has just signed up
	steps   []step
}

// A step is one question.
type step struct {
	asks       string // the end of what the terminal shows
	resends    int    // how often nothing and Enter has a code sent; 0: it is no code that is sent
	hidden     bool   // what is typed isn't shown
	right      answer
	elsewhere  bool   // all but the right answer is tested in another challenge
	answered   bool   // that nobody answers is tested in another challenge
	wrong      ending // given again and again
	empty      ending // likewise
	mends      int    // how many right answers are needed after a wrong one; 0: it can't be mended
	back       int    // how many questions before this one are put again after a wrong answer
	unanswered string // what Ctrl-D is told, where it isn't that the question has no answer
	signedIn   bool   // Cognito has given tokens already, so they are kept whatever is answered
}

// An answer is what a person types; n counts the answers to a question.
type answer func(s *sitting, n int) string

// An ending is what comes of an answer that gets nowhere.
type ending struct {
	types  answer // nil: there is no such answer
	times  int    // how often until the program ends
	status int
	says   string
	sent   int // codes that are sent on the way
	then   int // how many more questions come before the first one is judged
}

func typed(text string) answer { return func(*sitting, int) string { return text } }

// twice types two lines: the second is the answer to the next question.
func twice(text string) answer { return typed(text + "\n" + text) }

// sentCode is the code of the last message.
func sentCode(s *sitting, _ int) string { return s.w.pool.LastCode(s.name) }

// wrongCode is another code each time, and never the one that was sent.
func wrongCode(s *sitting, n int) string {
	code := fmt.Sprintf("00000%d", n)
	if code == s.w.pool.LastCode(s.name) {
		return "777777"
	}
	return code
}

// appCode is what an authenticator app with a seed shows.
func appCode(seed string) answer {
	return func(s *sitting, _ int) string {
		code, err := totp.GenerateCode(seed, time.Now())
		if err != nil {
			s.t.Fatal(err)
		}
		return code
	}
}

// newApp is an authenticator app that has just been given the seed on the terminal.
func newApp(s *sitting, n int) string {
	found := shownSeed.FindStringSubmatch(s.term.Shown())
	if found == nil {
		s.t.Fatalf("no seed is shown:\n%s", s.term.Shown())
	}
	return appCode(strings.ReplaceAll(found[1], " ", ""))(s, n)
}

var shownSeed = regexp.MustCompile(`\r\n  ((?:[A-Z2-7]{1,4} ?)+)\r\n`)

// A sitting is one person at one terminal, with a profile and a user of the
// same name.
type sitting struct {
	t    *testing.T
	u    *cogtoktest.User
	w    *world
	c    challenge
	name string
	want string // the state of the profile, when all is over
	term *cogtoktest.Terminal
	seen string // on the terminals before
}

// An event is what happens at a question that was reached by right answers.
type event struct {
	name   string
	do     func(*sitting, step)
	status int
	says   string
}

var events = []event{
	{"ctrl-c", types("\x03"), 130, ""},
	{"ctrl-d", types("\x04"), 3, "the question was not answered"},
	{"window closed", func(s *sitting, _ step) { s.term.Hangup() }, 129, ""},
	{"SIGHUP", func(s *sitting, _ step) { s.term.Signal(syscall.SIGHUP) }, 129, ""},
}

func types(key string) func(*sitting, step) {
	return func(s *sitting, _ step) { s.term.Type(key) }
}

// run has each question of a challenge met by each event, and answered rightly,
// wrongly and not at all.
func (c challenge) run(t *testing.T) {
	t.Parallel()
	w, url := c.newWorld(t)
	u := cogtoktest.NewUser(t)
	u.Env = append(u.Env, "COGTOK_LOG=debug")
	cases := c.cases()
	var config strings.Builder
	fmt.Fprintf(&config, "version: 1\nstore: %s\npassphrase_command: [printf, Marker-Passphrase-83]\nprofiles:\n", orElse(c.store, "memory"))
	for i := range cases {
		fmt.Fprintf(&config, "  case%d:\n    user_pool_id: %s\n    client_id: %s\n    username: case%d\n    endpoint: %s\n", i, w.pool.ID(), c.client.ID, i, url)
		for line := range strings.Lines(c.keys) {
			config.WriteString("    " + line)
		}
		config.WriteString("\n")
	}
	u.WriteConfig(config.String())
	var all []*sitting
	for i, one := range cases {
		t.Run(one.name, func(t *testing.T) {
			s := &sitting{t: t, u: u.In(t), w: w, c: c, name: fmt.Sprintf("case%d", i)}
			if c.signUp {
				s.signUp()
			} else {
				w.pool.AddUser(c.newUser(s.name))
			}
			all = append(all, s)
			one.run(s)
		})
	}
	mustBe(t, u, all)
	var shown strings.Builder
	for _, s := range all {
		shown.WriteString(s.seen + s.term.Shown())
	}
	mustKeepSecrets(t, u, w, shown.String())
	if c.store == "file" {
		u.Must("", "agent", "restart")
		u.Run("", "token", "case0", "--no-input") // unlocks
		mustBe(t, u, all)
	}
}

func (c *challenge) newWorld(t *testing.T) (*world, string) {
	w := &world{server: userpool.New(userpool.Config{RecordParameters: true})}
	t.Cleanup(func() { w.server.Close() })
	w.pool = w.server.AddPool(c.pool)
	if c.client.Flows == nil {
		c.client.Flows = []string{"ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_AUTH", "ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
	}
	c.client = w.pool.AddClient(c.client)
	url, err := w.server.Start("127.0.0.1:0")
	if err == nil && c.client.OAuthFlows != nil {
		_, err = w.pool.StartDomain("127.0.0.1:0")
	}
	if err != nil {
		t.Fatal(err)
	}
	return w, url
}

func (c challenge) newUser(name string) userpool.User {
	u := c.user
	u.Username, u.Password = name, password
	if u.Email != "" {
		u.Email = name + "@example.com"
	}
	return u
}

// signUp signs the user up, as an application does.
func (s *sitting) signUp() {
	body, err := json.Marshal(map[string]any{
		"ClientId": s.c.client.ID, "Username": s.name, "Password": password,
		"UserAttributes": []map[string]string{{"Name": "email", "Value": s.name + "@example.com"}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, s.w.server.URL(), bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.SignUp")
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		s.t.Fatal(answer.Status)
	}
}

// A oneCase is a row of a challenge's table.
type oneCase struct {
	name string
	run  func(*sitting)
}

func (c challenge) cases() []oneCase {
	cases := []oneCase{{"right", (*sitting).right}}
	for i, st := range c.steps {
		if st.elsewhere {
			continue
		}
		at := func(what string, run func(*sitting, int)) {
			cases = append(cases, oneCase{strings.Trim(st.asks, ": ") + "/" + what, func(s *sitting) { run(s, i) }})
		}
		for _, e := range events {
			if !st.answered {
				at(e.name, e.run)
			}
		}
		if st.wrong.types != nil {
			at("wrong", st.wrong.run)
		}
		if st.empty.types != nil {
			at("empty", st.empty.run)
		}
		if st.mends > 0 {
			at("wrong then right", (*sitting).mended)
		}
	}
	return cases
}

// begin starts `cogtok login` and answers the questions before the one at i.
func (s *sitting) begin(i int) {
	s.t.Helper()
	if s.c.prepare != nil {
		s.c.prepare(s)
	}
	if s.term != nil {
		s.seen += s.term.Shown()
	}
	s.term = s.u.Terminal(append([]string{"login", s.name}, s.c.args...)...)
	for _, st := range s.c.steps[:i] {
		s.answer(st, st.right, 0)
	}
}

// answer answers a question, once it is put. What follows on is typed after it.
func (s *sitting) answer(st step, a answer, n int) {
	s.t.Helper()
	end := st.asks
	if st.resends > 0 && n >= st.resends {
		end = ": " // no more is sent
	}
	s.term.Expect(end)
	s.term.Type(a(s, n) + "\n")
}

// rest answers the next n questions from one on, if there are as many.
func (s *sitting) rest(from, n int) {
	s.t.Helper()
	for _, st := range s.c.steps[from:min(from+n, len(s.c.steps))] {
		s.answer(st, st.right, 0)
	}
}

func (s *sitting) right() {
	s.begin(0)
	s.rest(0, len(s.c.steps))
	s.mustBeSignedIn(s.term.Wait())
}

// mended gives one wrong answer, and then right ones.
func (s *sitting) mended(i int) {
	st := s.c.steps[i]
	s.begin(i)
	s.answer(st, st.wrong.types, 0)
	s.rest(i+1, st.wrong.then)
	for n := range st.mends {
		for _, before := range s.c.steps[i-st.back : i] {
			s.answer(before, before.right, 0)
		}
		s.answer(st, st.right, n+1)
	}
	s.rest(i+1+st.wrong.then, len(s.c.steps))
	s.mustBeSignedIn(s.term.Wait())
}

func (e event) run(s *sitting, i int) {
	st := s.c.steps[i]
	s.begin(i)
	s.term.Expect(st.asks)
	before := s.spent()
	e.do(s, st)
	r := s.term.Wait()
	want := ending{status: e.status, says: e.says}
	// A terminal that is gone has no answer either, and that may be seen first.
	if gone := e.name == "window closed" && r.Code != 129; gone || e.status == 3 {
		want = st.noAnswer()
	}
	s.mustEnd(r, want.status, want.says, e.name != "window closed")
	if st.signedIn {
		s.want = "signed-in"
		return
	}
	s.nothingIsLeft()
	if after := s.spent(); after != before {
		s.t.Errorf("a question that nobody answered cost %+v, after %+v before", after, before)
	}
	if e.name == "ctrl-c" {
		s.right() // nothing is in the way of the next sign-in
	}
}

// noAnswer is what comes of a question that gets no answer.
func (st step) noAnswer() ending {
	switch {
	case st.signedIn:
		return ending{says: ""} // it didn't have to be answered
	case st.unanswered != "":
		return ending{status: 3, says: st.unanswered}
	}
	return ending{status: 3, says: "the question was not answered"}
}

func (end ending) run(s *sitting, i int) {
	st := s.c.steps[i]
	s.begin(i)
	s.term.Expect(st.asks)
	before := s.spent()
	s.term.Type(end.types(s, 0) + "\n")
	s.rest(i+1, end.then)
	for n := 1; n < end.times; n++ {
		for _, again := range s.c.steps[i-st.back : i] {
			s.answer(again, again.right, n)
		}
		s.answer(st, end.types, n)
	}
	r := s.term.Wait()
	s.mustEnd(r, end.status, end.says, true)
	if end.status == 0 {
		s.want = "signed-in"
		return
	}
	after := s.spent()
	if n := after.messages - before.messages; n != end.sent {
		s.t.Errorf("%d codes were sent, want %d", n, end.sent)
	}
	if n := after.password.Failures; n > 1 || n > 0 && st.asks != thePassword.asks {
		s.t.Errorf("a wrong password was tried %d times", n)
	}
	if text, _, _ := strings.Cut(end.types(s, 0), "\n"); st.hidden && text != "" && strings.Contains(r.Stderr, text) {
		s.t.Errorf("the terminal shows what is hidden: %s", r)
	}
	s.nothingIsLeft()
}

// spent is what a sign-in costs a user: tries and messages.
type spent struct {
	password, code userpool.Attempts
	messages       int
}

func (s *sitting) spent() spent {
	n := 0
	for _, m := range s.w.pool.Messages() {
		if m.Username == s.name {
			n++
		}
	}
	return spent{s.w.pool.PasswordAttempts(s.name), s.w.pool.CodeAttempts(s.name), n}
}

// jargon is what no person should have to read.
var jargon = regexp.MustCompile(`(?i)goroutine|panic|nil pointer|context (canceled|deadline)|\bEOF\b|ioctl|input/output error|smithy|operation error|https response|%!|<nil>|Exception|prompt_|json`)

func (s *sitting) mustBeSignedIn(r cogtoktest.Result) {
	s.t.Helper()
	s.want = "signed-in"
	s.mustEnd(r, 0, "", true)
	if !strings.Contains(r.Stderr, "cogtok: signed in to "+s.name) {
		s.t.Errorf("it doesn't say that %s is signed in: %s", s.name, r)
	}
	if token := s.u.Must("", "token", s.name, "--no-input"); !strings.HasPrefix(token, "eyJ") {
		s.t.Errorf("token %q", token)
	}
}

// mustEnd checks how the program ended and what it left on the terminal.
func (s *sitting) mustEnd(r cogtoktest.Result, status int, says string, open bool) {
	s.t.Helper()
	if r.Code != status || r.Stdout != "" || open && !strings.Contains(r.Stderr, says) {
		s.t.Errorf("want exit status %d, nothing on stdout, and %q: %s", status, says, r)
	}
	if jargon.MatchString(r.Stderr) || strings.Contains(r.Stderr, password) {
		s.t.Errorf("that is for no person to read: %s", r)
	}
	if open && !s.term.Restored() {
		s.t.Errorf("the terminal is not as it was: %s", r)
	}
	if !open || status != 3 && status != 7 {
		return
	}
	if !whatAndHint.MatchString(r.Stderr) || !strings.Contains(r.Stderr, "profile "+s.name) {
		s.t.Errorf("it doesn't name the profile, or not what to do next: %s", r)
	}
}

// whatAndHint are the last two lines of a program that failed.
var whatAndHint = regexp.MustCompile(`\ncogtok: .*\r\ncogtok: hint: .*\r\n$`)

// mustBe checks what status tells of the profiles, and that no secret is kept. The
// agent may still be at work where a program was interrupted.
func mustBe(t *testing.T, u *cogtoktest.User, all []*sitting) {
	t.Helper()
	var wrong []string
	for deadline := time.Now().Add(10 * time.Second); ; {
		wrong = nil
		out := u.Must("", "status", "--output", "json")
		var status struct {
			Profiles []struct{ Profile, State, Problem, Hint string }
		}
		if err := json.Unmarshal([]byte(out), &status); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		states := map[string]string{}
		for _, p := range status.Profiles {
			states[p.Profile] = p.State
			if jargon.MatchString(p.Problem + p.Hint) {
				wrong = append(wrong, fmt.Sprintf("status tells %+v", p))
			}
		}
		for _, s := range all {
			if states[s.name] != s.want {
				wrong = append(wrong, fmt.Sprintf("%s is %s, want %s", s.t.Name(), states[s.name], s.want))
			}
		}
		if wrong == nil || time.Now().After(deadline) {
			break
		}
	}
	if wrong != nil {
		t.Error(strings.Join(wrong, "\n"))
	}
	if list := u.Must("", "secret", "list"); strings.Contains(list, "\n") {
		t.Errorf("secrets are kept: %s", list)
	}
}

// nothingIsLeft checks that a sign-in which came to nothing gives no token, and
// that where nobody can be asked nothing is tried for it.
func (s *sitting) nothingIsLeft() {
	s.t.Helper()
	s.want = "signed-out"
	before := s.spent()
	if r := s.u.Run("", "token", s.name, "--no-input"); r.Code != 3 || r.Stdout != "" || jargon.MatchString(r.Stderr) || !strings.Contains(r.Stderr, "cogtok: hint: run: cogtok login "+s.name) {
		s.t.Errorf("token: %s", r)
	}
	if after := s.spent(); after != before {
		s.t.Errorf("by itself, cogtok has spent %+v, after %+v before", after, before)
	}
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
