package ordersync_test

import (
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database/databasetest"
	"waybill/services/orders"
	"waybill/services/ordersync"
	"waybill/services/wix/wixsim"
)

func TestAnotherMerchantReachesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	_, id := w.ready()
	so := w.plan(id, ordersync.PlanRequest{})
	w.inTab(id, models.TabAwaitingPayment)
	number := w.supplierOrder(id, so.ID).ExternalID
	waitFor(t, "nothing more happens by itself", func() bool { return w.supplierOrder(id, so.ID).Status != "" })
	job, _ := w.request(models.SyncScope{Kind: models.ScopeOrders, IDs: []models.ID{id}}, models.FromStore)
	w.finished(job.ID)
	mappings, _, err := w.sync.Mappings(t.Context(), w.m, "", "", "", 10)
	w.must(err)
	if len(mappings) != 2 {
		t.Fatalf("%d mappings", len(mappings))
	}
	unmapped := w.sold(wixsim.NewOrder{Lines: []wixsim.NewLine{{Name: "Unmapped", CatalogItemID: "00000000-1111-2222-3333-444444444444", Quantity: 1}}})
	noSupplier := w.flagOf(w.idOf(unmapped.ID), models.FlagNoSupplier)
	decided, err := w.sync.Override(t.Context(), w.m, id, models.Override{Kind: models.OverrideLineRole, Subject: w.detail(id).Lines[0].LineID, Value: "dropship"}, person)
	w.must(err)
	_, err = w.sync.PutCarrier(t.Context(), w.m, models.Carrier{Name: "Mine", Provider: "dhl"}, "api:test")
	w.must(err)
	before := w.detail(id).Order.Version
	other, _, err := w.accounts.CreateMerchant(t.Context(), "Other", "UTC", "")
	w.must(err)
	ctx, m := t.Context(), other
	for name, try := range map[string]func() error{
		"plan": func() error { _, err := w.sync.Plan(ctx, m, id, ordersync.PlanRequest{}, person); return err },
		"link": func() error {
			_, _, err := w.sync.Link(ctx, m, id, ordersync.LinkRequest{Number: number}, person)
			return err
		},
		"resolve":   func() error { _, err := w.sync.Resolve(ctx, m, so.ID, number, person); return err },
		"preflight": func() error { _, err := w.sync.Preflight(ctx, m, id, ordersync.PlanRequest{}); return err },
		"place now": func() error { _, _, err := w.sync.PlaceNow(ctx, m, so.ID, person); return err },
		"hold": func() error {
			_, _, err := w.sync.HoldPlacement(ctx, m, so.ID, time.Now().Add(time.Hour), person)
			return err
		},
		"withdraw":      func() error { _, _, err := w.sync.Withdraw(ctx, m, so.ID, person); return err },
		"renumber":      func() error { _, err := w.sync.Renumber(ctx, m, so.ID, number, true, person); return err },
		"unlink":        func() error { _, err := w.sync.Unlink(ctx, m, so.ID, true, person); return err },
		"hold order":    func() error { return w.sync.HoldOrder(ctx, m, id, nil, person) },
		"release order": func() error { return w.sync.ReleaseOrder(ctx, m, id, person) },
		"address":       func() error { return w.sync.SetPurchaseAddress(ctx, m, id, w.detail(id).Recipient, person) },
		"no address":    func() error { return w.sync.DropPurchaseAddress(ctx, m, id, person) },
		"bulk": func() error {
			r, err := w.sync.PlanMany(ctx, m, ordersync.BulkRequest{IDs: []models.ID{id}}, person)
			if err == nil && r.Rows[0].Err != nil {
				err = r.Rows[0].Err
			}
			return err
		},
		"check": func() error {
			_, err := w.sync.Check(ctx, m, id, ordersync.CheckOptions{Direction: models.AllWays, By: person})
			return err
		},
		"retry": func() error { _, err := w.sync.RetryPush(ctx, m, so.ID, person); return err },
		"request": func() error {
			_, _, err := w.sync.Request(ctx, m, ordersync.SyncRequest{Scope: models.SyncScope{Kind: models.ScopeOrders, IDs: []models.ID{id}}, Direction: models.AllWays})
			return err
		},
		"request of a store": func() error {
			_, _, err := w.sync.Request(ctx, m, ordersync.SyncRequest{Scope: models.SyncScope{Kind: models.ScopeStore, StoreID: w.store.ID}, Direction: models.AllWays})
			return err
		},
		"job":       func() error { _, err := w.sync.Job(ctx, m, job.ID); return err },
		"cancel":    func() error { _, err := w.sync.Cancel(ctx, m, job.ID, "api:test"); return err },
		"mapping":   func() error { _, err := w.sync.Mapping(ctx, m, mappings[0].ID); return err },
		"unmap":     func() error { return w.sync.Unmap(ctx, m, mappings[0].ID, "api:other") },
		"fix":       func() error { _, err := w.sync.FixPush(ctx, m, so.ID, person); return err },
		"overwrite": func() error { _, err := w.sync.OverwritePush(ctx, m, so.ID, person); return err },
		"accept":    func() error { _, err := w.sync.AcceptPush(ctx, m, so.ID, person); return err },
		"fulfil":    func() error { return w.sync.WithoutNumber(ctx, m, id, person) },
		"snooze": func() error {
			_, err := w.sync.SnoozeFlag(ctx, m, noSupplier.ID, time.Now().Add(time.Hour), person)
			return err
		},
		"close":  func() error { _, err := w.sync.CloseFlag(ctx, m, noSupplier.ID, person); return err },
		"reopen": func() error { _, err := w.sync.ReopenFlag(ctx, m, noSupplier.ID, person); return err },
		"override": func() error {
			_, err := w.sync.Override(ctx, m, id, models.Override{Kind: models.OverrideClosed}, person)
			return err
		},
		"lift":    func() error { return w.sync.LiftOverride(ctx, m, id, decided.ID, person) },
		"carrier": func() error { return w.sync.DeleteCarrier(ctx, m, "Mine", "api:other") },
		"shown":   func() error { _, err := w.orders.NextShown(ctx, m, id); return err },
		"map":     func() error { mp := mappings[0]; mp.ID = ""; _, err := w.sync.Map(ctx, m, mp, "api:other"); return err },
	} {
		if err := try(); models.KindOf(err) != models.NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	jobs, _, err := w.sync.Jobs(ctx, m, ordersync.JobFilter{Limit: 10})
	w.must(err)
	items, _, err := w.sync.Items(ctx, m, job.ID, "", 10)
	w.must(err)
	foreign, _, err := w.sync.Mappings(ctx, m, "", "", "", 10)
	w.must(err)
	flags, err := w.orders.Flags(ctx, m, orders.FlagFilter{Snoozed: orders.FlagsAll, Limit: 10})
	w.must(err)
	mismatches, _, err := w.orders.Mismatches(ctx, m, "", 10)
	w.must(err)
	carriers, err := w.sync.Carriers(ctx, m)
	w.must(err)
	all, err := w.sync.PlanMany(ctx, m, ordersync.BulkRequest{Filter: &orders.Filter{StoreID: w.store.ID}}, person)
	w.must(err)
	pay, err := w.orders.PayList(ctx, m, orders.PayFilter{StoreID: w.store.ID, Limit: 10})
	w.must(err)
	if len(all.Rows)+len(pay.Items)+len(pay.Totals) != 0 {
		t.Errorf("the other merchant sees %d orders, %d to pay", len(all.Rows), len(pay.Items))
	}
	if len(jobs)+len(items)+len(foreign)+len(flags.Flags)+len(mismatches)+len(carriers) != 0 {
		t.Errorf("the other merchant sees %d jobs, %d items, %d mappings, %d flags, %d mismatches, %d carriers", len(jobs), len(items), len(foreign), len(flags.Flags), len(mismatches), len(carriers))
	}
	if w.detail(id).Order.Version != before {
		t.Error("the order was changed")
	}
}

