package cognito_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/cognito"
	"github.com/cogtok/cogtok/internal/userpool"
	"github.com/cogtok/cogtok/profiles"
)

// The secrets of the tests. Each has "marker" in it: no error and no line of
// the log may hold one, in any spelling.
const (
	goodPassword = "marker-Password-1 é"
	tempPassword = "marker-Temporary-1"
	newPassword  = "marker-New-Password-2"
	clientSecret = "markerClientSecret0123456789abcdef"
	totpSeed     = "NVQXE23FOJJWKZLE" // base32 of "markerSeed"
	poolID       = "us-east-1_AbCdEf123"
)

// A world is a user pool with one app client and one user, and a Provider with
// a profile for them.
type world struct {
	t        *testing.T
	server   *userpool.Server
	pool     *userpool.Pool
	client   userpool.Client
	user     userpool.User
	provider *cognito.Provider
	profile  profiles.Profile
	secret   agent.Secret
	log      *logBook
	config   cognito.Config
}

type setup struct {
	auth     string // default: srp
	secret   bool   // the app client has one
	byEmail  bool   // a pool whose users sign in by email
	pool     userpool.PoolConfig
	client   userpool.Client
	user     userpool.User
	server   userpool.Config
	provider cognito.Config
}

var allFlows = []string{"ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}

func newWorld(t *testing.T, s setup) *world {
	t.Helper()
	noAWSConfig(t)
	w := &world{t: t, log: &logBook{}}
	s.server.RecordParameters = true
	w.server = userpool.New(s.server)
	s.pool.ID = poolID
	name := "rob"
	if s.byEmail {
		s.pool.UsernameAttributes = []string{"email"}
		name = "rob@example.com"
	} else {
		s.user.Username = name
	}
	w.pool = w.server.AddPool(s.pool)
	if s.client.Flows == nil {
		s.client.Flows = allFlows
		if s.client.Rotation {
			s.client.Flows = allFlows[:3]
		}
	}
	if s.secret {
		s.client.Secret = clientSecret
		w.secret = agent.NewSecret(clientSecret)
	}
	w.client = w.pool.AddClient(s.client)
	s.user.Email = "rob@example.com"
	if s.user.Password == "" {
		s.user.Password = goodPassword
	}
	w.user = w.pool.AddUser(s.user)
	endpoint, err := w.server.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if s.auth == "" {
		s.auth = profiles.AuthSRP
	}
	w.profile = profiles.Profile{
		Name: "prod", Region: "us-east-1", UserPoolID: poolID, ClientID: w.client.ID, Username: name, Auth: s.auth,
		Token: agent.TypeID, Endpoint: endpoint,
	}
	s.provider.Logf = w.log.logf
	w.config = s.provider
	w.provider = cognito.New(s.provider)
	t.Cleanup(func() {
		w.server.Close()
		w.noMarkers("the log", w.log.text())
	})
	return w
}

// noAWSConfig takes the person's own AWS configuration out of reach.
func noAWSConfig(t *testing.T) {
	home := t.TempDir()
	for name, value := range map[string]string{
		"HOME": home, "USERPROFILE": home, "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": filepath.Join(home, "config"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(home, "credentials"),
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "",
		"AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
	} {
		t.Setenv(name, value)
	}
}

// withAWSProfile writes an AWS profile "dev" with the key that the pool knows.
func withAWSProfile(t *testing.T) {
	t.Helper()
	key := userpool.TestCredential()
	text := fmt.Sprintf("[dev]\naws_access_key_id = %s\naws_secret_access_key = %s\n", key.AccessKeyID, key.SecretAccessKey)
	if err := os.WriteFile(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// login signs in with a password, and a person who answers in order.
func (w *world) login(password string, answers ...any) (session.SignedIn, *person, error) {
	w.t.Helper()
	return w.loginWith(session.Login{Password: passwordIs(password)}, answers...)
}

// loginWith is login with more than a password.
func (w *world) loginWith(l session.Login, answers ...any) (session.SignedIn, *person, error) {
	w.t.Helper()
	who := &person{t: w.t, answers: answers}
	l.Prompter = who
	in, err := w.loginBy(l)
	if len(who.answers) > 0 && err == nil {
		w.t.Errorf("%d questions were not asked", len(who.answers))
	}
	return in, who, err
}

// loginBy signs in where nobody can be asked, unless l has a Prompter. Its
// password is the good one, unless l has another.
func (w *world) loginBy(l session.Login) (session.SignedIn, error) {
	w.t.Helper()
	l.ClientSecret = w.secret
	if l.Password == nil {
		l.Password = passwordIs(goodPassword)
	}
	in, err := w.provider.SignIn(w.t.Context(), w.profile, l)
	w.checkError(err)
	return in, err
}

// signedIn is login that must succeed.
func (w *world) signedIn(answers ...any) session.Grant {
	w.t.Helper()
	in, _, err := w.login(goodPassword, answers...)
	if err != nil {
		w.t.Fatal(err)
	}
	return in.Grant
}

func (w *world) refresh(g session.Grant) (session.Grant, error) {
	w.t.Helper()
	next, err := w.provider.Refresh(w.t.Context(), w.profile, w.secret, g)
	w.checkError(err)
	return next, err
}

func passwordIs(p string) func(context.Context) (agent.Secret, error) {
	return func(context.Context) (agent.Secret, error) { return agent.NewSecret(p), nil }
}

// checkError holds every error to the rules for texts.
func (w *world) checkError(err error) {
	w.t.Helper()
	if err == nil {
		return
	}
	var e *agent.Error
	ok := errors.As(err, &e)
	if !ok {
		w.t.Errorf("the error is a %T: %v", err, err)
		return
	}
	text := e.Message + "\n" + e.Hint
	w.noMarkers("the error", text)
	checkText(w.t, e)
}

func checkText(t *testing.T, e *agent.Error) {
	t.Helper()
	if strings.HasSuffix(e.Message, ".") || strings.ContainsAny(e.Message+e.Hint, "{}\x1b\n") || !strings.Contains(e.Message, "prod") && e.Kind != agent.KindCanceled && e.Kind != agent.KindNetwork {
		t.Errorf("not a text for people: %q, hint %q", e.Message, e.Hint)
	}
	for _, jargon := range []string{"Exception:", "operation error", "api error", "StatusCode", "*", "smithy"} {
		if strings.Contains(strings.ReplaceAll(e.Message, "+***", ""), jargon) {
			t.Errorf("%q stands in %q", jargon, e.Message)
		}
	}
}

func (w *world) noMarkers(where, text string) {
	w.t.Helper()
	if strings.Contains(text, "eyJ") { // in small letters an app client's id may have it
		w.t.Errorf("a token is in %s: %s", where, text)
		return
	}
	forms := []string{"marker", totpSeed, base64.StdEncoding.EncodeToString([]byte("marker")), hex.EncodeToString([]byte("marker"))}
	for _, form := range forms {
		if strings.Contains(strings.ToLower(text), strings.ToLower(form)) {
			w.t.Errorf("a secret is in %s: %s", where, text)
			return
		}
	}
}

// wantKind checks an error's kind, and that its message and hint hold texts.
func wantKind(t *testing.T, err error, kind agent.Kind, texts ...string) {
	t.Helper()
	if agent.KindOf(err) != kind {
		t.Fatalf("got %q (%v), want %q", agent.KindOf(err), err, kind)
	}
	e := agent.AsError(err)
	for _, text := range texts {
		if !strings.Contains(e.Message+"\n"+e.Hint, text) {
			t.Errorf("%q is not in %q, hint %q", text, e.Message, e.Hint)
		}
	}
}

// A person answers questions in order: with a string, or by a function of what
// was asked. Notices need no answer. Whoever is asked more than that declines.
type person struct {
	t       *testing.T
	answers []any
	asked   []agent.Prompt
}

func (p *person) Ask(_ context.Context, prompt agent.Prompt) (agent.Secret, error) {
	p.asked = append(p.asked, prompt)
	if prompt.Profile != "prod" || prompt.Text == "" || strings.HasSuffix(prompt.Text, ":") || strings.ContainsAny(prompt.Text, "\x1b\r") ||
		prompt.Kind != agent.PromptNotice && strings.Contains(prompt.Text, "\n") {
		p.t.Errorf("a bad prompt: %+v", prompt)
	}
	if prompt.Kind == agent.PromptNotice {
		return agent.Secret{}, nil
	}
	if len(p.answers) == 0 {
		return agent.Secret{}, agent.Errorf(agent.KindPromptUnanswered, "profile prod: nobody answered")
	}
	next := p.answers[0]
	p.answers = p.answers[1:]
	switch answer := next.(type) {
	case func() string:
		return agent.NewSecret(answer()), nil
	case func(*person) string:
		return agent.NewSecret(answer(p)), nil
	case error:
		return agent.Secret{}, answer
	}
	return agent.NewSecret(next.(string)), nil
}

func (p *person) texts() string {
	var all []string
	for _, prompt := range p.asked {
		all = append(all, prompt.Text)
	}
	return strings.Join(all, "\n")
}

// last is the latest prompt of a kind.
func (p *person) last(kind string) agent.Prompt {
	for _, prompt := range slices.Backward(p.asked) {
		if prompt.Kind == kind {
			return prompt
		}
	}
	p.t.Fatalf("no %s was asked", kind)
	return agent.Prompt{}
}

// kinds counts the prompts by their kind.
func (p *person) kinds() map[string]int {
	n := map[string]int{}
	for _, prompt := range p.asked {
		n[prompt.Kind]++
	}
	return n
}

// pick answers a menu by a part of a label.
func pick(part string) func(*person) string {
	return func(p *person) string {
		for _, label := range p.last(agent.PromptChoice).Choices {
			if strings.Contains(label, part) {
				return label
			}
		}
		return "none"
	}
}

// inEachPool runs a test with and without a client secret, in a pool with
// usernames and in one where the email is the username.
func inEachPool(t *testing.T, f func(t *testing.T, s setup)) {
	for _, secret := range []bool{false, true} {
		for _, byEmail := range []bool{false, true} {
			t.Run(fmt.Sprintf("secret=%v,email=%v", secret, byEmail), func(t *testing.T) {
				f(t, setup{secret: secret, byEmail: byEmail})
			})
		}
	}
}

// code is the last one that the pool sent to the user.
func (w *world) code() string { return w.pool.LastCode(w.user.Username) }

// wrongCode is another one.
func (w *world) wrongCode() string { return different(w.code()) }

// wantTries checks how often the password was judged, and how often it was wrong.
func (w *world) wantTries(total, failures int) {
	w.t.Helper()
	if a := w.pool.PasswordAttempts(w.user.Username); a.Total != total || a.Failures != failures {
		w.t.Errorf("the password was tried %d times, %d of them wrong; want %d, %d", a.Total, a.Failures, total, failures)
	}
}

// wantMessages checks how many codes were sent.
func (w *world) wantMessages(n int) {
	w.t.Helper()
	if got := len(w.pool.Messages()); got != n {
		w.t.Errorf("%d codes were sent, want %d", got, n)
	}
}

// A clock is one that tests put forward, for both sides.
type clock struct{ at time.Time }

func newClock() *clock { return &clock{time.Now()} }

func (c *clock) now() time.Time { return c.at }

// late answers with what answer says, four minutes later.
func (c *clock) late(answer func() string) func() string {
	return func() string {
		c.at = c.at.Add(4 * time.Minute)
		return answer()
	}
}

// by sets the clock of both sides.
func (c *clock) by(s setup) setup {
	s.server.Now, s.provider.Now = c.now, c.now
	return s
}

type logBook struct {
	mu    sync.Mutex
	lines []string
}

func (l *logBook) logf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *logBook) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

func totpCode(t *testing.T, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCode(totpSeed, at)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// parameters returns the recorded members of the calls of an operation.
func (w *world) parameters(operation string) []map[string]any {
	var all []map[string]any
	for _, c := range w.server.Calls() {
		if c.Operation == operation {
			all = append(all, c.Parameters)
		}
	}
	return all
}
