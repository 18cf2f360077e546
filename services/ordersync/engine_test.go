package ordersync_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/models"
	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database"
	"waybill/services/database/databasetest"
	"waybill/services/ordersync"
	"waybill/services/wix/wixsim"
)

// asked counts the requests of one kind that the store has served.
func (w *world) asked(op string) (n int) {
	for _, e := range w.wix.Journal() {
		if e.Kind == wixsim.KindRequest && e.Op == op {
			n++
		}
	}
	return n
}

// called counts the calls of one method that AliExpress has served.
func (w *world) called(method string) (n int) {
	for _, e := range w.ae.Journal() {
		if e.Kind == aliexpresssim.KindCall && e.Method == method {
			n++
		}
	}
	return n
}

const readOrder = "aliexpress.trade.ds.order.get"

// A day's messages that came while nobody worked are not a call each: the search brings a hundred orders at once.
func TestCase04_ABurstOfMessagesIsReadByPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle, slow)
	w.open(true)
	const n = 230
	for range n {
		w.sold(wixsim.NewOrder{})
	}
	waitFor(t, "all messages are in", func() bool {
		return w.wix.WebhookStats().InFlight == 0 && one[int](w, "SELECT count(DISTINCT entity_id) FROM inbox") == n
	})
	w.work()
	waitFor(t, "all orders are here and all messages worked", func() bool {
		return one[int](w, "SELECT count(*) FROM orders") == n+1 && one[int](w, "SELECT count(*) FROM inbox WHERE done_at IS NULL") == 0
	})
	if calls := w.asked("get_order") + w.asked("search"); calls > n/5 {
		t.Errorf("%d orders with %d messages cost %d calls", n, one[int](w, "SELECT count(*) FROM inbox"), calls)
	}
	w.stop()
	w.counted()
}

// A full sweep that was missed, however often, is caught up once, whoever wakes it; and what it found nothing about leaves no rows.
func TestCase07_AMissedFullSweepIsCaughtUpOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slow, mute)
	w.must(w.wix.SetWebhooks(wixsim.WebhookSwitches{Drop: true}))
	waitFor(t, "the back-fill is through", func() bool { return one[int](w, "SELECT count(*) FROM orders") == 1 })
	changing, quiet := w.sold(wixsim.NewOrder{Payment: "authorized"}), w.sold(wixsim.NewOrder{Payment: "authorized"})
	id, other := w.take(changing), w.take(quiet)
	_, err := w.wix.PayOrder(changing.ID)
	w.must(err)
	waitFor(t, "it is scheduled", func() bool {
		return one[bool](w, "SELECT coalesce(next_full_sweep_at > now() AND next_full_sweep_at <= now() + interval '13 hours', false) FROM merchants")
	})
	w.work2() // a second sweeper, as of a second process
	w.must(databasetest.Owner(t, w.db).Exec("UPDATE orders SET last_checked_at = now() - interval '1 day'").Error)
	w.must(databasetest.Owner(t, w.db).Exec("UPDATE merchants SET next_full_sweep_at = now() - interval '3 days'").Error)
	var jobs []models.SyncJob
	waitFor(t, "the sweep has run", func() bool {
		jobs, _, err = w.sync.Jobs(t.Context(), w.m, ordersync.JobFilter{Limit: 10})
		w.must(err)
		return len(jobs) == 1 && jobs[0].State == models.SyncDone
	})
	if j := jobs[0]; j.Trigger != "automatic" || j.Actor != models.ActorSystem || j.Total != 3 || j.Changed != 1 || j.Done() != 3 || !strings.HasPrefix(j.Reason, "Full sweep of ") {
		t.Errorf("%+v", j)
	}
	if items := w.items(jobs[0].ID); len(items) != 1 || items[0].OrderID != id || items[0].Before != models.TabPending || items[0].After != models.TabAwaitingOrder || len(items[0].Changes) == 0 {
		t.Errorf("%+v", items)
	}
	if !one[bool](w, "SELECT next_full_sweep_at > now() FROM merchants") {
		t.Error("it is not scheduled again")
	}
	if w.has(other, models.EventSyncRequested) {
		t.Error("an automatic sweep is told in the timeline of an order that it changed nothing about")
	}
	if calls := w.asked("get_order"); calls > 3 {
		t.Errorf("%d orders were read one by one", calls)
	}
}

