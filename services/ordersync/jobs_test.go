package ordersync_test

import (
	"context"
	"testing"
	"time"

	"waybill/models"
	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database"
	"waybill/services/database/databasetest"
	"waybill/services/ordersync"
	"waybill/services/wix/wixsim"
)

func (w *world) request(scope models.SyncScope, d models.Direction) (models.SyncJob, bool) {
	w.t.Helper()
	job, joined, err := w.sync.Request(context.Background(), w.m, ordersync.SyncRequest{Scope: scope, Direction: d, Actor: "api:test", Reason: "a test"})
	w.must(err)
	return job, joined
}

func (w *world) finished(id models.ID) (job models.SyncJob) {
	w.t.Helper()
	waitFor(w.t, "the sync job is over", func() bool {
		var err error
		job, err = w.sync.Job(context.Background(), w.m, id)
		w.must(err)
		return job.State == models.SyncDone || job.State == models.SyncCancelled
	})
	if job.State == models.SyncDone && job.Done() != job.Total {
		w.t.Errorf("%d of %d have an outcome", job.Done(), job.Total)
	}
	return job
}

func (w *world) items(id models.ID) []ordersync.Item {
	w.t.Helper()
	items, _, err := w.sync.Items(context.Background(), w.m, id, "", 1000)
	w.must(err)
	return items
}

func TestASyncJobOfEachScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slow)
	w.must(w.wix.SetWebhooks(wixsim.WebhookSwitches{Drop: true}))
	ids := map[string]models.ID{}
	for _, payment := range []string{"paid", "authorized", "offline"} {
		ids[payment] = w.take(w.sold(wixsim.NewOrder{Payment: payment}))
	}
	gone := w.sold(wixsim.NewOrder{})
	_, err := w.wix.CancelOrder(gone.ID)
	w.must(err)
	closed := w.take(gone)
	other := w.connectStore(w.m, w.wix.CreateInstance())
	waitFor(t, "the back-fill is through", func() bool { return one[int](w, "SELECT count(*) FROM orders") == 5 })
	for name, c := range map[string]struct {
		scope models.SyncScope
		total int
	}{
		"orders":         {models.SyncScope{Kind: models.ScopeOrders, IDs: []models.ID{ids["paid"], closed, ids["paid"]}}, 2},
		"tab":            {models.SyncScope{Kind: models.ScopeTab, Tab: models.TabPending}, 2},
		"store":          {models.SyncScope{Kind: models.ScopeStore, StoreID: w.store.ID}, 4},
		"an empty store": {models.SyncScope{Kind: models.ScopeStore, StoreID: other.ID}, 0},
		"all":            {models.SyncScope{Kind: models.ScopeAll}, 4},
	} {
		job, joined := w.request(c.scope, models.FromStore)
		job = w.finished(job.ID)
		if joined || job.Total != c.total || job.Unchanged != c.total {
			t.Errorf("%s: %d orders, %d unchanged, joined %t", name, job.Total, job.Unchanged, joined)
		}
		for _, it := range w.items(job.ID) {
			if it.Outcome != models.OutcomeUnchanged || it.Why == "" || it.Before == "" || it.Before != it.After || it.FinishedAt == nil || it.Number == "" || it.BuyerName == "" {
				t.Errorf("%s: %+v", name, it)
			}
		}
	}
	jobs, next, err := w.sync.Jobs(t.Context(), w.m, ordersync.JobFilter{Limit: 3})
	w.must(err)
	rest, end, err := w.sync.Jobs(t.Context(), w.m, ordersync.JobFilter{Cursor: next, Limit: 3})
	w.must(err)
	if len(jobs) != 3 || len(rest) != 2 || end != "" {
		t.Errorf("%d and %d jobs", len(jobs), len(rest))
	}
	w.must(databasetest.Owner(t, w.db).Exec("UPDATE sync_jobs SET state = 'cancelled', trigger = 'automatic' WHERE id = ?", jobs[1].ID).Error)
	for name, c := range map[string]struct {
		f ordersync.JobFilter
		n int
	}{
		"done": {ordersync.JobFilter{State: models.SyncDone}, 4}, "cancelled": {ordersync.JobFilter{State: models.SyncCancelled}, 1}, "active": {ordersync.JobFilter{State: ordersync.ActiveJobs}, 0},
		"manual": {ordersync.JobFilter{Trigger: "manual"}, 4}, "both": {ordersync.JobFilter{Trigger: "automatic", State: models.SyncDone}, 0},
	} {
		c.f.Limit = 10
		if found, _, err := w.sync.Jobs(t.Context(), w.m, c.f); err != nil || len(found) != c.n {
			t.Errorf("%s: %d jobs, %v", name, len(found), err)
		}
	}
	w.must(databasetest.Owner(t, w.db).Exec("UPDATE sync_jobs SET state = 'running', scope_key = 'x' WHERE id = ?", jobs[2].ID).Error)
	if found, _, err := w.sync.Jobs(t.Context(), w.m, ordersync.JobFilter{State: ordersync.ActiveJobs, Limit: 10}); err != nil || len(found) != 1 || found[0].ID != jobs[2].ID {
		t.Errorf("active: %+v, %v", found, err)
	}
}

