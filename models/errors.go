package models

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind says what software should do about an error. It is itself an error, so errors.Is(err, models.NotFound) works.
type Kind string

// The kinds. Two tables read them: the one that writes HTTP problems and the one that decides what becomes of a job.
const (
	Invalid         Kind = "invalid"         // the caller's input is wrong; repeating it cannot help
	Unauthenticated Kind = "unauthenticated" // nobody we know
	Forbidden       Kind = "forbidden"       // known, but not allowed
	NotFound        Kind = "not_found"       // no such thing for this merchant
	Conflict        Kind = "conflict"        // the present state does not allow it
	Throttled       Kind = "throttled"       // a limit is used up; RetryAfter says for how long
	Disconnected    Kind = "disconnected"    // the platform refuses our token: a person has to connect again
	Rejected        Kind = "rejected"        // the platform understood and said no
	Unavailable     Kind = "unavailable"     // try later: network, time-out, 5xx
	Unknown         Kind = "unknown"         // no answer to a request that may have worked
	Internal        Kind = "internal"        // everything else: our mistake
)

func (k Kind) Error() string { return string(k) }

// FieldError is one mistake in the caller's input.
type FieldError struct {
	Pointer string `json:"pointer"` // RFC 6901 pointer into the body, or the name of a query parameter
	Reason  string `json:"reason"`  // a sentence a person can act on
}

// Error is the program's one error type: Kind for software, Code for front-ends, Detail for people, Err for the log.
type Error struct {
	Kind       Kind
	Code       string // stable, lower_snake: "supplier_out_of_stock"
	Detail     string // the only text that ever reaches a client
	Fields     []FieldError
	RetryAfter time.Duration // with Throttled and Unavailable; 0 when nobody said
	Err        error
}

// Errorf makes an Error whose detail is formatted like fmt.Sprintf.
func Errorf(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Because adds the cause that only the log sees.
func (e *Error) Because(err error) *Error {
	e.Err = err
	return e
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Kind))
	if e.Code != "" {
		b.WriteString(" " + e.Code)
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is this error's kind.
func (e *Error) Is(target error) bool {
	k, ok := target.(Kind)
	return ok && k == e.Kind
}

// AsError finds the Error in err's chain. An error without one is Internal and shows nothing of itself.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Kind: Internal, Code: "internal", Detail: "Something went wrong on our side. It has been logged.", Err: err}
}

// KindOf is AsError(err).Kind.
func KindOf(err error) Kind { return AsError(err).Kind }
