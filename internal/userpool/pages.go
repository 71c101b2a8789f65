package userpool

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"sync"
)

// page is what the pages of a domain show.
type page struct {
	Title, Text, Error string

	Action  string // of the form
	CSRF    string
	Session string // of a loginStep

	Username   string
	Passwords  bool // asks for one
	Providers  []string
	Provider   string
	Query      url.Values
	Factors    []string
	Attributes []string
	Secret     string
}

const pageStyle = `body{font:16px/1.5 sans-serif;max-width:24rem;margin:4rem auto;padding:0 1rem}` +
	`label,input,button{display:block;width:100%;box-sizing:border-box;font:inherit}` +
	`input,button{margin:.25rem 0 1rem;padding:.5rem}[role=alert]{color:#b00020}`

// contentPolicy allows the one style sheet and nothing else. It has no
// form-action: browsers hold it against the redirect that follows a form too,
// and that goes to the app.
func contentPolicy() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; style-src 'sha256-" +
		base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// pages are parsed when the first is shown: every start of cogtokd would pay for
// it else.
var pages = sync.OnceValue(func() *template.Template { return template.Must(template.New("pages").Parse(pagesText)) })

const pagesText = `
{{define "top"}}<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<style>` + pageStyle + `</style>
</head>
<body>
<main>
<h1>{{.Title}}</h1>
{{with .Error}}<p id="error" role="alert">{{.}}</p>
{{end}}{{with .Text}}<p>{{.}}</p>
{{end}}{{end}}
{{define "bottom"}}</main>
</body>
</html>
{{end}}
{{define "form"}}<form method="post" action="{{.Action}}">
<input type="hidden" name="_csrf" value="{{.CSRF}}">
{{with .Session}}<input type="hidden" name="session" value="{{.}}">
{{end}}{{end}}
{{define "login"}}{{template "top" .}}{{if .Passwords}}{{template "form" .}}<label for="username">Username</label>
<input id="username" name="username" value="{{.Username}}" autocomplete="username" autocapitalize="none" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button type="submit" name="signin">Sign in</button>
</form>
{{end}}{{if .Providers}}<form method="get" action="/oauth2/authorize">
{{range $name, $values := .Query}}{{if and (ne $name "identity_provider") (ne $name "idp_identifier")}}{{range $values}}<input type="hidden" name="{{$name}}" value="{{.}}">
{{end}}{{end}}{{end}}{{range .Providers}}<button type="submit" name="identity_provider" value="{{.}}">Continue with {{.}}</button>
{{end}}</form>
{{end}}{{template "bottom"}}{{end}}
{{define "account"}}{{template "top" .}}{{template "form" .}}<button type="submit" name="account" value="continue">Continue as {{.Username}}</button>
</form>
<p><a href="{{.Action}}&amp;other=1">Sign in as someone else</a></p>
{{template "bottom"}}{{end}}
{{define "code"}}{{template "top" .}}{{with .Secret}}<p><code id="secret">{{.}}</code></p>
{{end}}{{template "form" .}}<label for="code">Code</label>
<input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" required>
<button type="submit" name="signin">Sign in</button>
</form>
{{template "bottom"}}{{end}}
{{define "factor"}}{{template "top" .}}{{template "form" .}}{{range .Factors}}<button type="submit" name="answer" value="{{.}}">{{if eq . "SMS_MFA"}}Text message{{else if eq . "SOFTWARE_TOKEN_MFA"}}Authenticator app{{else}}Email{{end}}</button>
{{end}}</form>
{{template "bottom"}}{{end}}
{{define "password"}}{{template "top" .}}{{template "form" .}}<label for="new_password">New password</label>
<input id="new_password" name="new_password" type="password" autocomplete="new-password" required>
{{range .Attributes}}<label for="{{.}}">{{.}}</label>
<input id="{{.}}" name="userAttributes.{{.}}" required>
{{end}}<button type="submit" name="reset">Set password</button>
</form>
{{template "bottom"}}{{end}}
{{define "provider"}}{{template "top" .}}{{template "form" .}}<label for="user_id">User id</label>
<input id="user_id" name="user_id" value="{{.Username}}" autocomplete="off">
<label for="email">Email (optional)</label>
<input id="email" name="email" autocomplete="off">
<button type="submit" name="action" value="continue">Continue</button>
<button type="submit" name="action" value="cancel">Cancel</button>
</form>
{{template "bottom"}}{{end}}
{{define "error"}}{{template "top" .}}{{template "bottom"}}{{end}}
`

// page renders a page. Forms go to the address that it is at, if p says nothing
// else.
func (v *visit) page(name string, p page) reply {
	if name != "error" {
		p.CSRF = v.csrf()
		p.Action = firstOf(p.Action, "/login?"+v.query.Encode())
	}
	var body bytes.Buffer
	if err := pages().ExecuteTemplate(&body, name, p); err != nil {
		return reply{status: http.StatusInternalServerError}
	}
	return reply{status: http.StatusOK, body: body.Bytes(), header: map[string]string{
		"Content-Type":            "text/html; charset=utf-8",
		"Content-Security-Policy": contentPolicy(),
		"X-Content-Type-Options":  "nosniff",
		"X-Frame-Options":         "DENY",
		"Referrer-Policy":         "no-referrer",
	}}
}

// refused renders a page with what is wrong; nil for nothing.
func (v *visit) refused(name string, p page, refusal *apiError) reply {
	if refusal != nil {
		p.Error = refusal.message
	}
	r := v.page(name, p)
	if refusal != nil {
		r.word = refusal.name
	}
	return r
}
