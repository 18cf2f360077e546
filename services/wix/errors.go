package wix

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"waybill/models"
	"waybill/services/platform"
)

const (
	defaultRetryAfter = 10 * time.Second // Wix documents no Retry-After, wix.md 6
	maxRetryAfter     = time.Hour
	maxViolations     = 3
	maxWords          = 300 // runes of Wix's words in a detail
)

// refusal turns an answer that is no success into an error, wix.md 6. A proxy's HTML page is Unavailable whatever its
// status: it says nothing about the store or the order.
func (c *Client) refusal(ctx context.Context, instance, operation string, a platform.Answer) error {
	body := errorOf(a)
	switch {
	case a.Status == http.StatusTooManyRequests:
		return c.throttled(ctx, instance, operation, a, body)
	case a.Status < 400, a.Status >= 500, isHTML(a):
		return c.unavailable(operation, a, body)
	}
	switch a.Status {
	case http.StatusUnauthorized:
		return disconnected(operation, a, body)
	case http.StatusForbidden:
		if writes[operation] {
			return models.Errorf(models.Forbidden, "wix_permission_missing",
				"Wix does not let Waybill change orders in this store: a permission is missing. Connect the store again and grant what is asked for.").
				Because(cause(operation, a, body))
		}
		return models.Errorf(models.Disconnected, "wix_permission_missing",
			"Wix refuses access: a permission is missing or the app was removed from the site. Connect the store again and grant what is asked for.").
			Because(cause(operation, a, body))
	case http.StatusBadRequest:
		return inWords(models.Rejected, "wix_validation", "Wix does not accept the request.", operation, a, body)
	case http.StatusNotFound:
		return inWords(models.NotFound, "wix_not_found", "Wix does not know it.", operation, a, body)
	case http.StatusConflict, http.StatusPreconditionRequired:
		return inWords(models.Conflict, "wix_conflict", "The present state in the store does not allow it.", operation, a, body)
	}
	return inWords(models.Rejected, "wix_refused", "Wix refuses the request.", operation, a, body)
}

// writes are the operations whose 403 says that only the permission to change is missing: reading goes on.
var writes = map[string]bool{"create_fulfillment": true, "update_fulfillment": true, "delete_fulfillment": true}

// inWords is an error whose code and detail are Wix's own where it gave any.
func inWords(kind models.Kind, code, detail, operation string, a platform.Answer, body wireError) error {
	if own := body.code(); own != "" {
		code = own
	}
	if words := body.words(); words != "" {
		detail = words
	}
	return models.Errorf(kind, code, "%s", detail).Because(cause(operation, a, body))
}

func disconnected(operation string, a platform.Answer, body wireError) error {
	return models.Errorf(models.Disconnected, "wix_token_refused",
		"Wix no longer lets Waybill into this store. Connect the store again.").Because(cause(operation, a, body))
}

func (c *Client) unavailable(operation string, a platform.Answer, body wireError) error {
	e := models.Errorf(models.Unavailable, "wix_unavailable", "Wix could not answer. It will be tried again.").Because(cause(operation, a, body))
	e.RetryAfter = retryAfter(a.Header, c.now)
	return e
}

// throttled also stops further calls for the site until Wix takes them again.
func (c *Client) throttled(ctx context.Context, instance, operation string, a platform.Answer, body wireError) error {
	wait := retryAfter(a.Header, c.now)
	if wait == 0 {
		wait = defaultRetryAfter
	}
	c.turns.Ban(ctx, instance, wait)
	e := models.Errorf(models.Throttled, "wix_rate_limited", "Wix takes no more calls for this store at present; it is tried again in %s.", wait.Round(time.Second)).
		Because(cause(operation, a, body))
	e.RetryAfter = wait
	return e
}

// undecodable is a success that does not say what it must say.
func undecodable(operation string, a platform.Answer, fault string) error {
	return models.Errorf(models.Unavailable, "wix_undecodable", "Wix's answer could not be read. It will be tried again.").
		Because(fmt.Errorf("wix %s: status %d, request %q: %s", operation, a.Status, requestID(a), fault))
}