func TestCase59_ARevokedAccountPausesWithOneFlagAndCatchesUp(t *testing.T) {
	t.Parallel()
	w, _, id, so := unpaid(t)
	w.must(w.ae.RevokeTokens(w.account.ExternalID))
	waitFor(t, "the account needs a person", func() bool {
		c, err := w.accounts.Connection(t.Context(), w.m, w.account.ID)
		w.must(err)
		return c.State == models.ConnectionNeedsReauth
	})
	w.must(w.ae.Pay(so.ExternalID, aliexpresssim.PayOptions{}))
	before := w.called(readOrder)
	waitFor(t, "checks go on without asking", func() bool { return w.supplierOrder(id, so.ID).CheckFailures > 5 })
	if n := w.called(readOrder) - before; n > 1 {
		t.Errorf("%d calls with a token that is refused", n)
	}
	if n := one[int](w, "SELECT count(*) FROM flags WHERE connection_id = ? AND closed_at IS NULL", w.account.ID); n != 1 {
		t.Errorf("%d flags", n)
	}
	code, err := w.ae.NewAuthCode(w.account.ExternalID)
	w.must(err)
	c, err := w.accounts.ConnectSupplier(t.Context(), w.m, code, models.App{}, "api:test")
	w.must(err)
	w.must(w.sync.Connected(t.Context(), c))
	w.inTab(id, models.TabAwaitingShipment)
	if n := one[int](w, "SELECT count(*) FROM flags WHERE connection_id = ? AND closed_at IS NULL", w.account.ID); n != 0 {
		t.Errorf("%d flags after it was connected again", n)
	}
}

// A platform's ban is told to people with its end, changes nothing, and is over when it is over.
func TestCase61_ABanIsToldAndChangesNothing(t *testing.T) {
	t.Parallel()
	w, _, id, so := unpaid(t)
	before := w.detail(id)
	w.must(w.ae.Fail(aliexpresssim.Fault{Method: readOrder, How: aliexpresssim.ThrottleApp, Seconds: 20, Times: 1}))
	waitFor(t, "the ban is known", func() bool {
		return one[int](w, "SELECT count(*) FROM platform_budgets WHERE banned_until > now()") == 1
	})
	w.must(databasetest.Owner(t, w.db).Exec("UPDATE platform_budgets SET banned_until = now() + interval '1 hour' WHERE banned_until IS NOT NULL").Error)
	waitFor(t, "all have heard of it", func() bool {
		calls := w.called(readOrder)
		_, err := w.sync.Check(t.Context(), w.m, id, ordersync.CheckOptions{Direction: models.FromSupplier, By: person, Force: true})
		return models.KindOf(err) == models.Throttled && w.called(readOrder) == calls
	})
	job, _ := w.request(models.SyncScope{Kind: models.ScopeOrders, IDs: []models.ID{id}}, models.FromSupplier)
	job = w.finished(job.ID)
	if it := w.items(job.ID)[0]; job.Unreachable != 1 || !strings.Contains(it.Why, "limit") {
		t.Errorf("%+v", it)
	}
	h, err := w.sync.Health(t.Context(), w.m)
	w.must(err)
	if !slices.ContainsFunc(h.Notes, func(n string) bool { return strings.Contains(n, "AliExpress takes no calls") }) {
		t.Errorf("health says %v", h.Notes)
	}
	e, err := w.sync.Estimate(t.Context(), w.m, ordersync.SyncRequest{Scope: models.SyncScope{Kind: models.ScopeAll}, Direction: models.AllWays})
	w.must(err)
	if e.LimitedUntil == nil || time.Until(*e.LimitedUntil) < 50*time.Minute {
		t.Errorf("limited until %v", e.LimitedUntil)
	}
	if after := w.detail(id); after.Order.Tab != before.Order.Tab || w.supplierOrder(id, so.ID).Status != so.Status || len(after.Flags) != 0 || w.supplierOrder(id, so.ID).CheckFailures != 0 {
		t.Errorf("%s, %s, flags %v", after.Order.Tab, w.supplierOrder(id, so.ID).Status, after.Flags)
	}
	w.must(w.ae.Pay(so.ExternalID, aliexpresssim.PayOptions{}))
	w.must(databasetest.Owner(t, w.db).Exec("UPDATE platform_budgets SET banned_until = now()").Error)
	waitFor(t, "calls are made again", func() bool {
		_, err := w.sync.Check(t.Context(), w.m, id, ordersync.CheckOptions{Direction: models.FromSupplier, By: person, Force: true})
		return err == nil
	})
	w.inTab(id, models.TabAwaitingShipment)
}

