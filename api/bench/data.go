package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"waybill/services/aliexpress/aliexpresssim"
)

// The merchants of the measurements are made in SQL: a million orders do not come by way of a shop.

// tenant is a merchant with a key that may do everything, and stores.
type tenant struct {
	id     string
	key    string
	stores []string // ids
	sites  []string // what Wix calls them
}

// newTenant makes a merchant. The name makes its ids, so it is to be another each time.
func (s *stage) newTenant(ctx context.Context, name string, stores int) (tenant, error) {
	t := tenant{id: idOf(name), key: "key-of-" + name + "-0123456789abcdef"}
	sum := sha256.Sum256([]byte(t.key))
	batch := &pgx.Batch{}
	batch.Queue("INSERT INTO merchants (id, name, created_at) VALUES ($1, $2, now())", t.id, name)
	batch.Queue(`INSERT INTO api_keys (key_sha256, merchant_id, id, name, scopes, created_at) SELECT $1, $2, $3, $4, scopes, now() FROM api_keys WHERE name = 'first' LIMIT 1`,
		hex.EncodeToString(sum[:]), t.id, idOf(name+"/key"), name)
	for i := range stores {
		store, site := idOf(fmt.Sprintf("%s/store/%d", name, i)), idOf(fmt.Sprintf("%s/site/%d", name, i))
		batch.Queue(`INSERT INTO connections (merchant_id, id, platform, external_id, name, state, created_at, updated_at) VALUES ($1, $2, 'wix', $3, $4, 'active', now(), now())`, t.id, store, site, name)
		batch.Queue("INSERT INTO directory (platform, external_id, merchant_id, connection_id) VALUES ('wix', $1, $2, $3)", site, t.id, store)
		t.stores, t.sites = append(t.stores, store), append(t.sites, site)
	}
	if err := s.db.SendBatch(ctx, batch).Close(); err != nil {
		return t, fmt.Errorf("make the merchant %s: %w", name, err)
	}
	return t, nil
}

// idOf is an id that a name always has.
func idOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-7" + h[13:16] + "-8" + h[17:20] + "-" + h[20:]
}

