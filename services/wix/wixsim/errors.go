package wixsim

import (
	"errors"
	"fmt"
	"net/http"
)

// failure is a refusal with the body that Wix sends for it, wix.md 6.
type failure struct {
	status int
	code   string
	body   any
}

func (f *failure) Error() string { return fmt.Sprintf("%d %s", f.status, f.code) }

type errorBody struct {
	Message string `json:"message"`
	Details any    `json:"details"`
}

type applicationErrorBody struct {
	Code        string         `json:"code"`
	Description string         `json:"description"`
	Data        map[string]any `json:"data"`
}

type fieldViolation struct {
	Field        string         `json:"field"`
	Description  string         `json:"description"`
	ViolatedRule string         `json:"violatedRule"`
	Data         map[string]any `json:"data,omitempty"`
}

func applicationError(status int, code, message, description string, data map[string]any) *failure {
	if data == nil {
		data = map[string]any{}
	}
	return &failure{status, code, errorBody{message, map[string]any{
		"applicationError": applicationErrorBody{code, description, data},
	}}}
}

func validationError(violations ...fieldViolation) *failure {
	return &failure{http.StatusBadRequest, "INVALID_ARGUMENT", errorBody{"INVALID_ARGUMENT", map[string]any{
		"validationError": map[string]any{"fieldViolations": violations},
	}}}
}

func invalid(field, description string) *failure {
	return validationError(fieldViolation{Field: field, Description: description, ViolatedRule: "OTHER"})
}

// precondition is a refusal because of the present state; Wix publishes neither status nor code for most of them.
func precondition(code, description string) *failure {
	return applicationError(http.StatusPreconditionRequired, code, description, description, nil)
}

// oauthError is a refusal of the token endpoints in the form of RFC 6749, wix.md 1.1.
func oauthError(status int, code, description string) *failure {
	return &failure{status, code, map[string]any{"error": code, "error_description": description}}
}

func bareFailure(status int) *failure {
	return &failure{status, "", errorBody{"", map[string]any{}}}
}

func errRateLimited() *failure {
	return applicationError(http.StatusTooManyRequests, "RESOURCE_EXHAUSTED", "Too many requests", "Too many requests", nil)
}

func errUnauthenticated(description string) *failure {
	return applicationError(http.StatusUnauthorized, "UNAUTHENTICATED", "UNAUTHENTICATED", description, nil)
}

func errOrderNotFound(id string) *failure {
	return applicationError(http.StatusNotFound, "ORDER_NOT_FOUND", "order not found",
		"Order with the given id was not found", map[string]any{"orderId": id})
}

func asFailure(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	return bareFailure(http.StatusInternalServerError)
}

func writeFailure(w http.ResponseWriter, f *failure) { writeJSON(w, f.status, encode(f.body)) }

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have left; nobody can be told
}