// While an equal job runs, whoever started it, a person's wish joins it and gets its result.
func TestCase65_SyncNowJoinsTheSweepThatIsUnderWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle, slow)
	id := w.take(w.sold(wixsim.NewOrder{}))
	w.must(databasetest.Owner(t, w.db).Exec("UPDATE merchants SET next_full_sweep_at = now() - interval '1 minute'").Error)
	w.must(databasetest.Owner(t, w.db).Exec("UPDATE orders SET last_checked_at = now() - interval '1 day'").Error)
	w.must(w.wix.Fail(wixsim.Fault{Op: "search", How: "hang", Times: 1}))
	w.work()
	var automatic []models.SyncJob
	waitFor(t, "the sweep is under way", func() bool {
		var err error
		automatic, _, err = w.sync.Jobs(t.Context(), w.m, ordersync.JobFilter{Limit: 10})
		w.must(err)
		return len(automatic) == 1
	})
	job, joined := w.request(models.SyncScope{Kind: models.ScopeAll}, models.AllWays)
	if automatic[0].State == models.SyncDone {
		t.Fatal("the sweep was too quick to be joined")
	}
	if !joined || job.ID != automatic[0].ID {
		t.Errorf("joined %t, job %s instead of %s", joined, job.ID, automatic[0].ID)
	}
	w.wix.ClearFaults()
	if job = w.finished(job.ID); job.Done() != job.Total || job.Total == 0 {
		t.Errorf("%+v", job)
	}
	if w.detail(id).Order.LastCheckedAt == nil {
		t.Error("the order was not checked")
	}
}

// Orders that a store has and no message told of come in by a range of time or by the store's own ids.
func TestOrdersAreImportedByRangeAndById(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slow)
	w.must(w.wix.SetWebhooks(wixsim.WebhookSwitches{Drop: true}))
	waitFor(t, "the back-fill is through", func() bool { return one[int](w, "SELECT count(*) FROM connections WHERE watermark IS NOT NULL") == 1 })
	from := time.Now().Add(-time.Minute)
	var sold []wixsim.Order
	for range 3 {
		sold = append(sold, w.sold(wixsim.NewOrder{}))
	}
	job, _ := w.request(models.SyncScope{Kind: models.ScopeExternal, StoreID: w.store.ID, ExternalIDs: []string{sold[0].ID}}, models.FromStore)
	if job = w.finished(job.ID); job.Total != 1 || job.Done() != 1 {
		t.Errorf("by id: %+v", job)
	}
	until := time.Now().Add(time.Minute)
	job, _ = w.request(models.SyncScope{Kind: models.ScopeRange, PlacedFrom: &from, PlacedTo: &until}, models.FromStore)
	job = w.finished(job.ID)
	if n := one[int](w, "SELECT count(*) FROM orders WHERE placed_at >= ?", from); n < 3 || job.Total != n {
		t.Errorf("by range: %d orders here, %+v", n, job)
	}
	for _, o := range sold {
		if e := w.events(w.idOf(o.ID))[0]; e.Source != models.SourceManual || e.Actor != "api:test" {
			t.Errorf("%s by %s", e.Source, e.Actor)
		}
	}
	if n := w.asked("get_order"); n != 0 {
		t.Errorf("%d orders were read one by one", n)
	}
	_, _, err := w.sync.Request(t.Context(), w.m, ordersync.SyncRequest{Scope: models.SyncScope{Kind: models.ScopeRange, PlacedFrom: &until, PlacedTo: &from}, Direction: models.AllWays})
	if codeOf(err) != "validation_failed" {
		t.Errorf("an empty range: %v", err)
	}
}