// fill gives a merchant orders from the first to the last number, one a minute of some past, spread over its stores and over the
// tabs as a shop's are: most are fulfilled. One in fifty has a flag's count. What is beyond the first thousand has no lines.
func (s *stage) fill(ctx context.Context, t tenant, first, last int) error {
	began := time.Now()
	const step = 100_000
	if err := s.exec(ctx, "SET synchronous_commit = off"); err != nil {
		return err
	}
	for from := first; from <= last; from += step {
		err := s.exec(ctx, `INSERT INTO orders (merchant_id, id, store_id, external_id, number, placed_at, source_updated_at, store_status, payment_status, fulfillment_status, gate, gate_at, currency,
				total_minor, authorized_minor, buyer_name, buyer_email, buyer_note, country, archived, imported, pickup, tab, why, closed_reason, chips, open_flags, final, last_checked_at,
				last_checked_source, store_checked_at, next_check_at, check_failures, version, created_at, updated_at, digest)
			SELECT $1, ('00000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, ($2::uuid[])[1 + i % array_length($2::uuid[], 1)], 'bench-' || i, (10000 + i)::text, '2020-01-01'::timestamptz + i * interval '10 seconds', now(),
				'APPROVED', 'PAID', 'NOT_FULFILLED', 'open', now(), 'USD', 4999 + i % 5000, 0, (ARRAY['Jane', 'John', 'Ann', 'Maria', 'Ali', 'Chen'])[1 + i % 6] || ' ' || initcap(substr(md5(i::text), 1, 7)),
				'buyer' || i || '@example.com', '', (ARRAY['US', 'DE', 'FR', 'GB', 'BR'])[1 + i % 5], false, false, false, tab, 'AliExpress order ' || (8000000000000000 + i) || ' is on its way.', '', '[]',
				CASE WHEN i % 50 = 0 THEN 1 ELSE 0 END, tab IN ('fulfilled', 'closed'), now(), 'sweep', now(), CASE WHEN tab IN ('fulfilled', 'closed') THEN NULL ELSE now() + interval '1 day' END, 0, 3, now(), now(),
				jsonb_build_object('title', 'Stainless steel bottle, 750 ml', 'image_url', '', 'lines', 2, 'items', 3, 'to_ship', 3, 'shipped', 2, 'supplier_numbers', jsonb_build_array((8000000000000000 + i)::text),
					'suppliers', jsonb_build_array(jsonb_build_object('store_id', '1103800006', 'name', 'Kedi Bottles Store')), 'cost', jsonb_build_object('minor', 2100, 'currency', 'USD'),
					'tracking', jsonb_build_array(jsonb_build_object('number', 'LP' || (600000000000 + i), 'carrier', 'AliExpress standard shipping', 'link', 'https://global.cainiao.com/detail.htm?mailNoList=LP' || (600000000000 + i))),
					'push_state', 'confirmed', 'flags', '[]'::jsonb)
			FROM (SELECT i, (ARRAY['pending', 'awaiting_order', 'awaiting_payment', 'awaiting_shipment', 'awaiting_shipment', 'fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'closed'])[1 + i % 10] AS tab
				FROM generate_series($3::bigint, $4::bigint) i) n`, t.id, t.stores, from, min(last, from+step-1))
		if err != nil {
			return err
		}
	}
	for _, statement := range []string{
		"INSERT INTO order_checks SELECT merchant_id, id, next_check_at FROM orders WHERE next_check_at IS NOT NULL AND merchant_id = '" + t.id + "' ON CONFLICT DO NOTHING",
		"DELETE FROM tab_counts WHERE merchant_id = '" + t.id + "'",
		`INSERT INTO tab_counts SELECT merchant_id, store_id, tab, slot, count(*) / 16 + CASE WHEN slot < count(*) % 16 THEN 1 ELSE 0 END FROM orders, generate_series(0, 15) slot
			WHERE merchant_id = '` + t.id + "' GROUP BY 1, 2, 3, 4",
		`INSERT INTO tab_counts SELECT merchant_id, store_id, 'attention', 0, count(*) FROM orders WHERE open_flags > 0 AND merchant_id = '` + t.id + "' GROUP BY 1, 2",
		"RESET synchronous_commit", "VACUUM ANALYZE orders", "VACUUM ANALYZE tab_counts", "CHECKPOINT",
	} {
		if err := s.exec(ctx, statement); err != nil {
			return err
		}
	}
	s.b.say("filled orders %d to %d in %.0f s", first, last, time.Since(began).Seconds())
	return nil
}

