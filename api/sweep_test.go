package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database/databasetest"
)

// BenchmarkStatusSweep has a program check many open orders that are all due at once, against the simulator, and reports how
// many it checks a second, how many calls each costs, and the most memory it needs:
//
//	go test ./api -run '^$' -bench StatusSweep -benchtime 1x -timeout 30m
//
// WAYBILL_BENCH_ORDERS says how many; 100,000 when unset. One in five has shipped, without a number yet.
func BenchmarkStatusSweep(b *testing.B) {
	n := 100_000
	if text := os.Getenv("WAYBILL_BENCH_ORDERS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	for range b.N {
		sweep(b, n)
	}
}

func sweep(b *testing.B, n int) {
	database := databasetest.URL(b)
	w := newWorld(b, database, "WAYBILL_CHECK_SPEED=1", "WAYBILL_LOG_LEVEL=warn")
	w.plain = true
	w.run()
	w.connect()
	w.terminate()
	conn, err := pgx.Connect(b.Context(), database)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	w.silencePushes()
	fill(b, w, conn, n)
	before := map[string]int{}
	for _, method := range []string{readMethod, trackMethod} {
		before[method] = len(w.callsOf(method))
	}
	w.run()
	b.ResetTimer()
	left := func() (left int) {
		err := conn.QueryRow(b.Context(), "SELECT count(*) FROM supplier_orders WHERE last_checked_at < now() - interval '6 hours' AND origin = 'linked'").Scan(&left)
		if err != nil {
			b.Fatal(err)
		}
		return left
	}
	start := time.Now()
	for left() > 0 {
		if time.Since(start) > 25*time.Minute {
			b.Fatalf("%d orders are left unchecked", left())
		}
		<-time.After(250 * time.Millisecond)
	}
	took := time.Since(start)
	b.StopTimer()
	b.ReportMetric(float64(n)/took.Seconds(), "orders/s")
	b.ReportMetric(float64(len(w.callsOf(readMethod))-before[readMethod])/float64(n), "reads/order")
	b.ReportMetric(float64(len(w.callsOf(trackMethod))-before[trackMethod])/float64(n/5), "trackings/shipped")
	b.ReportMetric(peak(b, w.process.cmd.Process.Pid), "MB-peak")
	b.ReportMetric(0, "ns/op")
	w.terminate()
}

const (
	readMethod  = "aliexpress.trade.ds.order.get"
	trackMethod = "aliexpress.ds.order.tracking.get"
)

// fill makes n orders at AliExpress and the same here, all due.
func fill(b *testing.B, w *world, conn *pgx.Conn, n int) {
	plenty := 1 << 30
	p := w.ali.Products()[0]
	sku := p.SKUID
	if err := w.ali.ChangeProduct(p.ProductID, aliexpresssim.ProductChange{SKUID: sku, Stock: &plenty}); err != nil {
		b.Fatal(err)
	}
	numbers, stages := make([]string, n), make([]string, n)
	for i := range n {
		number, err := w.ali.BuyByHand(aliexpresssim.Purchase{Items: []aliexpresssim.Item{{ProductID: p.ProductID, SKUID: sku, Quantity: 1}}})
		if err != nil {
			b.Fatal(err)
		}
		if err := w.ali.Pay(number, aliexpresssim.PayOptions{}); err != nil {
			b.Fatal(err)
		}
		numbers[i], stages[i] = number, "paid"
		if i%5 == 0 {
			if _, err := w.ali.Ship(number, aliexpresssim.ShipOptions{WithoutNumber: true}); err != nil {
				b.Fatal(err)
			}
			stages[i] = "shipped"
		}
	}
	const ids = `('00000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid`
	if _, err := conn.Exec(b.Context(), "CREATE TEMP TABLE made (i bigint, number text, stage text)"); err != nil {
		b.Fatal(err)
	}
	if _, err := conn.Exec(b.Context(), "INSERT INTO made SELECT i, number, stage FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS u(number, stage, i)", numbers, stages); err != nil {
		b.Fatal(err)
	}
	const who = `(SELECT merchant_id, id FROM connections WHERE platform = 'wix') s, (SELECT id FROM connections WHERE platform = 'aliexpress') a`
	for _, statement := range []string{
		`INSERT INTO orders (merchant_id, id, store_id, external_id, number, placed_at, source_updated_at, store_status, payment_status, fulfillment_status, gate, gate_at, currency, total_minor,
			authorized_minor, buyer_name, buyer_email, buyer_note, country, archived, imported, pickup, tab, why, closed_reason, chips, open_flags, final, last_checked_source, store_checked_at,
			next_check_at, check_failures, version, created_at, updated_at)
			SELECT s.merchant_id, ` + ids + `, s.id, 'bench-' || i, 'B' || i, now(), now(), 'APPROVED', 'PAID', 'NOT_FULFILLED', 'open', now(), 'USD', 100, 0, 'Jane Doe', 'jane@example.com', '', 'US',
			false, false, false, 'awaiting_shipment', '', '', '[]', 0, false, '', now(), now(), 0, 1, now(), now() FROM made, ` + who,
		`INSERT INTO order_lines (merchant_id, order_id, line_id, position, name, sku, variant_key, options, role, mapped, quantity, refunded, removed, price_minor, image_url)
			SELECT s.merchant_id, ` + ids + `, 'line', 0, 'Bottle', '', '', '', 'dropship', true, 1, 0, false, 100, '' FROM made, ` + who,
		`INSERT INTO supplier_orders (merchant_id, id, order_id, account_id, state, origin, epoch, out_order_id, request_sha256, note, error_code, error_detail, external_id, supplier_store_id,
			supplier_store_name, status, logistics_status, end_reason, stage_status, stage_logistics, stage_seq, shipped_seen, stage, amount_minor, amount_currency, paid_at, placed_at, fetch_seq,
			applied_seq, check_failures, next_check_at, last_checked_at, created_at, updated_at)
			SELECT s.merchant_id, ` + ids + `, ` + ids + `, a.id, 'placed', 'linked', 0, '', '', '', '', '', made.number, '', '', 'WAIT_SELLER_SEND_GOODS', '', '', 'WAIT_SELLER_SEND_GOODS', '', 1,
			made.stage = 'shipped', made.stage, 100, 'USD', now() - interval '2 days', now() - interval '2 days', 1, 1, 0, now(), now() - interval '1 day', now() - interval '2 days', now() FROM made, ` + who,
		`INSERT INTO supplier_order_lines (merchant_id, supplier_order_id, line_id, part, order_id, product_id, sku_id, sku_attr, quantity, live, end_reason)
			SELECT s.merchant_id, ` + ids + `, 'line', 0, ` + ids + `, '` + p.ProductID + `', '` + sku + `', '', 1, true, '' FROM made, ` + who,
		"ANALYZE",
	} {
		if _, err := conn.Exec(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
}

// peak is the most memory that a process has had, in MB.
func peak(b *testing.B, pid int) float64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0 // not on Linux
	}
	for line := range strings.Lines(string(raw)) {
		if kb, found := strings.CutPrefix(line, "VmHWM:"); found {
			n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kb), "kB")), 64)
			if err != nil {
				b.Fatal(err)
			}
			return n / 1024
		}
	}
	return 0
}
