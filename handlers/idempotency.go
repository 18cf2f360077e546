package handlers

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/idempotency"
)

const idempotencyKey = "Idempotency-Key"

// shownOnce are the routes whose answers hold a secret that is kept nowhere else, either.
var shownOnce = map[string]bool{
	"POST /api-keys": true, "POST /connections/authorizations": true, "POST /people/invitations": true, "POST /support/staff/invitations": true,
	"POST /me/authenticator-app": true, "POST /me/passkeys/question": true, "POST /orders/{id}/show-address": true,
	"POST /webhook-endpoints": true, "POST /webhook-endpoints/{id}/rotate-secret": true,
}

// once lets a POST that names itself with an Idempotency-Key be done once: a repeat is told what the first was answered. Kept are
// final answers only, so that what could not be done now can be tried again under the same name.
func (s *server) once(route string, h authedHandler) authedHandler {
	return func(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
		names := r.Header.Values(idempotencyKey)
		if r.Method != http.MethodPost || len(names) == 0 {
			return h(w, r, caller)
		}
		if len(names) > 1 || !isRequestName(names[0]) {
			e := models.Errorf(models.Invalid, "idempotency_key_invalid", "The Idempotency-Key cannot be used.")
			e.Fields = []models.FieldError{{Pointer: idempotencyKey, Reason: "must be given once, with 1 to 255 printable ASCII characters"}}
			return e
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			return bodyError(err, nil)
		}
		claim, told, err := s.Idempotency.Begin(r.Context(), namespace(caller), idempotency.Request{Key: names[0], Method: r.Method, Target: r.URL.RequestURI(), Body: body})
		if err != nil {
			return err
		}
		if told == nil {
			told = s.claimed(w, r, body, claim, shownOnce[route], func(w http.ResponseWriter, r *http.Request) error { return h(w, r, caller) })
		} else {
			w.Header().Set("Idempotency-Replayed", "true")
			setHeader(w, "Content-Type", told.ContentType)
			setHeader(w, "Location", told.Location)
		}
		w.WriteHeader(told.Status)
		_, _ = w.Write(told.Body) // a client that has left asks again
		return nil
	}
}

// namespace is whose names a caller's requests have: the merchant's or, of somebody who acts at none, the person's own.
func namespace(caller accounts.Caller) models.MerchantID {
	if caller.MerchantID == "" {
		return models.MerchantID(caller.Person)
	}
	return caller.MerchantID
}

// claimed does a request and keeps its answer before it is given: a client that has heard it can rely on it. A request that
// panics gives its claim back.
func (s *server) claimed(w http.ResponseWriter, r *http.Request, body []byte, claim *idempotency.Claim, secret bool, h handler) *idempotency.Answer {
	ctx, cancel := context.WithTimeout(r.Context(), idempotency.Work)
	defer cancel()
	answered := false
	defer func() {
		if !answered {
			s.note(r, s.Idempotency.Release(ctx, claim))
		}
	}()
	inner := r.WithContext(ctx)
	inner.Body = io.NopCloser(bytes.NewReader(body))
	held := &heldAnswer{header: w.Header(), status: http.StatusOK}
	s.wrap(h)(held, inner)
	answer := &idempotency.Answer{
		Status: held.status, ContentType: held.header.Get("Content-Type"), Location: held.header.Get("Location"), Body: held.body.Bytes(), Secret: secret && held.status < http.StatusMultipleChoices,
	}
	if answered = held.final(); answered {
		s.note(r, s.Idempotency.Finish(ctx, claim, *answer))
	}
	return answer
}

// note logs that a claim could not be ended. It ends by itself.
func (s *server) note(r *http.Request, err error) {
	if err != nil {
		s.Log.Warn("end a claim", "request_id", infoOf(r).id, "error", err)
	}
}

func isRequestName(key string) bool {
	for _, c := range []byte(key) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return len(key) >= 1 && len(key) <= 255
}

func setHeader(w http.ResponseWriter, name, value string) {
	if value != "" {
		w.Header().Set(name, value)
	}
}

// heldAnswer holds an answer back, but for its header.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header is the answer's header.
func (a *heldAnswer) Header() http.Header { return a.header }

// WriteHeader holds the status.
func (a *heldAnswer) WriteHeader(status int) { a.status = status }

// Write holds a part of the body.
func (a *heldAnswer) Write(p []byte) (int, error) { return a.body.Write(p) }

// final reports whether a repeat would be answered the same: not what says that it is to be tried again, or with another key.
func (a *heldAnswer) final() bool {
	switch {
	case a.status >= http.StatusInternalServerError, a.status == http.StatusUnauthorized, a.status == http.StatusForbidden, a.status == http.StatusTooManyRequests:
		return false
	}
	return a.header.Get("Retry-After") == ""
}
