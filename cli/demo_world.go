package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/demoapi"
	"github.com/cogtok/cogtok/internal/userpool"
)

// A demoWorld is all that the demo needs, apart from the user's own: a user
// pool and an API in this process, a home directory with a config, and, once a
// command started it, an agent on its own socket.
type demoWorld struct {
	app     *app
	dir     string // all files; removed at the end
	bin     string // where `cogtok` is
	offPath bool   // the user's shell doesn't find `cogtok` there
	config  string
	socket  string
	api     string // URL
	pool    *userpool.Server
	server  *http.Server
}

func (a *app) newDemoWorld() (*demoWorld, error) {
	dir, err := os.MkdirTemp("", "cogtok-demo")
	if err != nil {
		return nil, agent.Errorf(agent.KindInternal, "can't make a directory for the demo: %s", reason(err))
	}
	w := &demoWorld{app: a, dir: dir,
		config: filepath.Join(dir, "config.yaml"), socket: filepath.Join(dir, "run", "agent.sock")}
	if err := errors.Join(w.findPrograms(), w.startServers()); err != nil {
		w.close()
		return nil, agent.Errorf(agent.KindInternal, "can't set the demo up: %s", reason(err))
	}
	return w, nil
}

// startServers starts the pool and the API and writes the config.
func (w *demoWorld) startServers() error {
	w.pool = userpool.New(userpool.Config{})
	endpoint, err := w.pool.Start("127.0.0.1:0")
	if err != nil {
		return err
	}
	pool := w.pool.AddPool(userpool.PoolConfig{ID: "us-east-1_AbCdEf123"})
	client := pool.AddClient(userpool.Client{Secret: demoClientSecret})
	pool.AddUser(userpool.User{Username: demoUser, Email: "rob@example.com", Password: demoPassword})
	if _, err := pool.StartDomain("127.0.0.1:0"); err != nil {
		return err
	}
	callback, err := freeCallback()
	if err != nil {
		return err
	}
	inBrowser := pool.AddClient(userpool.Client{OAuthFlows: []string{"code"}, OAuthScopes: []string{"openid", "email"}, CallbackURLs: []string{callback}})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	w.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: demoapi.New(demoapi.Config{
		Issuer:    pool.Issuer(),
		JWKSURL:   endpoint + "/" + pool.ID() + "/.well-known/jwks.json",
		ClientIDs: []string{client.ID, inBrowser.ID},
	})}
	go w.server.Serve(listener)
	w.api = "http://" + listener.Addr().String() + "/graphql"
	config := fmt.Sprintf(demoConfig, pool.ID(), client.ID, demoUser, endpoint, inBrowser.ID, callback)
	return os.WriteFile(w.config, []byte(config), 0o600)
}

// freeCallback is a callback URL whose port nobody has now.
func freeCallback() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return fmt.Sprintf("http://localhost:%d/callback", listener.Addr().(*net.TCPAddr).Port), nil
}

// demoConfig has the agent end by itself in case the demo is killed.
const demoConfig = `version: 1
default: demo
profiles:
  demo:
    user_pool_id: %s
    client_id: %s
    username: %s
    auth: srp
    endpoint: %s   # the local pool; without this line it is AWS
  demo-browser:
    extends: demo
    client_id: %s
    auth: browser
    redirect_urls: [%s]
store: memory
agent: {idle_exit: 1h}
`

// findPrograms makes sure that there is a `cogtok` to run: the one beside this
// program, else a script that stands for it.
func (w *demoWorld) findPrograms() error {
	program, err := w.app.executable()
	if err != nil {
		return err
	}
	w.bin = filepath.Dir(program)
	beside := filepath.Join(w.bin, "cogtok"+programExtension())
	if _, err := os.Stat(beside); err != nil {
		w.bin = filepath.Join(w.dir, "bin")
		script := "#!/bin/sh\nexec " + posixQuote(program) + " cli \"$@\"\n"
		if err := os.Mkdir(w.bin, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(w.bin, "cogtok"), []byte(script), 0o700); err != nil {
			return err
		}
	}
	found, err := exec.LookPath("cogtok")
	w.offPath = err != nil || !sameFile(found, filepath.Join(w.bin, "cogtok"+programExtension()))
	return nil
}

func programExtension() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	y, otherErr := os.Stat(b)
	return err == nil && otherErr == nil && os.SameFile(x, y)
}

