//go:build unix

package main

import (
	"encoding/json"
	"net"
	"net/http"
	"strings"
)

// sshAdd asks ssh-agent which keys it holds: one.
func (w *world) sshAdd() (program, error) {
	const debianPackage = "openssh-client"
	agent, err := find("ssh-agent", debianPackage)
	if err != nil {
		return program{}, err
	}
	client, err := find("ssh-add", debianPackage)
	if err != nil {
		return program{}, err
	}
	socket, key := w.path("run/ssh"), w.path("key")
	w.env = append(w.env, "SSH_AUTH_SOCK="+socket)
	if _, err := w.command("", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", key); err != nil {
		return program{}, err
	}
	if err := w.startAgent(socket, agent, "-D", "-a", socket); err != nil {
		return program{}, err
	}
	_, err = w.command("", client, "-q", key)
	return program{name: sshAdd, argv: []string{client, "-l"}, prints: "256 SHA256:"}, err
}

// oidcToken asks oidc-agent for an access token that it has at hand.
func (w *world) oidcToken() (program, error) {
	const debianPackage = "oidc-agent-cli"
	agent, err := find("oidc-agent", debianPackage)
	if err != nil {
		return program{}, err
	}
	client, err := find("oidc-token", debianPackage)
	if err != nil {
		return program{}, err
	}
	issuer, err := w.startProvider()
	if err != nil {
		return program{}, err
	}
	socket := w.path("run/oidc")
	w.env = append(w.env, "OIDC_SOCK="+socket)
	if err := w.startAgent(socket, agent, "--console", "-a", socket); err != nil {
		return program{}, err
	}
	_, err = w.command("", "oidc-gen", "bench", "--manual", "--issuer="+issuer, "--client-id=bench", "--client-secret=bench",
		"--redirect-uri=http://localhost:4242", "--scope=openid offline_access", "--flow=refresh", "--rt=bench",
		"--pw-cmd=echo bench", "--prompt=none", "--confirm-default")
	return program{name: oidcToken, argv: []string{client, "bench"}, prints: "eyJ"}, err
}

// startProvider starts the least that oidc-agent takes for an OpenID provider:
// a discovery document and a token endpoint that renews. The token is as long
// as Cognito's.
func (w *world) startProvider() (issuer string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	issuer = "http://" + listener.Addr().String()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", sends(map[string]any{
		"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token",
		"jwks_uri": issuer + "/keys", "scopes_supported": []string{"openid", "offline_access"},
		"grant_types_supported": []string{"refresh_token"}, "response_types_supported": []string{"code"},
	}))
	mux.HandleFunc("POST /token", sends(map[string]any{
		"access_token": "eyJ" + strings.Repeat("x", 1000), "token_type": "Bearer", "expires_in": 24 * 3600, "refresh_token": "bench",
	}))
	server := &http.Server{Handler: mux}
	w.atEnd = append(w.atEnd, server.Close)
	go server.Serve(listener)
	return issuer, nil
}

func sends(answer map[string]any) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		json.NewEncoder(rw).Encode(answer)
	}
}
