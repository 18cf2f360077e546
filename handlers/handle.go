package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-playground/validator/v10"
	quick "github.com/goccy/go-json" // half the time of encoding/json; TestAnswersAreWhatTheStandardLibraryWrites

	"waybill/models"
	"waybill/services/audit"
)

const maxBody = 1 << 20

// handler answers a request or returns why it cannot.
type handler func(w http.ResponseWriter, r *http.Request) error

// wrap is the one place where an error becomes an answer. What is done meanwhile is entered as done by this request.
func (s *server) wrap(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(audit.In(r.Context(), models.Request{ID: infoOf(r).id, Client: client(r)}))
		if err := h(w, r); err != nil {
			s.problem(w, r, err)
		}
	}
}

// respond writes v as JSON.
func respond(w http.ResponseWriter, status int, v any) error {
	body, err := quick.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has left is not our trouble
	return nil
}

// decode reads a JSON body into T: at most 1 MiB, no unknown fields, nothing after it, and valid. A body that may be left
// out gives the zero T when it is.
func decode[T any](s *server, w http.ResponseWriter, r *http.Request, optional bool) (T, error) {
	var v T
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return v, bodyError(err, nil)
	}
	if len(bytes.TrimSpace(body)) == 0 && optional {
		return v, s.validate.check(v)
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return v, models.Errorf(models.Invalid, "body_missing", "Send a JSON body.")
	}
	if media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(media), "application/json") {
		return v, models.Errorf(models.Invalid, "content_type_not_json", "Send the body as Content-Type: application/json.")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v, bodyError(err, reflect.TypeFor[T]())
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return v, models.Errorf(models.Invalid, "body_malformed", "The body holds more than one JSON value.")
	}
	if err := noZeroBytes(body); err != nil {
		return v, err
	}
	return v, s.validate.check(v)
}

// noZeroBytes refuses text with a zero byte, which JSON allows and the database cannot hold.
func noZeroBytes(body []byte) error {
	if !bytes.Contains(body, []byte(`\u0000`)) {
		return nil
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return bodyError(err, nil)
	}
	pointer, found := zeroByte(v, "")
	if !found {
		return nil
	}
	e := models.Errorf(models.Invalid, "validation_failed", "The body has text with a zero byte.")
	e.Fields = []models.FieldError{{Pointer: pointer, Reason: "must not hold a zero byte"}}
	return e
}

func zeroByte(v any, at string) (pointer string, found bool) {
	switch v := v.(type) {
	case string:
		return at, strings.ContainsRune(v, 0)
	case []any:
		for i, inner := range v {
			if pointer, found = zeroByte(inner, at+"/"+strconv.Itoa(i)); found {
				return pointer, true
			}
		}
	case map[string]any:
		for name, inner := range v {
			if pointer, found = zeroByte(inner, at+"/"+name); found {
				return pointer, true
			}
		}
	}
	return "", false
}

// pointerTo turns the Go path of a field into its JSON pointer: a struct that is embedded in t has no name in JSON.
func pointerTo(t reflect.Type, path string) string {
	first, rest, _ := strings.Cut(path, ".")
	if t != nil && t.Kind() == reflect.Struct {
		if f, ok := t.FieldByName(first); ok && f.Anonymous {
			path = rest
		}
	}
	return "/" + strings.NewReplacer(".", "/", "[", "/", "]", "").Replace(path)
}

// bodyError says why a body cannot be read, or not be read into a t.
func bodyError(err error, t reflect.Type) error {
	var tooLarge *http.MaxBytesError
	var wrongType *json.UnmarshalTypeError
	var ours *models.Error
	switch {
	case errors.As(err, &ours):
		return err
	case errors.As(err, &tooLarge):
		return models.Errorf(models.Invalid, "body_too_large", "The body is larger than %d bytes.", tooLarge.Limit)
	case errors.As(err, &wrongType):
		e := models.Errorf(models.Invalid, "validation_failed", "The body does not have the right form.")
		e.Fields = []models.FieldError{{Pointer: pointerTo(t, wrongType.Field), Reason: "must be " + jsonType(wrongType.Type)}}
		return e
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		name, _ := strconv.Unquote(strings.TrimPrefix(err.Error(), "json: unknown field "))
		e := models.Errorf(models.Invalid, "unknown_field", "The body has a field that this request does not know: %q.", name)
		e.Fields = []models.FieldError{{Pointer: "/" + name, Reason: "is not known"}}
		return e
	}
	return models.Errorf(models.Invalid, "body_malformed", "The body is not the JSON that this request expects.").Because(err)
}

func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map, reflect.Pointer:
		return "an object"
	}
	return "a whole number"
}

// validation turns the validator's findings into field errors that name JSON fields.
type validation struct{ v *validator.Validate }

func newValidation() *validation {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(func(f reflect.StructField) string {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		return name
	})
	// It fails only for a name that is empty or reserved.
	_ = v.RegisterValidation("flag_code", func(f validator.FieldLevel) bool {
		return slices.Contains(models.FlagCodes(), models.FlagCode(f.Field().String()))
	})
	return &validation{v}
}