// hang gives the merchant's first orders what hangs on an order: two lines, a purchase, a parcel, and a push that is confirmed.
func (s *stage) hang(ctx context.Context, t tenant, orders int) error {
	const of = ` FROM (SELECT id AS i, id, store_id FROM orders WHERE merchant_id = $1 AND id <= ('00000000-0000-7000-8000-' || lpad(to_hex($2::bigint), 12, '0'))::uuid) o`
	account := idOf(t.id + "/account")
	for _, statement := range []string{
		`INSERT INTO connections (merchant_id, id, platform, external_id, name, state, created_at, updated_at) SELECT $1, '` + account + `', 'aliexpress', 'u' || $2::bigint, 'Account', 'active', now(), now()`,
		`INSERT INTO order_lines (merchant_id, order_id, line_id, position, name, sku, variant_key, options, role, mapped, quantity, refunded, removed, price_minor, image_url)
			SELECT $1, i, 'line' || n, n, 'Stainless steel bottle, 750 ml', 'SKU-' || n, 'variant', 'Color: Blue', 'dropship', true, 1, 0, false, 1999, ''` + of + `, generate_series(1, 2) n`,
		`INSERT INTO supplier_orders (merchant_id, id, order_id, account_id, state, origin, epoch, out_order_id, request_sha256, note, error_code, error_detail, external_id, supplier_store_id,
			supplier_store_name, status, logistics_status, end_reason, stage_status, stage_logistics, stage_seq, shipped_seen, stage, amount_minor, amount_currency, paid_at, placed_at, fetch_seq,
			applied_seq, check_failures, next_check_at, last_checked_at, created_at, updated_at)
			SELECT $1, i, i, '` + account + `', 'placed', 'linked', 0, '', '', '', '', '', 'A' || i, '1103800006', 'Kedi Bottles Store', 'WAIT_BUYER_ACCEPT_GOODS', 'SELLER_SEND_GOODS', '', 'WAIT_BUYER_ACCEPT_GOODS', 'SELLER_SEND_GOODS', 1,
			true, 'shipped', 2100, 'USD', now(), now(), 1, 1, 0, now() + interval '1 day', now(), now(), now()` + of,
		`INSERT INTO supplier_order_lines (merchant_id, supplier_order_id, line_id, part, order_id, product_id, sku_id, sku_attr, quantity, live, end_reason)
			SELECT $1, i, 'line' || n, 0, i, '1005001', '12000', '', 1, true, ''` + of + `, generate_series(1, 2) n`,
		`INSERT INTO parcels (merchant_id, id, order_id, tracking_number, carrier, previous_numbers, last_event, first_seen_at) SELECT $1, i, i, 'LP' || i, 'AliExpress standard shipping', '[]', 'On its way', now()` + of,
		`INSERT INTO parcel_items (merchant_id, parcel_id, supplier_order_id, line_id, part, order_id, sku_id, quantity) SELECT $1, i, i, 'line' || n, 0, i, '12000', 1` + of + `, generate_series(1, 2) n`,
		`INSERT INTO pushes (merchant_id, id, order_id, parcel_id, store_id, state, wanted_lines, wanted_number, wanted_carrier, wanted_since, fulfillment_id, sent_number, sent_lines, adopted, attempts,
			confirmed_at, error_code, error_detail, created_at, updated_at)
			SELECT $1, i, i, i, store_id, 'confirmed', '[]', 'LP' || i, '', now(), 'f', 'LP' || i, '[]', false, 1, now(), '', '', now(), now()` + of,
	} {
		if err := s.exec(ctx, statement, t.id, orders); err != nil {
			return err
		}
	}
	return s.exec(ctx, "ANALYZE")
}

