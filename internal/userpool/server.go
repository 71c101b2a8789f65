package userpool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// targetPrefix stands before the operation in X-Amz-Target.
const targetPrefix = "AWSCognitoIdentityProviderService."

// maxBody is the longest request body that is read, in bytes.
const maxBody = 1 << 20

// Config says how the server as a whole behaves. The zero value is good.
type Config struct {
	// Now is the server's clock: lives of tokens and sessions, lock-out, SRP
	// timestamps and the Date header follow it. Default time.Now. SigV4
	// signatures alone are judged by the machine's clock, because the AWS SDKs
	// sign with it and can't be given another.
	Now func() time.Time

	// Credentials may sign the Admin* operations. Default: TestCredential.
	Credentials []Credential

	// RecordParameters keeps each request's members, passwords included, in
	// Calls. For tests only.
	RecordParameters bool
}

// Server is a regional endpoint of Amazon Cognito with the pools that were
// added to it. It is an http.Handler and safe for concurrent use.
type Server struct {
	config     Config
	operations map[string]operation
	faults     faults
	calls      callLog

	mu    sync.Mutex // guards the pools and all that is in them
	pools map[string]*Pool

	serving sync.Mutex // guards what Start and Close set
	http    *http.Server
	url     string
	domains []*http.Server
}

// New returns a server without pools.
func New(config Config) *Server {
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Credentials == nil {
		config.Credentials = []Credential{TestCredential()}
	}
	return &Server{
		config:     config,
		operations: operationTable(),
		calls:      callLog{counts: map[string]int{}},
		pools:      map[string]*Pool{},
	}
}

// Start listens on address, for example "127.0.0.1:0", serves until Close, and
// returns the address to call, "http://127.0.0.1:PORT".
func (s *Server) Start(address string) (string, error) {
	s.serving.Lock()
	defer s.serving.Unlock()
	if s.http != nil {
		return "", errors.New("user pool server: started already")
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("user pool server: %w", err)
	}
	s.url = "http://" + listener.Addr().String()
	s.http = newHTTPServer(s)
	server := s.http
	go func() { _ = server.Serve(listener) }()
	return s.url, nil
}

func newHTTPServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		// Aborted handlers are the faults that tests ask for, nothing to report.
		ErrorLog: log.New(io.Discard, "", 0),
	}
}

// URL is the address that Start returned, or "".
func (s *Server) URL() string {
	s.serving.Lock()
	defer s.serving.Unlock()
	return s.url
}

// Close stops what Start and StartDomain started and cuts the connections.
func (s *Server) Close() error {
	s.serving.Lock()
	defer s.serving.Unlock()
	var failures []error
	for _, domain := range s.domains {
		failures = append(failures, domain.Close())
	}
	if s.http != nil {
		failures = append(failures, s.http.Close())
	}
	return errors.Join(failures...)
}

// call is one request on its way through an operation.
type call struct {
	server  *Server
	name    string
	params  params
	now     time.Time
	baseURL string
	signed  bool
	entry   *Call
}

// ServeHTTP answers the JSON API on POST / and the documents under
// /<pool id>/.well-known/.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.config.Now().UTC().Format(http.TimeFormat))
	w.Header().Set("X-Amzn-RequestId", newUUID())
	switch {
	case r.URL.Path != "/":
		s.serveDocument(w, r)
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "", http.StatusMethodNotAllowed)
	default:
		s.serveOperation(w, r)
	}
}

// serveOperation carries out one operation, or the fault that was ordered for it.
func (s *Server) serveOperation(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		writeError(w, &apiError{name: "RequestEntityTooLargeException", status: http.StatusRequestEntityTooLarge})
		return
	}
	entry := &Call{Operation: name, Time: s.config.Now()}
	if !s.wait(r.Context(), name) {
		return
	}
	fault := s.faults.next(name)
	if fault != 0 && fault != LoseAnswer {
		entry.Error = fault.String()
		s.calls.add(*entry)
		fault.inflict(w, r)
		return
	}
	answer, refusal := s.run(r, name, body, entry)
	if refusal != nil {
		entry.Error = refusal.name
	}
	s.calls.add(*entry)
	if fault == LoseAnswer {
		fault.inflict(w, r)
		return
	}
	if refusal != nil {
		writeError(w, refusal)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

// wait keeps the request as long as Delay says. It returns false if the client
// hung up meanwhile.
func (s *Server) wait(ctx context.Context, name string) bool {
	delay := s.faults.delay(name)
	if delay <= 0 {
		return true
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// run decodes, checks the signature where one is due, and carries out.
func (s *Server) run(r *http.Request, name string, body []byte, entry *Call) (any, *apiError) {
	op, known := s.operations[name]
	contentType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !known || r.Header.Get("X-Amz-Target") != targetPrefix+name || strings.TrimSpace(contentType) != "application/x-amz-json-1.1" {
		return nil, unknownOperation()
	}
	p, invalid := decode(body, op.shape)
	if s.config.RecordParameters {
		entry.Parameters = p
	}
	entry.ClientID = p.text("ClientId")
	entry.Username = firstOf(p.texts("AuthParameters")["USERNAME"], p.texts("ChallengeResponses")["USERNAME"])
	if op.signed {
		if refusal := s.authenticate(r, body, name, p.text("UserPoolId")); refusal != nil {
			return nil, refusal
		}
	}
	if invalid != nil {
		return nil, invalid
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return op.run(&call{
		server: s, name: name, params: p, now: s.config.Now(), baseURL: "http://" + r.Host, signed: op.signed, entry: entry,
	})
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
