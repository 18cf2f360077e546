package ordersync_test

import (
	"testing"
	"time"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/database/databasetest"
	"waybill/services/ordersync"
)

// Every hour and every day of the merchant's is there, empty or not, and holds what was measured in it.
func TestTheHistoryHasEveryPoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle)
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	w.must(err)
	for _, statement := range []string{
		`UPDATE merchants SET zone = 'Asia/Kolkata' WHERE id = @m`,
		// Three hours ago three calls came within a second; this hour one of the account took a minute.
		`INSERT INTO hop_lags VALUES (@m, @store, 'store_to_waybill', date_trunc('hour', now()) - interval '3 hours', '{0,0,0,0,3,0,0,0,0,0,0,0,0,0,0}'),
			(@m, @account, 'supplier_to_waybill', date_trunc('hour', now()), '{0,0,0,0,0,0,0,0,0,1,0,0,0,0,0}'),
			(@m, @store, 'store_to_waybill', date_trunc('hour', now()) - interval '20 days', '{5,0,0,0,0,0,0,0,0,0,0,0,0,0,0}'),
			(@m, @store, 'store_to_waybill', date_trunc('hour', now()) - interval '31 days', '{9,0,0,0,0,0,0,0,0,0,0,0,0,0,0}')`,
		`INSERT INTO connection_errors VALUES (@m, @store, 'unavailable', 'wix_unavailable', date_trunc('hour', now()) - interval '3 hours', 2),
			(@m, @store, 'throttled', 'wix_throttled', date_trunc('hour', now()) - interval '3 hours', 5), (@m, @account, 'unavailable', 'x', date_trunc('hour', now()), 1)`,
		`INSERT INTO budget_use SELECT external_id, date_trunc('hour', now()) - interval '1 hour', 'person', 11, 0, 0 FROM connections WHERE id = @store`,
		`INSERT INTO sync_jobs (merchant_id, id, scope, scope_key, direction, trigger, actor, reason, state, total, listed, list_cursor, changed, unchanged, refused, unreachable, created_at)
			VALUES (@m, '0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f11', '{}', 'old', 'all', 'manual', '', '', 'done', 9, true, '', 9, 0, 0, 0, now() - interval '90 days')`,
	} {
		w.must(databasetest.Owner(t, w.db).Exec(statement, map[string]any{"m": w.m, "store": w.store.ID, "account": w.account.ID}).Error)
	}
	w.must(databasetest.Owner(t, w.db).Exec(`INSERT INTO sync_jobs (merchant_id, id, scope, scope_key, direction, trigger, actor, reason, state, total, listed, list_cursor, changed, unchanged, refused, unreachable, created_at)
		VALUES (?, ?, '{}', 'new', 'all', 'manual', '', '', 'done', 10, true, '', 3, 4, 1, 2, now())`, w.m, database.NewID()).Error)

	points, err := w.sync.History(t.Context(), w.m, ordersync.LastDay, "")
	w.must(err)
	if len(points) != 24 {
		t.Fatalf("%d points", len(points))
	}
	for i, p := range points {
		if i > 0 && p.At.Sub(points[i-1].At) != time.Hour {
			t.Errorf("%s follows %s", p.At, points[i-1].At)
		}
		if filled := i == 20 || i == 23; filled != (len(p.Hops) > 0) || (p.Calls == nil) || p.Runs == nil {
			t.Errorf("point %d: %+v", i, p)
		}
	}
	if p := points[20]; p.Errors != 7 || p.Hops[0].Count != 3 || p.Hops[0].Hop != models.StoreToWaybill || p.Hops[0].P50 < 0.5 || p.Hops[0].P95 > 1 {
		t.Errorf("three hours ago: %+v", p)
	}
	if *points[22].Calls != 11 || points[23].Errors != 1 || *points[23].Runs != (ordersync.Runs{Checked: 10, Changed: 3, Failed: 3}) {
		t.Errorf("the last two hours: %+v, %+v", points[22], points[23])
	}

	points, err = w.sync.History(t.Context(), w.m, ordersync.LastMonth, w.store.ID)
	w.must(err)
	if len(points) != 30 {
		t.Fatalf("%d points", len(points))
	}
	var lags, failed int64
	for _, p := range points {
		if at := p.At.In(kolkata); at.Hour() != 0 || at.Minute() != 0 {
			t.Errorf("a day begins at %s", at)
		}
		if p.Calls != nil || p.Runs != nil {
			t.Errorf("not known by then: %+v", p)
		}
		for _, h := range p.Hops {
			lags += h.Count
		}
		failed += p.Errors
	}
	if lags != 8 || failed != 7 {
		t.Errorf("%d lags, %d errors of the store", lags, failed)
	}

	other, _, err := w.accounts.CreateMerchant(t.Context(), "Other", "UTC", "")
	w.must(err)
	if _, err := w.sync.History(t.Context(), other, ordersync.LastDay, w.store.ID); codeOf(err) != "connection_not_found" {
		t.Errorf("another's connection: %v", err)
	}
	points, err = w.sync.History(t.Context(), other, ordersync.LastMonth, "")
	w.must(err)
	for _, p := range points {
		if len(p.Hops) > 0 || p.Errors > 0 || p.Runs.Checked > 0 {
			t.Errorf("another's: %+v", p)
		}
	}
}