// cause is what the log sees: nothing of it is free text of the answer.
func cause(operation string, a platform.Answer, body wireError) error {
	text := fmt.Sprintf("wix %s: status %d, request %q", operation, a.Status, requestID(a))
	if isHTML(a) {
		text += ", an HTML page"
	}
	if code := body.code(); code != "" {
		text += ", code " + code
	}
	return errors.New(text)
}

// requestID is X-Wix-Request-Id, by which Wix finds a call again, wix.md 6.
func requestID(a platform.Answer) string {
	id := a.Header.Get("X-Wix-Request-Id")
	return id[:min(len(id), 100)]
}

// retryAfter reads Retry-After, seconds or a date; 0 when there is none that makes sense.
func retryAfter(h http.Header, now func() time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	var wait time.Duration
	if seconds, err := strconv.Atoi(text); err == nil {
		wait = time.Duration(min(max(seconds, 0), int(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now())
	}
	return min(max(wait, 0), maxRetryAfter)
}

func isHTML(a platform.Answer) bool {
	return bytes.HasPrefix(bytes.TrimSpace(a.Body), []byte("<")) || strings.Contains(a.Header.Get("Content-Type"), "text/html")
}

// errorOf reads an error body leniently: what cannot be read stays empty, the status decides then.
func errorOf(a platform.Answer) wireError {
	var body wireError
	_ = json.Unmarshal(a.Body, &body)
	return body
}

// code gives "wix_order_not_found" for ORDER_NOT_FOUND, "wix_validation" for field violations, "" for neither.
func (e wireError) code() string {
	d := e.Details.value
	for _, own := range []string{string(d.ApplicationError.value.Code), e.Error.value} {
		if s := snake(own); s != "" {
			return "wix_" + s
		}
	}
	if len(d.ValidationError.value.FieldViolations) > 0 {
		return "wix_validation"
	}
	return ""
}

// words says what Wix says, as sentences.
func (e wireError) words() string {
	d := e.Details.value
	if s := sentence(string(d.ApplicationError.value.Description)); s != "" {
		return s
	}
	var all []string
	for _, v := range d.ValidationError.value.FieldViolations {
		if len(all) == maxViolations {
			break
		}
		if s := sentence(string(v.Field) + " " + string(v.Description)); s != "" {
			all = append(all, s)
		}
	}
	return strings.Join(all, " ")
}

// snake makes a code of ours from a code of Wix's: lower case, words joined by underscores.
func snake(code string) string {
	var b strings.Builder
	lower := false // the letter before was lower case or a digit
	gap := false
	for _, r := range code {
		isLetter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		upper := r >= 'A' && r <= 'Z'
		if !isLetter || upper && lower {
			gap = b.Len() > 0
		}
		if !isLetter {
			lower = false
			continue
		}
		if b.Len() >= 60 {
			break
		}
		if gap {
			b.WriteByte('_')
			gap = false
		}
		b.WriteRune(unicode.ToLower(r))
		lower = !upper
	}
	return b.String()
}

// Links and tokens that Wix may quote in its words.
var notForPeople = regexp.MustCompile(`(?i)(https?://|OauthNG\.|Bearer\s)\S+`)

// sentence makes one line of somebody else's text: no control characters, no links, not too long, with a full stop.
func sentence(text string) string {
	text = notForPeople.ReplaceAllString(text, "(left out)")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if text == "" {
		return ""
	}
	if utf8.RuneCountInString(text) > maxWords {
		return string([]rune(text)[:maxWords]) + "…"
	}
	if !strings.ContainsAny(text[len(text)-1:], ".!?") {
		text += "."
	}
	return text
}

// jsonFault explains a decoding error without quoting what was decoded.
func jsonFault(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Sprintf("member %q has the wrong type", wrong.Field)
	}
	return "not the JSON that is expected"
}
