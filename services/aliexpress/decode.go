package aliexpress

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // AliExpress' times are Pacific, and a container may have no zone files

	"waybill/models"
)

// payload is what an envelope holds: result and what stands beside it.
type payload map[string]json.RawMessage

// open takes an answer out of its envelope (aliexpress.md 1.4, 9.2): the root key is there or not, a resp_result level is
// there or not, and refusals come as error_response or, flat, as the whole answer. An answer that is both a refusal and
// a result is an error.
func open(body []byte) (payload, *refusal, error) {
	var whole payload
	if err := json.Unmarshal(body, &whole); err != nil {
		return nil, nil, fmt.Errorf("the answer is no JSON object: %w", err)
	}
	inner, rooted, err := whole.root()
	if err != nil {
		return nil, nil, err
	}
	if raw, ok := whole["error_response"]; ok {
		if rooted || whole.has("result") || whole.has("resp_result") {
			return nil, nil, errors.New("the answer is a refusal and a result at once")
		}
		return refused(raw)
	}
	if !rooted && !whole.has("result") && !whole.has("resp_result") && !harmless(whole.text("code")) {
		return refused(body)
	}
	if inner.has("resp_result") {
		var level payload
		if err := json.Unmarshal(inner["resp_result"], &level); err != nil {
			return nil, nil, errors.New("resp_result is no object")
		}
		return level, nil, nil
	}
	return inner, nil, nil
}

// root finds the one member named after the method. The name itself is not compared: older methods answer under another.
func (p payload) root() (inner payload, rooted bool, err error) {
	inner = p
	for name, raw := range p {
		if name == "error_response" || !strings.HasSuffix(name, "_response") {
			continue
		}
		if rooted {
			return nil, false, errors.New("the answer has two roots")
		}
		inner, rooted = nil, true
		if err := json.Unmarshal(raw, &inner); err != nil {
			return nil, false, errors.New("the root is no object")
		}
	}
	return inner, rooted, nil
}

func refused(raw []byte) (payload, *refusal, error) {
	var r refusal
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, nil, fmt.Errorf("the refusal is unreadable: %w", err)
	}
	return nil, &r, nil
}

// harmless reports whether a code beside or instead of a result says that all is well.
func harmless(code string) bool { return code == "" || code == "0" || code == "200" }

func (p payload) has(name string) bool {
	raw, ok := p[name]
	return ok && string(raw) != "null"
}

// text is a member's text, or nothing if it has none.
func (p payload) text(name string) string {
	var t text
	if raw, ok := p[name]; !ok || json.Unmarshal(raw, &t) != nil {
		return ""
	}
	return t.String()
}

// code is the business code beside a result, which goes by two names.
func (p payload) code() string {
	if code := p.text("rsp_code"); code != "" {
		return code
	}
	return p.text("resp_code")
}

// result decodes the member result, or the payload itself where that level is missing.
func (p payload) result(into any) error {
	if p.has("result") {
		return json.Unmarshal(p["result"], into)
	}
	raw, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// text is a JSON string, or a number or boolean kept as it was written: ids have 16 digits and must see no float.
type text string

func (t *text) UnmarshalJSON(raw []byte) error {
	switch raw[0] {
	case '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		*t = text(strings.ReplaceAll(s, "\x00", "")) // which the database cannot hold
		return nil
	case '{', '[':
		return errors.New("an object or a list stands where a text was expected")
	case 'n':
		*t = ""
		return nil
	}
	*t = text(raw)
	return nil
}

// String gives the text without surrounding space.
func (t text) String() string { return strings.TrimSpace(string(t)) }

// yes reads a boolean or its text.
func (t text) yes() bool { return strings.EqualFold(t.String(), "true") }

// no is a said false; nothing said is neither.
func (t text) no() bool { return strings.EqualFold(t.String(), "false") }

// int64 reads a whole number. "12.0" is one, "12.5" is not.
func (t text) int64() (int64, bool) {
	whole, fraction, _ := strings.Cut(t.String(), ".")
	if strings.Trim(fraction, "0") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	return n, err == nil
}

// count reads a small number; what is none counts as 0.
func (t text) count() int {
	n, _ := t.int64()
	return int(n)
}

// epoch reads milliseconds since 1970, or seconds, which push messages have.
func (t text) epoch() (time.Time, bool) {
	n, ok := t.int64()
	switch {
	case !ok || n <= 0:
		return time.Time{}, false
	case n < 100_000_000_000:
		return time.Unix(n, 0).UTC(), true
	}
	return time.UnixMilli(n).UTC(), true
}

// isID reports whether s may be an AliExpress id: 1 to 19 digits without a leading zero, so that it is a JSON number too.
func isID(s string) bool {
	if s == "" || len(s) > 19 || s[0] == '0' {
		return false
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// listWrappers are the known names of the single member that stands between a list's name and its elements.
var listWrappers = []string{
	"number", "aeop_child_order_info", "ae_child_order_info", "tracking_detail", "detail_node", "package_item",
	"delivery_option_d_t_o", "ae_item_sku_info_d_t_o", "ae_sku_property_d_t_o",
}

// list reads every shape in which the gateway gives a list (aliexpress.md 1.4): an array, either inside an object with
// one member or not; one element in place of an array of one; null or nothing.
type list[T any] []T

func (l *list[T]) UnmarshalJSON(raw []byte) error {
	*l = nil
	if raw[0] != '{' {
		return l.take(raw)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return err
	}
	if len(members) == 0 {
		return nil
	}
	for _, name := range listWrappers {
		if inner, ok := members[name]; ok {
			return l.take(inner)
		}
	}
	for _, inner := range members {
		if len(members) == 1 && (inner[0] == '[' || inner[0] == '{') {
			return l.take(inner)
		}
	}
	return l.take(raw)
}

// take appends the elements of an array, or raw as the only element.
func (l *list[T]) take(raw json.RawMessage) error {
	elements := []json.RawMessage{raw}
	if raw[0] == '[' {
		elements = nil
		if err := json.Unmarshal(raw, &elements); err != nil {
			return err
		}
	}
	for _, element := range elements {
		if s := string(element); s == "null" || s == `""` || s == "{}" {
			continue
		}
		var v T
		if err := json.Unmarshal(element, &v); err != nil {
			return err
		}
		*l = append(*l, v)
	}
	return nil
}

// amount is money as orders have it: decimal text in major units.
type amount struct {
	Amount   text `json:"amount"`
	Currency text `json:"currency_code"`
}

// money is empty when the amount is missing or no number: an amount is never guessed.
func (a amount) money() models.Money {
	if a.Currency == "" {
		return models.Money{}
	}
	m, err := models.ParseMoney(a.Amount.String(), a.Currency.String())
	if err != nil {
		return models.Money{}
	}
	return m
}

// pacific is the zone of times that come without one (aliexpress.md 5.1).
var pacific = sync.OnceValue(func() *time.Location {
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		panic(err) // the zones are part of the program
	}
	return zone
})

// clock reads "2006-01-02 15:04:05" as Pacific time, or Java's "2006-01-02T15:04:05-07:00[America/Los_Angeles]". It is nil
// for anything else.
func (t text) clock() *time.Time {
	s, _, _ := strings.Cut(t.String(), "[")
	at, err := time.ParseInLocation(time.DateTime, s, pacific())
	if err != nil {
		at, err = time.Parse(time.RFC3339, s)
	}
	if err != nil {
		return nil
	}
	at = at.UTC()
	return &at
}