// environment is that of the demo's commands, and so of its agent: nothing in
// it leads to the user's own files, or through a proxy.
func (w *demoWorld) environment() []string {
	env := []string{
		"HOME=" + w.dir,
		"PATH=" + w.bin + string(os.PathListSeparator) + os.Getenv("PATH"),
		"COGTOK_SOCKET=" + w.socket,
		"COGTOK_CONFIG=" + w.config,
		"COGTOK_NO_INPUT=1", // the person watches
		"NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1",
	}
	for _, xdg := range []string{"CONFIG_HOME", "STATE_HOME", "CACHE_HOME", "DATA_HOME", "RUNTIME_DIR"} {
		env = append(env, "XDG_"+xdg+"="+filepath.Join(w.dir, "xdg"))
	}
	for _, keep := range []string{"LANG", "TERM", "TZ", "TMPDIR", "SYSTEMROOT", "TEMP", "TMP"} {
		if v := w.app.Getenv(keep); v != "" {
			env = append(env, keep+"="+v)
		}
	}
	return env
}

// cogtok runs a command of cogtok as a shell would, and returns all that it
// printed.
func (w *demoWorld) cogtok(stdin string, args ...string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		cmd := exec.CommandContext(ctx, filepath.Join(w.bin, "cogtok"+programExtension()), args...)
		if stdin != "" {
			cmd.Stdin = strings.NewReader(stdin + "\n")
		}
		return w.run(cmd)
	}
}

// run runs a command and returns what it wrote to both of its outputs.
func (w *demoWorld) run(cmd *exec.Cmd) (string, error) {
	var output bytes.Buffer
	cmd.Env, cmd.Dir = w.environment(), w.dir
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		err = agent.Errorf(agent.KindInternal, "the demo failed: the command above ended with status %d", exit.ExitCode())
	case err != nil:
		err = agent.Errorf(agent.KindInternal, "the demo failed: %s", reason(err))
	}
	return output.String(), err
}

// curlCommand is how a person calls the API.
func (w *demoWorld) curlCommand(withToken bool) string {
	header := ""
	if withToken {
		header = ` -H "Authorization: $(cogtok token demo)"`
	}
	return "curl -s " + w.api + header + " -d '" + demoQuery + "'"
}

// curl runs curlCommand in a shell, or makes its request where there is no
// curl.
func (w *demoWorld) curl(ctx context.Context, withToken bool) (string, error) {
	_, noCurl := exec.LookPath("curl")
	shell, noShell := exec.LookPath("sh")
	if noCurl == nil && noShell == nil {
		return w.run(exec.CommandContext(ctx, shell, "-c", w.curlCommand(withToken)))
	}
	w.app.note("curl or sh isn't installed, so cogtok makes this request itself")
	token := ""
	if withToken {
		printed, err := w.cogtok("", "token", "demo")(ctx)
		if err != nil {
			return printed, err
		}
		token = strings.TrimSpace(printed)
	}
	return w.post(ctx, token)
}

// post makes the request that curl would make.
func (w *demoWorld) post(ctx context.Context, token string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.api, strings.NewReader(demoQuery))
	if err != nil {
		return "", agent.Errorf(agent.KindInternal, "the demo failed: the request can't be made")
	}
	if token != "" {
		request.Header.Set("Authorization", token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", agent.Errorf(agent.KindInternal, "the demo failed: the API does not answer")
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return "", agent.Errorf(agent.KindInternal, "the demo failed: the API's answer broke off")
	}
	return string(body), nil
}

func (w *demoWorld) showConfig(context.Context) (string, error) {
	text, err := os.ReadFile(w.config)
	if err != nil {
		return "", agent.Errorf(agent.KindInternal, "the demo failed: can't read its config: %s", reason(err))
	}
	return string(text), nil
}

// close stops the agent, if one was started, and removes everything.
func (w *demoWorld) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	demo := &app{IO: w.app.IO, options: options{socket: w.socket}}
	_, err := demo.stopAgent(ctx)
	if w.server != nil {
		w.server.Close()
	}
	if w.pool != nil {
		w.pool.Close()
	}
	if removeErr := os.RemoveAll(w.dir); err == nil && removeErr != nil {
		err = agent.Errorf(agent.KindInternal, "can't remove %s: %s", w.dir, reason(removeErr))
	}
	return err
}
