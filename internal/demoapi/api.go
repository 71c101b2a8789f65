// Package demoapi is a small GraphQL API behind a user pool, in the manner of
// AWS AppSync: POST /graphql with the JWT bare in Authorization. `cogtok demo`
// shows with it that a token is good for something. It keeps its few posts in
// memory.
//
// A request without a good token is answered as AppSync does: HTTP 401 and
// {"errors":[{"errorType":"UnauthorizedException","message":"…"}]}.
// https://docs.aws.amazon.com/appsync/latest/devguide/security-authz.html
package demoapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/graph-gophers/graphql-go"
)

const (
	maxBody       = 64 << 10 // bytes
	maxQuery      = 16 << 10 // bytes
	maxDepth      = 20       // GraphQL tools ask for the schema 13 levels deep
	maxSelections = 2000
	queryTimeout  = 5 * time.Second
)

// Config says whose tokens the API takes.
type Config struct {
	Issuer    string           // the `iss` that tokens must have
	JWKSURL   string           // where the issuer's keys are
	ClientIDs []string         // app clients whose tokens are taken
	Now       func() time.Time // default time.Now
}

type api struct {
	verifier *verifier
	schema   *graphql.Schema
}

// New returns the API. It answers POST /graphql alone.
func New(config Config) http.Handler {
	if config.Now == nil {
		config.Now = time.Now
	}
	a := &api{
		verifier: newVerifier(config),
		schema: graphql.MustParseSchema(schema, newResolver(), graphql.UseFieldResolvers(), graphql.UseStringDescriptions(),
			graphql.MaxDepth(maxDepth), graphql.MaxQueryLength(maxQuery), graphql.MaxSelections(maxSelections)),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /graphql", a.serve)
	return mux
}

// serve answers one query.
func (a *api) serve(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	who, refusal := a.authorize(ctx, r.Header.Get("Authorization"))
	if refusal != "" {
		fail(w, http.StatusUnauthorized, "UnauthorizedException", refusal)
		return
	}
	var query struct {
		Query         string         `json:"query"`
		OperationName string         `json:"operationName"`
		Variables     map[string]any `json:"variables"`
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&query)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		fail(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", "The request is too large.")
	case err != nil || query.Query == "":
		fail(w, http.StatusBadRequest, "MalformedHttpRequestException", "Unable to parse GraphQL query.")
	default:
		write(w, http.StatusOK, a.schema.Exec(withCaller(ctx, who), query.Query, query.OperationName, query.Variables))
	}
}

// authorize returns who calls, or why the call is refused, in AppSync's words.
// AppSync wants the token bare; "Bearer " is taken too.
func (a *api) authorize(ctx context.Context, header string) (claims, string) {
	words := strings.Fields(header)
	if len(words) > 0 && strings.EqualFold(words[0], "Bearer") {
		words = words[1:]
	}
	if len(words) == 0 {
		return claims{}, "Valid authorization header not provided."
	}
	who, err := a.verifier.verify(ctx, strings.Join(words, " "))
	switch {
	case err == nil:
		return who, ""
	case errors.Is(err, jwt.ErrTokenMalformed):
		return claims{}, "Unable to parse JWT token."
	case errors.Is(err, jwt.ErrTokenExpired):
		return claims{}, "Token has expired."
	}
	return claims{}, "You are not authorized to make this call."
}

// fail answers an error in AppSync's shape.
func fail(w http.ResponseWriter, status int, errorType, message string) {
	type apiError struct {
		Type    string `json:"errorType"`
		Message string `json:"message"`
	}
	w.Header().Set("X-Amzn-ErrorType", errorType)
	write(w, status, map[string][]apiError{"errors": {{errorType, message}}})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
