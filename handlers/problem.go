package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"waybill/models"
)

// problem is an RFC 9457 document.
type problem struct {
	Type   string `json:"type" validate:"required" example:"urn:waybill:problem:order_not_paid"`
	Title  string `json:"title" validate:"required" example:"Conflict"`
	Status int    `json:"status" validate:"required" example:"409"`
	// A sentence that a person can act on.
	Detail string `json:"detail" validate:"required" example:"The store has not captured the payment (PENDING). Nothing was bought."`
	// The request id, which the log knows too.
	Instance string `json:"instance" validate:"required" example:"urn:waybill:request:KZQXG5DPNFXGOIDBNZSCA43P"`
	// Stable, for software.
	Code string `json:"code" validate:"required" example:"order_not_paid"`
	// What is wrong with which field or parameter.
	Errors []fieldProblem `json:"errors,omitempty"`
	// Seconds after which trying again makes sense.
	RetryAfter int `json:"retry_after,omitempty" example:"2"`
} //	@name	Problem

type fieldProblem struct {
	// RFC 6901 pointer into the body, or the name of a query parameter.
	Pointer string `json:"pointer" validate:"required" example:"/lines/0/quantity"`
	Reason  string `json:"reason" validate:"required" example:"must be at least 1"`
} //	@name	FieldProblem

// statusOf is one of the two tables that read kinds; the other one decides what becomes of a job.
func statusOf(e *models.Error) int {
	switch e.Kind {
	case models.Invalid:
		if len(e.Fields) > 0 {
			return http.StatusUnprocessableEntity
		}
		switch e.Code {
		case "body_too_large":
			return http.StatusRequestEntityTooLarge
		case "method_not_allowed":
			return http.StatusMethodNotAllowed
		}
		return http.StatusBadRequest
	case models.Unauthenticated:
		return http.StatusUnauthorized
	case models.Forbidden:
		return http.StatusForbidden
	case models.NotFound:
		return http.StatusNotFound
	case models.Conflict, models.Disconnected:
		return http.StatusConflict
	case models.Rejected:
		return http.StatusUnprocessableEntity
	case models.Throttled:
		return http.StatusTooManyRequests
	case models.Unavailable, models.Unknown:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// statusClientLeft is nginx's word for a client that left before its answer; it is only for the log.
const statusClientLeft = 499

func (s *server) problem(w http.ResponseWriter, r *http.Request, err error) {
	info := infoOf(r)
	if errors.Is(r.Context().Err(), context.Canceled) { // nobody listens any more, and nothing is wrong with us
		info.code = "client_left"
		w.WriteHeader(statusClientLeft)
		return
	}
	e := models.AsError(err)
	status := statusOf(e)
	info.code, info.err = e.Code, err // for the request's one line in the log
	p := problem{
		Type: "urn:waybill:problem:" + e.Code, Title: http.StatusText(status), Status: status, Detail: e.Detail, Code: e.Code,
		Instance: "urn:waybill:request:" + info.id,
	}
	for _, f := range e.Fields {
		p.Errors = append(p.Errors, fieldProblem{f.Pointer, f.Reason})
	}
	if e.RetryAfter > 0 {
		p.RetryAfter = int(math.Ceil(e.RetryAfter.Seconds()))
		w.Header().Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	if status == http.StatusUnauthorized && strings.HasPrefix(e.Code, "key_") { // what the platforms sign wants no key
		w.Header().Set("WWW-Authenticate", `Bearer realm="waybill"`)
	}
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // plain text and numbers
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// page answers what is no route of the API: a file or a page of the dashboard, or that there is nothing.
func (s *server) page(w http.ResponseWriter, r *http.Request) error {
	if (r.Method == http.MethodGet || r.Method == http.MethodHead) && s.Pages.Serve(w, r) {
		return nil
	}
	return s.noRoute(w, r)
}

func (s *server) noRoute(http.ResponseWriter, *http.Request) error {
	return models.Errorf(models.NotFound, "route_not_found", "There is nothing at this address. The API is described at /docs.")
}

func (s *server) noMethod(w http.ResponseWriter, r *http.Request) error {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if chi.RouteContext(r.Context()).Routes.Match(chi.NewRouteContext(), method, r.URL.EscapedPath()) {
			w.Header().Add("Allow", method)
		}
	}
	return models.Errorf(models.Invalid, "method_not_allowed", "%s is not possible here. The API is described at /docs.", r.Method)
}
