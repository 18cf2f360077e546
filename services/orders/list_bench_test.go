package orders_test

import (
	"fmt"
	"testing"

	"waybill/models"
	"waybill/services/database/databasetest"
	"waybill/services/orders"
)

// BenchmarkListOfATab reads 50 orders of a tab: behind the wall; in the same transaction without one; and as a query alone, which is what it was
// before there were walls. Another merchant has as many orders.
//
//	go test ./services/orders -run '^$' -bench ListOfATab -benchtime 2000x
func BenchmarkListOfATab(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		s := newShelf(b)
		other, store, _ := s.tenant(b)
		for m, store := range map[models.MerchantID]models.ID{s.m: s.store, other: store} {
			s.exec(b, `INSERT INTO orders SELECT @m, gen_random_uuid(), @store, 'e' || i, 'N' || i, now() - i * interval '1 minute', now(), 'APPROVED', 'PAID', '', 'open', now(),
				'USD', 1, 0, 'Buyer ' || i, 'buyer' || i || '@example.com', '', 'US', false, false, false,
				(ARRAY['pending', 'awaiting_order', 'awaiting_payment', 'awaiting_shipment', 'fulfilled', 'fulfilled', 'fulfilled', 'closed'])[1 + i % 8], '', '', '[]',
				0, i % 8 > 3, NULL, '', NULL, now(), 0, 1, now(), now() FROM generate_series(1, @n) i`, map[string]any{"m": m, "store": store, "n": n})
		}
		s.exec(b, "VACUUM ANALYZE orders")
		list := func() (int, error) {
			page, err := s.List(b.Context(), s.m, orders.Filter{Tab: models.TabAwaitingShipment, Limit: 50})
			return len(page.Orders), err
		}
		alone := func() (int, error) {
			var found []models.Order
			err := orders.Narrow(s.db.Read(b.Context()), s.m, orders.Filter{Tab: models.TabAwaitingShipment}).Order("placed_at DESC, id DESC").Limit(51).Find(&found).Error
			return len(found) - 1, err
		}
		for _, c := range []struct {
			name, wall string
			list       func() (int, error)
		}{{"walled", "ENABLE", list}, {"no wall", "DISABLE", list}, {"query alone", "DISABLE", alone}} {
			b.Run(fmt.Sprintf("%d orders/%s", n, c.name), func(b *testing.B) {
				databasetest.Owner(b, s.db).Exec("ALTER TABLE orders " + c.wall + " ROW LEVEL SECURITY")
				for b.Loop() {
					if n, err := c.list(); n != 50 || err != nil {
						b.Fatalf("%d orders, %v", n, err)
					}
				}
			})
		}
	}
}