func TestAnEstimateStartsNothing(t *testing.T) {
	t.Parallel()
	w, _, id, so := unpaid(t, func(s *settings) { s.rates = ordersync.Rates{StorePerSecond: 100, SupplierPerSecond: 100} })
	w.must(w.ae.Pay(so.ExternalID, aliexpresssim.PayOptions{}))
	_, err := w.ae.Ship(so.ExternalID, aliexpresssim.ShipOptions{})
	w.must(err)
	w.inTab(id, models.TabFulfilled)
	waitFor(t, "the store has confirmed", func() bool { return w.detail(id).Pushes[0].State == models.PushConfirmed })
	for name, c := range map[string]struct {
		scope    models.SyncScope
		d        models.Direction
		orders   int64
		store    int64
		supplier int64
	}{
		"one, from the supplier":          {models.SyncScope{Kind: models.ScopeOrders, IDs: []models.ID{id}}, models.FromSupplier, 1, 0, 2},
		"one, from the store":             {models.SyncScope{Kind: models.ScopeOrders, IDs: []models.ID{id}}, models.FromStore, 1, 2, 0},
		"one, to a store that has it all": {models.SyncScope{Kind: models.ScopeOrders, IDs: []models.ID{id}}, models.ToStore, 1, 0, 0},
		"an empty tab":                    {models.SyncScope{Kind: models.ScopeTab, Tab: models.TabAwaitingPayment}, models.AllWays, 0, 0, 0},
	} {
		e, err := w.sync.Estimate(t.Context(), w.m, ordersync.SyncRequest{Scope: c.scope, Direction: c.d})
		w.must(err)
		if e.Orders != c.orders || e.StoreCalls != c.store || e.SupplierCalls != c.supplier || e.Running || e.LimitedUntil != nil || (e.Seconds > 0) != (c.store+c.supplier > 0) {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if jobs, _, err := w.sync.Jobs(t.Context(), w.m, ordersync.JobFilter{Limit: 10}); err != nil || len(jobs) != 0 {
		t.Errorf("%d jobs, %v", len(jobs), err)
	}
}

// openOrders adds orders with an open supplier order each, which are due now.
func (w *world) openOrders(m models.MerchantID, store, account models.ID, n int, stage models.Stage) {
	w.t.Helper()
	for _, statement := range []string{
		`INSERT INTO orders SELECT @m, ('00000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, @store, 'bulk-' || i, 'B' || i, now(), now(), 'APPROVED', 'PAID', '', 'open', now(),
			'USD', 1, 0, '', '', '', 'US', false, false, false, 'awaiting_shipment', '', '', '[]', 0, false, NULL, '', now(), now(), 0, 1, now(), now() FROM generate_series(1, @n) i`,
		`INSERT INTO order_checks SELECT merchant_id, id, next_check_at FROM orders WHERE merchant_id = @m AND number LIKE 'B%' ON CONFLICT DO NOTHING`,
		`INSERT INTO order_lines (merchant_id, order_id, line_id, position, name, sku, variant_key, options, role, mapped, quantity, refunded, removed, price_minor, image_url)
			SELECT @m, id, 'l', 0, 'x', '', '', '', 'dropship', true, 1, 0, false, 1, '' FROM orders WHERE merchant_id = @m AND number LIKE 'B%'`,
		`INSERT INTO supplier_orders (merchant_id, id, order_id, account_id, state, origin, epoch, out_order_id, request_sha256, note, error_code, error_detail, external_id, supplier_store_id,
			supplier_store_name, status, logistics_status, end_reason, stage_status, stage_logistics, stage_seq, shipped_seen, stage, amount_minor, amount_currency, placed_at, fetch_seq,
			applied_seq, check_failures, next_check_at, last_checked_at, created_at, updated_at)
			SELECT @m, id, id, @account, 'placed', 'linked', 0, '', '', '', '', '', '9' || lpad(right(number, -1), 15, '0'), '', '', 'WAIT_SELLER_SEND_GOODS', '', '',
			'WAIT_SELLER_SEND_GOODS', '', 1, false, @stage, 1, 'USD', now() - interval '4 days', 1, 1, 0, now(), now() - interval '1 hour', now(), now() FROM orders WHERE merchant_id = @m AND number LIKE 'B%'`,
		`INSERT INTO supplier_order_lines (merchant_id, supplier_order_id, line_id, part, order_id, product_id, sku_id, sku_attr, quantity, live, end_reason)
			SELECT @m, id, 'l', 0, id, 'p', 's', '', 1, true, '' FROM orders WHERE merchant_id = @m AND number LIKE 'B%'`,
	} {
		args := map[string]any{"m": m, "store": store, "account": account, "n": n, "stage": stage}
		w.must(databasetest.Owner(w.t, w.db).Exec(statement, args).Error)
	}
	w.must(databasetest.Owner(w.t, w.db).Exec("ANALYZE").Error)
}

// A merchant with hundreds of due orders does not keep another's few waiting.
func TestMerchantsShareTheBudgetFairly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle, slow, func(s *settings) { s.rates = ordersync.Rates{SupplierPerSecond: 40} })
	w.openOrders(w.m, w.store.ID, w.account.ID, 400, models.StagePaid)
	small, _, err := w.accounts.CreateMerchant(t.Context(), "Small", "UTC", "")
	w.must(err)
	store := w.connectStore(small, w.wix.CreateInstance())
	user := w.ae.AddAccount()
	account, err := w.accounts.ConnectSupplier(t.Context(), small, user.AuthCode, models.App{}, "api:test")
	w.must(err)
	w.openOrders(small, store.ID, account.ID, 5, models.StagePaid)
	w.work()
	unchecked := func(m models.MerchantID) int {
		return one[int](w, "SELECT count(*) FROM supplier_orders WHERE merchant_id = ? AND last_checked_at < now() - interval '30 minutes' AND no_data_since IS NULL AND check_failures = 0", m)
	}
	waitFor(t, "the small merchant's orders are checked", func() bool { return unchecked(small) == 0 })
	if left := unchecked(w.m); left < 200 {
		t.Errorf("only %d of 400 orders of the large merchant were left", left)
	}
}

