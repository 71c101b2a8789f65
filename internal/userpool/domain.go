package userpool

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// managedLogin is what a pool's domain keeps.
type managedLogin struct {
	url      string // guarded by Server.serving
	codes    map[string]*authorizationCode
	browsers map[string]*browserSession // by cookie
	steps    map[string]*loginStep      // by hidden field
}

func newManagedLogin() managedLogin {
	return managedLogin{
		codes:    map[string]*authorizationCode{},
		browsers: map[string]*browserSession{},
		steps:    map[string]*loginStep{},
	}
}

// StartDomain gives the pool a domain: it listens on address, serves the managed
// login and the OAuth 2.0 endpoints until the server's Close, and returns the
// domain's address, "http://127.0.0.1:PORT". Each pool has at most one. Browsers
// keep one cookie jar for all ports of a host: two domains on 127.0.0.1 can't
// keep the same browser signed in at once.
//
// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-userpools-server-contract-reference.html
func (p *Pool) StartDomain(address string) (string, error) {
	s := p.server
	s.serving.Lock()
	defer s.serving.Unlock()
	if p.login.url != "" {
		return "", fmt.Errorf("user pool %s has a domain already", p.config.ID)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("domain of user pool %s: %w", p.config.ID, err)
	}
	p.login.url = "http://" + listener.Addr().String()
	server := newHTTPServer(http.HandlerFunc(p.serveDomain))
	s.domains = append(s.domains, server)
	go func() { _ = server.Serve(listener) }()
	return p.login.url, nil
}

// DomainURL is the address that StartDomain returned, or "".
func (p *Pool) DomainURL() string {
	p.server.serving.Lock()
	defer p.server.serving.Unlock()
	return p.login.url
}

// domainEndpoints are what the discovery document of a pool with a domain has more.
func (p *Pool) domainEndpoints() map[string]any {
	domain := p.DomainURL()
	if domain == "" {
		return map[string]any{}
	}
	return map[string]any{
		"authorization_endpoint":                domain + "/oauth2/authorize",
		"token_endpoint":                        domain + "/oauth2/token",
		"userinfo_endpoint":                     domain + "/oauth2/userInfo",
		"end_session_endpoint":                  domain + "/logout",
		"revocation_endpoint":                   domain + "/oauth2/revoke",
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
	}
}

// endpoint is one path of a domain.
type endpoint struct {
	methods []string
	run     func(*visit) reply
}

func endpointTable() map[string]endpoint {
	get, post := []string{http.MethodGet}, []string{http.MethodPost}
	return map[string]endpoint{
		"/oauth2/authorize":   {get, authorize},
		"/login":              {[]string{http.MethodGet, http.MethodPost}, login},
		"/idp":                {get, askProvider},
		"/oauth2/idpresponse": {post, providerAnswered},
		"/oauth2/token":       {post, token},
		"/oauth2/revoke":      {post, revoke},
		"/oauth2/userInfo":    {get, userInfo},
		"/logout":             {get, logout},
		"/error":              {get, errorPage},
	}
}

// visit is one request to a domain.
type visit struct {
	*call
	pool    *Pool
	request *http.Request
	query   url.Values // of the address
	form    url.Values // of the body; nil if it isn't a form
	cookies []*http.Cookie
}

// reply is the answer to a visit.
type reply struct {
	status int
	header map[string]string
	body   []byte
	word   string // what Call.Error has
}

// oauthError is an error as OAuth 2.0 words it (RFC 6749, sections 4.1.2.1 and 5.2).
type oauthError struct {
	word, description string
	status            int // 0: 400, which Cognito uses for nearly all of them
}

func (e *oauthError) reply() reply {
	body := struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{e.word, e.description}
	status := e.status
	if status == 0 {
		status = http.StatusBadRequest
	}
	r := jsonReply(status, body)
	r.word = e.word
	return r
}

func jsonReply(status int, body any) reply {
	data, err := json.Marshal(body)
	if err != nil {
		return reply{status: http.StatusInternalServerError}
	}
	return reply{status: status, body: data, header: map[string]string{"Content-Type": "application/json;charset=UTF-8"}}
}

