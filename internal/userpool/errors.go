package userpool

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// apiError is an answer that refuses: Cognito's exception name and text, and
// the HTTP status (0: 400, which Cognito uses for nearly everything, throttling
// included).
type apiError struct {
	name    string
	message string
	status  int
}

func (e *apiError) Error() string { return e.name + ": " + e.message }

func refuse(name, format string, args ...any) *apiError {
	return &apiError{name: name, message: fmt.Sprintf(format, args...)}
}

func notAuthorized(format string, args ...any) *apiError {
	return refuse("NotAuthorizedException", format, args...)
}

func invalidParameter(format string, args ...any) *apiError {
	return refuse("InvalidParameterException", format, args...)
}

func missingParameter(name string) *apiError {
	return invalidParameter("Missing required parameter %s", name)
}

func unknownOperation() *apiError { return refuse("UnknownOperationException", "") }

// incorrectPassword is the answer to a wrong password, and, with
// PreventUserExistenceErrors, to an unknown user.
func incorrectPassword() *apiError { return notAuthorized("Incorrect username or password.") }

func userNotFound() *apiError { return refuse("UserNotFoundException", "User does not exist.") }

// writeError answers with err in the shape of the AWS JSON 1.1 protocol:
// https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
func writeError(w http.ResponseWriter, err *apiError) {
	body := struct {
		Type    string `json:"__type"`
		Message string `json:"message,omitempty"`
	}{err.name, err.message}
	w.Header().Set("X-Amzn-ErrorType", err.name+":")
	if err.message != "" {
		w.Header().Set("X-Amzn-ErrorMessage", oneLine(err.message))
	}
	status := err.status
	if status == 0 {
		status = http.StatusBadRequest
	}
	writeJSON(w, status, body)
}

// oneLine makes text fit for a header.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_, _ = w.Write(data)
}
