//go:build !windows

package torture

import (
	"context"
	"os"
	"path/filepath"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/internal/userpool"
)

// FileFigures are what Truncated saw.
type FileFigures struct {
	Cuts       int        `json:"cuts"`
	Served     int        `json:"served"`   // starts after which a token was had as before, or after one sign-in
	SignIns    int        `json:"sign_ins"` // that were needed: only where the session itself was cut
	Complaints complaints `json:"complaints"`
}

// Truncated cuts each file of the agent's state after each so-manyth byte, and
// starts the agent on it. It has to serve, and to lose nothing else than what was cut.
func Truncated(ctx context.Context, every int) (f FileFigures, err error) {
	in, err := newInside(ctx, "file", userpool.Client{})
	if err != nil {
		return f, err
	}
	defer in.close()
	if err := in.login(); err != nil {
		return f, err
	}
	set := agent.SetSecretRequest{Profile: "prod", Kind: agent.SecretPassword, Value: agent.NewSecret(wrongPassword)}
	if _, err := in.keeper.SetSecret(ctx, agent.Caller{}, set); err != nil {
		return f, err
	}
	tries := []byte(`{"version":1,"users":{"x":{"tries":[{"at":"2026-01-01T00:00:00Z","version":"v"}]}}}`)
	if err := os.WriteFile(filepath.Join(in.dir, "attempts.json"), tries, 0o600); err != nil {
		return f, err
	}
	for _, name := range []string{"file-sessions.age", "file-secrets.age", "attempts.json"} {
		path := filepath.Join(in.dir, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			return f, err
		}
		for cut := 0; cut < len(whole); cut += every {
			f.cut(in, name, whole[:cut])
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			return f, err
		}
	}
	return f, nil
}

// cut starts the agent on a file that was cut.
func (f *FileFigures) cut(in *inside, name string, left []byte) {
	f.Cuts++
	err := os.WriteFile(filepath.Join(in.dir, name), left, 0o600)
	if err == nil {
		err = in.reopen("file")
	}
	if err != nil {
		f.Complaints.add("%s cut to %d: %v", name, len(left), err)
		return
	}
	_, err = in.token(agent.TokenRequest{SessionOnly: true})
	if agent.KindOf(err) == agent.KindLoginRequired && name == "file-sessions.age" {
		f.SignIns++
		if err = in.login(); err == nil {
			_, err = in.token(agent.TokenRequest{SessionOnly: true})
		}
	}
	if err == nil {
		_, err = in.keeper.Status(in.ctx, agent.Caller{}, agent.StatusRequest{})
	}
	if err != nil {
		f.Complaints.add("%s cut to %d: %v", name, len(left), err)
		return
	}
	f.Served++
}