// due makes open orders that were bought at the simulated AliExpress and are all to be checked now, as a sweep finds them. One in five has
// shipped, without a number yet. They are of the first merchant, whose connections are real.
func (s *stage) due(ctx context.Context, first, last int) (numbers []string, err error) {
	products := s.ali.Products()
	if len(products) == 0 {
		return nil, fmt.Errorf("the simulator has no products")
	}
	p, plenty := products[0], 1<<30
	if err := s.ali.ChangeProduct(p.ProductID, aliexpresssim.ProductChange{SKUID: p.SKUID, Stock: &plenty}); err != nil {
		return nil, err
	}
	var stages []string
	for i := first; i <= last; i++ {
		number, err := s.ali.BuyByHand(aliexpresssim.Purchase{Items: []aliexpresssim.Item{{ProductID: p.ProductID, SKUID: p.SKUID, Quantity: 1}}})
		if err == nil {
			err = s.ali.Pay(number, aliexpresssim.PayOptions{})
		}
		stage := "paid"
		if err == nil && i%5 == 0 {
			_, err = s.ali.Ship(number, aliexpresssim.ShipOptions{WithoutNumber: true})
			stage = "shipped"
		}
		if err != nil {
			return nil, err
		}
		numbers, stages = append(numbers, number), append(stages, stage)
	}
	const id = `('00000000-0000-7000-8001-' || lpad(to_hex(i), 12, '0'))::uuid`
	const who = ` FROM made, (SELECT merchant_id, id FROM connections WHERE platform = 'wix' AND merchant_id = (SELECT merchant_id FROM api_keys WHERE name = 'first' LIMIT 1) LIMIT 1) s,
		(SELECT id FROM connections WHERE platform = 'aliexpress' AND merchant_id = (SELECT merchant_id FROM api_keys WHERE name = 'first' LIMIT 1) LIMIT 1) a`
	for _, statement := range []string{"SET synchronous_commit = off", "DROP TABLE IF EXISTS made", "CREATE TEMP TABLE made (i bigint, number text, stage text)"} {
		if err := s.exec(ctx, statement); err != nil {
			return nil, err
		}
	}
	if err := s.exec(ctx, "INSERT INTO made SELECT i + $3::bigint - 1, number, stage FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS u(number, stage, i)", numbers, stages, first); err != nil {
		return nil, err
	}
	for _, statement := range []string{
		`INSERT INTO orders (merchant_id, id, store_id, external_id, number, placed_at, source_updated_at, store_status, payment_status, fulfillment_status, gate, gate_at, currency, total_minor,
			authorized_minor, buyer_name, buyer_email, buyer_note, country, archived, imported, pickup, tab, why, closed_reason, chips, open_flags, final, last_checked_source, store_checked_at,
			next_check_at, check_failures, version, created_at, updated_at, digest)
			SELECT s.merchant_id, ` + id + `, s.id, 'due-' || i, 'D' || i, now(), now(), 'APPROVED', 'PAID', 'NOT_FULFILLED', 'open', now(), 'USD', 100, 0, 'Jane Doe', 'jane@example.com', '', 'US',
			false, false, false, 'awaiting_shipment', '', '', '[]', 0, false, '', now(), now(), 0, 1, now(), now(), '{}'` + who,
		"INSERT INTO order_checks SELECT s.merchant_id, " + id + ", now()" + who,
		`INSERT INTO order_lines (merchant_id, order_id, line_id, position, name, sku, variant_key, options, role, mapped, quantity, refunded, removed, price_minor, image_url)
			SELECT s.merchant_id, ` + id + `, 'line', 0, 'Bottle', '', '', '', 'dropship', true, 1, 0, false, 100, ''` + who,
		`INSERT INTO supplier_orders (merchant_id, id, order_id, account_id, state, origin, epoch, out_order_id, request_sha256, note, error_code, error_detail, external_id, supplier_store_id,
			supplier_store_name, status, logistics_status, end_reason, stage_status, stage_logistics, stage_seq, shipped_seen, stage, amount_minor, amount_currency, paid_at, placed_at, fetch_seq,
			applied_seq, check_failures, next_check_at, last_checked_at, created_at, updated_at)
			SELECT s.merchant_id, ` + id + `, ` + id + `, a.id, 'placed', 'linked', 0, '', '', '', '', '', made.number, '', '', 'WAIT_SELLER_SEND_GOODS', '', '', 'WAIT_SELLER_SEND_GOODS', '', 1,
			made.stage = 'shipped', made.stage, 100, 'USD', now() - interval '2 days', now() - interval '2 days', 1, 1, 0, now(), now() - interval '1 day', now() - interval '2 days', now()` + who,
		`INSERT INTO supplier_order_lines (merchant_id, supplier_order_id, line_id, part, order_id, product_id, sku_id, sku_attr, quantity, live, end_reason)
			SELECT s.merchant_id, ` + id + `, 'line', 0, ` + id + `, '` + p.ProductID + `', '` + p.SKUID + `', '', 1, true, ''` + who,
		"RESET synchronous_commit", "ANALYZE", "CHECKPOINT",
	} {
		if err := s.exec(ctx, statement); err != nil {
			return nil, err
		}
	}
	return numbers, nil
}

// dueAgain makes open orders of the sweep due once more, as they were: the first of them earlier than the others, and what is beyond them not for long.
func (s *stage) dueAgain(ctx context.Context, orders, first int) error {
	const due = `CASE WHEN %[1]s <= '%[3]s' THEN now() - interval '1 hour' WHEN %[1]s <= '%[2]s' THEN now() ELSE now() + interval '30 days' END WHERE %[1]s BETWEEN '00000000-0000-7000-8001-000000000000' AND '00000000-0000-7000-8001-ffffffffffff'`
	nth := func(n int) string { return fmt.Sprintf("00000000-0000-7000-8001-%012x", n) }
	for _, statement := range []string{
		"UPDATE supplier_orders SET last_checked_at = now() - interval '1 day', next_check_at = " + fmt.Sprintf(due, "order_id", nth(orders), nth(first)),
		"UPDATE orders SET store_checked_at = now(), next_check_at = " + fmt.Sprintf(due, "id", nth(orders), nth(first)),
		"UPDATE order_checks SET due_at = " + fmt.Sprintf(due, "order_id", nth(orders), nth(first)),
		"TRUNCATE river_job",
		"VACUUM ANALYZE", "CHECKPOINT",
	} {
		if err := s.exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
