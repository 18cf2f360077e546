package databasetest

import (
	"slices"
	"testing"
)

func TestWhatIsBoundToAMerchant(t *testing.T) {
	t.Parallel()
	tenant := func(name string) bool {
		return slices.Contains([]string{"orders", "flags", "events", "inbox", "tab_counts", "connections"}, name)
	}
	for statement, bound := range map[string]bool{
		`SELECT * FROM orders WHERE merchant_id = $1 AND id = $2`:                                                                 true,
		`SELECT "orders"."id" FROM "orders" WHERE "orders"."merchant_id" = $1`:                                                    true,
		`SELECT merchant_id FROM orders WHERE id = $1`:                                                                            false,
		`SELECT merchant_id, id FROM orders WHERE (merchant_id, id) > ($1, $2) ORDER BY merchant_id`:                              false,
		`SELECT id FROM orders WHERE (merchant_id, id) IN (($1, $2))`:                                                             true,
		`SELECT id FROM orders WHERE merchant_id > $1`:                                                                            false,
		`SELECT id FROM orders -- merchant_id = $1`:                                                                               false,
		`SELECT id FROM orders WHERE number = 'merchant_id = $1'`:                                                                 false,
		`SELECT 1 FROM orders o JOIN flags f ON f.merchant_id = o.merchant_id AND f.order_id = o.id WHERE o.merchant_id = $1`:     true,
		`SELECT 1 FROM orders o JOIN flags f ON f.order_id = o.id WHERE o.merchant_id = $1`:                                       false,
		`SELECT 1 FROM orders o JOIN flags f ON f.merchant_id = o.merchant_id AND f.order_id = o.id`:                              false,
		`SELECT 1 FROM orders o, flags f WHERE o.merchant_id = $1`:                                                                false,
		`SELECT 1 FROM orders WHERE merchant_id = $1 AND EXISTS (SELECT 1 FROM flags f WHERE f.order_id = orders.id)`:             false,
		`SELECT 1 FROM orders WHERE merchant_id = $1 AND EXISTS (SELECT 1 FROM flags f WHERE f.merchant_id = orders.merchant_id)`: true,
		`SELECT (SELECT max(f.id) FROM flags f WHERE f.merchant_id = o.merchant_id) FROM orders o WHERE o.merchant_id = $1`:       true,
		`SELECT (SELECT max(f.id) FROM flags f WHERE f.order_id = o.id) FROM orders o WHERE o.merchant_id = $1`:                   false,
		`SELECT DISTINCT o.id FROM orders o WHERE o.number IS DISTINCT FROM $1 AND o.merchant_id = $2`:                            true,
		`SELECT DISTINCT o.id FROM orders o WHERE o.number = $1`:                                                                  false,
		`SELECT (SELECT count(*) FROM inbox) FROM orders WHERE merchant_id = $1`:                                                  false,
		`SELECT id FROM orders WHERE merchant_id = $1 UNION ALL SELECT id FROM flags`:                                             false,
		`SELECT m.id FROM merchants m CROSS JOIN LATERAL (SELECT id FROM orders WHERE merchant_id = m.id LIMIT 1) o`:              true,
		`SELECT id FROM merchants`:                             true,
		`INSERT INTO events (merchant_id, id) VALUES ($1, $2)`: true,
		`INSERT INTO events (id) VALUES ($1)`:                  false,
		`INSERT INTO tab_counts AS t (merchant_id, n) VALUES ($1, 1) ON CONFLICT (merchant_id) DO UPDATE SET n = t.n + excluded.n`: true,
		`INSERT INTO events (merchant_id, id) SELECT merchant_id, id FROM orders WHERE merchant_id = $1`:                           true,
		`INSERT INTO events (merchant_id, id) SELECT merchant_id, id FROM orders`:                                                  false,
		`UPDATE orders SET merchant_id = $1 WHERE id = $2 FOR UPDATE`:                                                              false,
		`UPDATE orders SET number = $1 WHERE merchant_id = $2 AND id = $3`:                                                         true,
		`UPDATE orders o SET number = f.code FROM flags f WHERE o.merchant_id = $1 AND f.merchant_id = o.merchant_id`:              true,
		`UPDATE orders o SET number = f.code FROM flags f WHERE o.merchant_id = $1`:                                                false,
		`DELETE FROM orders WHERE merchant_id = $1`:                                                                                true,
		`DELETE FROM orders`: false,
		`WITH due AS (SELECT merchant_id, id FROM orders WHERE merchant_id = $1) SELECT * FROM due`: true,
		`WITH due AS (SELECT merchant_id, id FROM orders) SELECT * FROM due`:                        false,
		`SELECT extract(epoch FROM placed_at) FROM orders WHERE merchant_id = $1`:                   true,
		`SELECT id FROM orders WHERE merchant_id = $1 FOR UPDATE SKIP LOCKED`:                       true,
	} {
		if got := Unbound(statement, tenant); (got == "") != bound {
			t.Errorf("%s: %q", statement, got)
		}
	}
}
