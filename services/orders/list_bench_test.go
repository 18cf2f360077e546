package orders_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"waybill/models"
	"waybill/services/orders"
)

// BenchmarkListOfATab reads 50 orders of a tab in three ways in turn, and reports the median of each: behind the wall; in the same transaction
// without one; and as a query alone, which is what it was before there were walls. Another merchant has as many orders.
//
//	go test ./services/orders -run '^$' -bench ListOfATab -benchtime 2000x
func BenchmarkListOfATab(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("%d orders", n), func(b *testing.B) {
			walled, open := tabs(b, n), tabs(b, n)
			open.exec(b, "ALTER TABLE orders DISABLE ROW LEVEL SECURITY")
			list := func(s *shelf) (int, error) {
				page, err := s.List(b.Context(), s.m, orders.Filter{Tab: models.TabAwaitingShipment, Limit: 50})
				return len(page.Orders), err
			}
			alone := func(s *shelf) (int, error) {
				var found []models.Order
				err := orders.Narrow(s.db.Read(b.Context()), s.m, orders.Filter{Tab: models.TabAwaitingShipment}).Order("placed_at DESC, id DESC").Limit(50).Find(&found).Error
				return len(found), err
			}
			took := map[string][]time.Duration{}
			measure := func(what string, s *shelf, read func(*shelf) (int, error)) {
				start := time.Now()
				if n, err := read(s); n != 50 || err != nil {
					b.Fatalf("%d orders, %v", n, err)
				}
				took[what] = append(took[what], time.Since(start))
			}
			for b.Loop() {
				measure("walled-µs", walled, list)
				measure("open-µs", open, list)
				measure("alone-µs", open, alone)
			}
			for what, times := range took {
				slices.Sort(times)
				b.ReportMetric(float64(times[len(times)/2].Microseconds()), what)
			}
		})
	}
}

// tabs is a shelf of two merchants with n orders each, an eighth of them in the tab.
func tabs(b *testing.B, n int) *shelf {
	b.Helper()
	s := newShelf(b)
	other, store, _ := s.tenant(b)
	for m, store := range map[models.MerchantID]models.ID{s.m: s.store, other: store} {
		s.exec(b, `INSERT INTO orders SELECT @m, gen_random_uuid(), @store, 'e' || i, 'N' || i, now() - i * interval '1 minute', now(), 'APPROVED', 'PAID', '', 'open', now(),
			'USD', 1, 0, 'Buyer ' || i, 'buyer' || i || '@example.com', '', 'US', false, false, false,
			(ARRAY['pending', 'awaiting_order', 'awaiting_payment', 'awaiting_shipment', 'fulfilled', 'fulfilled', 'fulfilled', 'closed'])[1 + i % 8], '', '', '[]',
			0, i % 8 > 3, NULL, '', NULL, now(), 0, 1, now(), now() FROM generate_series(1, @n) i`, map[string]any{"m": m, "store": store, "n": n})
	}
	s.exec(b, "VACUUM ANALYZE orders")
	return s
}
