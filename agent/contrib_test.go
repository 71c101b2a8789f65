package agent

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A tool is found, or the test can't run: in CI that is a failure.
func tool(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: install the package %s", name, pkg)
	}
	if err != nil {
		t.Skipf("%s is missing: install the package %s", name, pkg)
	}
	return path
}

// neovim is a command that runs Lua in an editor that reads no config.
func neovim(t *testing.T, lua string) []string {
	return []string{tool(t, "nvim", "neovim"), "--headless", "-u", "NONE", "-i", "NONE", "-n", "-c", "lua " + lua}
}

// luaDriver runs contrib/clients/token.lua as a script would: the answer comes
// from stdin, the token goes to stdout, and the error's code is the status.
const luaDriver = `
  local status
  dofile("../contrib/clients/token.lua")(vim.env.PROFILE, function(err, token)
    if err then
      io.stderr:write(err.message, "\n", (err.data or {}).hint or "", "\n")
      status = math.max(err.code, 1)
    else
      io.stdout:write(token, "\n")
      status = 0
    end
  end, function(params)
    io.stderr:write(params.text, ": ", params.url or "")
    return params.kind == "browser" and "" or io.stdin:read("*l")
  end)
  if not vim.wait(20000, function() return status end) then status = 9 end
  if status == 0 then vim.cmd("qall!") else vim.cmd("cquit " .. status) end`

// contribClients are the command lines of the clients that the manual shows.
var contribClients = map[string]func(t *testing.T, profile string) []string{
	"python": func(t *testing.T, profile string) []string {
		return []string{tool(t, "python3", "python3"), "../contrib/clients/token.py", profile}
	},
	"node": func(t *testing.T, profile string) []string {
		return []string{tool(t, "node", "nodejs"), "../contrib/clients/token.mjs", profile}
	},
	"neovim": func(t *testing.T, _ string) []string { return neovim(t, luaDriver) },
}

// TestContribClientsFindTheSocket: the places of the manual, in its order.
func TestContribClientsFindTheSocket(t *testing.T) {
	path := serve(t, &Server{Agent: &exemplary{}, Config: configPath})
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	dir := shortDir(t)
	for _, place := range []string{"run/cogtok", "state/cogtok/run/" + host, "home/.local/state/cogtok/run/" + host} {
		folder := filepath.Join(dir, place)
		if err := errors.Join(os.MkdirAll(folder, 0o700), os.Symlink(path, filepath.Join(folder, "agent.sock"))); err != nil {
			t.Fatal(err)
		}
	}
	for name, command := range contribClients {
		for place, env := range map[string][]string{
			"runtime": {"XDG_RUNTIME_DIR=" + dir + "/run", "XDG_STATE_HOME=/nonexistent", "HOME=/nonexistent"},
			"state":   {"XDG_STATE_HOME=" + dir + "/state", "HOME=/nonexistent"},
			"home":    {"HOME=" + dir + "/home"},
		} {
			t.Run(name+"/"+place, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				argv := command(t, "prod")
				cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
				cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "PROFILE=prod", "PYTHONUTF8=1"}, env...)
				cmd.Stdin = strings.NewReader("123456\n")
				if out, err := cmd.Output(); err != nil || string(out) != "eyJraWQ…\n" {
					t.Errorf("%q, %v", out, err)
				}
			})
		}
	}
}

// TestContribClients runs the clients that the manual shows.
func TestContribClients(t *testing.T) {
	path := serve(t, &Server{Agent: &exemplary{}, Config: configPath})
	nobody := filepath.Join(shortDir(t), "agent.sock")
	for name, command := range contribClients {
		for _, tt := range []struct {
			name, socket, profile, stdin string
			stdout, stderr               string
			status                       int
		}{
			{"token", path, "prod", "123456\n", "eyJraWQ…\n", "Code from your authenticator app: ", 0},
			{"wrong code", path, "prod", "000000\n", "", "the code is wrong", int(CodeRefused)},
			{"no answer", path, "prod", "", "", "the question was not answered", int(CodePerson)},
			{"browser", path, "sso", "", "eyJraWQ…\n", "https://login.example.com/oauth2/authorize?client_id=2sso…", 0},
			{"no session", path, "dev", "", "", "run: cogtok login dev", int(CodePerson)},
			{"no profile", path, "prd", "", "", `there is no profile "prd"`, int(CodeUsage)},
			{"no agent", nobody, "prod", "", "", "no agent", int(CodeUnreachable)},
		} {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				argv := command(t, tt.profile)
				cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
				cmd.Env = append(os.Environ(), "COGTOK_SOCKET="+tt.socket, "PROFILE="+tt.profile, "HOME="+t.TempDir(), "PYTHONUTF8=1")
				cmd.Stdin = strings.NewReader(tt.stdin)
				var stdout, stderr strings.Builder
				cmd.Stdout, cmd.Stderr = &stdout, &stderr
				err := cmd.Run()
				if cmd.ProcessState == nil {
					t.Fatal(err)
				}
				if got := cmd.ProcessState.ExitCode(); got != tt.status || stdout.String() != tt.stdout || !strings.Contains(stderr.String(), tt.stderr) {
					t.Errorf("status %d, want %d\nstdout %q, want %q\nstderr %q, want %q", got, tt.status, stdout.String(), tt.stdout, stderr.String(), tt.stderr)
				}
			})
		}
	}
}

// lspDriver speaks to the agent with Neovim's own LSP client, which starts a
// program and talks to its stdin and stdout: here, a relay to the socket.
const lspDriver = `
  local status, report = nil, {}
  local client = vim.lsp.rpc.start(vim.env.RELAY, {}, {
    notification = function() end, on_exit = function() end, on_error = function(...) table.insert(report, vim.inspect({...})) end,
    server_request = function(method, params)
      table.insert(report, method .. ": " .. params.text)
      return { answer = "123456" }
    end,
  })
  client.request("token", { profile = "prod", interactive = true }, function(err, result)
    table.insert(report, err and err.message or result.token)
    client.request("token", { profile = "dev" }, function(err)
      table.insert(report, err.code .. " " .. err.data.kind)
      status = 0
    end)
  end)
  vim.wait(20000, function() return status end)
  io.stdout:write(table.concat(report, "\n"), "\n")
  client.terminate = client.terminate or client.handle and function() client.handle:kill(15) end
  client.terminate()
  vim.cmd("qall!")`

// TestNeovimLSP: an editor's JSON-RPC library, which speaks the other framing,
// gets a token, and answers the prompt.
func TestNeovimLSP(t *testing.T) {
	path := serve(t, &Server{Agent: &exemplary{}})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	argv := neovim(t, lspDriver)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "RELAY="+self, "AGENT_TEST_CHILD=relay", "AGENT_TEST_PATH="+path, "HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	want := "prompt: Code from your authenticator app\neyJraWQ…\n3 login_required\n"
	if err != nil || !strings.Contains(strings.ReplaceAll(string(out), "\r", ""), want) {
		t.Errorf("%v: %q, want %q", err, out, want)
	}
}