func redirect(address string) reply {
	return reply{status: http.StatusFound, header: map[string]string{"Location": address}}
}

// serveDomain answers the endpoints of the pool's domain, or has the faults met
// that were ordered for them.
func (p *Pool) serveDomain(w http.ResponseWriter, r *http.Request) {
	s, name := p.server, r.URL.Path
	w.Header().Set("Date", s.config.Now().UTC().Format(http.TimeFormat))
	w.Header().Set("X-Amz-Request-Id", newUUID())
	w.Header().Set("Cache-Control", "no-store")
	endpoint, known := endpointTable()[name]
	if !known {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if !slices.Contains(endpoint.methods, r.Method) {
		w.Header().Set("Allow", strings.Join(endpoint.methods, ", "))
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	if !s.wait(r.Context(), name) {
		return
	}
	v := p.visit(r, body)
	fault := s.faults.next(name)
	if fault != 0 && fault != LoseAnswer {
		v.entry.Error = fault.String()
		s.calls.add(*v.entry)
		fault.inflictOnDomain(w, r)
		return
	}
	answer := v.run(endpoint)
	v.entry.Error = answer.word
	s.calls.add(*v.entry)
	if fault == LoseAnswer {
		fault.inflict(w, r)
		return
	}
	v.write(w, answer)
}

// visit reads a request.
func (p *Pool) visit(r *http.Request, body []byte) *visit {
	s := p.server
	entry := &Call{Operation: r.URL.Path, Time: s.config.Now()}
	v := &visit{
		call: &call{server: s, name: r.URL.Path, now: entry.Time, baseURL: "http://" + r.Host, entry: entry},
		pool: p, request: r, query: r.URL.Query(), form: readForm(r, body),
	}
	basicID, _, _ := r.BasicAuth()
	entry.ClientID = firstOf(basicID, v.form.Get("client_id"), v.query.Get("client_id"))
	entry.Username = v.form.Get("username")
	if s.config.RecordParameters {
		entry.Parameters = map[string]any{}
		for _, values := range []url.Values{v.query, v.form} {
			for name, value := range values {
				entry.Parameters[name] = strings.Join(value, "\n")
			}
		}
	}
	return v
}

// readForm reads a body of the one type that the endpoints take; nil for others.
func readForm(r *http.Request, body []byte) url.Values {
	contentType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(contentType), "application/x-www-form-urlencoded") {
		return nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil
	}
	return form
}

func (v *visit) run(endpoint endpoint) reply {
	v.server.mu.Lock()
	defer v.server.mu.Unlock()
	return endpoint.run(v)
}

func (v *visit) write(w http.ResponseWriter, answer reply) {
	for name, value := range answer.header {
		w.Header().Set(name, value)
	}
	for _, cookie := range v.cookies {
		http.SetCookie(w, cookie)
	}
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.body)
}

// repeated names a parameter that is there twice, which OAuth 2.0 forbids (RFC
// 6749, sections 3.1 and 3.2).
func repeated(values url.Values) string {
	for name, value := range values {
		if len(value) > 1 {
			return name
		}
	}
	return ""
}

// inflictOnDomain does the fault to a request to a domain, which speaks HTTP's
// status codes where the JSON API has names of exceptions.
func (f Fault) inflictOnDomain(w http.ResponseWriter, r *http.Request) {
	failures := map[Fault]*oauthError{
		Throttle:         {"too_many_requests", "Rate exceeded", http.StatusTooManyRequests},
		InternalError:    {"server_error", "", http.StatusInternalServerError},
		UnknownOperation: {"not_found", "", http.StatusNotFound},
	}
	failure := failures[f]
	if failure == nil {
		f.inflict(w, r)
		return
	}
	(&visit{}).write(w, failure.reply())
}

// forget drops what is older than age, so that a server that stays up for long
// doesn't grow.
func forget[T any](kept map[string]T, now time.Time, age time.Duration, since func(T) time.Time) {
	for key, value := range kept {
		if now.Sub(since(value)) > age {
			delete(kept, key)
		}
	}
}