func (val *validation) check(v any) error {
	var found validator.ValidationErrors
	if err := val.v.Struct(v); err == nil || !errors.As(err, &found) {
		return err
	}
	e := models.Errorf(models.Invalid, "validation_failed", "The body has %d field(s) out of range.", len(found))
	for _, f := range found {
		_, path, _ := strings.Cut(f.Namespace(), ".")
		e.Fields = append(e.Fields, models.FieldError{Pointer: pointerTo(reflect.TypeOf(v), path), Reason: reason(f)})
	}
	return e
}

func reason(f validator.FieldError) string {
	switch f.Tag() {
	case "required", "required_if", "required_with", "required_unless", "required_without":
		return "is required"
	case "excluded_unless", "excluded_if", "excluded_with":
		return "does not belong here"
	case "oneof":
		return "must be one of " + strings.ReplaceAll(f.Param(), " ", ", ")
	case "uuid":
		return "must be an id"
	case "min", "gte":
		return "must be at least " + f.Param() + unit(f)
	case "max", "lte":
		return "must be at most " + f.Param() + unit(f)
	case "len":
		return "must be exactly " + f.Param() + unit(f)
	case "unique":
		return "must not hold the same twice"
	case "numeric":
		return "must be digits only"
	case "iso3166_1_alpha2":
		return "must be a country code (ISO 3166-1 alpha-2)"
	case "datetime":
		return "must be a time such as 06:00"
	case "email":
		return "must be a mail address such as ann@example.com"
	case "flag_code":
		return "must be the code of a flag"
	case "iso4217":
		return "must be a currency code (ISO 4217)"
	}
	return "is not valid (" + f.Tag() + ")"
}

func unit(f validator.FieldError) string {
	switch f.Kind() {
	case reflect.String:
		return " characters"
	case reflect.Slice:
		return " entries"
	}
	return ""
}

// query reads a request's query parameters and gathers what is wrong with them.
type query struct {
	values url.Values
	known  map[string]bool
	wrong  []models.FieldError
}

func readQuery(r *http.Request) *query {
	values, err := url.ParseQuery(r.URL.RawQuery)
	q := &query{values: values, known: map[string]bool{}}
	if err != nil { // what cannot be read would be left out, and the answer would be to another question
		q.bad("query", "cannot be read")
	}
	return q
}

func (q *query) bad(name, reason string) {
	q.wrong = append(q.wrong, models.FieldError{Pointer: name, Reason: reason})
}

func (q *query) text(name string, limit int) string {
	q.known[name] = true
	v := q.values.Get(name)
	if len(q.values[name]) > 1 {
		q.bad(name, "must be given once")
		return ""
	}
	if len(v) > limit {
		q.bad(name, fmt.Sprintf("must be at most %d characters", limit))
		return ""
	}
	if strings.ContainsRune(v, 0) || !utf8.ValidString(v) {
		q.bad(name, "must be text in UTF-8 without a zero byte")
		return ""
	}
	return v
}

func (q *query) id(name string) models.ID {
	v := q.text(name, 36)
	if v != "" && !isID(v) {
		q.bad(name, "must be an id")
	}
	return models.ID(v)
}

func (q *query) oneOf(name string, words ...string) string {
	v := q.text(name, 100)
	if v == "" {
		return ""
	}
	for _, w := range words {
		if v == w {
			return v
		}
	}
	q.bad(name, "must be one of "+strings.Join(words, ", "))
	return ""
}

func (q *query) country(name string) string {
	v := q.text(name, 10)
	if v != "" && (len(v) != 2 || strings.Trim(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
		q.bad(name, "must be a country code such as US (ISO 3166-1 alpha-2)")
	}
	return v
}

func (q *query) time(name string) *time.Time {
	v := q.text(name, 40)
	if v == "" {
		return nil
	}
	t, err := time.Parse(time.RFC3339, v)
	if err != nil {
		q.bad(name, "must be a time such as 2026-03-14T09:20:41Z")
		return nil
	}
	return &t
}

// limit is how many entries a page holds: 50 unless told, at most 200.
func (q *query) limit() int {
	v := q.text("limit", 10)
	if v == "" {
		return 50
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 200 {
		q.bad("limit", "must be a number from 1 to 200")
	}
	return n
}

// done says what was wrong, parameters that the route does not know included.
func (q *query) done() error {
	for name := range q.values {
		if !q.known[name] {
			q.bad(name, "is not a parameter of this request")
		}
	}
	if len(q.wrong) == 0 {
		return nil
	}
	e := models.Errorf(models.Invalid, "query_invalid", "The query has %d parameter(s) that cannot be used.", len(q.wrong))
	e.Fields = q.wrong
	return e
}

func isID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range s {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		hex := c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
		if dash != (c == '-') || !dash && !hex {
			return false
		}
	}
	return true
}
