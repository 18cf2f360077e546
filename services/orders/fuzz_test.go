package orders_test

import (
	"encoding/base64"
	"errors"
	"testing"

	"waybill/models"
	"waybill/services/orders"
)

// Whatever a cursor holds, it is a place in the list or no cursor of ours: the database is never asked what it cannot answer.
func FuzzCursor(f *testing.F) {
	s := newShelf(f)
	for _, text := range []string{
		"", "{}", `{"at":"2026-03-14T09:20:41Z","id":"0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f11"}`, `{"at":"9999-12-31T00:00:00Z","id":"0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f11","sort":"deadline"}`,
		`{"at":"0000-01-01T00:00:00Z","id":"0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f11"}`, `{"at":"9999-12-31T23:59:59.999999999-23:59","id":"0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f11","sort":"oldest"}`,
		`{"at":"2026-03-14T09:20:41Z","id":"\u0000"}`, `{"sort":"newest","id":"00000000-0000-0000-0000-000000000000"}`,
	} {
		f.Add(text, true)
		f.Add(base64.RawURLEncoding.EncodeToString([]byte(text)), false)
	}
	f.Fuzz(func(t *testing.T, text string, encode bool) {
		if encode {
			text = base64.RawURLEncoding.EncodeToString([]byte(text))
		}
		known := func(err error) {
			if err != nil && !errors.Is(err, models.Invalid) {
				t.Errorf("got %v", err)
			}
		}
		for _, sort := range []orders.Sort{orders.Newest, orders.Oldest, orders.Deadline} {
			_, err := s.List(t.Context(), s.m, orders.Filter{Sort: sort, Cursor: text, Limit: 1})
			known(err)
		}
		_, err := s.PayList(t.Context(), s.m, orders.PayFilter{Cursor: text, Limit: 1})
		known(err)
	})
}