func TestWhatIsDueIsFoundAlongAnIndex(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle, slow)
	w.take(w.sold(wixsim.NewOrder{}))
	w.must(databasetest.Owner(t, w.db).Exec(`INSERT INTO orders SELECT @m, gen_random_uuid(), @store, 'e' || i, 'N' || i, now(), now(), 'APPROVED', 'PAID', '', 'open', now(),
		'USD', 1, 0, '', '', '', 'US', false, false, false, 'awaiting_shipment', '', '', '[]', 0, false, NULL, '', now(), now() + i * interval '1 second', 0, 1, now(), now()
		FROM generate_series(60, 20000) i`, map[string]any{"m": w.m, "store": w.store.ID}).Error)
	w.must(databasetest.Owner(t, w.db).Exec("INSERT INTO order_checks SELECT merchant_id, id, next_check_at FROM orders WHERE number LIKE 'N%'").Error)
	w.must(databasetest.Owner(t, w.db).Exec("ANALYZE orders, order_checks").Error)
	var mu sync.Mutex
	due := ""
	w.must(w.db.Read(t.Context()).Callback().Row().After("gorm:row").Register("spy", func(q *gorm.DB) {
		mu.Lock()
		defer mu.Unlock()
		if sql := q.Explain(q.Statement.SQL.String(), q.Statement.Vars...); strings.Contains(sql, "CROSS JOIN LATERAL") && strings.Contains(sql, "FROM order_checks") {
			due = sql
		}
	}))
	w.work()
	waitFor(t, "the sweeper has asked", func() bool { mu.Lock(); defer mu.Unlock(); return due != "" })
	var plan []string
	w.must(w.db.Across(t.Context(), func(q *gorm.DB) error { return q.Raw("EXPLAIN (ANALYZE, BUFFERS OFF) " + due).Scan(&plan).Error }))
	text := strings.Join(plan, "\n")
	if strings.Contains(text, "Seq Scan on order") || !strings.Contains(text, "order_checks_due") || !regexp.MustCompile(`Index Cond: .*due_at <=`).MatchString(text) || regexp.MustCompile(`rows=\d{4,} loops`).MatchString(text) {
		t.Error(text)
	}
}

// A process of a release from before order_checks leaves an order without its line there. It is found, and is due at once.
func TestAnOrderWithoutItsNextCheckIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slow)
	_, id := w.ready()
	w.must(databasetest.Owner(t, w.db).Exec("DELETE FROM order_checks").Error)
	w.work2() // as after the start of another process
	waitFor(t, "it was checked, and the next check is set", func() bool {
		return one[int](w, "SELECT count(*) FROM orders o JOIN order_checks c ON c.merchant_id = o.merchant_id AND c.order_id = o.id WHERE o.id = ? AND c.due_at = o.next_check_at AND c.due_at > now()", id) == 1
	})
}