// What a list shows under a filter is what a sync of that filter checks: the same orders are estimated, listed and shown.
func TestASyncOfAFilterIsOfWhatItsListShows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slow, mute)
	w.must(w.wix.SetWebhooks(wixsim.WebhookSwitches{Drop: true}))
	var open []models.ID
	for range 3 {
		open = append(open, w.take(w.sold(wixsim.NewOrder{Payment: "paid"})))
	}
	w.take(w.sold(wixsim.NewOrder{Payment: "authorized"}))
	gone := w.sold(wixsim.NewOrder{})
	_, err := w.wix.CancelOrder(gone.ID)
	w.must(err)
	closed := w.take(gone)
	waitFor(t, "the back-fill is through", func() bool {
		return one[int](w, "SELECT count(*) FROM connections WHERE swept_at IS NOT NULL") == 1 && one[int](w, "SELECT count(*) FROM orders") == 6
	})
	w.must(databasetest.Owner(t, w.db).Exec("UPDATE orders SET country = 'IS' WHERE id IN ?", []models.ID{open[0], closed}).Error)
	number := w.detail(closed).Order.Number
	from, long := time.Now().Add(-1e4*time.Hour).UTC(), time.Now().Add(-1e3*time.Hour).UTC()
	for name, c := range map[string]struct {
		filter models.SyncFilter
		total  int
	}{
		"tab":                         {models.SyncFilter{Tab: models.TabAwaitingOrder, PlacedFrom: &long}, 4},
		"tab and country":             {models.SyncFilter{Tab: models.TabAwaitingOrder, Country: "IS"}, 1},
		"what can still change":       {models.SyncFilter{Country: "IS"}, 1},
		"what is closed":              {models.SyncFilter{Country: "IS", Tab: models.TabClosed}, 1},
		"by its number, final or not": {models.SyncFilter{Query: " #" + number}, 1},
		"nothing":                     {models.SyncFilter{Supplier: "1"}, 0},
		"nothing of a flag":           {models.SyncFilter{Flag: models.FlagFrozen, View: models.ViewAttention, StoreID: w.store.ID, PlacedFrom: &from}, 0},
	} {
		scope := models.SyncScope{Kind: models.ScopeFilter, Filter: &c.filter}
		estimate, err := w.sync.Estimate(t.Context(), w.m, ordersync.SyncRequest{Scope: scope, Direction: models.FromSupplier})
		w.must(err)
		job, _ := w.request(scope, models.FromSupplier) // nothing is read from the store, which has sent nothing to Iceland
		job = w.finished(job.ID)
		if job.Total != c.total || estimate.Orders != int64(c.total) || job.Unchanged != c.total {
			t.Errorf("%s: %d of %d estimated orders, %d unchanged", name, job.Total, estimate.Orders, job.Unchanged)
		}
	}
	for name, c := range map[string]struct {
		scope models.SyncScope
		code  string
	}{
		"an empty filter":  {models.SyncScope{Kind: models.ScopeFilter, Filter: &models.SyncFilter{Query: " # "}}, "validation_failed"},
		"no filter":        {models.SyncScope{Kind: models.ScopeFilter}, "validation_failed"},
		"an empty range":   {models.SyncScope{Kind: models.ScopeFilter, Filter: &models.SyncFilter{PlacedFrom: &long, PlacedTo: &from}}, "validation_failed"},
		"an unknown store": {models.SyncScope{Kind: models.ScopeFilter, Filter: &models.SyncFilter{StoreID: closed}}, "connection_not_found"},
	} {
		_, _, err := w.sync.Request(t.Context(), w.m, ordersync.SyncRequest{Scope: c.scope, Direction: models.AllWays})
		if codeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASyncJobTellsWhatChangedAndWhyNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slow, mute, hasty)
	w.must(w.wix.SetWebhooks(wixsim.WebhookSwitches{Drop: true}))
	waitFor(t, "the back-fill is through", func() bool { return one[int](w, "SELECT count(*) FROM orders") == 1 })
	changing := w.sold(wixsim.NewOrder{Payment: "authorized"})
	id := w.take(changing)
	_, err := w.wix.PayOrder(changing.ID)
	w.must(err)
	job, _ := w.request(models.SyncScope{Kind: models.ScopeOrders, IDs: []models.ID{id}}, models.AllWays)
	job = w.finished(job.ID)
	it := w.items(job.ID)[0]
	if job.Changed != 1 || it.Outcome != models.OutcomeChanged || it.Before != models.TabPending || it.After != models.TabAwaitingOrder || it.Why == "" {
		t.Errorf("%+v", it)
	}
	for _, e := range w.events(id) {
		if e.Kind == models.EventOrderChanged && (e.Actor != "api:test" || e.Reason != "a test" || e.Source != models.SourceManual) {
			t.Errorf("who and why are missing: %+v", e)
		}
	}
	if !w.has(id, models.EventSyncRequested) {
		t.Error("the request is not in the timeline")
	}
	job, _ = w.request(models.SyncScope{Kind: models.ScopeOrders, IDs: []models.ID{id}}, models.FromSupplier)
	w.finished(job.ID)
	if it := w.items(job.ID)[0]; it.Outcome != models.OutcomeUnchanged || it.Why == "" {
		t.Errorf("%+v", it)
	}
	w.must(w.wix.Fail(wixsim.Fault{Op: "get_order", How: "status_503", Times: 50}))
	job, _ = w.request(models.SyncScope{Kind: models.ScopeOrders, IDs: []models.ID{id}}, models.FromStore)
	if job = w.finished(job.ID); job.Unreachable != 1 || w.items(job.ID)[0].Why == "" {
		t.Errorf("%+v", w.items(job.ID))
	}
	w.wix.ClearFaults()
	w.must(w.wix.Remove(w.store.ExternalID))
	w.must(w.db.Of(w.m).InTx(t.Context(), func(tx database.Tx) error { return w.accounts.Removed(tx, w.m, w.store.ID, tx.Now) }))
	job, _ = w.request(models.SyncScope{Kind: models.ScopeOrders, IDs: []models.ID{id}}, models.FromStore)
	if job = w.finished(job.ID); job.Refused != 1 || w.items(job.ID)[0].Why == "" {
		t.Errorf("%+v", w.items(job.ID))
	}
}

func TestEqualRequestsJoinAndUnknownOnesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle)
	id := w.take(w.sold(wixsim.NewOrder{}))
	two := w.take(w.sold(wixsim.NewOrder{}))
	job, joined := w.request(models.SyncScope{Kind: models.ScopeOrders, IDs: []models.ID{id, two}}, models.AllWays)
	again, joinedToo := w.request(models.SyncScope{Kind: models.ScopeOrders, IDs: []models.ID{two, id, id}}, models.AllWays)
	other, joinedOther := w.request(models.SyncScope{Kind: models.ScopeOrders, IDs: []models.ID{two, id}}, models.FromStore)
	if joined || !joinedToo || joinedOther || again.ID != job.ID || other.ID == job.ID {
		t.Errorf("%t %t %t", joined, joinedToo, joinedOther)
	}
	for want, scope := range map[string]models.SyncScope{
		"order_not_found":      {Kind: models.ScopeOrders, IDs: []models.ID{id, database.NewID()}},
		"connection_not_found": {Kind: models.ScopeStore, StoreID: database.NewID()},
		"store_not_found":      {Kind: models.ScopeStore, StoreID: w.account.ID},
	} {
		if _, _, err := w.sync.Request(t.Context(), w.m, ordersync.SyncRequest{Scope: scope, Direction: models.AllWays, Actor: "api:test"}); codeOf(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := w.sync.Job(t.Context(), w.m, database.NewID()); codeOf(err) != "sync_job_not_found" {
		t.Errorf("got %v", err)
	}
	cancelled, err := w.sync.Cancel(t.Context(), w.m, job.ID, "api:test")
	w.must(err)
	if cancelled.CancelRequestedAt == nil {
		t.Error("not cancelled")
	}
	w.work()
	if job = w.finished(job.ID); job.State != models.SyncCancelled {
		t.Errorf("%s", job.State)
	}
	if other = w.finished(other.ID); other.State != models.SyncDone || other.Total != 2 {
		t.Errorf("%s", other.State)
	}
	if third, joined := w.request(models.SyncScope{Kind: models.ScopeOrders, IDs: []models.ID{id, two}}, models.AllWays); joined || third.ID == job.ID {
		t.Error("joined a job that is over")
	}
}

func TestCase10_ASyncJobGoesOnWhereItsWorkerStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle)
	for range 60 {
		w.take(w.sold(wixsim.NewOrder{}))
	}
	w.must(w.wix.Fail(wixsim.Fault{Op: "get_order", How: "slow", DelayMS: 100, Times: 60}))
	job, _ := w.request(models.SyncScope{Kind: models.ScopeAll}, models.FromStore)
	w.work()
	waitFor(t, "it is in the middle", func() bool {
		j, err := w.sync.Job(context.Background(), w.m, job.ID)
		w.must(err)
		return j.Done() >= 5
	})
	w.stopNow()
	stopped, err := w.sync.Job(t.Context(), w.m, job.ID)
	w.must(err)
	if stopped.State != models.SyncRunning || stopped.Done() >= 60 {
		t.Fatalf("%s with %d done", stopped.State, stopped.Done())
	}
	w.work()
	job = w.finished(job.ID)
	if job.State != models.SyncDone || job.Total < 60 {
		t.Errorf("%s, %d of %d", job.State, job.Done(), job.Total)
	}
	if n := one[int](w, "SELECT count(*) FROM sync_job_items WHERE job_id = ? AND outcome = ''", job.ID); n != 0 {
		t.Errorf("%d orders have no outcome", n)
	}
}

