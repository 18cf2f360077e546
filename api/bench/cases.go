package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"waybill/services/wix/wixsim"
)

// measure runs all cases that were asked for.
func (b *bench) measure(ctx context.Context) (err error) {
	s, err := newStage(ctx, b)
	if err != nil {
		return err
	}
	defer s.stop()
	p, err := s.start(ctx, "web")
	if err != nil {
		return err
	}
	b.add(result{Case: "start-up, with the migrations of an empty database", Note: fmt.Sprintf("%d ms", p.started.Milliseconds())})
	cases := []struct {
		names []string
		run   func(context.Context, *process) error
	}{{[]string{"ingest"}, s.ingest}, {[]string{"list", "counts", "detail"}, s.reads}}
	for _, c := range cases {
		if err == nil && b.wants(c.names...) {
			err = c.run(ctx, p)
		}
	}
	if err = errors.Join(err, p.stop()); err != nil {
		return err
	}
	for _, c := range []struct {
		names []string
		run   func(context.Context) error
	}{{[]string{"sweep", "memory"}, s.sweeps}, {[]string{"jobs"}, s.jobs}, {[]string{"live"}, s.live}, {[]string{"rehearsal"}, s.rehearsal}} {
		if b.wants(c.names...) {
			if err := c.run(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// messages are signed webhooks of many stores, each with an id of its own. Signing them is not measured.
type messages struct {
	s      *stage
	stores []tenant
	event  json.RawMessage // an order, as Wix shows it
	made   [][]byte
	next   atomic.Int64
}

func (s *stage) newMessages(ctx context.Context, name string, stores int) (*messages, error) {
	m := &messages{s: s}
	for i := range stores {
		t, err := s.newTenant(ctx, fmt.Sprintf("%s-%d", name, i), 1)
		if err != nil {
			return nil, err
		}
		m.stores = append(m.stores, t)
	}
	order, err := s.wix.CreateOrder(wixsim.NewOrder{
		Payment: "paid", Lines: []wixsim.NewLine{{Name: "Stainless steel bottle", SKU: "WB-1", Quantity: 1, Price: "19.99"}, {Name: "Lid", SKU: "WB-2", Quantity: 2, Price: "4.99"}},
		Buyer:   wixsim.NewBuyer{FirstName: "Jane", LastName: "Doe", Email: "jane@example.com", Phone: "+12125550123"},
		Address: &wixsim.NewAddress{Country: "US", Subdivision: "US-NY", City: "New York", PostalCode: "10011", AddressLine: "235 West 23rd Street"},
	})
	if err != nil {
		return nil, err
	}
	m.event, err = json.Marshal(order)
	return m, err
}

// sign makes more messages, on both cores.
func (m *messages) sign(n int) error {
	made := make([][]byte, n)
	var all sync.WaitGroup
	var failed atomic.Pointer[error]
	const at = 4
	for w := range at {
		all.Go(func() {
			for i := w; i < n; i += at {
				body, err := m.one(m.stores[i%len(m.stores)].sites[0])
				if err != nil {
					failed.Store(&err)
					return
				}
				made[i] = post("/webhooks/wix", body)
			}
		})
	}
	all.Wait()
	m.made = made
	m.next.Store(0)
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// one is a webhook in its three layers, wix.md 5.2 and 5.3.
func (m *messages) one(site string) ([]byte, error) { return m.message(site, rand.Text(), m.event) }

func (m *messages) message(site, orderID string, order json.RawMessage) ([]byte, error) {
	now := time.Now()
	event, err := json.Marshal(map[string]any{
		"id": rand.Text(), "entityFqdn": "wix.ecom.v1.order", "slug": "updated", "entityId": orderID, "updatedEvent": map[string]any{"currentEntity": order},
		"eventTime": now.UTC().Format(time.RFC3339Nano), "triggeredByAnonymizeRequest": false, "entityEventSequence": "1",
	})
	if err != nil {
		return nil, err
	}
	layer, err := json.Marshal(map[string]string{"data": string(event), "instanceId": site, "eventType": "wix.ecom.v1.order_updated", "identity": `{"identityType":"APP"}`})
	if err != nil {
		return nil, err
	}
	claims, err := json.Marshal(map[string]any{"data": string(layer), "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()})
	if err != nil {
		return nil, err
	}
	return []byte(m.s.wix.Sign(claims)), nil
}

// take gives each message once.
func (m *messages) take(int) []byte {
	if n := int(m.next.Add(1)) - 1; n < len(m.made) {
		return m.made[n]
	}
	return nil
}

// ingestScript is what a webhook writes, in one transaction: the message, sealed, and the job that works it.
const ingestScript = `\set r random(1, 1000000000000)
\set store random(0, :stores - 1)
BEGIN;
INSERT INTO inbox (merchant_id, platform, event_id, connection_id, kind, entity_id, sealed_body, key_id, sent_at, received_at, version, anonymize, deliveries, outcome)
	SELECT merchant_id, 'wix', 'yardstick-' || :client_id || '-' || :r, connection_id, 'OrderUpdated', 'entity-' || :r, body, 'k', now(), now(), now(), false, 1, '' FROM bench_stores WHERE n = :store
	ON CONFLICT (merchant_id, platform, event_id) DO UPDATE SET deliveries = inbox.deliveries + 1 RETURNING deliveries;
INSERT INTO river_job (args, kind, max_attempts, metadata, priority, queue, state, scheduled_at, tags, unique_key, unique_states)
	VALUES (jsonb_build_object('merchant_id', :r::text, 'platform', 'wix', 'event_id', 'yardstick-' || :client_id || '-' || :r), 'receive', 8, '{}', 1, 'default', 'available', now(), '{}',
		sha256(convert_to(:client_id || '-' || :r, 'UTF8')), B'11110101')
	ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL AND unique_states IS NOT NULL AND river_job_state_in_bitmask(unique_states, state) DO UPDATE SET kind = excluded.kind RETURNING id;
COMMIT;
`

// ingest takes webhooks, of twenty stores, while nobody works on them.
func (s *stage) ingest(ctx context.Context, p *process) error {
	const stores = 20
	m, err := s.newMessages(ctx, "ingest", stores)
	if err != nil {
		return err
	}
	if err := s.exec(ctx, "CREATE UNLOGGED TABLE IF NOT EXISTS bench_stores (n int PRIMARY KEY, merchant_id uuid, connection_id uuid, body bytea)"); err != nil {
		return err
	}
	for i, t := range m.stores {
		if err := s.exec(ctx, "INSERT INTO bench_stores VALUES ($1, $2, $3, '')", i, t.id, t.stores[0]); err != nil {
			return err
		}
	}
	for _, clients := range []int{8, 32} {
		ours := func(ctx context.Context) (figures, error) {
			if err := errors.Join(m.sign(int(s.b.scale.window.Seconds()*4000)), s.exec(ctx, "CHECKPOINT")); err != nil {
				return figures{}, err
			}
			return load(ctx, p.address, clients, s.b.scale.window, m.take)
		}
		theirs := func(ctx context.Context) (figures, error) {
			// What it inserts is what was inserted just now.
			err := s.exec(ctx, "UPDATE bench_stores SET body = (SELECT sealed_body FROM inbox WHERE sealed_body IS NOT NULL AND event_id NOT LIKE 'yardstick%' LIMIT 1)")
			if err := errors.Join(err, s.exec(ctx, "CHECKPOINT")); err != nil {
				return figures{}, err
			}
			return s.pgbench(ctx, ingestScript, clients, s.b.scale.window, fmt.Sprintf("stores=%d", stores))
		}
		if err := s.b.beside(ctx, fmt.Sprintf("ingest, %d clients", clients), ours, "pgbench, the same inserts", theirs); err != nil {
			return err
		}
	}
	return s.exec(ctx, "TRUNCATE inbox, river_job")
}

// What a list reads: the yardstick asks for the same rows by the same index, without a wall, and writes no JSON.
const listColumns = `id, store_id, number, external_id, placed_at, tab, why, closed_reason, chips, store_status, payment_status, fulfillment_status, total_minor, currency, buyer_name, country,
	open_flags, last_checked_at, last_checked_source, next_check_at, version, digest, deadline_at`

// reads measures lists, counts and details, at each size.
func (s *stage) reads(ctx context.Context, p *process) error {
	t, err := s.newTenant(ctx, "lists", 4)
	if err != nil {
		return err
	}
	filled := 0
	for _, size := range s.b.scale.sizes {
		if err := s.fill(ctx, t, filled+1, size); err != nil {
			return err
		}
		if filled == 0 {
			if err := s.hang(ctx, t, 1000); err != nil {
				return err
			}
		}
		filled = size
		if err := s.readsAt(ctx, p, t, size); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) readsAt(ctx context.Context, p *process, t tenant, size int) error {
	deep, err := s.deepCursor(ctx, p, t, size)
	if err != nil {
		return err
	}
	tabs := []string{"pending", "awaiting_order", "awaiting_payment", "awaiting_shipment", "fulfilled"}
	each := func(path string) (requests [][]byte) {
		for _, tab := range tabs {
			requests = append(requests, get(fmt.Sprintf(path, tab), t.key))
		}
		return requests
	}
	var searches [][]byte
	for i := range 500 {
		searches = append(searches, get("/orders?q="+url.QueryEscape(fmt.Sprint(10001+(i*7919)%size)), t.key))
	}
	const tab = `\set n random(1, 5)` + "\n"
	const which = " AND tab = (ARRAY['pending', 'awaiting_order', 'awaiting_payment', 'awaiting_shipment', 'fulfilled'])[:n]"
	list := func(where string) string {
		return tab + "SELECT " + listColumns + " FROM orders WHERE merchant_id = '" + t.id + "'" + which + where + " ORDER BY placed_at DESC, id DESC LIMIT 51;\n"
	}
	const clients = 8
	for _, c := range []struct {
		name     string
		requests [][]byte
		script   string
	}{
		{"list of a tab", each("/orders?tab=%s&limit=50"), list("")},
		{"list of a tab and store", each("/orders?tab=%s&limit=50&store_id=" + t.stores[1]), list(" AND store_id = '" + t.stores[1] + "'")},
		{"list of a tab, deep page", each("/orders?tab=%s&limit=50&cursor=" + deep.cursor), list(fmt.Sprintf(" AND (placed_at, id) < ('%s', '%s')", deep.at.Format(time.RFC3339Nano), deep.id))},
		{"list, a number searched", searches, fmt.Sprintf("\\set r random(1, %d)\n", size) + "SELECT " + listColumns + " FROM orders WHERE merchant_id = '" + t.id + "' AND number = (10000 + :r)::text;\n"},
		{"counts of the tabs", [][]byte{get("/orders/counts", t.key)}, "SELECT n FROM tab_counts WHERE merchant_id = '" + t.id + "' AND store_id = '" + t.stores[0] + "' AND view = 'pending' AND slot = 0;\n"},
		{"detail of an order", s.details(t), detailScript(t)},
	} {
		ours := func(ctx context.Context) (figures, error) {
			return load(ctx, p.address, clients, s.b.scale.window, inTurn(c.requests))
		}
		theirs := func(ctx context.Context) (figures, error) { return s.pgbench(ctx, c.script, clients, s.b.scale.window) }
		yardstick := map[bool]string{true: "pgbench, one row", false: "pgbench, the same reads"}[c.name == "counts of the tabs"]
		if err := s.b.beside(ctx, fmt.Sprintf("%s, %d orders", c.name, size), ours, yardstick, theirs); err != nil {
			return err
		}
	}
	if size > s.b.scale.sizes[0] {
		return nil
	}
	for _, c := range []struct {
		name     string
		requests [][]byte
		query    string
	}{
		{"list of a tab", each("/orders?tab=%s&limit=50"), "SELECT " + listColumns + " FROM orders WHERE merchant_id = '" + t.id + "' AND tab = $1 ORDER BY placed_at DESC, id DESC LIMIT 51"},
		{"counts of the tabs", [][]byte{get("/orders/counts", t.key)}, "SELECT view, sum(n)::bigint FROM tab_counts WHERE merchant_id = '" + t.id + "' GROUP BY view"},
	} {
		if err := s.besideBare(ctx, p, c.name, c.requests, c.query); err != nil {
			return err
		}
	}
	return nil
}

// besideBare measures a case beside a handler that does nothing but its query.
func (s *stage) besideBare(ctx context.Context, p *process, name string, requests [][]byte, query string) error {
	address, stop, err := s.bareHandler(ctx, query)
	if err != nil {
		return err
	}
	defer stop()
	against := func(address string) round {
		return func(ctx context.Context) (figures, error) {
			return load(ctx, address, 8, s.b.scale.window, inTurn(requests))
		}
	}
	return s.b.beside(ctx, name+", beside a bare handler", against(p.address), "net/http and pgx, the same query", against(address))
}

// deepCursor is the cursor of an order in the middle of all.
type deepCursor struct {
	at     time.Time
	id     string
	cursor string
}

func (s *stage) deepCursor(ctx context.Context, p *process, t tenant, size int) (d deepCursor, err error) {
	middle := fmt.Sprint(10000 + size/2)
	err = s.db.QueryRow(ctx, "SELECT placed_at, id::text FROM orders WHERE merchant_id = $1 AND number = $2", t.id, middle).Scan(&d.at, &d.id)
	if err != nil {
		return d, err
	}
	d.at = d.at.UTC()
	// The list of the orders before it, of one, ends with a cursor there.
	raw, err := ask(ctx, p.address, get("/orders?limit=1&placed_to="+url.QueryEscape(d.at.Add(time.Second).Format(time.RFC3339)), t.key))
	if err != nil {
		return d, err
	}
	var page struct {
		Next string `json:"next_cursor"`
	}
	err = json.Unmarshal(raw, &page)
	d.cursor = url.QueryEscape(page.Next)
	return d, err
}

// details are requests for the orders on which something hangs.
func (s *stage) details(t tenant) (requests [][]byte) {
	for i := 1; i <= 1000; i++ {
		requests = append(requests, get(fmt.Sprintf("/orders/00000000-0000-7000-8000-%012x", i), t.key))
	}
	return requests
}

// detailScript reads what the detail reads, in as many statements.
func detailScript(t tenant) string {
	of := func(table, order string) string {
		return "SELECT * FROM " + table + " WHERE merchant_id = '" + t.id + "' AND order_id = ('00000000-0000-7000-8000-' || lpad(to_hex(:i::bigint), 12, '0'))::uuid ORDER BY " + order + ";\n"
	}
	return "\\set i random(1, 1000)\nBEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n" +
		"SELECT * FROM orders WHERE merchant_id = '" + t.id + "' AND id = ('00000000-0000-7000-8000-' || lpad(to_hex(:i::bigint), 12, '0'))::uuid;\n" +
		"SELECT m.settings, c.settings FROM merchants m JOIN connections c ON c.merchant_id = m.id WHERE m.id = '" + t.id + "' AND c.id = '" + t.stores[0] + "';\n" +
		of("order_lines", "position, line_id") + of("supplier_orders", "id") + of("overrides", "id") + of("flags", "opened_at, id") + of("supplier_order_lines", "line_id, part") +
		of("parcels", "id") + of("parcel_items", "line_id, part") + of("pushes", "id") + of("order_payloads", "order_id") + "COMMIT;\n"
}