// More open orders than the budget lets through: checks get slower, none is dropped, and health says so.
func TestTheBudgetStretchesChecksAndHealthSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle, slow, func(s *settings) { s.rates = ordersync.Rates{SupplierPerSecond: 0.2} })
	w.openOrders(w.m, w.store.ID, w.account.ID, 2000, models.StagePaid)
	w.work()
	waitFor(t, "the demand is known", func() bool { return one[float64](w, "SELECT coalesce(max(stretch), 1) FROM check_stretch") > 1 })
	// 2,000 orders that are wished to be asked about every half hour are 1.11 calls a second; 0.2 a second allow the background 0.144.
	if got := one[float64](w, "SELECT max(stretch) FROM check_stretch"); got < 7 || got > 8.5 {
		t.Errorf("stretched by %g", got)
	}
	h, err := w.sync.Health(t.Context(), w.m)
	w.must(err)
	if !slices.ContainsFunc(h.Notes, func(n string) bool { return strings.Contains(n, "slower than wished, for 2000 open orders") }) {
		t.Errorf("health says %v", h.Notes)
	}
	var next time.Time
	waitFor(t, "a check has set the next one", func() bool {
		var rows []time.Time
		w.must(databasetest.Owner(t, w.db).Raw("SELECT next_check_at FROM supplier_orders WHERE last_checked_at > now() - interval '1 minute' OR check_failures > 0 LIMIT 1").Scan(&rows).Error)
		if len(rows) == 1 {
			next = rows[0]
		}
		return len(rows) == 1
	})
	if next.IsZero() || one[int](w, "SELECT count(*) FROM orders o LEFT JOIN order_checks c ON c.order_id = o.id WHERE NOT o.final AND (o.next_check_at IS NULL OR c.due_at IS NULL)") != 0 {
		t.Error("an order was dropped")
	}
}

