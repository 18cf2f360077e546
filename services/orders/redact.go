package orders

import (
	"cmp"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"waybill/models"
)

// redacted stands where something of a buyer stood.
const redacted = "[erased]"

// redactor takes what is known of a buyer out of texts: whatever stands there as words of its own, however it is written.
type redactor struct{ pattern *regexp.Regexp }

// newRedactor takes out values of three characters or more.
func newRedactor(values ...string) redactor {
	var all []string
	for _, v := range values {
		if v = strings.TrimSpace(v); utf8.RuneCountInString(v) < 3 {
			continue
		}
		for _, v := range []string{v, url.QueryEscape(v), url.PathEscape(v)} {
			all = append(all, regexp.QuoteMeta(v))
		}
	}
	if len(all) == 0 {
		return redactor{}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) }) // the longest match first
	return redactor{regexp.MustCompile("(?i)" + strings.Join(slices.Compact(all), "|"))}
}

// identifying is what alone tells who a buyer is.
func identifying(o models.Order, to ...models.Address) []string {
	values := []string{o.BuyerName, o.BuyerEmail}
	for _, a := range to {
		values = append(values, strings.TrimSpace(a.FirstName+" "+a.LastName), a.Phone)
	}
	return values
}

// telling is all that is known of a buyer.
func telling(o models.Order, lines []models.Line, to ...models.Address) []string {
	values := append(identifying(o, to...), o.BuyerNote)
	values = append(values, strings.Fields(o.BuyerName)...)
	for _, a := range to {
		values = append(values, a.FirstName, a.LastName, a.Company, a.Line1, a.Line2, a.City, a.PostalCode, a.TaxID)
	}
	for _, l := range lines {
		values = append(values, l.CustomText)
		for _, part := range strings.Split(l.CustomText, ", ") {
			_, written, _ := strings.Cut(part, ": ")
			values = append(values, written)
		}
	}
	return slices.DeleteFunc(values, func(v string) bool { return v == o.Number })
}

func (r redactor) text(s string) string {
	if r.pattern == nil || s == "" {
		return s
	}
	var out strings.Builder
	at := 0
	for _, hit := range r.pattern.FindAllStringIndex(s, -1) {
		before, _ := utf8.DecodeLastRuneInString(s[:hit[0]])
		after, _ := utf8.DecodeRuneInString(s[hit[1]:])
		if !wordy(before) && !wordy(after) {
			out.WriteString(s[at:hit[0]] + redacted)
			at = hit[1]
		}
	}
	return out.String() + s[at:]
}

func wordy(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// json takes it out of every text within a JSON value.
func (r redactor) json(raw string) string {
	var v any
	decoder := json.NewDecoder(strings.NewReader(raw))
	decoder.UseNumber()
	if decoder.Decode(&v) != nil {
		return raw
	}
	return asJSON(r.value(v))
}

func (r redactor) value(v any) any {
	switch v := v.(type) {
	case string:
		return r.text(v)
	case []any:
		for i := range v {
			v[i] = r.value(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = r.value(v[k])
		}
	}
	return v
}