func TestASyncJobCanBeCancelledInTheMiddle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle)
	for range 60 {
		w.take(w.sold(wixsim.NewOrder{}))
	}
	w.must(w.wix.Fail(wixsim.Fault{Op: "get_order", How: "slow", DelayMS: 50, Times: 60}))
	job, _ := w.request(models.SyncScope{Kind: models.ScopeAll}, models.FromStore)
	w.work()
	waitFor(t, "it has begun", func() bool { j, _ := w.sync.Job(context.Background(), w.m, job.ID); return j.Done() >= 1 })
	_, err := w.sync.Cancel(t.Context(), w.m, job.ID, "api:test")
	w.must(err)
	if job = w.finished(job.ID); job.State != models.SyncCancelled || job.Done() >= 60 || job.FinishedAt == nil {
		t.Errorf("%s with %d done", job.State, job.Done())
	}
}

func TestSyncNowWorksWhileTheSamePurchaseIsUnderWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	_, id := w.ready()
	w.must(w.ae.Fail(aliexpresssim.Fault{Method: create, How: aliexpresssim.Slow, DelayMS: 300}))
	so := w.plan(id, ordersync.PlanRequest{})
	job, _ := w.request(models.SyncScope{Kind: models.ScopeOrders, IDs: []models.ID{id}}, models.AllWays)
	if job = w.finished(job.ID); job.Changed+job.Unchanged != 1 {
		t.Errorf("%+v", w.items(job.ID))
	}
	w.placementIs(id, so.ID, models.PlacementPlaced)
	if w.sent() != 1 {
		t.Errorf("%d calls", w.sent())
	}
}

// Orders that were there before lists showed so much, and that nothing happens to any more, are computed anew by themselves.
func TestOrdersWithoutADigestGetOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slow, idle)
	gone := w.sold(wixsim.NewOrder{})
	_, err := w.wix.CancelOrder(gone.ID)
	w.must(err)
	id := w.take(gone)
	w.must(databasetest.Owner(t, w.db).Exec("UPDATE orders SET digest = NULL WHERE id = ?", id).Error)
	w.must(databasetest.Owner(t, w.db).Exec("UPDATE connections SET next_sweep_at = NULL").Error) // nothing but the sweeper looks at it
	w.work()
	waitFor(t, "it has a digest", func() bool {
		o := w.detail(id).Order
		return o.Digest != nil && o.Digest.Title != ""
	})
}