// A message whose work always fails by our own mistake is given up, listed with its reason, and worked again when a person says so.
func TestADeadLetterIsListedAndReplayed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle, slow)
	w.open(true)
	o := w.sold(wixsim.NewOrder{})
	waitFor(t, "its messages are in", func() bool {
		return w.wix.WebhookStats().InFlight == 0 && one[int](w, "SELECT count(*) FROM inbox") == 3
	})
	// A trigger stands for a mistake of ours: the order cannot be written.
	w.must(databasetest.Owner(t, w.db).Exec(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'on purpose'; END $$`).Error)
	w.must(databasetest.Owner(t, w.db).Exec("CREATE TRIGGER refuse BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION refuse()").Error)
	w.must(databasetest.Owner(t, w.db).Exec("UPDATE river_job SET max_attempts = 1 WHERE kind = 'receive'").Error)
	w.work()
	waitFor(t, "they are given up", func() bool { return one[int](w, "SELECT count(*) FROM inbox WHERE died_at IS NOT NULL") == 3 })
	var letters []models.DeadLetter
	waitFor(t, "they are dead letters", func() bool {
		var err error
		letters, _, err = w.sync.DeadLetters(t.Context(), w.m, 0, 50)
		w.must(err)
		return len(slices.DeleteFunc(slices.Clone(letters), func(l models.DeadLetter) bool { return l.Kind != "receive" })) == 3
	})
	var ids []int64
	for _, l := range letters {
		if l.Kind == "receive" {
			ids = append(ids, l.ID)
			if !strings.Contains(l.Error, "on purpose") || strings.Contains(string(l.Args), "body") {
				t.Errorf("%+v", l)
			}
		}
	}
	other, _, err := w.accounts.CreateMerchant(t.Context(), "Other", "UTC", "")
	w.must(err)
	if revived, err := w.sync.Replay(t.Context(), other, ids, "api:test"); err != nil || len(revived) != 0 {
		t.Errorf("another merchant replays %d letters, %v", len(revived), err)
	}
	w.must(databasetest.Owner(t, w.db).Exec("DROP TRIGGER refuse ON orders").Error)
	revived, err := w.sync.Replay(t.Context(), w.m, ids, "api:test")
	w.must(err)
	if len(revived) != 3 {
		t.Errorf("%d of 3 were replayed", len(revived))
	}
	if again, err := w.sync.Replay(t.Context(), w.m, ids, "api:test"); err != nil || len(again) != 0 {
		t.Errorf("replayed %d again, %v", len(again), err)
	}
	w.inTab(w.idOf(o.ID), models.TabAwaitingOrder)
	waitFor(t, "the messages are done with", func() bool { return one[int](w, "SELECT count(*) FROM inbox WHERE done_at IS NULL") == 0 })
}

// What an order's store and suppliers usually take is learnt from what was bought there.
func TestASuppliersUsualTimeIsLearnt(t *testing.T) {
	t.Parallel()
	w, _, id, so := unpaid(t)
	w.must(w.ae.Pay(so.ExternalID, aliexpresssim.PayOptions{}))
	w.inTab(id, models.TabAwaitingShipment)
	waitFor(t, "it was read once more", func() bool {
		s := w.supplierOrder(id, so.ID)
		return s.PaidAt != nil && s.LastCheckedAt != nil && s.LastCheckedAt.After(*s.PaidAt)
	})
	w.must(databasetest.Owner(t, w.db).Exec("UPDATE supplier_orders SET paid_at = paid_at - interval '50 hours' WHERE id = ?", so.ID).Error)
	_, err := w.ae.Ship(so.ExternalID, aliexpresssim.ShipOptions{})
	w.must(err)
	w.inTab(id, models.TabFulfilled)
	if hours := one[float64](w, "SELECT hours / shipped FROM supplier_handling"); hours < 50 || hours > 51 {
		t.Errorf("it took %g hours", hours)
	}
	_, next := w.ready()
	second := w.plan(next, ordersync.PlanRequest{})
	w.inTab(next, models.TabAwaitingPayment)
	w.must(w.ae.Pay(w.supplierOrder(next, second.ID).ExternalID, aliexpresssim.PayOptions{}))
	w.inTab(next, models.TabAwaitingShipment)
	if s := w.supplierOrder(next, second.ID); s.UsualHours != 50 {
		t.Errorf("usual hours are %d", s.UsualHours)
	}
}

// A store that could not be reached is searched as soon as it answers, not at its next turn.
func TestAStoreIsSearchedAtOnceAfterItsOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slow, hasty)
	waitFor(t, "the back-fill is through", func() bool { return one[int](w, "SELECT count(*) FROM connections WHERE swept_at IS NOT NULL") == 1 })
	id := models.ID(one[string](w, "SELECT min(id::text) FROM orders"))
	w.must(w.wix.SetWebhooks(wixsim.WebhookSwitches{Drop: true}))
	w.must(w.wix.Fail(wixsim.Fault{Op: "*", How: "status_503", Times: 1000}))
	_, err := w.sync.Check(t.Context(), w.m, id, ordersync.CheckOptions{Direction: models.FromStore, By: person, Force: true})
	if models.KindOf(err) != models.Unavailable {
		t.Fatalf("got %v", err)
	}
	missed := w.sold(wixsim.NewOrder{})
	w.wix.ClearFaults()
	w.check(id)
	w.idOf(missed.ID)
}

// Two processes claim what is due without doing any of it twice.
func (w *world) work2() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	queue, err := w.db.Work(ctx, database.WorkOptions{Workers: w.sync.Workers(), Queues: ordersync.Queues(6), Log: quiet})
	if err != nil {
		cancel()
		w.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.sync.Sweeper(ctx)
	}()
	w.t.Cleanup(func() {
		cancel()
		<-done
		_ = queue.Stop(10 * time.Second)
	})
}

// What health tells of a merchant's hops was measured.
func TestHealthTellsWhatWasMeasured(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	_, id := w.ready()
	so := w.plan(id, ordersync.PlanRequest{})
	w.inTab(id, models.TabAwaitingPayment)
	number := w.supplierOrder(id, so.ID).ExternalID
	w.must(w.ae.Pay(number, aliexpresssim.PayOptions{}))
	_, err := w.ae.Ship(number, aliexpresssim.ShipOptions{})
	w.must(err)
	w.inTab(id, models.TabFulfilled)
	waitFor(t, "the store has confirmed", func() bool { return w.detail(id).Pushes[0].State == models.PushConfirmed })
	w.must(w.wix.Fail(wixsim.Fault{Op: "get_order", How: "status_503", Times: 1}))
	_, _ = w.sync.Check(t.Context(), w.m, id, ordersync.CheckOptions{Direction: models.FromStore, By: person, Force: true})
	measured := map[string]bool{}
	waitFor(t, "all four hops are measured", func() bool {
		w.health.Flush(t.Context())
		h, err := w.sync.Health(t.Context(), w.m)
		w.must(err)
		for _, c := range h.Connections {
			for _, l := range c.Lags {
				measured[string(c.Platform)+" "+string(l.Hop)] = l.Count > 0 && l.P50 <= l.P95
			}
			for _, e := range c.Errors {
				measured["error "+e.Code] = e.N > 0
			}
		}
		return len(measured) == 5
	})
	for _, want := range []string{"wix store_to_waybill", "aliexpress waybill_to_supplier", "aliexpress supplier_to_waybill", "wix waybill_to_store", "error wix_unavailable"} {
		if !measured[want] {
			t.Errorf("%s was not measured: %v", want, measured)
		}
	}
	g, err := w.sync.Gauges(t.Context())
	w.must(err)
	if g.Stretch != 1 || g.DeadLetters != 0 || g.Banned != 0 {
		t.Errorf("%+v", g)
	}
}

func TestCase47_AnOrderStaysWithTheAccountThatBoughtIt(t *testing.T) {
	t.Parallel()
	w, _, id, so := unpaid(t)
	user := w.ae.AddAccount()
	_, err := w.accounts.ConnectSupplier(t.Context(), w.m, user.AuthCode, models.App{}, "api:test")
	w.must(err)
	w.must(w.ae.Pay(so.ExternalID, aliexpresssim.PayOptions{}))
	w.inTab(id, models.TabAwaitingShipment) // asked about with the account of old
	_, err = w.sync.Disconnect(t.Context(), w.m, w.account.ID, "api:test")
	w.must(err)
	waitFor(t, "the order says that it is stranded", func() bool { return w.flagged(id, models.FlagAccountGone) })
	if d := w.detail(id); d.Order.Tab != models.TabAwaitingShipment || d.SupplierOrders[0].AccountID != w.account.ID {
		t.Errorf("%s, account %s", d.Order.Tab, d.SupplierOrders[0].AccountID)
	}
	code, err := w.ae.NewAuthCode(w.account.ExternalID)
	w.must(err)
	c, err := w.accounts.ConnectSupplier(t.Context(), w.m, code, models.App{}, "api:test")
	w.must(err)
	w.must(w.sync.Connected(t.Context(), c))
	_, err = w.ae.Ship(so.ExternalID, aliexpresssim.ShipOptions{})
	w.must(err)
	w.inTab(id, models.TabFulfilled)
	waitFor(t, "the flag closes", func() bool { return !w.flagged(id, models.FlagAccountGone) })
}

// A permission that is missing for writing stops no reading, and what waits for it is told once the store is connected anew.
func TestCase60_AMissingPermissionStopsOnlyWhatNeedsIt(t *testing.T) {
	t.Parallel()
	w, o, id, so := unpaid(t)
	w.must(w.wix.Fail(wixsim.Fault{Op: "create_fulfillment", How: "status_403", Times: 10000}))
	w.must(w.ae.Pay(so.ExternalID, aliexpresssim.PayOptions{}))
	_, err := w.ae.Ship(so.ExternalID, aliexpresssim.ShipOptions{})
	w.must(err)
	waitFor(t, "the push says what is missing", func() bool {
		d := w.detail(id)
		return len(d.Pushes) == 1 && d.Pushes[0].ErrorCode == "wix_permission_missing"
	})
	if n := one[int](w, "SELECT count(*) FROM flags WHERE connection_id = ? AND code = 'permission_missing' AND closed_at IS NULL", w.store.ID); n != 1 {
		t.Errorf("%d flags of the store", n)
	}
	c, err := w.accounts.Connection(t.Context(), w.m, w.store.ID)
	w.must(err)
	if c.State != models.ConnectionActive {
		t.Errorf("the store is %s", c.State)
	}
	_, err = w.wix.TouchOrder(o.ID)
	w.must(err)
	if _, err := w.sync.Check(t.Context(), w.m, id, ordersync.CheckOptions{Direction: models.FromStore, By: person, Force: true}); err != nil {
		t.Errorf("reading: %v", err)
	}
	w.wix.ClearFaults()
	again := w.connectStore(w.m, w.store.ExternalID)
	w.must(w.sync.Connected(t.Context(), again))
	waitFor(t, "the store has it", func() bool { return w.detail(id).Pushes[0].State == models.PushConfirmed })
	if n := one[int](w, "SELECT count(*) FROM flags WHERE connection_id = ? AND closed_at IS NULL", w.store.ID); n != 0 {
		t.Errorf("%d flags of the store are left", n)
	}
}
