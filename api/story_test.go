package main

import (
	"errors"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"testing"

	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database"
	"waybill/services/database/databasetest"
)

// One order all the way round: placed by a buyer, paid later, bought, paid at AliExpress, shipped in two parcels, one number
// changed, everything confirmed in the store.
func TestStoryOfAnOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storyDatabase(t))
	w.run()
	allTheWayRound(t, w)
	w.terminate()
}

// The same through PgBouncer in transaction mode, with what needs a session going past it: of 20 connections that the program opens, the
// database sees the few that the pooler shares out.
func TestStoryOfAnOrderThroughAPooler(t *testing.T) {
	t.Parallel()
	p := databasetest.NewPooler(t)
	w := newWorld(t, p.Pooled, "WAYBILL_DIRECT_DATABASE_URL="+p.Direct, "WAYBILL_OWNER_DATABASE_URL="+p.Owner)
	w.run()
	allTheWayRound(t, w)
	// Two listen, of which River's says now and then that it is there; the reaper holds its lock.
	const past = 3
	listening := countOf(t, p.Owner, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'waybill_pooled' AND query LIKE 'LISTEN%'")
	holding := countOf(t, p.Owner, "SELECT count(DISTINCT l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database() AND a.usename = 'waybill_pooled'")
	all := countOf(t, p.Owner, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'waybill_pooled'")
	if listening < 1 || holding != 1 || all > past+databasetest.PooledConns {
		t.Errorf("%d connections listen and %d hold a lock past the pooler, and there are %d in all", listening, holding, all)
	}
	w.terminate()
}

func allTheWayRound(t *testing.T, w *world) {
	t.Helper()
	w.connect()
	lines := w.goods()

	id := w.buy("authorized", lines...)
	o := w.awaitOrder(id, "the order is pending", inTab("pending"))
	if o.chip("authorized") == "" {
		t.Errorf("nothing says that the payment is authorised only: %+v", o.Chips)
	}
	if a := w.call(http.MethodPost, "/orders/"+o.ID+"/supplier-orders", nil); a.status != http.StatusConflict {
		t.Errorf("an unpaid order can be placed: %d %s", a.status, a.body)
	}

	if _, err := w.wix.PayOrder(id); err != nil {
		t.Fatal(err)
	}
	w.awaitOrder(id, "the payment is captured", inTab("awaiting_order"))

	w.do(http.MethodPost, "/orders/"+o.ID+"/supplier-orders", map[string]any{"reason": "the story"}, http.StatusAccepted, nil)
	o = w.awaitOrder(id, "it is bought", inTab("awaiting_payment"))
	number := o.SupplierOrders[0].Number
	if made := w.bought(); len(made) != 1 || made[0].OrderID != number {
		t.Fatalf("AliExpress made %v, Waybill knows %s", made, number)
	}

	if err := w.ali.Pay(number, aliexpresssim.PayOptions{}); err != nil {
		t.Fatal(err)
	}
	w.awaitOrder(id, "the payment is seen", inTab("awaiting_shipment"))

	sent, err := w.ali.Order(number)
	if err != nil {
		t.Fatal(err)
	}
	first, err := w.ali.Ship(number, aliexpresssim.ShipOptions{Items: []aliexpresssim.Item{{SKUID: sent.Items[0].SKUID, Quantity: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	o = w.awaitOrder(id, "the first parcel is confirmed", func(o orderView) bool { return len(o.Pushes) == 1 && o.Pushes[0].State == "confirmed" })
	if o.Tab != "awaiting_shipment" || o.chip("part_shipped") != "1 of 2 shipped" {
		t.Errorf("half shipped shows as %s, %+v", o.Tab, o.Chips)
	}

	if _, err := w.ali.Ship(number, aliexpresssim.ShipOptions{}); err != nil {
		t.Fatal(err)
	}
	w.awaitOrder(id, "everything is confirmed", func(o orderView) bool {
		return o.Tab == "fulfilled" && len(o.Pushes) == 2 && o.Pushes[0].State == "confirmed" && o.Pushes[1].State == "confirmed"
	})

	if err := w.ali.Renumber(number, aliexpresssim.Renumbering{MailNo: first.MailNo, NewMailNo: "NEW0001234567", Carrier: "USPS"}); err != nil {
		t.Fatal(err)
	}
	w.do(http.MethodPost, "/orders/"+o.ID+"/sync", map[string]any{"direction": "all", "reason": "the buyer asks"}, http.StatusAccepted, nil)
	o = w.awaitOrder(id, "the new number is confirmed", func(o orderView) bool {
		return slices.ContainsFunc(o.Pushes, func(p struct {
			ID, State      string
			TrackingNumber string `json:"tracking_number"`
			FulfillmentID  string `json:"fulfillment_id"`
		},
		) bool {
			return p.TrackingNumber == "NEW0001234567" && p.State == "confirmed"
		})
	})
	if len(o.Parcels) != 2 || !slices.ContainsFunc(o.Parcels, func(p struct {
		TrackingNumber  string   `json:"tracking_number"`
		PreviousNumbers []string `json:"previous_numbers"`
	},
	) bool {
		return slices.Contains(p.PreviousNumbers, first.MailNo)
	}) {
		t.Errorf("the old number is not kept: %+v", o.Parcels)
	}

	checkStore(t, w, id, o)
	checkTimeline(t, w, o)
	checkSyncJob(t, w)
}

// storyDatabase is a plain PostgreSQL, or, where WAYBILL_TEST_CITUS_URL names an empty database with Citus, that one, distributed by merchant.
func storyDatabase(t *testing.T) string {
	t.Helper()
	url := os.Getenv("WAYBILL_TEST_CITUS_URL")
	if url == "" {
		return databasetest.URL(t)
	}
	quiet := slog.New(slog.DiscardHandler)
	if err := errors.Join(database.Migrate(t.Context(), url, quiet), database.Distribute(t.Context(), url, quiet)); err != nil {
		t.Fatal(err)
	}
	return url
}

// checkStore asks the store itself.
func checkStore(t *testing.T, w *world, id string, o orderView) {
	t.Helper()
	inStore, fulfillments, err := w.wix.Order(id)
	if err != nil {
		t.Fatal(err)
	}
	if inStore.FulfillmentStatus != "FULFILLED" || len(fulfillments) != 2 {
		t.Fatalf("the store shows %s with %d fulfillments", inStore.FulfillmentStatus, len(fulfillments))
	}
	for _, p := range o.Pushes {
		found := false
		for _, f := range fulfillments {
			found = found || f.ID == p.FulfillmentID && f.TrackingInfo != nil && f.TrackingInfo.TrackingNumber == p.TrackingNumber
		}
		if !found {
			t.Errorf("the store has no fulfillment %s with number %s", p.FulfillmentID, p.TrackingNumber)
		}
	}
}

// checkTimeline wants every step, and every tab in its order.
func checkTimeline(t *testing.T, w *world, o orderView) {
	t.Helper()
	type line struct {
		Kind string
		Data map[string]any
	}
	var events []line
	for cursor := ""; ; {
		var page struct {
			Events     []line
			NextCursor string `json:"next_cursor"`
		}
		w.do(http.MethodGet, "/orders/"+o.ID+"/timeline?limit=7&cursor="+cursor, nil, http.StatusOK, &page)
		events = append(events, page.Events...)
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	kinds := map[string]bool{}
	tabs := []any{"pending"}
	for _, e := range events {
		kinds[e.Kind] = true
		if e.Kind == "tab_changed" {
			tabs = append(tabs, e.Data["to"])
		}
	}
	if want := []any{"pending", "awaiting_order", "awaiting_payment", "awaiting_shipment", "fulfilled"}; !slices.Equal(tabs, want) {
		t.Errorf("tabs were %v, want %v", tabs, want)
	}
	for _, want := range []string{
		"order_received", "order_changed", "placement_planned", "placement_approved", "placement_sending", "placement_placed",
		"supplier_status_changed", "supplier_order_paid", "parcel_seen", "parcel_renumbered", "push_sent", "push_confirmed", "sync_requested",
	} {
		if !kinds[want] {
			t.Errorf("the timeline has no %s: %v", want, kinds)
		}
	}
}

// checkSyncJob wants the outcome of the sync that found the new number.
func checkSyncJob(t *testing.T, w *world) {
	t.Helper()
	var page struct {
		SyncJobs []struct {
			ID, State      string
			Total, Changed int
		} `json:"sync_jobs"`
	}
	w.await("the sync job is done", func() bool {
		w.do(http.MethodGet, "/sync-jobs", nil, http.StatusOK, &page)
		return len(page.SyncJobs) == 1 && page.SyncJobs[0].State == "done"
	})
	var items struct {
		Items []struct{ Outcome, Before, After, Why string }
	}
	w.do(http.MethodGet, "/sync-jobs/"+page.SyncJobs[0].ID+"/items", nil, http.StatusOK, &items)
	if len(items.Items) != 1 || items.Items[0].Outcome == "" || items.Items[0].Before != "fulfilled" || items.Items[0].Why == "" {
		t.Errorf("the sync job tells %+v", items.Items)
	}
	for _, path := range []string{"/orders/counts", "/orders?tab=fulfilled", "/orders?view=attention", "/connections", "/product-mappings", "/sync-jobs/" + page.SyncJobs[0].ID} {
		w.do(http.MethodGet, path, nil, http.StatusOK, nil)
	}
}
